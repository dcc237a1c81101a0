import { and, asc, desc, eq, getTableColumns, gt, gte, isNotNull, isNull, lt, ne, type SQL, sql } from "drizzle-orm";
import { controllers } from "#identity/controllers/tables.ts";
import { domains } from "#identity/domains/tables.ts";
import { notifications } from "#identity/journal/tables.ts";
import { messages } from "#messaging/tables.ts";
import type { Db } from "#platform/db.ts";

// What support looks up across the operators that an administrator has.

const list = (values: readonly string[]): SQL => sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`;

export function controllersWhere(
  db: Db,
  operators: readonly string[],
  { serial, status }: { serial?: string | undefined; status?: (typeof controllers.$inferSelect)["status"] | undefined },
  after: string,
  limit: number,
) {
  return db
    .select()
    .from(controllers)
    .where(
      and(
        sql`${controllers.operator} IN ${list(operators)}`,
        status === undefined ? ne(controllers.status, "deleted") : eq(controllers.status, status),
        serial === undefined ? undefined : gte(controllers.serial, serial),
        serial === undefined ? undefined : lt(controllers.serial, `${serial}\u{10FFFF}`),
        gt(controllers.id, after),
      ),
    )
    .orderBy(asc(controllers.id))
    .limit(limit);
}

export function controllerAmong(db: Db, operators: readonly string[], id: string) {
  return db
    .select()
    .from(controllers)
    .where(and(eq(controllers.id, id), sql`${controllers.operator} IN ${list(operators)}`))
    .limit(1);
}

/** By id or address, or by a part of the name as it is written, in lower case, or with a capital. */
export function domainsWhere(
  db: Db,
  operators: readonly string[],
  q: string | undefined,
  after: string,
  limit: number,
) {
  return db
    .select()
    .from(domains)
    .where(
      and(
        sql`${domains.operator} IN ${list(operators)}`,
        eq(domains.status, "active"),
        q === undefined
          ? undefined
          : sql`(${domains.id} = ${q} OR ${domains.addressRef} = ${q}
              OR EXISTS (SELECT 1 FROM json_each(${JSON.stringify(spellings(q))}) WHERE instr(${domains.name}, value) > 0))`,
        gt(domains.id, after),
      ),
    )
    .orderBy(asc(domains.id))
    .limit(limit);
}

// SQLite folds the case of Latin letters only.
function spellings(text: string): string[] {
  const lower = text.toLowerCase();
  return [...new Set([text, lower, text.toUpperCase(), lower.replace(/^./u, (first) => first.toUpperCase())])];
}

export function domainAmong(db: Db, operators: readonly string[], id: string) {
  return db
    .select()
    .from(domains)
    .where(and(eq(domains.id, id), eq(domains.status, "active"), sql`${domains.operator} IN ${list(operators)}`))
    .limit(1);
}

export function notificationsWhere(
  db: Db,
  operators: readonly string[],
  { state, after, limit }: { state: "open" | "taken" | undefined; after: string; limit: number },
) {
  return db
    .select()
    .from(notifications)
    .where(
      and(
        sql`${notifications.operator} IN ${list(operators)}`,
        state === "open" ? isNull(notifications.takenAt) : undefined,
        state === "taken" ? isNotNull(notifications.takenAt) : undefined,
        gt(notifications.id, after),
      ),
    )
    .orderBy(asc(notifications.id))
    .limit(limit);
}

/** The latest messages, without their texts. */
export function messagesWhere(db: Db, operators: readonly string[], before: number, limit: number) {
  const { sealed: _, ...told } = getTableColumns(messages);
  return db
    .select(told)
    .from(messages)
    .where(and(sql`${messages.operator} IN ${list(operators)}`, lt(messages.createdAt, new Date(before))))
    .orderBy(desc(messages.createdAt))
    .limit(limit);
}

/** When a message last left by each channel. */
export function lastDelivered(db: Db, operators: readonly string[]) {
  const latest = sql<number | null>`max(${messages.updatedAt})`;
  return db
    .select({ channel: messages.channel, at: latest })
    .from(messages)
    .where(and(sql`${messages.operator} IN ${list(operators)}`, sql`${messages.state} IN ('sent', 'delivered')`))
    .groupBy(messages.channel)
    .orderBy(desc(latest));
}
