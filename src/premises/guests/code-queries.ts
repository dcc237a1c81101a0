import { and, eq, gt, isNull, lte } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { flatCodes } from "./tables.ts";

export function insertFlatCode(db: Db, row: typeof flatCodes.$inferInsert) {
  return db.insert(flatCodes).values(row);
}

export function flatCodeBy(db: Db, operator: string, codeHash: string) {
  return db
    .select({ uid: flatCodes.uid })
    .from(flatCodes)
    .where(and(eq(flatCodes.operator, operator), eq(flatCodes.codeHash, codeHash)))
    .get();
}

/** Takes the code for this phone; no row comes back where somebody was first, or its time is over. */
export function claimFlatCode(db: Db, operator: string, codeHash: string, phone: string, at: Date) {
  return db
    .update(flatCodes)
    .set({ usedBy: phone, usedAt: at })
    .where(
      and(
        eq(flatCodes.operator, operator),
        eq(flatCodes.codeHash, codeHash),
        isNull(flatCodes.usedBy),
        gt(flatCodes.expiresAt, at),
      ),
    )
    .returning({ uid: flatCodes.uid });
}

export function releaseFlatCode(db: Db, operator: string, codeHash: string, phone: string) {
  return db
    .update(flatCodes)
    .set({ usedBy: null, usedAt: null })
    .where(and(eq(flatCodes.operator, operator), eq(flatCodes.codeHash, codeHash), eq(flatCodes.usedBy, phone)));
}

export function deleteFlatCodesBefore(db: Db, operator: string, at: Date) {
  return db.delete(flatCodes).where(and(eq(flatCodes.operator, operator), lte(flatCodes.expiresAt, at)));
}
