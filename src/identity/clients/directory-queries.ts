import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Client, clients } from "./tables.ts";

const isAmong = (operators: readonly string[]) =>
  sql`${clients.operator} IN (SELECT value FROM json_each(${JSON.stringify(operators)}))`;

export function clientsAmong(db: Db, operators: readonly string[], cursor: string, limit: number) {
  return db
    .select()
    .from(clients)
    .where(and(isAmong(operators), gt(clients.id, cursor)))
    .orderBy(asc(clients.id))
    .limit(limit);
}

export function clientAmong(db: Db, operators: readonly string[], id: string) {
  return db
    .select()
    .from(clients)
    .where(and(eq(clients.id, id), isAmong(operators)))
    .limit(1);
}

export function insertClient(db: Db, client: typeof clients.$inferInsert) {
  return db.insert(clients).values(client).returning();
}

export function updateClient(
  db: Db,
  operator: string,
  id: string,
  change: Partial<Omit<Client, "operator" | "id" | "kind" | "createdAt" | "ver">>,
  ver: number | undefined,
) {
  return db
    .update(clients)
    .set({ ...change, ver: sql`${clients.ver} + 1` })
    .where(
      and(eq(clients.operator, operator), eq(clients.id, id), ver === undefined ? undefined : eq(clients.ver, ver)),
    )
    .returning();
}
