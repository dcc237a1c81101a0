import type { Env } from "#env.ts";
import { logError } from "#platform/log.ts";

/** The most that `sendBatch` takes. */
const QUEUE_BATCH = 100;

/** Tells the queue that these SMS wait. Does not fail the caller: the rows are there, and the next sweep finds them. */
export async function hastenPublications(env: Env, ids: readonly string[]): Promise<void> {
  try {
    for (let start = 0; start < ids.length; start += QUEUE_BATCH) {
      await env.PUBLICATIONS.sendBatch(ids.slice(start, start + QUEUE_BATCH).map((id) => ({ body: { id } })));
    }
  } catch (error) {
    logError("SMS for the publisher not queued, the cron will find them", error);
  }
}
