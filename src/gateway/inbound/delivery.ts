import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { backoff } from "#platform/queue.ts";
import { touchClient } from "../clients/reliability.ts";
import { isInUse } from "./accept.ts";
import { handOver, type Outcome } from "./hand-over.ts";
import { openReceived, stillTheirs } from "./opening.ts";
import { claimMessage, settleMessage } from "./queries.ts";
import type { GatewayMessage } from "./tables.ts";

/** Longer than the slowest attempt, so that only a dead consumer loses its message to another one. */
const LEASE_MS = 30_000;
/** A queue may bring a message a little before its time, and the machines' clocks are not one clock. */
const CLOCK_TOLERANCE_MS = 2_000;
/** Seconds between attempts at most: a publisher that is back after a night's work must be found soon. */
const LONGEST_PAUSE = 900;
/** A longer pause is left to the cron, so that no SMS uses up its queue's retries. */
const QUEUE_PAUSE = 60;
/** An SMS is dead after so much time, but never without so many attempts: an outage of ours, or a replay, begins anew. */
const LIFE_MS = 72 * 3_600_000;
const FEWEST_ATTEMPTS = 50;

const PublicationJob = z.object({ id: z.string() });

/** The queue's consumer. Every SMS is on its own: one that fails delays no other. */
export async function deliverPublications(batch: MessageBatch<unknown>, env: Env, now = new Date()): Promise<void> {
  await Promise.all(batch.messages.map((message) => deliver(message, env, now)));
}

async function deliver(message: MessageBatch<unknown>["messages"][number], env: Env, now: Date): Promise<void> {
  try {
    const pause = await publishOnce(env, PublicationJob.parse(message.body).id, now);
    if (pause === undefined || pause > QUEUE_PAUSE) message.ack();
    else message.retry({ delaySeconds: pause });
  } catch (error) {
    // D1 is away, or the body is not ours; the row, if there is one, knows nothing of this attempt.
    logError(`publication ${message.id} not handled`, error);
    message.retry({ delaySeconds: backoff(message.attempts) });
  }
}

/** One attempt. Returns the seconds until the next one, or undefined when the row is settled, not there, or somebody else's. */
async function publishOnce(env: Env, id: string, now: Date): Promise<number | undefined> {
  const [row] = await claimMessage(database(env), settings(env).OPERATOR, id, {
    now,
    dueBy: later(now, CLOCK_TOLERANCE_MS),
    until: later(now, LEASE_MS),
  });
  const outcome = row && (await attempt(env, row, now));
  if (!outcome) return undefined;
  if (outcome.alarm) console.error("ALARM: the publisher takes no SMS:", id, outcome.error);
  return settle(env, row, outcome, now);
}

/** Undefined for what was nobody's, and is gone. */
async function attempt(env: Env, row: GatewayMessage, now: Date): Promise<Outcome | undefined> {
  if (row.state === "received" && !isInUse(env)) return { result: "waits" };
  if (isSpent(row, now)) return { result: "dead", error: row.error ?? "Not handed over in time" };
  try {
    const opened = await (row.state === "opened" ? stillTheirs(env, row) : openReceived(env, row, now));
    return opened && (await handOver(env, opened));
  } catch (error) {
    // Whatever else is thrown may quote what was sent, so the row gets only its name.
    const { name } = error as Error;
    return { result: "later", error: error instanceof AppError ? error.message || error.code : String(name) };
  }
}

const isSpent = ({ attempts, createdAt }: GatewayMessage, now: Date): boolean =>
  attempts > FEWEST_ATTEMPTS && createdAt < later(now, -LIFE_MS);

async function settle(env: Env, row: GatewayMessage, outcome: Outcome, now: Date): Promise<number | undefined> {
  const db = database(env);
  const common = { error: outcome.error ?? null, nextAttemptAt: now, updatedAt: now };
  switch (outcome.result) {
    case "taken": {
      const done = settleMessage(db, row, { ...common, state: "published", sealed: null });
      const touched = row.client === null ? [] : [touchClient(db, row.operator, row.client, now)];
      await db.batch([done, ...touched]);
      return undefined;
    }
    case "dead":
      await settleMessage(db, row, { ...common, state: "dead" });
      return undefined;
    case "waits":
      await settleMessage(db, row, { ...common, attempts: 0 });
      return undefined;
    case "later": {
      const pause = backoff(row.attempts, LONGEST_PAUSE);
      await settleMessage(db, row, { ...common, nextAttemptAt: later(now, pause * 1000) });
      return pause;
    }
  }
}

const later = (time: Date, ms: number) => new Date(time.getTime() + ms);
