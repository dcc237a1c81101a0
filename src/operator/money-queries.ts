import { and, asc, eq } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { isOfPhone } from "./queries.ts";
import { contracts } from "./tables.ts";

/** What the contracts of a phone have and owe, by number. */
export function accountsOfPhone(db: Db, operator: string, phone: string) {
  const { uid, login, address, state, balance, services, clientName, payAdvice, tariffs } = contracts;
  return db
    .select({ uid, login, address, state, balance, services, clientName, payAdvice, tariffs })
    .from(contracts)
    .where(isOfPhone(operator, phone))
    .orderBy(asc(uid))
    .all();
}

/** Who a contract is made with. */
export function payerOf(db: Db, operator: string, uid: number) {
  const { clientName, address, login } = contracts;
  return db
    .select({ clientName, address, login })
    .from(contracts)
    .where(and(eq(contracts.operator, operator), eq(contracts.uid, uid)))
    .get();
}
