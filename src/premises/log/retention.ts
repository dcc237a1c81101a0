import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { deleteOld } from "./event-queries.ts";
import { dropPicturesBefore } from "./pictures.ts";

const ROWS_OF_A_ROUND = 500;
const DAY_MS = 86_400_000;

/**
 * Each minute a slice of what is older than EVENT_DAYS goes: events of homes and of cameras, and pictures. What stands in the operator's
 * ClickHouse goes by that table's own TTL.
 */
export async function forgetOldEvents(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR, EVENT_DAYS }] = [database(env), settings(env)];
  const time = new Date(now.getTime() - EVENT_DAYS * DAY_MS);
  await db.batch([
    deleteOld(db, "events", OPERATOR, time, ROWS_OF_A_ROUND),
    deleteOld(db, "cameraEvents", OPERATOR, time, ROWS_OF_A_ROUND),
  ]);
  await dropPicturesBefore(env, time);
}
