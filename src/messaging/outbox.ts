import * as z from "zod";
import { type Env, type Settings, settings } from "#env.ts";
import { open, randomId, seal } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { backoff } from "#platform/queue.ts";
import { announce } from "#platform/signals.ts";
import { type Mail, packMail } from "./mail.ts";
import { claimMessage, insertMessages, settleMessage } from "./queries.ts";
import { smsShape } from "./sms-parts.ts";
import type { Message } from "./tables.ts";
import { type Outcome, transportFor } from "./transport.ts";

/** Longer than the slowest attempt, so that only a dead consumer loses its message to another one. */
const LEASE_MS = 30_000;
/** A queue may bring a message a little before its time, and the machines' clocks are not one clock. */
const CLOCK_TOLERANCE_MS = 2_000;
/** Seconds between attempts at most: a code lives for minutes, so a gateway that is back must be found soon. */
const LONGEST_PAUSE = 30;
/** The same for pushes, which may wait for days: so a queue's retries last as long as they do. */
const LONGEST_PUSH_PAUSE = 1_800;
/** Kannel repeats a report that we did not take, for hours if need be; after this one counts as lost. */
const REPORT_GRACE_MS = 3_600_000;
/** The most that `sendBatch` takes. */
export const QUEUE_BATCH = 100;

const ALARM = "ALARM: the gateway does not take our credentials, no message leaves:";

/** A message that may leave now: the row in D1 says what it is. Without an operator it is the deployment's own. */
export const MessageJob = z.object({ id: z.string(), operator: z.string().optional() });
export type MessageJob = z.infer<typeof MessageJob>;

type QueueMessage = MessageBatch<unknown>["messages"][number];

export interface Addressed {
  /** Phone, digits with country code; for a mail an address, for a push the token. */
  to: string;
  /** Why it is sent, for people who read the list: `login`, `invitation`. */
  purpose: string;
  /** Later than this nobody wants it, and no further attempt is made. */
  expiresAt: Date;
  /** Whose message it is; the deployment's own operator when left out. */
  operator?: string | undefined;
  /** The account it is for, by id, so that it is found again with the account. */
  account?: string | undefined;
}

// Kannel reads a space as the beginning of the next recipient.
const PHONE = /^\d{3,15}$/;
/** One plain address. No list, name or comment, and nothing that a mail header would read as more. */
const MAIL_ADDRESS = /^(?=.{3,254}$)[^\s@<>()[\]\\,;:"\p{C}]{1,64}@[\p{L}\p{N}.-]+$/u;

/**
 * Takes an SMS for sending and returns its id. Once this has returned the message is not lost, whatever
 * happens to the queue. Throws AppError `invalid` for a text above SMS_MAX_PARTS parts (`sms_too_long`),
 * because Kannel would cut it without a word, and for a recipient that is no phone (`bad_recipient`).
 */
export async function acceptSms(env: Env, sms: Addressed & { text: string }, now = new Date()): Promise<string> {
  const { parts } = smsShape(sms.text);
  const { SMS_MAX_PARTS } = settings(env);
  if (parts > SMS_MAX_PARTS)
    throw new AppError("invalid", `The text takes ${parts} SMS, more than ${SMS_MAX_PARTS}`, {
      reason: "sms_too_long",
    });
  checkRecipient(sms.to, PHONE, "a phone");
  return accept(env, { ...sms, channel: "sms", parts }, now);
}

/** Takes a flash call: the phone rings once, from a number that ends in `code`. Returns its id. */
export async function acceptFlashCall(env: Env, call: Addressed & { code: string }, now = new Date()): Promise<string> {
  checkRecipient(call.to, PHONE, "a phone");
  return accept(env, { ...call, text: call.code, channel: "flashcall", parts: 0 }, now);
}

/**
 * Takes a mail of plain text for sending and returns its id; it is not lost either. Whether anything sends mails here is
 * `mailIsAvailable`'s to say, before. With an id that is there already it is the same mail. Throws AppError `invalid` for what is
 * no address (`bad_recipient`).
 */
export async function acceptMail(
  env: Env,
  mail: Addressed & Mail & Pick<Accepted, "id">,
  now = new Date(),
): Promise<string> {
  checkRecipient(mail.to, MAIL_ADDRESS, "an address");
  return accept(env, { ...mail, text: packMail(mail), channel: "email", parts: 0 }, now);
}

export function checkRecipient(to: string, form: RegExp, what: string): void {
  if (!form.test(to)) throw new AppError("invalid", `The recipient is not ${what}`, { reason: "bad_recipient" });
}

export type Accepted = Addressed &
  Pick<Message, "channel" | "parts"> & {
    text: string;
    /** The row's id, where a repetition must find the row that is there. */
    id?: string | undefined;
  };

/** A message that is not taken yet: its row goes into a batch with the change that it tells of, and then it is hastened. */
export interface Prepared {
  id: string;
  row: Statement;
  hasten(): Promise<void>;
}

/** A mail whose row is the caller's to commit, so that it is sent if and only if that change is made. Throws as acceptMail. */
export async function prepareMail(env: Env, mail: Addressed & Mail, now = new Date()): Promise<Prepared> {
  checkRecipient(mail.to, MAIL_ADDRESS, "an address");
  return prepare(env, { ...mail, text: packMail(mail), channel: "email", parts: 0 }, now);
}

async function accept(env: Env, accepted: Accepted, now: Date): Promise<string> {
  const { id, row, hasten } = await prepare(env, accepted, now);
  await row;
  await hasten();
  return id;
}

async function prepare(env: Env, accepted: Accepted, now: Date) {
  const row = await rowFor(env, accepted, now);
  const job = jobOf(row.id, row.operator, settings(env).OPERATOR);
  return {
    id: row.id,
    row: insertMessages(database(env), [row]),
    hasten: () => hasten(() => env.MESSAGES.send(job)),
  };
}

/** Takes many messages of any kind, in one trip. What has a row already is left as it is. Returns the ids of the new ones. */
export async function acceptAll(env: Env, accepted: readonly Accepted[], now = new Date()): Promise<string[]> {
  const { OPERATOR } = settings(env);
  const db = database(env);
  const ids: string[] = [];
  for (let start = 0; start < accepted.length; start += QUEUE_BATCH) {
    const chunk = accepted.slice(start, start + QUEUE_BATCH);
    const rows = await Promise.all(chunk.map((message) => rowFor(env, message, now)));
    const made = await insertMessages(db, rows);
    const jobs = made.map(({ id, operator }) => ({ body: jobOf(id, operator, OPERATOR) }));
    if (jobs.length > 0) await hasten(() => env.MESSAGES.sendBatch(jobs));
    ids.push(...made.map(({ id }) => id));
  }
  return ids;
}

async function rowFor(env: Env, { to, text, operator, account, ...message }: Accepted, now: Date): Promise<Message> {
  const { OPERATOR, MASTER_KEY } = settings(env);
  const { channel, purpose, parts, expiresAt, id = randomId() } = message;
  return {
    operator: operator ?? OPERATOR,
    id,
    channel,
    recipient: to,
    accountId: account ?? null,
    purpose,
    sealed: await seal(MASTER_KEY, text, id),
    parts,
    state: "queued",
    attempts: 0,
    nextAttemptAt: now,
    expiresAt,
    error: null,
    smscId: null,
    createdAt: now,
    updatedAt: now,
  };
}

/**
 * Tries at once, for what is of no use in a few seconds, and then writes the row: settled, or for the queue to go on with.
 * `timeLimitMs` is for each call to the outside.
 */
export async function sendAtOnce(env: Env, message: Accepted, timeLimitMs: number, now = new Date()): Promise<Outcome> {
  const row = { ...(await rowFor(env, message, now)), attempts: 1 };
  const outcome = await attempt(settings(env), row, now, timeLimitMs);
  const next = later(now, pauseAfter(outcome, row) * 1000);
  await follow(env, row, outcome, now);
  const [made] = await insertMessages(database(env), [{ ...row, ...changeAfter(outcome, row, { now, next }) }]);
  if (made?.state === "queued") {
    const body = jobOf(row.id, row.operator, settings(env).OPERATOR);
    await hasten(() => env.MESSAGES.send(body, { delaySeconds: pauseAfter(outcome, row) }));
  }
  return outcome;
}

/** What the queue is told of a message; the deployment's own operator needs no name. */
export const jobOf = (id: string, operator: string | undefined, own: string): MessageJob =>
  operator === undefined || operator === own ? { id } : { id, operator };

/** Tells the queue, and does not fail the caller: the row is there, and the next sweep finds it. */
export async function hasten(tellQueue: () => Promise<unknown>): Promise<void> {
  try {
    await tellQueue();
  } catch (error) {
    logError("messages not queued, the cron will find them", error);
  }
}

/** The queue's consumer. Every message is on its own: one that fails delays no other, a slow one its batch for a call's limit. */
export async function deliverMessages(batch: MessageBatch<unknown>, env: Env, now = new Date()): Promise<void> {
  await Promise.all(batch.messages.map((message) => deliver(message, env, now)));
}

async function deliver(message: QueueMessage, env: Env, now: Date): Promise<void> {
  try {
    const pause = await sendOnce(env, MessageJob.parse(message.body), now);
    if (pause === undefined) message.ack();
    else message.retry({ delaySeconds: pause });
  } catch (error) {
    // D1 is away, or the body is not ours; the row, if there is one, knows nothing of this attempt.
    logError(`message ${message.id} not handled`, error);
    message.retry({ delaySeconds: backoff(message.attempts, LONGEST_PAUSE) });
  }
}

/**
 * One attempt. Returns the seconds until the next one, or undefined when this queue message has done its
 * part: the row is settled, not there, or somebody else's; what somebody else drops, the sweep finds.
 */
async function sendOnce(env: Env, { id, operator }: MessageJob, now: Date): Promise<number | undefined> {
  const config = settings(env);
  const owner = operator ?? config.OPERATOR;
  const db = database(env);
  const [row] = await claimMessage(db, owner, id, {
    now,
    dueBy: later(now, CLOCK_TOLERANCE_MS),
    until: later(now, LEASE_MS),
  });
  if (!row) return undefined;

  const outcome = await attempt(config, row, now);
  await follow(env, row, outcome, now);
  const pause = pauseAfter(outcome, row);
  const change = changeAfter(outcome, row, { now, next: later(now, pause * 1000) });
  await settleMessage(db, owner, row, { ...change, updatedAt: now });
  return change.state === "queued" ? pause : undefined;
}

async function attempt(config: Settings, row: Message, now: Date, timeLimitMs?: number): Promise<Outcome> {
  const lifeMs = row.expiresAt.getTime() - now.getTime();
  if (lifeMs <= 0) return { result: "later", error: row.error ?? "not sent in time" };
  try {
    const text = await open(config.MASTER_KEY, row.sealed!, row.id);
    const { operator, id, recipient: to } = row;
    return await transportFor(row.channel, config).send({ operator, id, to, text, lifeMs, timeLimitMs });
  } catch (error) {
    // Whatever else is thrown may quote the request, so the row gets only its name.
    return { result: "later", error: error instanceof AppError ? error.message : String((error as Error).name) };
  }
}

/** Tells people, and the parts above, what an outcome means beyond its message. */
async function follow(env: Env, { id, operator }: Message, outcome: Outcome, now: Date): Promise<void> {
  // What is known of the token is what the service knew when it was asked, and not when this is heard.
  if (outcome.gone !== undefined)
    await announce(env, { type: "push.unregistered", operator, token: outcome.gone, at: now.getTime() });
  if (outcome.result === "sent") return;
  if (outcome.alarm) console.error(ALARM, id, outcome.error);
  else if (outcome.result === "refused" && outcome.gone === undefined && !outcome.isQuiet)
    console.error("message refused:", id, outcome.error);
}

/** Seconds until the next attempt, should there be one. */
function pauseAfter(outcome: Outcome, { channel, attempts }: Message): number {
  const pause = backoff(attempts, channel === "push" ? LONGEST_PUSH_PAUSE : LONGEST_PAUSE);
  return outcome.result === "later" ? Math.max(pause, outcome.pauseSeconds ?? 0) : pause;
}

/** What an outcome makes of the row. The text is wiped as soon as no further attempt needs it. */
function changeAfter(outcome: Outcome, { expiresAt }: Message, { now, next }: { now: Date; next: Date }) {
  switch (outcome.result) {
    case "sent":
      return { state: "sent", sealed: null, error: null, nextAttemptAt: later(expiresAt, REPORT_GRACE_MS) } as const;
    case "refused":
      return { state: "failed", sealed: null, error: outcome.error, nextAttemptAt: now } as const;
    case "later":
      return next < expiresAt
        ? ({ state: "queued", error: outcome.error, nextAttemptAt: next } as const)
        : ({ state: "expired", sealed: null, error: outcome.error, nextAttemptAt: now } as const);
  }
}

const later = (time: Date, ms: number) => new Date(time.getTime() + ms);
