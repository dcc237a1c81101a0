import { and, asc, eq } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { contractPhones } from "./tables.ts";

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
