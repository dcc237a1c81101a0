import { and, eq, exists, isNull, ne, or, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import type { Db } from "#platform/db.ts";
import type { Claimed } from "./registration-queries.ts";
import { accountIdentifiers } from "./tables.ts";

export function identifierById(db: Db, operator: string, accountId: string, id: string) {
  return db
    .select()
    .from(accountIdentifiers)
    .where(ofAccount(operator, accountId, id))
    .get();
}

const ofAccount = (operator: string, accountId: string, id: string) =>
  and(
    eq(accountIdentifiers.operator, operator),
    eq(accountIdentifiers.id, id),
    eq(accountIdentifiers.accountId, accountId),
  );

/** Claims an identifier that is to be proven. One that the account claims already goes by the new id; a proven one stays. */
export function claimIdentifier(
  db: Db,
  {
    operator,
    id,
    accountId,
    type,
    value,
    now,
  }: Claimed & { operator: string; id: string; accountId: string; now: Date },
) {
  const { type: typeColumn, value: valueColumn } = accountIdentifiers;
  return db
    .insert(accountIdentifiers)
    .values({ operator, id, accountId, type, value, createdAt: now })
    .onConflictDoUpdate({
      target: [accountIdentifiers.operator, typeColumn, valueColumn, accountIdentifiers.accountId],
      set: { id },
      setWhere: isNull(accountIdentifiers.verifiedAt),
    });
}

/** What the account claims and has not proven, but for one: a person proves one at a time. */
export function deleteUnprovenClaims(db: Db, operator: string, accountId: string, except: string) {
  return db
    .delete(accountIdentifiers)
    .where(
      and(
        eq(accountIdentifiers.operator, operator),
        eq(accountIdentifiers.accountId, accountId),
        isNull(accountIdentifiers.verifiedAt),
        ne(accountIdentifiers.id, except),
      ),
    );
}

const other = alias(accountIdentifiers, "other");

/** Takes an identifier from an account that has another proven one. Two such deletions at once leave one identifier. */
export function deleteIdentifier(db: Db, operator: string, accountId: string, id: string) {
  const another = db
    .select({ one: sql`1` })
    .from(other)
    .where(
      and(
        eq(other.operator, operator),
        eq(other.accountId, accountId),
        ne(other.id, id),
        sql`${other.verifiedAt} IS NOT NULL`,
      ),
    );
  return db
    .delete(accountIdentifiers)
    .where(and(ofAccount(operator, accountId, id), or(isNull(accountIdentifiers.verifiedAt), exists(another))))
    .returning({ id: accountIdentifiers.id });
}
