import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { dueJobs, rememberKeys, type Scope, unwantKeys, type Wanting, wantKeys } from "./job-queries.ts";

// Keys are told to panels through rows that are committed with the change itself. Each row says what one panel is to do with one
// key of one contract, and stays: so it is known what a panel holds when a right, a door or a contract goes.

/** The most that `sendBatch` takes. */
export const QUEUE_BATCH = 100;

const wanting = (env: Env, scope: Scope, now: Date): Wanting => {
  const { OPERATOR, BILLING } = settings(env);
  return { operator: OPERATOR, scope, hasFlats: BILLING === "local", now };
};

/** For before a change that may take keys from panels. `flat` is that of a contract which the change deletes. */
export const keysBefore = (env: Env, scope: Scope, now: Date, flat: string | null = null): Statement =>
  rememberKeys(database(env), wanting(env, scope, now), flat);

/** For after a change of what panels are to hold. `again` is written even where a panel has it. */
export const keysAfter = (
  env: Env,
  scope: Scope,
  now: Date,
  again: { key: string } | "all" | "none" = "none",
): [Statement, Statement] => {
  const change = wanting(env, scope, now);
  return [wantKeys(database(env), change, again), unwantKeys(database(env), change)];
};

/** Brings what is due on its way, and does not fail the caller: the rows are there, and the next sweep finds them. */
export async function hastenKeys(env: Env, now = new Date()): Promise<void> {
  try {
    await sendDue(env, now, QUEUE_BATCH);
  } catch (error) {
    logError("keys not queued, the cron will find them", error);
  }
}

/** Sends up to `limit` of the jobs that are due by `due` to the queue. */
export async function sendDue(env: Env, due: Date, limit: number): Promise<void> {
  const jobs = await dueJobs(database(env), settings(env).OPERATOR, due, limit);
  for (let start = 0; start < jobs.length; start += QUEUE_BATCH)
    await env.PANELS.sendBatch(jobs.slice(start, start + QUEUE_BATCH).map((body) => ({ body })));
}
