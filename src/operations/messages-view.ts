import type { Env } from "#env.ts";
import { type Actor, journal } from "#identity/journal/journal.ts";
import { masked } from "#identity/login/targets.ts";
import type { Message } from "#messaging/tables.ts";
import { database } from "#platform/db.ts";
import { messagesWhere } from "./place-queries.ts";

/** What is told of a message: never its text, and to whom only masked. */
export function messageView(message: Omit<Message, "sealed">) {
  const { id, operator, channel, recipient, accountId, purpose, parts, state, attempts, error } = message;
  const to =
    channel === "push"
      ? maskedToken(recipient)
      : masked({ type: channel === "email" ? "email" : "phone", value: recipient });
  return {
    ...{ id, operator, channel, to, account_id: accountId, purpose, parts, state, attempts, error },
    ...{ created_at: message.createdAt, updated_at: message.updatedAt, expires_at: message.expiresAt },
  };
}

/** Enough of a push token to tell two apps of one person apart, and too little to push to. */
const maskedToken = (token: string): string => `***${token.slice(-4)}`;

/** The latest messages of these operators, and that somebody looked at them. The cursor is a time in milliseconds. */
export async function listMessages(
  env: Env,
  operators: readonly string[],
  { cursor, limit }: { cursor?: string | undefined; limit: number },
  actor: Actor,
  now = new Date(),
) {
  const db = database(env);
  const before = cursor !== undefined && /^\d{1,15}$/.test(cursor) ? Number(cursor) : now.getTime() + 1;
  const rows = await messagesWhere(db, operators, before, limit);
  const entry = { action: "messages.listed", target: { kind: "messages", id: null }, after: { found: rows.length } };
  const records = operators.flatMap((operator) => journal(db, operator, actor, entry, now, "always"));
  const [first, ...others] = records;
  if (first) await db.batch([first, ...others]);
  const last = rows.at(-1);
  return {
    items: rows.map(messageView),
    next_cursor: last && rows.length === limit ? String(last.createdAt.getTime()) : null,
  };
}
