import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { backoff } from "#platform/queue.ts";
import { dropFile } from "./files.ts";
import { Disowned, LEASE_MS, loadFile } from "./loader.ts";
import { SourceChanged } from "./part-writer.ts";
import { claimFragment, settleFragment, uploadOf } from "./queries.ts";
import { Hopeless } from "./source.ts";
import type { Fragment } from "./tables.ts";
import { tellReaders } from "./telling.ts";

/** A queue may bring a message a little before its time, and the machines' clocks are not one clock. */
const CLOCK_TOLERANCE_MS = 2_000;
/** With the pauses between them, about three quarters of an hour. */
const MAX_ATTEMPTS = 12;
const LONGEST_PAUSE = 600;

/** A fragment to be loaded, or whose readers are to be told: the row in D1 says which. */
export const FragmentJob = z.object({ id: z.number().int() });

type QueueMessage = MessageBatch<unknown>["messages"][number];

/** The queue's consumer. */
export async function deliverFragments(batch: MessageBatch<unknown>, env: Env): Promise<void> {
  for (const message of batch.messages) await deliver(message, env);
}

async function deliver(message: QueueMessage, env: Env): Promise<void> {
  try {
    const pause = await loadOnce(env, FragmentJob.parse(message.body).id);
    if (pause === undefined) message.ack();
    else message.retry({ delaySeconds: pause });
  } catch (error) {
    // D1 is away, or the body is not ours; the row, if there is one, knows nothing of this attempt.
    logError(`fragment of message ${message.id} not handled`, error);
    message.retry({ delaySeconds: backoff(message.attempts, LONGEST_PAUSE) });
  }
}

/** One attempt. Returns the seconds until the next one, or undefined when this queue message has done its part. */
export async function loadOnce(env: Env, id: number, now = new Date()): Promise<number | undefined> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const dueBy = new Date(now.getTime() + CLOCK_TOLERANCE_MS);
  const [fragment] = await claimFragment(db, OPERATOR, id, { dueBy, until: new Date(now.getTime() + LEASE_MS) });
  if (!fragment) {
    await tellReaders(env, id, now);
    return undefined;
  }
  try {
    const size = await loadFile(env, fragment, now);
    await settleFragment(db, fragment, { state: "ready", size, readyAt: now, error: null, ...NOTHING_UNDER_WAY });
    await tellReaders(env, id, now);
    return undefined;
  } catch (error) {
    if (error instanceof Disowned) return undefined;
    return afterFailure(env, fragment, error);
  }
}

const NOTHING_UNDER_WAY = { uploadId: null, parts: [], sourceEtag: null };

/** What is not said about a failure may quote a URL with a token, so the row gets only its name. */
const reasonOf = (error: unknown): string =>
  error instanceof AppError || error instanceof Hopeless || error instanceof SourceChanged
    ? error.message
    : String((error as Error)?.name ?? "unknown");

async function afterFailure(env: Env, fragment: Fragment, error: unknown): Promise<number | undefined> {
  const reason = reasonOf(error);
  console.error(`fragment ${fragment.id}, attempt ${fragment.attempts}:`, reason);
  const isOver = error instanceof Hopeless || fragment.attempts >= MAX_ATTEMPTS;
  const pause = backoff(fragment.attempts, LONGEST_PAUSE);
  const next = isOver ? 0 : pause * 1000;
  const change: Partial<Fragment> = {
    state: isOver ? "failed" : "queued",
    error: reason,
    nextAttemptAt: new Date(Date.now() + next),
  };
  if (isOver || mustBeginAnew(error)) await settleAndDrop(env, fragment, change);
  else await settleFragment(database(env), fragment, change);
  return isOver ? undefined : pause;
}

/** Of another file, or of an upload that R2 has given up (it keeps one for a week), nothing can be used. */
const mustBeginAnew = (error: unknown): boolean =>
  error instanceof SourceChanged || (error instanceof Error && /upload does not exist|\(10024\)/i.test(error.message));

async function settleAndDrop(env: Env, fragment: Fragment, change: Partial<Fragment>): Promise<void> {
  const [db, { operator, id }] = [database(env), fragment];
  const [[before], [settled]] = await db.batch([
    uploadOf(db, operator, id),
    settleFragment(db, fragment, { ...change, ...NOTHING_UNDER_WAY }),
  ]);
  if (settled) await dropFile(env, { operator, id, uploadId: before?.uploadId ?? null });
}
