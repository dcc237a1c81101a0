import { and, eq, isNull, lt, or, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { idempotency } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

export interface Claim {
  operator: string;
  id: string;
  bodyHash: string;
  createdAt: Date;
}

/** Takes a key; returns nothing where somebody has it: with an answer of the last day, or still at work since `stuckBefore`. */
export function claimKey(db: Db, claim: Claim, oldBefore: Date, stuckBefore: Date) {
  const isFree = or(
    lt(idempotency.createdAt, oldBefore),
    and(isNull(idempotency.status), lt(idempotency.createdAt, stuckBefore)),
  );
  return db
    .insert(idempotency)
    .values(claim)
    .onConflictDoUpdate({
      target: [idempotency.operator, idempotency.id],
      set: { bodyHash: claim.bodyHash, createdAt: claim.createdAt, status: null, answer: null },
      ...(isFree && { setWhere: isFree }),
    })
    .returning({ id: idempotency.id });
}

export function keyState(db: Db, { operator, id }: Claim) {
  return db
    .select()
    .from(idempotency)
    .where(and(eq(idempotency.operator, operator), eq(idempotency.id, id)));
}

// Of a claim that took too long, and that somebody else has taken over, neither is true any more.
const isMine = ({ operator, id, createdAt }: Claim) =>
  and(
    eq(idempotency.operator, operator),
    eq(idempotency.id, id),
    eq(idempotency.createdAt, createdAt),
    isNull(idempotency.status),
  );

export function keepAnswer(db: Db, claim: Claim, status: number, answer: string) {
  return db.update(idempotency).set({ status, answer }).where(isMine(claim));
}

export function releaseKey(db: Db, claim: Claim) {
  return db.delete(idempotency).where(isMine(claim));
}

/** Answers of any operator that are too old to be repeated, some at a time. */
export function deleteOldKeys(db: Db, before: Date, limit: number) {
  const old = db.select({ rowid: sql`rowid` }).from(idempotency).where(lt(idempotency.createdAt, before)).limit(limit);
  return db.delete(idempotency).where(sql`rowid IN ${old}`);
}
