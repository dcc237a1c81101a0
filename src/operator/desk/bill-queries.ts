import { and, asc, eq, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type HousingBill, housingBills } from "./tables.ts";

const isOf = (uids: readonly number[]) =>
  sql`${housingBills.uid} IN (SELECT value FROM json_each(${JSON.stringify(uids)}))`;

export function billsOf(db: Db, operator: string, uids: readonly number[]) {
  return db
    .select()
    .from(housingBills)
    .where(and(eq(housingBills.operator, operator), isOf(uids)))
    .orderBy(asc(housingBills.uid), asc(housingBills.name), asc(housingBills.client))
    .all();
}

/** Puts these bills in the place of all that the contracts had. */
export function replaceBills(
  db: Db,
  operator: string,
  uids: readonly number[],
  bills: readonly Omit<HousingBill, "operator" | "updatedAt">[],
  at: Date,
) {
  return [
    db.delete(housingBills).where(and(eq(housingBills.operator, operator), isOf(uids))),
    db.insert(housingBills).select(
      sql`SELECT ${operator}, value ->> 'uid', value ->> 'name', value ->> 'client', value ->> 'paymentLink', value ->> 'balance',
        value ->> 'amount', value ->> 'current', value ->> 'arrears', ${at.getTime()} FROM json_each(${JSON.stringify(bills)})`,
    ),
  ] as const;
}

export function deleteBillsOf(db: Db, operator: string, uid: number) {
  return db.delete(housingBills).where(and(eq(housingBills.operator, operator), eq(housingBills.uid, uid)));
}
