import { eq, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { clients } from "./tables.ts";

/** A client by its id, which no two operators' clients share. */
export function clientById(db: Db, id: string) {
  return db.select().from(clients).where(eq(clients.id, id)).limit(1);
}

/** Where the web apps of all active clients live. */
export function clientOrigins(db: Db) {
  return db.select({ origins: clients.origins }).from(clients).where(eq(clients.status, "active"));
}

/** In place of an operator: the client's own. */
export const operatorOfClient = (id: string) =>
  sql<string>`(SELECT ${clients.operator} FROM ${clients} WHERE ${clients.id} = ${id})`;
