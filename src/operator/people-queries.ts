import { and, asc, eq, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { contractPhones, contracts } from "./tables.ts";

export function phonesOfContractRows(db: Db, operator: string, uid: number) {
  return db
    .select({ phone: contractPhones.phone })
    .from(contractPhones)
    .where(and(eq(contractPhones.operator, operator), eq(contractPhones.uid, uid)))
    .orderBy(asc(contractPhones.phone));
}

export function deletePhone(db: Db, operator: string, uid: number, phone: string) {
  return db
    .delete(contractPhones)
    .where(and(eq(contractPhones.operator, operator), eq(contractPhones.uid, uid), eq(contractPhones.phone, phone)));
}

/** Makes a phone one of the contract's; does nothing where it is one, or where there is no such contract. */
export function insertPhone(db: Db, operator: string, uid: number, phone: string) {
  return db
    .insert(contractPhones)
    .select(sql`SELECT operator, ${phone}, uid FROM contracts WHERE operator = ${operator} AND uid = ${uid}`)
    .onConflictDoNothing();
}

/** What signs in at a contract: the hash of its password, null where it has none. */
export function passwordOfContract(db: Db, operator: string, login: string) {
  return db
    .select({ uid: contracts.uid, password: contracts.password })
    .from(contracts)
    .where(and(eq(contracts.operator, operator), eq(contracts.login, login)))
    .get();
}

export function confirmContract(db: Db, operator: string, uid: number) {
  return db
    .update(contracts)
    .set({ isConfirmed: true })
    .where(and(eq(contracts.operator, operator), eq(contracts.uid, uid)));
}
