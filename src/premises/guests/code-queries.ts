import { and, eq, gt, isNull, lte, or } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { flatCodes } from "./tables.ts";

export function insertFlatCode(db: Db, row: typeof flatCodes.$inferInsert) {
  return db.insert(flatCodes).values(row);
}

export function flatCodeBy(db: Db, operator: string, codeHash: string) {
  return db
    .select({ uid: flatCodes.uid, usedBy: flatCodes.usedBy })
    .from(flatCodes)
    .where(isCode(operator, codeHash))
    .get();
}

const isCode = (operator: string, codeHash: string) =>
  and(eq(flatCodes.operator, operator), eq(flatCodes.codeHash, codeHash));

/**
 * Takes the code for this phone; no row comes back where somebody was first, it has been used, or its time is over. Whoever took it
 * may take it again until it is used: billing may have broken off in between.
 */
export function claimFlatCode(db: Db, operator: string, codeHash: string, phone: string, at: Date) {
  return db
    .update(flatCodes)
    .set({ usedBy: phone })
    .where(
      and(
        isCode(operator, codeHash),
        or(isNull(flatCodes.usedBy), eq(flatCodes.usedBy, phone)),
        isNull(flatCodes.usedAt),
        gt(flatCodes.expiresAt, at),
      ),
    )
    .returning({ uid: flatCodes.uid });
}

/** The phone is an owner by it: it serves nobody any more. */
export function settleFlatCode(db: Db, operator: string, codeHash: string, phone: string, at: Date) {
  return db
    .update(flatCodes)
    .set({ usedBy: phone, usedAt: at })
    .where(and(isCode(operator, codeHash), isNull(flatCodes.usedAt)));
}

export function releaseFlatCode(db: Db, operator: string, codeHash: string, phone: string) {
  return db
    .update(flatCodes)
    .set({ usedBy: null })
    .where(and(isCode(operator, codeHash), eq(flatCodes.usedBy, phone), isNull(flatCodes.usedAt)));
}

export function deleteFlatCodesBefore(db: Db, operator: string, at: Date) {
  return db.delete(flatCodes).where(and(eq(flatCodes.operator, operator), lte(flatCodes.expiresAt, at)));
}
