import { type Env, settings } from "#env.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { mailIsAvailable } from "../mail.ts";
import { acceptMail } from "../outbox.ts";
import {
  type ChatAuthor,
  chatAfter,
  chatLatest,
  chatLineByKey,
  chatOfAll,
  insertChatLine,
  markChatRead,
  messagesSince,
  operatorLinesSince,
} from "./chat-queries.ts";
import type { ChatMessage } from "./tables.ts";

// The conversation between a resident, by phone, and the operator's people.

const SHOWN = 100;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** How many lines a minute each side may write. */
const PACE: Record<ChatAuthor, number> = { resident: 30, operator: 1_000 };

export type ChatLine = Pick<ChatMessage, "id" | "phone" | "author" | "name" | "text" | "createdAt" | "readAt">;

export interface Said {
  phone: string;
  author: ChatAuthor;
  text: string;
  /** Who of the operator's people says it. */
  name?: string | undefined;
  /** The writer's own name for the line: sent again under it, it is not written again. */
  key?: string | undefined;
}

/**
 * Writes a line, in one trip. What the other side wrote before counts as read from then on. Throws `too_many` when a resident
 * writes more than thirty lines a minute.
 */
export async function writeChat(
  env: Env,
  { phone, author, text, name, key = randomId() }: Said,
  now = new Date(),
): Promise<ChatLine> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const line = { phone, author, name: name ?? null, text, key, createdAt: now };
  const pace = { lines: PACE[author], since: new Date(now.getTime() - MINUTE_MS) };
  const other = author === "operator" ? "resident" : "operator";
  const [, [written]] = await db.batch([
    insertChatLine(db, OPERATOR, line, pace),
    chatLineByKey(db, OPERATOR, line),
    markChatRead(db, OPERATOR, phone, other, Number.MAX_SAFE_INTEGER, now),
  ]);
  if (!written) throw new AppError("too_many", "Too many lines in a minute", { retryAfter: 60 });
  return written;
}

/** The lines after this one, or the latest ones: a hundred at most, oldest first. */
export async function chatOf(env: Env, phone: string, after?: number): Promise<ChatLine[]> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  if (after !== undefined) return chatAfter(db, OPERATOR, phone, after, SHOWN);
  return (await chatLatest(db, OPERATOR, phone, SHOWN)).toReversed();
}

/** The lines of all conversations after this one, a hundred at most, oldest first: what the operator's people watch. */
export function chatsAfter(env: Env, after: number): Promise<ChatLine[]> {
  return chatOfAll(database(env), settings(env).OPERATOR, after, SHOWN).all();
}

/** What this side wrote, up to and with this line, has been read by the other. */
export async function readChat(
  env: Env,
  phone: string,
  author: ChatAuthor,
  upTo = Number.MAX_SAFE_INTEGER,
  now = new Date(),
): Promise<void> {
  await markChatRead(database(env), settings(env).OPERATOR, phone, author, upTo, now);
}

/**
 * Mails a resident's line to TP_EMAIL, when nobody of the operator's has written to them for an hour: once an hour for each
 * conversation. Nothing happens without an address or a way to send mails.
 */
export async function mailUnanswered(env: Env, { phone, text }: ChatLine, now = new Date()): Promise<void> {
  const { OPERATOR, TP_EMAIL, ...config } = settings(env);
  if (!TP_EMAIL || !mailIsAvailable(config)) return;
  const [db, hourAgo, purpose] = [database(env), new Date(now.getTime() - HOUR_MS), `chat ${phone}`];
  const [answers, mails] = await db.batch([
    operatorLinesSince(db, OPERATOR, phone, hourAgo),
    messagesSince(db, OPERATOR, TP_EMAIL, purpose, hourAgo),
  ]);
  if (answers.length > 0 || mails.length > 0) return;
  // Of lines that are written at the same time each finds that nothing was mailed: so they all name one mail.
  const id = sha256([OPERATOR, TP_EMAIL, purpose, Math.floor(now.getTime() / HOUR_MS)].join("\n"));
  const mail = { id, subject: `Чат: +${phone}`, text: `+${phone}:\n\n${text}` };
  await acceptMail(env, { to: TP_EMAIL, purpose, expiresAt: new Date(now.getTime() + HOUR_MS), ...mail }, now);
}
