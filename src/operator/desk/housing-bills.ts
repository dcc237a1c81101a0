import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { billsOf, replaceBills } from "./bill-queries.ts";
import type { HousingBill } from "./tables.ts";

// What flats owe for their housing, beside what they owe us. The operator's accountants tell it; nothing here is paid.

/** Kopecks, as all of our money. */
export type ToldBill = Omit<HousingBill, "operator" | "updatedAt">;

/** The housing bills of these contracts. */
export function listBills(env: Env, uids: readonly number[]): Promise<HousingBill[]> {
  return billsOf(database(env), settings(env).OPERATOR, uids);
}

/** Replaces all bills of the contracts that are named, with or without bills. Of two with one name and account the last counts. */
export async function changeBills(
  env: Env,
  { bills, uids }: { bills: readonly ToldBill[]; uids: readonly number[] },
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const each = new Map(bills.map((bill) => [JSON.stringify([bill.uid, bill.name, bill.client]), bill]));
  const named = [...new Set([...uids, ...bills.map(({ uid }) => uid)])];
  await db.batch([...replaceBills(db, OPERATOR, named, [...each.values()], now)]);
}
