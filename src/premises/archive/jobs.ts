import type { Env } from "#env.ts";
import { logError } from "#platform/log.ts";

/** The most that `sendBatch` takes. */
const QUEUE_BATCH = 100;

/** Tells the queue, and does not fail the caller: the rows are there, and the next sweep finds them. */
export async function hastenFragments({ ARCHIVE }: Pick<Env, "ARCHIVE">, ids: readonly number[]): Promise<void> {
  try {
    for (let start = 0; start < ids.length; start += QUEUE_BATCH)
      await ARCHIVE.sendBatch(ids.slice(start, start + QUEUE_BATCH).map((id) => ({ body: { id } })));
  } catch (error) {
    logError("fragments not queued, the cron will find them", error);
  }
}
