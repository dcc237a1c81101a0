import { eq, sql } from "drizzle-orm";
import { operators } from "#operator/tables.ts";
import type { Db } from "#platform/db.ts";
import { clients } from "./tables.ts";

/** A client by its id, which no two operators' clients share. */
export function clientById(db: Db, id: string) {
  return db.select().from(clients).where(eq(clients.id, id)).limit(1);
}

/** A client and its operator's row, which the deployment's own operator need not have. */
export function clientAndOperatorById(db: Db, id: string) {
  return db
    .select({ client: clients, operator: operators })
    .from(clients)
    .leftJoin(operators, eq(operators.operator, clients.operator))
    .where(eq(clients.id, id))
    .get();
}

/** Where the web apps of all active clients live. */
export function clientOrigins(db: Db) {
  return db.select({ origins: clients.origins }).from(clients).where(eq(clients.status, "active"));
}

/** In place of an operator: the client's own. */
export const operatorOfClient = (id: string) =>
  sql<string>`(SELECT ${clients.operator} FROM ${clients} WHERE ${clients.id} = ${id})`;
