import { and, asc, eq, sql } from "drizzle-orm";
import { accountIdentifiers } from "#identity/accounts/tables.ts";
import { residents } from "#identity/installs/tables.ts";
import type { Db } from "#platform/db.ts";
import { type EventChoice, eventSubscriptions } from "./tables.ts";

/** The resident's switches; no row means that all are on. */
export function switchesOf(db: Db, operator: string, accountId: string) {
  return db
    .select({ notify: residents.notify, money: residents.money })
    .from(residents)
    .where(and(eq(residents.operator, operator), eq(residents.accountId, accountId)));
}

export function subscriptionsOf(db: Db, operator: string, accountId: string) {
  return db
    .select({ uid: eventSubscriptions.uid, kinds: eventSubscriptions.kinds })
    .from(eventSubscriptions)
    .where(and(eq(eventSubscriptions.operator, operator), eq(eventSubscriptions.accountId, accountId)))
    .orderBy(asc(eventSubscriptions.uid));
}

export function upsertSubscription(db: Db, row: typeof eventSubscriptions.$inferInsert) {
  const { operator, accountId, uid } = eventSubscriptions;
  return db
    .insert(eventSubscriptions)
    .values(row)
    .onConflictDoUpdate({ target: [operator, accountId, uid], set: { kinds: row.kinds } });
}

export function deleteSubscription(db: Db, operator: string, accountId: string, uid: number) {
  const own = eventSubscriptions;
  return db.delete(own).where(and(eq(own.operator, operator), eq(own.accountId, accountId), eq(own.uid, uid)));
}

/** The phones of those who want to know of such events in a home. */
export function subscribersOf(db: Db, operator: string, uid: number, choice: EventChoice) {
  const [own, identifiers] = [eventSubscriptions, accountIdentifiers];
  return db
    .select({ phone: identifiers.value })
    .from(own)
    .innerJoin(
      identifiers,
      and(
        ...[eq(identifiers.operator, own.operator), eq(identifiers.accountId, own.accountId)],
        ...[eq(identifiers.type, "phone"), sql`${identifiers.verifiedAt} IS NOT NULL`],
      ),
    )
    .where(
      and(
        ...[eq(own.operator, operator), eq(own.uid, uid)],
        sql`${choice} IN (SELECT value FROM json_each(${own.kinds}))`,
      ),
    );
}
