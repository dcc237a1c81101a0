import { and, desc, eq, gte, lt, sql } from "drizzle-orm";
import { type Condition, type Db, ifChanged, type Statement } from "#platform/db.ts";
import { type ContractEntry, contractEntries, contracts } from "./tables.ts";

export type NewEntry = Pick<ContractEntry, "uid" | "at" | "amount" | "description"> & {
  [K in "service" | "periodStart" | "periodEnd" | "key"]?: ContractEntry[K] | undefined;
};

/** Books a line and its sum together: nothing is booked twice under one key, nor for a contract that is not there. */
export function bookEntry(db: Db, operator: string, entry: NewEntry): [Statement, Statement] {
  return bookEntryWhere(db, operator, entry, sql`true`);
}

/** The same, as far as `condition` holds: `ifChanged` for a line that follows the statement before it. */
export function bookEntryWhere(
  db: Db,
  operator: string,
  { uid, at, amount, description, service = null, periodStart = null, periodEnd = null, key = null }: NewEntry,
  condition: Condition,
): [Statement, Statement] {
  const line = db
    .insert(contractEntries)
    .select(
      sql`SELECT NULL, ${operator}, uid, ${at.getTime()}, ${amount}, ${description}, ${service}, ${periodStart}, ${periodEnd}, ${key}
        FROM contracts WHERE operator = ${operator} AND uid = ${uid} AND ${condition}`,
    )
    .onConflictDoNothing()
    .returning({ id: contractEntries.id });
  const sum = db
    .update(contracts)
    .set({ balance: sql`${contracts.balance} + ${amount}` })
    .where(and(eq(contracts.operator, operator), eq(contracts.uid, uid), ifChanged));
  return [line, sum];
}

/** A condition for `bookEntryWhere`, narrowed to the contract of then: its number may be another customer's since. */
export const forContractOf = (condition: Condition, login: string, at: Date): Condition =>
  sql`${condition} AND (login = ${login} OR created_at <= ${at.getTime()})`;

export function entriesOf(db: Db, operator: string, uid: number, time: { from: Date; until: Date }, limit: number) {
  const { at, id } = contractEntries;
  return db
    .select()
    .from(contractEntries)
    .where(and(mine(operator, uid), gte(at, time.from), lt(at, time.until)))
    .orderBy(desc(at), desc(id))
    .limit(limit);
}

export function entryOf(db: Db, operator: string, uid: number, id: number) {
  return db
    .select()
    .from(contractEntries)
    .where(and(mine(operator, uid), eq(contractEntries.id, id)))
    .get();
}

export function entryByKey(db: Db, operator: string, key: string) {
  return db
    .select({ id: contractEntries.id, uid: contractEntries.uid })
    .from(contractEntries)
    .where(and(eq(contractEntries.operator, operator), eq(contractEntries.key, key)));
}

const mine = (operator: string, uid: number) =>
  and(eq(contractEntries.operator, operator), eq(contractEntries.uid, uid));
