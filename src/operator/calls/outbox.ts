import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { type Condition, database, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { backoff } from "#platform/queue.ts";
import { makeCall } from "./billing-call.ts";
import { claimCall, deleteCallsBefore, insertCall, requeueCalls, settleCall } from "./queries.ts";
import type { OperatorCall } from "./tables.ts";

/** Longer than the slowest attempt, so that only a dead consumer loses its call to another one. */
const LEASE_MS = 30_000;
/** A queue may bring a message a little before its time, and the machines' clocks are not one clock. */
const CLOCK_TOLERANCE_MS = 2_000;
/** Seconds between attempts at most: a system that is back after a night's work must be found soon. */
const LONGEST_PAUSE = 900;
/** A longer pause is left to the cron, so that no call uses up its queue's retries. */
const QUEUE_PAUSE = 60;
/** A queue that is merely slow gets this long before the cron sends the same id again. */
const OVERDUE_MS = 20_000;
const KEEP_MS = 400 * 86_400_000;
const ROWS_PER_SWEEP = 500;
/** The most that `sendBatch` takes. */
const QUEUE_BATCH = 100;

const CallJob = z.object({ id: z.string() });

export interface NewCall {
  /** What the call is for, once and for all: `paid:17`. Also its Idempotency-Key. */
  id: string;
  /** The path behind BILLING_URL. */
  function: string;
  arguments: Record<string, unknown>;
}

/**
 * What the operator's billing must be told, as a statement for the batch that makes it true; `condition` ties it to the statement before.
 * After the batch, `hastenCalls`. It is repeated until the billing takes it, and repeated under the same id it is one call.
 */
export function operatorCall(env: Env, call: NewCall, now = new Date(), condition?: Condition): Statement {
  return insertCall(database(env), settings(env).OPERATOR, { system: "billing", ...call }, now, condition);
}

/** Tells the queue that these calls may leave. Does not fail the caller: the rows are there, and the next sweep finds them. */
export async function hastenCalls(env: Env, ids: readonly string[]): Promise<void> {
  try {
    for (let start = 0; start < ids.length; start += QUEUE_BATCH) {
      await env.OPERATOR_CALLS.sendBatch(ids.slice(start, start + QUEUE_BATCH).map((id) => ({ body: { id } })));
    }
  } catch (error) {
    logError("calls to the operator not queued, the cron will find them", error);
  }
}

/** The queue's consumer. Every call is on its own: one that fails delays no other. */
export async function deliverCalls(batch: MessageBatch<unknown>, env: Env, now = new Date()): Promise<void> {
  await Promise.all(batch.messages.map((message) => deliver(message, env, now)));
}

async function deliver(message: MessageBatch<unknown>["messages"][number], env: Env, now: Date): Promise<void> {
  try {
    const pause = await callOnce(env, CallJob.parse(message.body).id, now);
    if (pause === undefined || pause > QUEUE_PAUSE) message.ack();
    else message.retry({ delaySeconds: pause });
  } catch (error) {
    // D1 is away, or the body is not ours; the row, if there is one, knows nothing of this attempt.
    logError(`call ${message.id} not handled`, error);
    message.retry({ delaySeconds: backoff(message.attempts) });
  }
}

/** One attempt. Returns the seconds until the next one, or undefined when the row is settled, not there, or somebody else's. */
async function callOnce(env: Env, id: string, now: Date): Promise<number | undefined> {
  const [db, config] = [database(env), settings(env)];
  const [row] = await claimCall(db, config.OPERATOR, id, {
    now,
    dueBy: later(now, CLOCK_TOLERANCE_MS),
    until: later(now, LEASE_MS),
  });
  if (!row) return undefined;
  const outcome = await attempt(config, row);
  if (outcome.alarm) console.error("ALARM: the billing was not told:", id, outcome.error);
  const pause = outcome.result === "later" ? backoff(row.attempts, LONGEST_PAUSE) : 0;
  await settleCall(db, config.OPERATOR, row, {
    state: ({ taken: "done", refused: "failed", later: "queued" } as const)[outcome.result],
    error: outcome.error ?? null,
    nextAttemptAt: later(now, pause * 1000),
    updatedAt: now,
  });
  return outcome.result === "later" ? pause : undefined;
}

async function attempt(config: Parameters<typeof makeCall>[0], row: OperatorCall): ReturnType<typeof makeCall> {
  try {
    return await makeCall(config, row);
  } catch (error) {
    // Whatever else is thrown may quote the request, so the row gets only its name.
    return { result: "later", error: error instanceof AppError ? error.message : String((error as Error).name) };
  }
}

/** Each minute: sends ids again that the queue lost, that wait for a long pause or whose consumer died. */
export async function sweepCalls(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [overdue] = await db.batch([
    requeueCalls(db, OPERATOR, { now, dueBefore: later(now, -OVERDUE_MS) }, ROWS_PER_SWEEP),
    deleteCallsBefore(db, OPERATOR, later(now, -KEEP_MS), ROWS_PER_SWEEP),
  ]);
  await hastenCalls(
    env,
    overdue.map(({ id }) => id),
  );
}

const later = (time: Date, ms: number) => new Date(time.getTime() + ms);
