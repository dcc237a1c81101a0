import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { flatOfBilled } from "#operator/billing-houses.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { backoff } from "#platform/queue.ts";
import { deviceRow } from "../registry-queries.ts";
import { claimJob, deleteForgotten, otherHolder, sendOnceMore, settleJob, tryFailedOnceMore } from "./job-queries.ts";
import { sendDue } from "./panel-keys.ts";
import { type PanelKey, tellPanel } from "./panel-kinds.ts";
import type { PanelJob } from "./tables.ts";

/** Longer than the slowest attempt: a panel is asked twice, and each time perhaps with a challenge. */
const LEASE_MS = 30_000;
/** A queue may bring a job a little before its time. */
const CLOCK_TOLERANCE_MS = 2_000;
/** Attempts, their pauses growing to an hour: some nine hours altogether. A panel that does not know us is no outage. */
const [ATTEMPTS, REFUSALS] = [20, 5];
const LONGEST_PAUSE = 3600;
/** A queue that is merely slow gets this long before the cron sends the same job again. */
const OVERDUE_MS = 20_000;
/** A panel may be off for days, and what it missed most of all must not be lost: a key that it is to forget. */
const ONCE_MORE_MS = 86_400_000;
const KEEP_MS = 30 * 86_400_000;
const ROWS_PER_SWEEP = 500;

const Job = z.object({ device: z.int(), uid: z.int(), key: z.string() });
type Message = MessageBatch<unknown>["messages"][number];

/** The queue's consumer: keys that panels have yet to take or to forget. One panel gets one after the other. */
export async function deliverKeys(batch: MessageBatch<unknown>, env: Env, now?: Date): Promise<void> {
  const panels = Map.groupBy(batch.messages, ({ body }) => Job.safeParse(body).data?.device);
  await Promise.all(
    [...panels.values()].map(async (messages) => {
      for (const message of messages) await deliver(message, env, now ?? new Date());
    }),
  );
}

async function deliver(message: Message, env: Env, now: Date): Promise<void> {
  try {
    const pause = await tellOnce(env, Job.parse(message.body), now);
    if (pause === undefined) message.ack();
    else message.retry({ delaySeconds: pause });
  } catch (error) {
    // D1 is away, or the body is not ours; the row, if there is one, knows nothing of this attempt.
    logError(`key job ${message.id} not handled`, error);
    message.retry({ delaySeconds: backoff(message.attempts) });
  }
}

/** One attempt. Returns the seconds until the next one, or undefined when this message has done its part. */
async function tellOnce(env: Env, { device, ...key }: z.output<typeof Job>, now: Date): Promise<number | undefined> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [job] = await claimJob(
    db,
    OPERATOR,
    { deviceId: device, ...key },
    { dueBy: later(now, CLOCK_TOLERANCE_MS), until: later(now, LEASE_MS) },
  );
  if (!job) return undefined;
  const failure = await attempt(env, job);
  const isOver = failure && job.attempts >= (failure.isRefusal ? REFUSALS : ATTEMPTS);
  const pause = failure && !isOver ? backoff(job.attempts, LONGEST_PAUSE) : undefined;
  if (failure) console.warn(`panel ${device}: key not changed${isOver ? " for good" : ""},`, failure.error);
  const settled = await settleJob(db, job, {
    state: failure ? (isOver ? "failed" : "queued") : "done",
    error: failure?.error ?? null,
    nextAttemptAt: later(now, isOver ? ONCE_MORE_MS : (pause ?? 0) * 1000),
    updatedAt: now,
  });
  if (settled.length > 0) return pause;
  await sendOnceMore(db, job, now);
  return undefined;
}

interface Failure {
  /** What the row and the log may say: never a URL, which holds the panel's password. */
  error: string;
  /** The panel answered that it does not know us, or this call. */
  isRefusal: boolean;
}

async function attempt(env: Env, job: PanelJob): Promise<Failure | undefined> {
  try {
    const panel = await deviceRow(database(env), job.operator, job.deviceId);
    if (!panel) return { error: "the device is gone", isRefusal: true };
    const other = await heirOf(env, job);
    const { change, ...key } = await orderOf(env, job, other);
    const status = await tellPanel(env, panel, change, key);
    if (status < 200 || status > 299)
      return { error: `HTTP ${status}`, isRefusal: status === 401 || status === 403 || status === 404 };
    // What another contract was told meanwhile may have reached the panel before this.
    const now = await heirOf(env, job);
    const isStill = now?.uid === other?.uid && now?.version === other?.version;
    return isStill ? undefined : { error: "another contract's key has changed", isRefusal: false };
  } catch (error) {
    if (error instanceof AppError) return { error: error.message, isRefusal: error.code === "invalid" };
    return { error: error instanceof Error ? error.name : "unknown", isRefusal: false };
  }
}

/** Another contract whose key it is as well, when it is to be removed from this one. */
const heirOf = async (env: Env, job: PanelJob) =>
  job.change === "remove" ? otherHolder(database(env), job) : undefined;

/** What the panel is to be told. A key that another contract has there stays, as that one's. */
async function orderOf(
  env: Env,
  job: PanelJob,
  other: Pick<PanelJob, "uid" | "flat"> | undefined,
): Promise<PanelKey & Pick<PanelJob, "change">> {
  const { uid, flat } = other ?? job;
  const { key } = job;
  if (job.change === "remove" && !other) return { key, flat, change: "remove" };
  const number = flat || ((await flatOfBilled(env, uid)) ?? "");
  if (!/^\d{1,6}$/.test(number)) throw new AppError("invalid", "the flat has no number");
  return { key, flat: number, change: "add" };
}

/**
 * Each minute: what the queue lost or whose consumer died, and, once a day, what a panel was given up over; and what panels forgot
 * long ago is forgotten here.
 */
export async function sweepKeys(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await db.batch([
    deleteForgotten(db, OPERATOR, later(now, -KEEP_MS), ROWS_PER_SWEEP),
    tryFailedOnceMore(db, OPERATOR, now, ROWS_PER_SWEEP),
  ]);
  await sendDue(env, later(now, -OVERDUE_MS), ROWS_PER_SWEEP);
}

const later = (time: Date, ms: number) => new Date(time.getTime() + ms);
