import { and, asc, desc, eq, gt, inArray, isNull, lte, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { type ChatMessage, chatMessages } from "./tables.ts";

export type ChatAuthor = ChatMessage["author"];

/** A line that comes again under the same key adds nothing, and returns nothing. */
export function insertChatLine(db: Db, operator: string, line: Omit<ChatMessage, "operator" | "id" | "readAt">) {
  return db
    .insert(chatMessages)
    .values({ operator, ...line })
    .onConflictDoNothing()
    .returning();
}

/** The line that somebody wrote under this key. */
export function chatLineByKey(db: Db, operator: string, { phone, author, key }: ChatKey) {
  return db
    .select()
    .from(chatMessages)
    .where(
      and(
        eq(chatMessages.operator, operator),
        eq(chatMessages.phone, phone),
        eq(chatMessages.author, author),
        eq(chatMessages.key, key),
      ),
    )
    .limit(1);
}

type ChatKey = { phone: string; author: ChatAuthor; key: string };

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

/** What residents wrote after this line, whoever they are. */
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
    .where(and(isOf(operator, phone), eq(chatMessages.author, "operator"), gt(chatMessages.createdAt, since)))
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
