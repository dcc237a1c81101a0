import { and, eq, gt, lte } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { contractRestores } from "./tables.ts";

/** What the person's code is for; undefined when none is awaited. */
export function restoreOf(db: Db, operator: string, accountId: string, at: Date) {
  return db
    .select()
    .from(contractRestores)
    .where(
      and(
        eq(contractRestores.operator, operator),
        eq(contractRestores.accountId, accountId),
        gt(contractRestores.expiresAt, at),
      ),
    )
    .get();
}

/** A person has one at a time: the last. */
export function upsertRestore(db: Db, row: typeof contractRestores.$inferInsert) {
  const { contract, type, value, expiresAt } = row;
  return db
    .insert(contractRestores)
    .values(row)
    .onConflictDoUpdate({
      target: [contractRestores.operator, contractRestores.accountId],
      set: { contract, type, value, expiresAt },
    });
}

export function deleteRestore(db: Db, operator: string, accountId: string) {
  return db
    .delete(contractRestores)
    .where(and(eq(contractRestores.operator, operator), eq(contractRestores.accountId, accountId)));
}

export function deleteRestoresBefore(db: Db, operator: string, at: Date) {
  return db
    .delete(contractRestores)
    .where(and(eq(contractRestores.operator, operator), lte(contractRestores.expiresAt, at)));
}
