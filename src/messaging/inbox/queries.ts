import { and, desc, eq, inArray, isNull, lte, type SQL, sql } from "drizzle-orm";
import { type Condition, compared, type Db } from "#platform/db.ts";
import { chatMessages, type InboxMessage, inboxMessages } from "./tables.ts";

export type NewInboxMessage = Pick<InboxMessage, "title" | "text" | "action" | "link" | "createdAt"> & {
  batch: string;
};

const listed = (phones: readonly string[]): SQL => sql`(SELECT value FROM json_each(${JSON.stringify(phones)}))`;

/** One message for each phone. A phone that has one of this batch gets no second; only new rows are returned. */
export function insertInboxMessages(db: Db, operator: string, phones: readonly string[], message: NewInboxMessage) {
  const { title, text, action, link, batch, createdAt } = message;
  return db
    .insert(inboxMessages)
    .select(
      sql`SELECT NULL, ${operator}, value, ${title}, ${text}, ${action}, ${link}, ${batch}, ${createdAt.getTime()}, NULL, NULL
        FROM json_each(${JSON.stringify(phones)}) WHERE true`,
    )
    .onConflictDoNothing()
    .returning({ phone: inboxMessages.phone });
}

/** The messages of a batch to these phones, each with how many its phone has not read. */
export function inboxBatch(db: Db, operator: string, phones: readonly string[], batch: string) {
  const { id, phone } = inboxMessages;
  return db
    .select({
      id,
      phone,
      unread: sql<number>`(SELECT count(*) FROM inbox_messages AS u
        WHERE u.operator = ${operator} AND u.phone = inbox_messages.phone AND u.read_at IS NULL)`,
    })
    .from(inboxMessages)
    .where(
      and(eq(inboxMessages.operator, operator), eq(inboxMessages.batch, batch), sql`${phone} IN ${listed(phones)}`),
    );
}

/** The latest messages to a phone, newest first. */
export function inboxOf(db: Db, operator: string, phone: string, limit: number) {
  return db
    .select()
    .from(inboxMessages)
    .where(and(eq(inboxMessages.operator, operator), eq(inboxMessages.phone, phone)))
    .orderBy(desc(inboxMessages.createdAt), desc(inboxMessages.id))
    .limit(limit);
}

/** The latest messages to any of these phones, newest first. */
export function inboxOfPhones(db: Db, operator: string, phones: readonly string[], limit: number) {
  return db
    .select()
    .from(inboxMessages)
    .where(and(eq(inboxMessages.operator, operator), sql`${inboxMessages.phone} IN ${listed(phones)}`))
    .orderBy(desc(inboxMessages.id))
    .limit(limit);
}

/** The newest message that the phone has not read. */
export function newestUnread(db: Db, operator: string, phone: string) {
  return db.select().from(inboxMessages).where(unreadBy(operator, phone)).orderBy(desc(inboxMessages.id)).limit(1);
}

export function countUnread(db: Db, operator: string, phone: string) {
  return db.select({ count: sql<number>`count(*)` }).from(inboxMessages).where(unreadBy(operator, phone));
}

/** What the phone has not read, up to and with this message: what came later stays unread. */
export function markReadUpTo(db: Db, operator: string, phone: string, id: number, at: Date) {
  return db
    .update(inboxMessages)
    .set({ readAt: at })
    .where(and(unreadBy(operator, phone), lte(inboxMessages.id, id)));
}

/** Marks it, unless it is marked already. Returns a row when there is such a message of this phone's. */
export function markOne(db: Db, operator: string, phone: string, id: number, mark: "readAt" | "deliveredAt", at: Date) {
  return db
    .update(inboxMessages)
    .set({ [mark]: sql`coalesce(${inboxMessages[mark]}, ${at.getTime()})` })
    .where(
      and(eq(compared(inboxMessages.operator), operator), eq(inboxMessages.phone, phone), eq(inboxMessages.id, id)),
    )
    .returning({ id: inboxMessages.id });
}

export function deleteInboxBefore(db: Db, operator: string, time: Date, limit: number) {
  const ours = eq(inboxMessages.operator, operator);
  const some = db
    .select({ id: inboxMessages.id })
    .from(inboxMessages)
    .where(and(ours, lte(inboxMessages.createdAt, time)))
    .limit(limit);
  return db
    .delete(inboxMessages)
    .where(and(eq(compared(inboxMessages.operator), operator), inArray(inboxMessages.id, some)));
}

/** All that was written to and by the people behind these phones: the next one to have such a number must not read it. */
export function deleteReadings(db: Db, operator: string, phones: Condition, onlyIf?: Condition) {
  return [
    db
      .delete(inboxMessages)
      .where(and(eq(inboxMessages.operator, operator), sql`${inboxMessages.phone} IN (${phones})`, onlyIf)),
    db
      .delete(chatMessages)
      .where(and(eq(chatMessages.operator, operator), sql`${chatMessages.phone} IN (${phones})`, onlyIf)),
  ] as const;
}

const unreadBy = (operator: string, phone: string) =>
  and(eq(inboxMessages.operator, operator), eq(inboxMessages.phone, phone), isNull(inboxMessages.readAt));
