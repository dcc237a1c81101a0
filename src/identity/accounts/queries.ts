import { and, eq, isNotNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Account, type AccountIdentifier, accountIdentifiers, accountPasswords, accounts } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

export type IdentifierType = AccountIdentifier["type"];

/** Every claim of one phone or address, proven or not. */
export const identifierIs = (operator: string, { type, value }: Pick<AccountIdentifier, "type" | "value">) =>
  and(
    eq(accountIdentifiers.operator, operator),
    eq(accountIdentifiers.type, type),
    eq(accountIdentifiers.value, value),
  );

/** The account that has proven to own the identifier. */
export function accountByIdentifier(db: Db, operator: string, type: IdentifierType, value: string) {
  return db
    .select({
      n: accounts.n,
      id: accounts.id,
      status: accounts.status,
      name: accounts.name,
      patronymic: accounts.patronymic,
      banUntil: accounts.banUntil,
      lastLoginAt: accounts.lastLoginAt,
      twoStep: accounts.twoStep,
    })
    .from(accountIdentifiers)
    .innerJoin(
      accounts,
      and(eq(accounts.operator, accountIdentifiers.operator), eq(accounts.id, accountIdentifiers.accountId)),
    )
    .where(and(identifierIs(operator, { type, value }), isNotNull(accountIdentifiers.verifiedAt)))
    .get();
}

export const accountByPhone = (db: Db, operator: string, phone: string) =>
  accountByIdentifier(db, operator, "phone", phone);

export function accountById(db: Db, operator: string, id: string) {
  return db
    .select()
    .from(accounts)
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)))
    .get();
}

/** An account and its phones and addresses, for one batch. */
export const profileOf = (db: Db, operator: string, id: string) =>
  [
    db
      .select()
      .from(accounts)
      .where(and(eq(accounts.operator, operator), eq(accounts.id, id))),
    db
      .select()
      .from(accountIdentifiers)
      .where(and(eq(accountIdentifiers.operator, operator), eq(accountIdentifiers.accountId, id)))
      .orderBy(accountIdentifiers.createdAt),
  ] as const;

export function insertAccount(db: Db, account: typeof accounts.$inferInsert) {
  return db
    .insert(accounts)
    .values({ ...account, ...folded(account) })
    .returning({ n: accounts.n });
}

/** The form of a name that is searched in. */
const folded = (change: { name?: string | null | undefined }) =>
  change.name === undefined ? {} : { nameFolded: change.name?.toLowerCase() ?? null };

export function insertIdentifier(db: Db, identifier: typeof accountIdentifiers.$inferInsert) {
  return db.insert(accountIdentifiers).values(identifier);
}

export function identifiersOf(db: Db, operator: string, accountId: string) {
  return db
    .select()
    .from(accountIdentifiers)
    .where(and(eq(accountIdentifiers.operator, operator), eq(accountIdentifiers.accountId, accountId)))
    .orderBy(accountIdentifiers.createdAt)
    .all();
}

/** Changes fields of an account that is not deleted, and counts its version up. */
export function updateAccount(
  db: Db,
  operator: string,
  id: string,
  change: Partial<Omit<Account, "n" | "operator" | "id" | "ver" | "nameFolded">>,
  { ver, status }: { ver?: number | undefined; status?: Account["status"] | undefined } = {},
) {
  return db
    .update(accounts)
    .set({ ...change, ...folded(change), ver: sql`${accounts.ver} + 1` })
    .where(
      and(
        eq(accounts.operator, operator),
        eq(accounts.id, id),
        status === undefined ? sql`${accounts.status} <> 'deleted'` : eq(accounts.status, status),
        ver === undefined ? undefined : eq(accounts.ver, ver),
      ),
    )
    .returning({ id: accounts.id, ver: accounts.ver });
}

/** Every access token that the account has is dead from now on. */
export function raiseEpoch(db: Db, operator: string, id: string) {
  return db
    .update(accounts)
    .set({ epoch: sql`${accounts.epoch} + 1` })
    .where(and(eq(accounts.operator, operator), eq(accounts.id, id)));
}

/** Deletes a person who belongs to no domain (any more); every access token of theirs is dead from now on. */
export function markDeleted(db: Db, operator: string, id: string, { now, eraseAt }: { now: Date; eraseAt: Date }) {
  return db
    .update(accounts)
    .set({
      ...{ status: "deleted", deletedAt: now, eraseAt },
      ...{ epoch: sql`${accounts.epoch} + 1`, ver: sql`${accounts.ver} + 1` },
    })
    .where(
      and(
        eq(accounts.operator, operator),
        eq(accounts.id, id),
        sql`${accounts.status} <> 'deleted'`,
        sql`NOT EXISTS (SELECT 1 FROM domain_members m WHERE m.operator = ${operator} AND m.account_id = ${id}
          AND (m.expires_at IS NULL OR m.expires_at > ${now.getTime()}))`,
      ),
    )
    .returning({ id: accounts.id });
}

/** The account is deleted: for what goes with it. */
export const isDeleted = (operator: string, id: string): SQL =>
  sql`EXISTS (SELECT 1 FROM accounts gone WHERE gone.operator = ${operator} AND gone.id = ${id} AND gone.status = 'deleted')`;

/** The phones that an account has proven, as a subquery. */
export const phonesOf = (operator: string, accountId: string): SQL =>
  sql`SELECT value FROM account_identifiers WHERE operator = ${operator} AND account_id = ${accountId}
    AND type = 'phone' AND verified_at IS NOT NULL`;

export function deleteIdentifiers(db: Db, operator: string, accountId: string, onlyIf?: SQL) {
  return db
    .delete(accountIdentifiers)
    .where(and(eq(accountIdentifiers.operator, operator), eq(accountIdentifiers.accountId, accountId), onlyIf));
}

export function passwordOf(db: Db, operator: string, accountId: string) {
  return db
    .select()
    .from(accountPasswords)
    .where(and(eq(accountPasswords.operator, operator), eq(accountPasswords.accountId, accountId)))
    .get();
}

/** Sets the password of an account that is there and not deleted, or that is in that status. */
export function setPassword(
  db: Db,
  operator: string,
  accountId: string,
  phc: string,
  now: Date,
  status?: Account["status"],
) {
  const wanted = status === undefined ? sql`status <> 'deleted'` : sql`status = ${status}`;
  return db
    .insert(accountPasswords)
    .select(
      sql`SELECT operator, id, ${phc}, 0, ${now.getTime()} FROM accounts
        WHERE operator = ${operator} AND id = ${accountId} AND ${wanted}`,
    )
    .onConflictDoUpdate({
      target: [accountPasswords.operator, accountPasswords.accountId],
      set: { phc, changedAt: now, mustReset: false },
    });
}

export function deletePassword(db: Db, operator: string, accountId: string, onlyIf?: SQL) {
  return db
    .delete(accountPasswords)
    .where(and(eq(accountPasswords.operator, operator), eq(accountPasswords.accountId, accountId), onlyIf));
}
