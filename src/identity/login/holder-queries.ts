import { and, eq, isNotNull, isNull, ne, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { identifierIs } from "../accounts/queries.ts";
import { accountIdentifiers, accountPasswords, accounts } from "../accounts/tables.ts";
import { sessions } from "../sessions/tables.ts";
import { totpSecrets } from "../totp/tables.ts";
import type { Target } from "./targets.ts";

/** Whoever has proven to own the login, or the account itself. */
export type Which = { login: Pick<Target, "type" | "value"> } | { account: string };

/** What signing in has to know of an account: its state, and every way in which its owner can prove who they are. One row, one trip. */
export function holderOf(db: Db, operator: string, which: Which) {
  const id = "account" in which ? sql`${which.account}` : ownerOf(operator, which.login);
  const verified = (type: Target["type"]) =>
    sql<string | null>`(SELECT min(i.value) FROM account_identifiers i WHERE i.operator = ${operator}
      AND i.account_id = accounts.id AND i.type = ${type} AND i.verified_at IS NOT NULL)`;
  const seen = sql<number | null>`(SELECT max(s.last_seen_at) FROM sessions s WHERE s.operator = ${operator}
    AND s.subject_id = accounts.id)`;
  return db
    .select({
      n: accounts.n,
      id: accounts.id,
      status: accounts.status,
      name: accounts.name,
      patronymic: accounts.patronymic,
      banUntil: accounts.banUntil,
      epoch: accounts.epoch,
      twoStep: accounts.twoStep,
      createdAt: accounts.createdAt,
      lastLoginAt: accounts.lastLoginAt,
      /** When any of its sessions was used last, ms. */
      lastSeenAt: seen.as("last_seen"),
      phone: verified("phone").as("phone"),
      email: verified("email").as("email"),
      phc: accountPasswords.phc,
      /** The password is not to open anything any more. */
      mustReset: accountPasswords.mustReset,
      passwordAt: accountPasswords.changedAt,
      totpAt: totpSecrets.confirmedAt,
    })
    .from(accounts)
    .leftJoin(
      accountPasswords,
      and(eq(accountPasswords.operator, accounts.operator), eq(accountPasswords.accountId, accounts.id)),
    )
    .leftJoin(
      totpSecrets,
      and(
        eq(totpSecrets.operator, accounts.operator),
        eq(totpSecrets.ownerId, accounts.id),
        isNotNull(totpSecrets.confirmedAt),
      ),
    )
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)))
    .get();
}

export type Holder = NonNullable<Awaited<ReturnType<typeof holderOf>>>;

const ownerOf = (operator: string, { type, value }: Pick<Target, "type" | "value">) =>
  sql`(SELECT account_id FROM account_identifiers WHERE operator = ${operator} AND type = ${type} AND value = ${value}
    AND verified_at IS NOT NULL)`;

/** Notes that the person signed in. That is no edit, so the version stays. */
export function noteLogin(db: Db, operator: string, id: string, now: Date) {
  return db
    .update(accounts)
    .set({ lastLoginAt: now })
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)));
}

/** Replaces the hash of a password that has just been right, unless the password was changed meanwhile. */
export function upgradePassword(db: Db, operator: string, accountId: string, from: string, to: string) {
  return db
    .update(accountPasswords)
    .set({ phc: to })
    .where(
      and(
        eq(accountPasswords.operator, operator),
        eq(accountPasswords.accountId, accountId),
        eq(accountPasswords.phc, from),
      ),
    );
}

/** Takes a phone or an address away from an account, so that its next owner can have it. */
export function releaseIdentifier(
  db: Db,
  operator: string,
  accountId: string,
  { type, value }: Pick<Target, "type" | "value">,
) {
  return db
    .delete(accountIdentifiers)
    .where(and(identifierIs(operator, { type, value }), eq(accountIdentifiers.accountId, accountId)));
}

/** Earlier sessions of the subject, ended ones too: how many there are, and how many of them on this install. */
export function earlierSessions(
  db: Db,
  operator: string,
  { subjectId, id, installId, ipPrefix }: { subjectId: string; id: string; installId: string | null; ipPrefix: string },
) {
  const isSame =
    installId === null
      ? and(isNull(sessions.installId), eq(sessions.ipPrefix, ipPrefix))
      : eq(sessions.installId, installId);
  return db
    .select({ all: sql<number>`count(*)`, same: sql<number>`coalesce(sum(${isSame}), 0)` })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), eq(sessions.subjectId, subjectId), ne(sessions.id, id)))
    .get();
}
