import { and, asc, eq, inArray, lte, or, type SQL, sql } from "drizzle-orm";
import type { Condition, Db } from "#platform/db.ts";
import { type OperatorCall, operatorCalls } from "./tables.ts";

type NewCall = Pick<OperatorCall, "id" | "system" | "function" | "arguments">;

/** Writes a call down, as far as `condition` holds. One that is there already stays as it is. */
export function insertCall(db: Db, operator: string, call: NewCall, now: Date, condition: Condition = sql`true`) {
  const at = now.getTime();
  return db
    .insert(operatorCalls)
    .select(
      sql`SELECT ${operator}, ${call.id}, ${call.system}, ${call.function}, ${JSON.stringify(call.arguments)},
        'queued', 0, ${at}, NULL, ${at}, ${at} WHERE ${condition}`,
    )
    .onConflictDoNothing();
}

/** Takes a call that is due at `dueBy`, or whose last owner let its time run out. Of many callers one gets the row. */
export function claimCall(db: Db, operator: string, id: string, at: { now: Date; dueBy: Date; until: Date }) {
  return db
    .update(operatorCalls)
    .set({ state: "sending", attempts: sql`${operatorCalls.attempts} + 1`, nextAttemptAt: at.until, updatedAt: at.now })
    .where(and(keyIs(operator, id), isOpen(), lte(operatorCalls.nextAttemptAt, at.dueBy)))
    .returning();
}

type Change = Pick<OperatorCall, "state" | "error" | "nextAttemptAt" | "updatedAt">;

/** Ends a claimed attempt. Nothing happens when the row is somebody else's by now. */
export function settleCall(db: Db, operator: string, { id, attempts }: OperatorCall, change: Change) {
  return db
    .update(operatorCalls)
    .set(change)
    .where(and(keyIs(operator, id), eq(operatorCalls.state, "sending"), eq(operatorCalls.attempts, attempts)));
}

/** Makes due now, and returns, what has been due since `dueBefore`, and what a dead owner left behind. */
export function requeueCalls(db: Db, operator: string, at: { now: Date; dueBefore: Date }, limit: number) {
  const forgotten = and(eq(operatorCalls.state, "queued"), lte(operatorCalls.nextAttemptAt, at.dueBefore));
  const orphaned = and(eq(operatorCalls.state, "sending"), lte(operatorCalls.nextAttemptAt, at.now));
  return db
    .update(operatorCalls)
    .set({ state: "queued", nextAttemptAt: at.now, updatedAt: at.now })
    .where(oldest(db, operator, limit, or(forgotten, orphaned)))
    .returning({ id: operatorCalls.id });
}

/** Deletes what was taken before `time`. What was refused stays: a person must look at it. */
export function deleteCallsBefore(db: Db, operator: string, time: Date, limit: number) {
  const taken = and(eq(operatorCalls.state, "done"), lte(operatorCalls.nextAttemptAt, time));
  return db.delete(operatorCalls).where(oldest(db, operator, limit, taken));
}

const keyIs = (operator: string, id: string) => and(eq(operatorCalls.operator, operator), eq(operatorCalls.id, id));

const isOpen = () => inArray(operatorCalls.state, ["queued", "sending"]);

function oldest(db: Db, operator: string, limit: number, where: SQL | undefined) {
  const ours = eq(operatorCalls.operator, operator);
  const some = db
    .select({ id: operatorCalls.id })
    .from(operatorCalls)
    .where(and(ours, where))
    .orderBy(asc(operatorCalls.nextAttemptAt))
    .limit(limit);
  return and(ours, inArray(operatorCalls.id, some));
}
