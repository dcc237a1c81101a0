import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { deleteLogBefore, deleteSeedsBefore } from "./queries.ts";

const DAY_MS = 86_400_000;
const SEED_DAYS = 30;
const LOG_DAYS = 180;
const ROWS_OF_A_ROUND = 500;

/** Each minute a slice of the seeds that nobody has heard of for long goes, and of what was logged of pings. */
export async function sweepSeeds(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const ago = (days: number) => new Date(now.getTime() - days * DAY_MS);
  await db.batch([
    deleteSeedsBefore(db, OPERATOR, ago(SEED_DAYS), ROWS_OF_A_ROUND),
    deleteLogBefore(db, OPERATOR, ago(LOG_DAYS), ROWS_OF_A_ROUND),
  ]);
}
