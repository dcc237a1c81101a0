import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { isInUse } from "./accept.ts";
import { hastenPublications } from "./hasten.ts";
import { hearUnheard } from "./kannel.ts";
import { deleteEndedBefore, requeueMessages } from "./queries.ts";
import type { GatewayMessage } from "./tables.ts";

/** A queue that is merely slow gets this long before the cron sends the same id again. */
const OVERDUE_MS = 20_000;
const DAY_MS = 86_400_000;
const KEEP_PUBLISHED_MS = 30 * DAY_MS;
const KEEP_DEAD_MS = 180 * DAY_MS;
const ROWS_PER_SWEEP = 500;

/**
 * Each minute: SMS from Kannel that nobody has heard of, ids that the queue lost, that wait for a long pause or whose consumer died, and
 * what is past its time.
 */
export async function sweepPublications(env: Env, now = new Date()): Promise<void> {
  await hearUnheard(env, now).catch((error: unknown) => logError("inbound SMS not heard", error));
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const at = { now, dueBefore: later(now, -OVERDUE_MS) };
  const [overdue] = await db.batch([
    requeueMessages(db, OPERATOR, statesToSweep(env), at, ROWS_PER_SWEEP),
    deleteEndedBefore(db, OPERATOR, "published", later(now, -KEEP_PUBLISHED_MS), ROWS_PER_SWEEP),
    deleteEndedBefore(db, OPERATOR, "dead", later(now, -KEEP_DEAD_MS), ROWS_PER_SWEEP),
  ]);
  await hastenPublications(
    env,
    overdue.map(({ id }) => id),
  );
}

// What nothing can be done with is not taken up each minute: without a publisher opened SMS wait.
function statesToSweep(env: Env): GatewayMessage["state"][] {
  const hasPublisher = settings(env).PUBLISHER_URL !== undefined;
  return [...(isInUse(env) ? (["received"] as const) : []), ...(hasPublisher ? (["opened"] as const) : [])];
}

const later = (time: Date, ms: number) => new Date(time.getTime() + ms);
