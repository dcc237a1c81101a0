import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { dropFile } from "./files.ts";
import { hastenFragments } from "./jobs.ts";
import { deleteExpired, expiredFragments, readyUntold, requeueFragments } from "./queries.ts";

/** A queue that is merely slow gets this long before the cron sends the same number again. */
const OVERDUE_MS = 60_000;
const ROWS_PER_SWEEP = 100;

/**
 * Each minute: queues again what the queue lost or whose consumer died, has those told who were not, and deletes fragments past
 * their time with their files and with what was begun of them.
 */
export async function sweepFragments(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const dueBefore = new Date(now.getTime() - OVERDUE_MS);
  const [overdue, untold, expired] = await db.batch([
    requeueFragments(db, OPERATOR, { now, dueBefore }, ROWS_PER_SWEEP),
    readyUntold(db, OPERATOR, dueBefore, ROWS_PER_SWEEP),
    expiredFragments(db, OPERATOR, now, ROWS_PER_SWEEP),
  ]);
  await hastenFragments(
    env,
    [...overdue, ...untold].map(({ id }) => id),
  );
  if (expired.length === 0) return;
  // The row goes last: while it is there, the next sweep finds the file again.
  for (const { id, uploadId } of expired) await dropFile(env, { operator: OPERATOR, id, uploadId });
  await deleteExpired(
    db,
    OPERATOR,
    expired.map(({ id }) => id),
    now,
  );
}
