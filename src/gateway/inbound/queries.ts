import { and, asc, desc, eq, inArray, isNull, lt, lte, or, type SQL, sql } from "drizzle-orm";
import type { Condition, Db } from "#platform/db.ts";
import { ifChanged } from "#platform/db.ts";
import { jsonParts } from "#platform/json-parts.ts";
import { scopeOf } from "../users/queries.ts";
import { gatewaySeen } from "../users/tables.ts";
import { type GatewayMessage, gatewayMessages as messages } from "./tables.ts";

// Reads return rows, writes return unawaited statements. What changes many rows takes the oldest `limit` of
// them, so that no run is longer than a statement may be.

/** Adds messages; those that are there already stay as they are. Several statements where the texts are long. */
export function insertMessages(db: Db, rows: readonly GatewayMessage[]) {
  return jsonParts(rows.map(stored)).map((list) =>
    db
      .insert(messages)
      .select(
        sql`SELECT value ->> 'operator', value ->> 'id', value ->> 'source', value ->> 'client', value ->> 'sealed',
          value ->> 'state', value ->> 'userId', value ->> 'attempts', value ->> 'claimedUntil', value ->> 'nextAttemptAt',
          value ->> 'error', value ->> 'createdAt', value ->> 'updatedAt' FROM json_each(${list}) WHERE true`,
      )
      .onConflictDoNothing(),
  );
}

export function messageById(db: Db, operator: string, id: string) {
  return db.select().from(messages).where(keyIs(operator, id)).get();
}

/** Takes a message that is due at `dueBy` and that nobody is at, or whose last owner let its time run out. Of many callers one gets the row. */
export function claimMessage(db: Db, operator: string, id: string, at: { now: Date; dueBy: Date; until: Date }) {
  return db
    .update(messages)
    .set({ attempts: sql`${messages.attempts} + 1`, claimedUntil: at.until, updatedAt: at.now })
    .where(and(keyIs(operator, id), isOpen(), isFree(at.now), lte(messages.nextAttemptAt, at.dueBy)))
    .returning();
}

/** A row as whoever claimed it got it: no two claims end at the same time. */
export type Claimed = Pick<GatewayMessage, "operator" | "id" | "claimedUntil">;

type Change = Pick<GatewayMessage, "error" | "nextAttemptAt" | "updatedAt"> &
  Partial<Pick<GatewayMessage, "state" | "sealed" | "attempts">>;

/** Ends a claimed attempt. Nothing happens when the row is somebody else's by now. */
export function settleMessage(db: Db, claimed: Claimed, change: Change) {
  return db
    .update(messages)
    .set({ ...change, claimedUntil: null })
    .where(isOurs(claimed));
}

/** Remembers what a user has sent, as long as the claimed SMS is in that state. Those that were sent before change nothing. */
export function rememberSms(
  db: Db,
  claimed: Claimed,
  state: "received" | "opened",
  { userId, fingerprints }: { userId: string; fingerprints: readonly string[] },
  now: Date,
) {
  return db
    .insert(gatewaySeen)
    .select(
      sql`SELECT ${claimed.operator}, ${scopeOf(userId)}, value, ${now.getTime()} FROM json_each(${JSON.stringify(fingerprints)})
        WHERE EXISTS (SELECT 1 FROM ${messages} WHERE ${isOurs(claimed, state)})`,
    )
    .onConflictDoNothing();
}

/** What the publisher gets takes the place of what came, where the statement before has written something. */
export function keepOpened(
  db: Db,
  claimed: Claimed,
  opened: Pick<GatewayMessage, "sealed" | "userId" | "updatedAt">,
  condition: Condition = ifChanged,
) {
  return db
    .update(messages)
    .set({ ...opened, state: "opened" })
    .where(and(isOurs(claimed, "received"), condition))
    .returning({ id: messages.id });
}

/** Deletes what is nobody's: a claimed SMS, as long as it is in that state. */
export function dropMessage(db: Db, claimed: Claimed, state: "received" | "opened") {
  return db.delete(messages).where(isOurs(claimed, state));
}

/** Makes due now, and returns, what has been due since `dueBefore` and what a dead owner left behind. */
export function requeueMessages(
  db: Db,
  operator: string,
  states: GatewayMessage["state"][],
  at: { now: Date; dueBefore: Date },
  limit: number,
) {
  const isForgotten = and(inArray(messages.state, states), lte(messages.nextAttemptAt, at.dueBefore), isFree(at.now));
  return db
    .update(messages)
    .set({ nextAttemptAt: at.now, updatedAt: at.now })
    .where(oldest(db, operator, limit, isForgotten))
    .returning({ id: messages.id });
}

/** Deletes what came to this end before `time`. */
export function deleteEndedBefore(db: Db, operator: string, state: "published" | "dead", time: Date, limit: number) {
  return db
    .delete(messages)
    .where(oldest(db, operator, limit, and(eq(messages.state, state), lte(messages.nextAttemptAt, time))));
}

/** Where a list goes on: behind this message. */
export interface After {
  at: number;
  id: string;
}

/** What is told of the messages in one state, the latest first: neither text, number nor user. */
export function messagesInState(
  db: Db,
  operator: string,
  state: GatewayMessage["state"],
  { after, limit }: { after: After | undefined; limit: number },
) {
  const { id, source, client, attempts, error, nextAttemptAt, createdAt, updatedAt } = messages;
  const isBehind =
    after && or(lt(nextAttemptAt, new Date(after.at)), and(eq(nextAttemptAt, new Date(after.at)), lt(id, after.id)));
  return db
    .select({ id, source, client, state: messages.state, attempts, error, nextAttemptAt, createdAt, updatedAt })
    .from(messages)
    .where(and(eq(messages.operator, operator), eq(messages.state, state), isBehind))
    .orderBy(desc(nextAttemptAt), desc(id))
    .limit(limit);
}

/** Gives a dead message another life: as it was when it died, with no attempts behind it. */
export function reviveMessage(db: Db, operator: string, id: string, now: Date) {
  return db
    .update(messages)
    .set(revived(now))
    .where(and(keyIs(operator, id), isDead))
    .returning({ id: messages.id });
}

/** The same for all of them, those first that have been dead longest. */
export function reviveMessages(db: Db, operator: string, now: Date, limit: number) {
  return db
    .update(messages)
    .set(revived(now))
    .where(oldest(db, operator, limit, isDead))
    .returning({ id: messages.id });
}

const isDead = eq(messages.state, "dead");

const revived = (now: Date) => ({
  state: sql`CASE WHEN ${messages.userId} IS NULL THEN 'received' ELSE 'opened' END`,
  ...{ attempts: 0, claimedUntil: null, error: null, nextAttemptAt: now, updatedAt: now },
});

const stored = (row: GatewayMessage) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value instanceof Date ? value.getTime() : value]),
  );

const keyIs = (operator: string, id: string) => and(eq(messages.operator, operator), eq(messages.id, id));

const isOpen = () => inArray(messages.state, ["received", "opened"]);

const isFree = (now: Date) => or(isNull(messages.claimedUntil), lte(messages.claimedUntil, now));

const isOurs = ({ operator, id, claimedUntil }: Claimed, state?: GatewayMessage["state"]) =>
  and(
    keyIs(operator, id),
    eq(messages.claimedUntil, claimedUntil!),
    state === undefined ? isOpen() : eq(messages.state, state),
  );

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
