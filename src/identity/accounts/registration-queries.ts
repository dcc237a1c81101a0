import { and, eq, inArray, isNull, ne, notExists, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import type { Db } from "#platform/db.ts";
import { identifierIs } from "./queries.ts";
import { type AccountIdentifier, accountIdentifiers, accountPasswords, accounts } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

export type Claimed = Pick<AccountIdentifier, "type" | "value">;

/** Inactive accounts that claim an identifier without having proven it. */
export function inactiveClaimants(db: Db, operator: string, claimed: Claimed, except = "") {
  return db
    .select({ id: accounts.id })
    .from(accountIdentifiers)
    .innerJoin(
      accounts,
      and(eq(accounts.operator, accountIdentifiers.operator), eq(accounts.id, accountIdentifiers.accountId)),
    )
    .where(
      and(
        identifierIs(operator, claimed),
        isNull(accountIdentifiers.verifiedAt),
        eq(accounts.status, "inactive"),
        ne(accounts.id, except),
      ),
    )
    .limit(20)
    .all();
}

export function deleteInactiveAccount(db: Db, operator: string, id: string) {
  return db
    .delete(accounts)
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id), eq(accounts.status, "inactive")))
    .returning({ id: accounts.id });
}

/** What belonged to an account whose row is gone. Where it is not gone, nothing. */
export function deleteRemains(db: Db, operator: string, accountId: string) {
  const account = db
    .select({ one: sql`1` })
    .from(accounts)
    .where(and(eq(accounts.operator, operator), eq(accounts.id, accountId)));
  return [
    db
      .delete(accountIdentifiers)
      .where(
        and(eq(accountIdentifiers.operator, operator), eq(accountIdentifiers.accountId, accountId), notExists(account)),
      ),
    db
      .delete(accountPasswords)
      .where(
        and(eq(accountPasswords.operator, operator), eq(accountPasswords.accountId, accountId), notExists(account)),
      ),
  ] as const;
}

const proven = alias(accountIdentifiers, "proven");

/** Whoever has proven to own the identifier. */
const provenBy = (db: Db, operator: string, { type, value }: Claimed) =>
  db
    .select({ one: sql`1` })
    .from(proven)
    .where(
      and(
        eq(proven.operator, operator),
        eq(proven.type, type),
        eq(proven.value, value),
        sql`${proven.verifiedAt} IS NOT NULL`,
      ),
    );

/** Makes an inactive account active, unless somebody else has proven its identifier by now. Empty when nothing was changed. */
export function activateAccount(db: Db, operator: string, id: string, claimed: Claimed, now: Date) {
  return db
    .update(accounts)
    .set({ status: "active", activatedAt: now, lastLoginAt: now, ver: sql`${accounts.ver} + 1` })
    .where(
      and(
        eq(accounts.operator, operator),
        eq(accounts.id, id),
        eq(accounts.status, "inactive"),
        notExists(provenBy(db, operator, claimed)),
      ),
    )
    .returning({ id: accounts.id, epoch: accounts.epoch });
}

/** Notes that an active account has proven an identifier that it claimed, unless somebody has before. */
export function proveIdentifier(db: Db, operator: string, accountId: string, claimed: Claimed, now: Date) {
  return db
    .update(accountIdentifiers)
    .set({ verifiedAt: now })
    .where(
      and(
        identifierIs(operator, claimed),
        eq(accountIdentifiers.accountId, accountId),
        isNull(accountIdentifiers.verifiedAt),
        inArray(
          accountIdentifiers.accountId,
          db
            .select({ id: accounts.id })
            .from(accounts)
            .where(and(eq(accounts.operator, operator), eq(accounts.id, accountId), eq(accounts.status, "active"))),
        ),
        notExists(provenBy(db, operator, claimed)),
      ),
    )
    .returning({ id: accountIdentifiers.id });
}

/** Everybody else's unproven claim of an identifier is over. */
export function deleteOtherClaims(db: Db, operator: string, accountId: string, claimed: Claimed) {
  return db
    .delete(accountIdentifiers)
    .where(
      and(
        identifierIs(operator, claimed),
        isNull(accountIdentifiers.verifiedAt),
        ne(accountIdentifiers.accountId, accountId),
      ),
    );
}

/** Drops what a registration set as password, unless it is the one whose challenge is answered. Stands before the activation. */
export function dropUnboundPassword(db: Db, operator: string, accountId: string, challengeId: string) {
  const foreign = db
    .select({ id: accounts.id })
    .from(accounts)
    .where(
      and(
        eq(accounts.operator, operator),
        eq(accounts.id, accountId),
        eq(accounts.status, "inactive"),
        sql`${accounts.challengeId} IS NOT ${challengeId}`,
      ),
    );
  return db
    .delete(accountPasswords)
    .where(and(eq(accountPasswords.operator, operator), inArray(accountPasswords.accountId, foreign)));
}
