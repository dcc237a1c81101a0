import { and, asc, desc, eq, getTableColumns, gt, inArray, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type InboundMessage, inboundMessages, type Message, messages } from "./tables.ts";

// Reads return rows, writes return unawaited statements. What changes many rows takes the oldest `limit` of
// them, so that no run is longer than a statement may be.

type Change = Partial<Pick<Message, "sealed" | "nextAttemptAt" | "error" | "smscId">> &
  Pick<Message, "state" | "updatedAt">;

export function messageById(db: Db, operator: string, id: string) {
  return db.select().from(messages).where(keyIs(operator, id)).get();
}

/** The latest messages to an account, without their texts. */
export function messagesOfAccount(db: Db, operator: string, accountId: string, limit: number) {
  const { sealed: _, ...told } = getTableColumns(messages);
  return db
    .select(told)
    .from(messages)
    .where(and(eq(messages.operator, operator), eq(messages.accountId, accountId)))
    .orderBy(desc(messages.createdAt))
    .limit(limit);
}

/** Every operator that has messages. Each step of the recursion is one search in an index, so that the other rows are not read. */
export async function operatorsWithMessages(db: Db): Promise<string[]> {
  const rows = await db.all<{ operator: string }>(sql`
    WITH RECURSIVE found (operator) AS (
      SELECT min(operator) FROM messages
      UNION ALL
      SELECT (SELECT min(operator) FROM messages WHERE operator > found.operator) FROM found WHERE operator IS NOT NULL
    )
    SELECT operator FROM found WHERE operator IS NOT NULL`);
  return rows.map((row) => row.operator);
}

/** Adds messages, in one statement; those that are there already stay as they are. Returns the new ones. */
export function insertMessages(db: Db, rows: readonly Message[]) {
  const list = JSON.stringify(rows.map(stored));
  return db
    .insert(messages)
    .select(
      sql`SELECT value ->> 'operator', value ->> 'id', value ->> 'channel', value ->> 'recipient', value ->> 'accountId',
        value ->> 'purpose', value ->> 'sealed', value ->> 'parts', value ->> 'state', value ->> 'attempts',
        value ->> 'nextAttemptAt', value ->> 'expiresAt', value ->> 'error', value ->> 'smscId', value ->> 'createdAt',
        value ->> 'updatedAt' FROM json_each(${list}) WHERE true`,
    )
    .onConflictDoNothing()
    .returning({ operator: messages.operator, id: messages.id, state: messages.state });
}

/** Takes a message that is due at `dueBy`, or whose last owner let its time run out. Of many callers one gets the row. */
export function claimMessage(db: Db, operator: string, id: string, at: { now: Date; dueBy: Date; until: Date }) {
  return db
    .update(messages)
    .set({ state: "sending", attempts: sql`${messages.attempts} + 1`, nextAttemptAt: at.until, updatedAt: at.now })
    .where(
      and(keyIs(operator, id), inArray(messages.state, ["queued", "sending"]), lte(messages.nextAttemptAt, at.dueBy)),
    )
    .returning();
}

/** Ends a claimed attempt. Nothing happens when the row is somebody else's by now, or when a report was faster. */
export function settleMessage(db: Db, operator: string, { id, attempts }: Message, change: Change) {
  return db
    .update(messages)
    .set(change)
    .where(and(keyIs(operator, id), eq(messages.state, "sending"), eq(messages.attempts, attempts)));
}

/** Writes what a report says, if the row is in one of the states `from`. A failure past the deadline is an expiry. */
export function reportMessage(
  db: Db,
  operator: string,
  id: string,
  from: Message["state"][],
  { state, ...change }: Change & Pick<Message, "state" | "updatedAt">,
) {
  const late = sql`CASE WHEN ${messages.expiresAt} <= ${change.updatedAt.getTime()} THEN 'expired' ELSE 'failed' END`;
  return db
    .update(messages)
    .set({ ...change, state: state === "failed" ? late : state })
    .where(and(keyIs(operator, id), inArray(messages.state, from)));
}

/** Ends what nobody wants any more. An attempt that is under way is left alone. */
export function expireMessages(db: Db, operator: string, now: Date, limit: number) {
  const waiting = inArray(messages.state, ["queued", "sending"]); // what the index begins with
  const idle = and(waiting, or(eq(messages.state, "queued"), ownerIsLate(now)));
  return db
    .update(messages)
    .set({ state: "expired", sealed: null, updatedAt: now })
    .where(oldest(db, operator, limit, and(idle, lte(messages.expiresAt, now))));
}

/** Makes due now, and returns, what has been due since `dueBefore`, and what a dead owner left behind. */
export function requeueMessages(db: Db, operator: string, at: { now: Date; dueBefore: Date }, limit: number) {
  const forgotten = and(eq(messages.state, "queued"), lte(messages.nextAttemptAt, at.dueBefore));
  return db
    .update(messages)
    .set({ state: "queued", nextAttemptAt: at.now, updatedAt: at.now })
    .where(oldest(db, operator, limit, or(forgotten, ownerIsLate(at.now))))
    .returning({ id: messages.id });
}

/** Stops waiting for reports that are overdue. */
export function giveUpReports(db: Db, operator: string, now: Date, limit: number) {
  return db
    .update(messages)
    .set({ state: "unknown", updatedAt: now })
    .where(oldest(db, operator, limit, and(eq(messages.state, "sent"), lte(messages.nextAttemptAt, now))));
}

export function deleteMessagesBefore(db: Db, operator: string, time: Date, limit: number) {
  const ended = inArray(messages.state, ["delivered", "failed", "expired", "unknown"]);
  return db.delete(messages).where(oldest(db, operator, limit, and(ended, lte(messages.nextAttemptAt, time))));
}

/** A callback that comes again adds nothing. */
export function insertInbound(db: Db, operator: string, message: Omit<InboundMessage, "operator" | "heardAt">) {
  return db
    .insert(inboundMessages)
    .values({ operator, ...message })
    .onConflictDoNothing();
}

/** Those of these inbound SMS that nobody above has heard of. */
export function inboundAmong(db: Db, operator: string, ids: readonly string[]) {
  return db
    .select()
    .from(inboundMessages)
    .where(and(eq(inboundMessages.operator, operator), isUnheard, inArray(inboundMessages.id, listed(ids))));
}

/** What nobody above has heard of and was received after `since`, the oldest first. */
export function unheardInbound(db: Db, operator: string, since: Date, limit: number) {
  return db
    .select()
    .from(inboundMessages)
    .where(and(eq(inboundMessages.operator, operator), isUnheard, gt(inboundMessages.receivedAt, since)))
    .orderBy(asc(inboundMessages.receivedAt))
    .limit(limit);
}

export function markHeard(db: Db, operator: string, ids: readonly string[], now: Date) {
  return db
    .update(inboundMessages)
    .set({ heardAt: now })
    .where(and(eq(inboundMessages.operator, operator), isUnheard, inArray(inboundMessages.id, listed(ids))));
}

const isUnheard = isNull(inboundMessages.heardAt);

const listed = (ids: readonly string[]): SQL => sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;

export function deleteInboundBefore(db: Db, operator: string, time: Date, limit: number) {
  const { id, receivedAt } = inboundMessages;
  const ours = eq(inboundMessages.operator, operator);
  const some = db
    .select({ id })
    .from(inboundMessages)
    .where(and(ours, lte(receivedAt, time)))
    .limit(limit);
  return db.delete(inboundMessages).where(and(ours, inArray(id, some)));
}

/** A row as it is stored: times are milliseconds. */
const stored = (row: Message) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
  );

const keyIs = (operator: string, id: string) => and(eq(messages.operator, operator), eq(messages.id, id));

const ownerIsLate = (now: Date) => and(eq(messages.state, "sending"), lte(messages.nextAttemptAt, now));

function oldest(db: Db, operator: string, limit: number, where: SQL | undefined) {
  const ours = eq(messages.operator, operator);
  const some = db
    .select({ id: messages.id })
    .from(messages)
    .where(and(ours, where))
    .orderBy(asc(messages.nextAttemptAt))
    .limit(limit);
  return and(ours, inArray(messages.id, some));
}
