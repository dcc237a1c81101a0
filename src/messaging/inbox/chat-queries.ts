import { and, asc, desc, eq, gt, inArray, isNull, lte, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { messages } from "../tables.ts";
import { type ChatMessage, chatMessages } from "./tables.ts";

export type ChatAuthor = ChatMessage["author"];

export type NewChatLine = Pick<ChatMessage, "phone" | "author" | "name" | "text" | "createdAt"> & { key: string };

/** How much one side may write how fast. */
export interface Pace {
  lines: number;
  since: Date;
}

/**
 * A line that comes again under the same key adds nothing, and returns nothing; nor does one that is the `lines`-th and one
 * more since that time.
 */
export function insertChatLine(db: Db, operator: string, line: NewChatLine, { lines, since }: Pace) {
  const { phone, author, name, text, key, createdAt } = line;
  return db
    .insert(chatMessages)
    .select(
      sql`SELECT NULL, ${operator}, ${phone}, ${author}, ${name}, ${text}, ${key}, ${createdAt.getTime()}, NULL
        WHERE coalesce((SELECT created_at FROM chat_messages WHERE operator = ${operator} AND phone = ${phone}
          AND author = ${author} ORDER BY id DESC LIMIT 1 OFFSET ${lines - 1}), 0) <= ${since.getTime()}`,
    )
    .onConflictDoNothing()
    .returning({ id: chatMessages.id });
}

/** The line that somebody wrote under this key. */
export function chatLineByKey(db: Db, operator: string, { phone, author, key }: NewChatLine) {
  return db
    .select()
    .from(chatMessages)
    .where(and(isOf(operator, phone), eq(chatMessages.author, author), eq(chatMessages.key, key)))
    .limit(1);
}

/** Lines after this one, oldest first. */
export function chatAfter(db: Db, operator: string, phone: string, after: number, limit: number) {
  return db
    .select()
    .from(chatMessages)
    .where(and(isOf(operator, phone), gt(chatMessages.id, after)))
    .orderBy(asc(chatMessages.id))
    .limit(limit);
}

/** The latest lines, newest first. */
export function chatLatest(db: Db, operator: string, phone: string, limit: number) {
  return db.select().from(chatMessages).where(isOf(operator, phone)).orderBy(desc(chatMessages.id)).limit(limit);
}

/** What was written after this line, by and to whomever. */
export function chatOfAll(db: Db, operator: string, after: number, limit: number) {
  return db
    .select()
    .from(chatMessages)
    .where(and(eq(compared(chatMessages.operator), operator), gt(chatMessages.id, after)))
    .orderBy(asc(chatMessages.id))
    .limit(limit);
}

export function countUnreadChat(db: Db, operator: string, phone: string, author: ChatAuthor) {
  return db
    .select({ count: sql<number>`count(*)` })
    .from(chatMessages)
    .where(unreadFrom(operator, phone, author));
}

/** What this side wrote, up to and with this line, has been read by the other. */
export function markChatRead(db: Db, operator: string, phone: string, author: ChatAuthor, upTo: number, at: Date) {
  return db
    .update(chatMessages)
    .set({ readAt: at })
    .where(and(unreadFrom(operator, phone, author), lte(chatMessages.id, upTo)));
}

/** Whether anybody of the operator's has written to this phone since. */
export function operatorLinesSince(db: Db, operator: string, phone: string, since: Date) {
  return db
    .select({ id: chatMessages.id })
    .from(chatMessages)
    .where(
      and(
        isOf(operator, phone),
        eq(chatMessages.author, "operator"),
        gt(compared(chatMessages.createdAt), since.getTime()),
      ),
    )
    .orderBy(desc(chatMessages.id))
    .limit(1);
}

/** Whether a message of this purpose has been taken for this recipient since. */
export function messagesSince(db: Db, operator: string, recipient: string, purpose: string, since: Date) {
  return db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.operator, operator),
        eq(messages.recipient, recipient),
        gt(messages.createdAt, since),
        eq(messages.purpose, purpose),
      ),
    )
    .limit(1);
}

export function deleteChatBefore(db: Db, operator: string, time: Date, limit: number) {
  const some = db
    .select({ id: chatMessages.id })
    .from(chatMessages)
    .where(and(eq(chatMessages.operator, operator), lte(chatMessages.createdAt, time)))
    .limit(limit);
  return db
    .delete(chatMessages)
    .where(and(eq(compared(chatMessages.operator), operator), inArray(chatMessages.id, some)));
}

const isOf = (operator: string, phone: string) =>
  and(eq(chatMessages.operator, operator), eq(chatMessages.phone, phone));

const unreadFrom = (operator: string, phone: string, author: ChatAuthor) =>
  and(isOf(operator, phone), eq(chatMessages.author, author), isNull(chatMessages.readAt));
