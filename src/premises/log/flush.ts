import { type Env, settings } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { insertIntoClickhouse } from "./clickhouse.ts";
import { plogOfEvent, rowOfCameraEvent } from "./clickhouse-rows.ts";
import { deleteFrom, waitingCameraEvents, waitingEvents } from "./event-queries.ts";

/** So long an event stays in D1 before it leaves: its picture is added there, and ClickHouse changes no rows. */
export const SETTLE_SECONDS = 20;

const ROWS_OF_A_BATCH = 500;
/** Enough for an outage to be caught up with over some minutes, and little enough for one round of the cron. */
const BATCHES_AT_ONCE = 20;

/**
 * Writes the events that wait in D1 into the operator's ClickHouse, oldest first, and deletes what it has taken. Runs at the
 * signal and each minute. Throws `unavailable` when it does not take them; they stay where they are.
 */
export async function flushEvents(env: Env, now = new Date()): Promise<void> {
  if (settings(env).EVENTS !== "clickhouse") return;
  const until = new Date(now.getTime() - SETTLE_SECONDS * 1000);
  for (let batches = 0; batches < BATCHES_AT_ONCE && (await flushSome(env, until)) === ROWS_OF_A_BATCH; batches++);
  for (let batches = 0; batches < BATCHES_AT_ONCE && (await flushCameras(env, until)) === ROWS_OF_A_BATCH; batches++);
}

async function flushSome(env: Env, until: Date): Promise<number> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const waiting = await waitingEvents(db, OPERATOR, until, ROWS_OF_A_BATCH);
  if (waiting.length === 0) return 0;
  await insertIntoClickhouse(env, "plog", waiting.map(plogOfEvent), tokenOf(waiting));
  await deleteFrom(db, "events", OPERATOR, idsOf(waiting));
  return waiting.length;
}

async function flushCameras(env: Env, until: Date): Promise<number> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const waiting = await waitingCameraEvents(db, OPERATOR, until, ROWS_OF_A_BATCH);
  if (waiting.length === 0) return 0;
  await insertIntoClickhouse(env, "events", waiting.map(rowOfCameraEvent), tokenOf(waiting));
  await deleteFrom(db, "cameraEvents", OPERATOR, idsOf(waiting));
  return waiting.length;
}

const idsOf = (rows: readonly { id: string }[]): string[] => rows.map(({ id }) => id);

/** The same for the same rows: a batch that was taken and not deleted here is sent again as it was. */
const tokenOf = (rows: readonly { id: string }[]): string => sha256(idsOf(rows).join(" "));
