import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { countUnreadChat } from "./chat-queries.ts";
import {
  countUnread,
  inboxBatch,
  inboxOf,
  inboxOfPhones,
  insertInboxMessages,
  markOne,
  markReadUpTo,
  newestUnread,
} from "./queries.ts";
import type { InboxMessage } from "./tables.ts";

// What a resident reads in the app's list of messages. Each function takes the reader's phone: another one's message is
// as good as none.

/** How many messages the list shows at most. */
const SHOWN = 100;
const MAX_TITLE = 200;
const MAX_TEXT = 4_000;

export interface InboxContent {
  title: string;
  /** Plain text; cut after 4000 characters. */
  text: string;
  /** What a tap on its push opens, in the apps' words. */
  action: string;
  link?: string | undefined;
  /** The name of one sending to many; repeated with the same name it adds nothing. */
  batch?: string | undefined;
}

export interface InInbox {
  id: number;
  /** How many messages the phone has not read, this one among them: the number on the app's icon. */
  unread: number;
  /** False when an earlier call of the same batch put it there. */
  isNew: boolean;
}

/** Puts a message into the inbox of each of these phones (digits with country code), in one trip. Answers by phone. */
export async function putIntoInbox(
  env: Env,
  phones: readonly string[],
  { title, text, action, link, batch = randomId() }: InboxContent,
  now = new Date(),
): Promise<Map<string, InInbox>> {
  const to = [...new Set(phones)];
  if (to.length === 0) return new Map();
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const message = { title: cut(title, MAX_TITLE), text: cut(text, MAX_TEXT), action, link: link ?? null, batch };
  const [added, rows] = await db.batch([
    insertInboxMessages(db, OPERATOR, to, { ...message, createdAt: now }),
    inboxBatch(db, OPERATOR, to, batch),
  ]);
  const fresh = new Set(added.map(({ phone }) => phone));
  return new Map(rows.map(({ phone, id, unread }) => [phone, { id, unread, isNew: fresh.has(phone) }]));
}

// By characters, so that no pair of surrogates is torn apart.
const cut = (text: string, length: number) => (text.length <= length ? text : [...text].slice(0, length).join(""));

/** The latest messages, newest first. */
export function listInbox(env: Env, phone: string): Promise<InboxMessage[]> {
  return inboxOf(database(env), settings(env).OPERATOR, phone, SHOWN).all();
}

/** The latest messages to any of these phones, two hundred at most, newest first. */
export function listInboxes(env: Env, phones: readonly string[]): Promise<InboxMessage[]> {
  return inboxOfPhones(database(env), settings(env).OPERATOR, phones, 2 * SHOWN).all();
}

/** The newest message that was not read yet. */
export function newestUnreadOf(env: Env, phone: string): Promise<InboxMessage | undefined> {
  return newestUnread(database(env), settings(env).OPERATOR, phone).get();
}

/** Marks as read all that this phone has; with `upTo`, what came later stays unread. */
export async function markAllRead(
  env: Env,
  phone: string,
  upTo = Number.MAX_SAFE_INTEGER,
  now = new Date(),
): Promise<void> {
  await markReadUpTo(database(env), settings(env).OPERATOR, phone, upTo, now);
}

/** Marks one message as read. One that is not this phone's is `not_found`. */
export const markRead = (env: Env, phone: string, id: number, now = new Date()) => mark(env, phone, id, "readAt", now);

/** Notes that the app has got the push of this message. One that is not this phone's is `not_found`. */
export const markDelivered = (env: Env, phone: string, id: number, now = new Date()) =>
  mark(env, phone, id, "deliveredAt", now);

async function mark(env: Env, phone: string, id: number, what: "readAt" | "deliveredAt", now: Date): Promise<void> {
  const [row] = await markOne(database(env), settings(env).OPERATOR, phone, id, what, now);
  if (!row) throw new AppError("not_found", "You have no such message");
}

/** How many messages, and how many lines of the operator's in the chat, the phone has not read: one trip. */
export async function unreadOf(env: Env, phone: string): Promise<{ count: number; chat: number }> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[inbox], [chat]] = await db.batch([
    countUnread(db, OPERATOR, phone),
    countUnreadChat(db, OPERATOR, phone, "operator"),
  ]);
  return { count: inbox!.count, chat: chat!.count };
}
