import { and, eq, sql } from "drizzle-orm";
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

/** Clients of any operator that are switched off. */
export function disabledClients(db: Db) {
  return db.select({ id: clients.id }).from(clients).where(eq(clients.status, "disabled"));
}

/** Those of them that somebody is still signed in with. */
export function disabledClientsInUse(db: Db, limit: number) {
  const inUse = sql`EXISTS (SELECT 1 FROM sessions s WHERE s.operator = ${clients.operator} AND s.client_id = ${clients.id}
    AND s.ended_at IS NULL)`;
  return db
    .select({ operator: clients.operator, id: clients.id })
    .from(clients)
    .where(and(eq(clients.status, "disabled"), inUse))
    .limit(limit);
}

/** Where the web apps of all active clients live. */
export function clientOrigins(db: Db) {
  return db.select({ origins: clients.origins }).from(clients).where(eq(clients.status, "active"));
}

/** In place of an operator: the client's own. */
export const operatorOfClient = (id: string) =>
  sql<string>`(SELECT ${clients.operator} FROM ${clients} WHERE ${clients.id} = ${id})`;
