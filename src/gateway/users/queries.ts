import { and, eq, inArray, isNotNull, isNull, lt, ne, type SQL, sql } from "drizzle-orm";
import { accountIdentifiers } from "#identity/accounts/tables.ts";
import { type Condition, compared, type Db, ifChanged } from "#platform/db.ts";
import { gatewayMessages } from "../inbound/tables.ts";
import { type GatewayGrant, type GatewayUser, gatewayGrants, gatewaySeen, gatewayUsers } from "./tables.ts";

/** Where the fingerprints of a user's SMS stand. */
export const scopeOf = (userId: string): string => `user:${userId}`;

/** Who is shut out, or deleted and not yet forgotten here, is nobody. Whom an outside back end keeps has no account. */
const isAllowed: SQL = sql`(gateway_users.account_id IS NULL OR EXISTS (SELECT 1 FROM accounts a
  WHERE a.operator = gateway_users.operator AND a.id = gateway_users.account_id AND a.status = 'active'))`;

const userIs = (operator: string, id: string) => and(eq(gatewayUsers.operator, operator), eq(gatewayUsers.id, id));

export function allowedUser(db: Db, operator: string, id: string) {
  return db
    .select()
    .from(gatewayUsers)
    .where(and(userIs(operator, id), isAllowed));
}

export function allowedUserByHash(db: Db, operator: string, msisdnHash: string) {
  return db
    .select()
    .from(gatewayUsers)
    .where(and(eq(gatewayUsers.operator, operator), eq(gatewayUsers.msisdnHash, msisdnHash), isAllowed))
    .get();
}

export function userById(db: Db, operator: string, id: string) {
  return db.select().from(gatewayUsers).where(userIs(operator, id));
}

export function isHashTaken(db: Db, operator: string, msisdnHash: string) {
  return db
    .select({ id: gatewayUsers.id })
    .from(gatewayUsers)
    .where(and(eq(gatewayUsers.operator, operator), eq(gatewayUsers.msisdnHash, msisdnHash)))
    .get();
}

export function insertUser(db: Db, user: typeof gatewayUsers.$inferInsert) {
  return db.insert(gatewayUsers).values(user);
}

/** Changes a user who is there. */
export function updateUser(db: Db, operator: string, id: string, change: Partial<Pick<GatewayUser, "name" | "phc">>) {
  return db
    .update(gatewayUsers)
    .set({ id, ...change })
    .where(userIs(operator, id))
    .returning({ id: gatewayUsers.id });
}

/** Replaces a hash by one that costs as much as today's do, unless the password has changed meanwhile. */
export function upgradeHash(db: Db, operator: string, id: string, { from, to }: { from: string; to: string }) {
  return db
    .update(gatewayUsers)
    .set({ phc: to })
    .where(and(userIs(operator, id), eq(gatewayUsers.phc, from)))
    .returning({ id: gatewayUsers.id });
}

export interface Keys {
  publicPem: string;
  label: "sha1" | "sha256";
  sealed: string;
  msisdnHash: string | null;
}

/** Sets the keys of a user who is there. Their number's hash is known already. */
export function setKeys(db: Db, operator: string, id: string, { publicPem, label, sealed }: Keys, now: Date) {
  return db
    .update(gatewayUsers)
    .set({ publicKey: publicPem, label, sharedKey: sealed, syncedAt: now })
    .where(userIs(operator, id))
    .returning({ id: gatewayUsers.id });
}

/** Sets the keys of somebody whom an outside back end keeps, who may be new here. */
export function setOutsideKeys(db: Db, operator: string, id: string, keys: Keys, now: Date) {
  const { publicPem, label, sealed, msisdnHash } = keys;
  const set = { publicKey: publicPem, label, sharedKey: sealed, syncedAt: now };
  return db
    .insert(gatewayUsers)
    .values({ operator, id, ...set, msisdnHash, createdAt: now })
    .onConflictDoUpdate({
      target: [gatewayUsers.operator, gatewayUsers.id],
      set: { ...set, ...(msisdnHash !== null && { msisdnHash }) },
    })
    .returning({ id: gatewayUsers.id });
}

const NO_KEYS = { publicKey: null, label: null, sharedKey: null, syncedAt: null };

/** A number that had another user is this one's now: the other one loses it, and the keys with it. */
export function freeHash(db: Db, operator: string, msisdnHash: string, id: string) {
  const others = and(
    eq(gatewayUsers.operator, operator),
    eq(gatewayUsers.msisdnHash, msisdnHash),
    ne(gatewayUsers.id, id),
  );
  return [
    deleteSeenOf(db, operator, others),
    db.delete(gatewayUsers).where(and(others, isNull(gatewayUsers.accountId))),
    db
      .update(gatewayUsers)
      .set({ msisdnHash: null, ...NO_KEYS })
      .where(others),
  ] as const;
}

/** What a user has sent cannot be opened by a new key, so it need not be known any more. */
export function deleteSeen(db: Db, operator: string, userId: string) {
  return db.delete(gatewaySeen).where(and(eq(gatewaySeen.operator, operator), eq(gatewaySeen.scope, scopeOf(userId))));
}

function deleteSeenOf(db: Db, operator: string, users: SQL | undefined, onlyIf?: SQL) {
  const scopes = db
    .select({ scope: sql<string>`'user:' || ${gatewayUsers.id}` })
    .from(gatewayUsers)
    .where(users);
  return db
    .delete(gatewaySeen)
    .where(and(eq(gatewaySeen.operator, operator), inArray(gatewaySeen.scope, scopes), onlyIf));
}

export function grantsOf(db: Db, operator: string, userId: string) {
  return db
    .select()
    .from(gatewayGrants)
    .where(and(eq(gatewayGrants.operator, operator), eq(gatewayGrants.userId, userId)));
}

export function grantAt(db: Db, operator: string, userId: string, platform: string) {
  const isOfUser = and(eq(gatewayGrants.operator, operator), eq(gatewayGrants.userId, userId));
  return db
    .select()
    .from(gatewayGrants)
    .where(and(isOfUser, eq(gatewayGrants.platform, platform)))
    .get();
}

/** Writes a grant down, if its user is (still) there. */
export function insertGrant(
  db: Db,
  operator: string,
  { userId, platform, sealed }: Pick<GatewayGrant, "userId" | "platform" | "sealed">,
) {
  return db
    .insert(gatewayGrants)
    .select(
      sql`SELECT operator, id, ${platform}, ${sealed} FROM gateway_users WHERE operator = ${operator} AND id = ${userId}`,
    );
}

export function deleteGrants(db: Db, operator: string, userId: string) {
  return db.delete(gatewayGrants).where(and(eq(gatewayGrants.operator, operator), eq(gatewayGrants.userId, userId)));
}

/** What a user has sent: what waits, what is dead, and what is remembered of the published. */
export function deleteMessages(db: Db, operator: string, userId: string) {
  return db
    .delete(gatewayMessages)
    .where(and(eq(gatewayMessages.operator, operator), eq(gatewayMessages.userId, userId)));
}

export function deleteUser(db: Db, operator: string, id: string) {
  return db.delete(gatewayUsers).where(userIs(operator, id)).returning({ id: gatewayUsers.id });
}

/** The numbers, without their plus, that the user's account has proven. */
export function phonesOfUser(db: Db, operator: string, id: string) {
  const account = db.select({ id: gatewayUsers.accountId }).from(gatewayUsers).where(userIs(operator, id));
  return db
    .select({ value: accountIdentifiers.value })
    .from(accountIdentifiers)
    .where(
      and(
        eq(accountIdentifiers.operator, operator),
        inArray(accountIdentifiers.accountId, account),
        eq(compared(accountIdentifiers.type), "phone"),
        isNotNull(accountIdentifiers.verifiedAt),
      ),
    );
}

const FORGET = "forget";

/** Takes the keys from whoever has the number, by an order that counts once. */
export function forgetByOrder(
  db: Db,
  operator: string,
  { msisdnHash, fingerprint }: { msisdnHash: string; fingerprint: string },
  now: Date,
) {
  const whose = and(eq(gatewayUsers.operator, operator), eq(gatewayUsers.msisdnHash, msisdnHash));
  return [
    db.insert(gatewaySeen).values({ operator, scope: FORGET, fingerprint, seenAt: now }).onConflictDoNothing(),
    db.update(gatewayUsers).set(NO_KEYS).where(and(whose, ifChanged)),
    deleteSeenOf(db, operator, whose, ifChanged),
  ] as const;
}

/** Deletes orders of before `time`. */
export function deleteOldOrders(db: Db, operator: string, time: Date) {
  return db
    .delete(gatewaySeen)
    .where(and(eq(gatewaySeen.operator, operator), sql`scope = 'forget'`, lt(gatewaySeen.seenAt, time)));
}

/** Deletes the users whose accounts a subquery names, with all that hangs on them. */
export function deleteUsersOf(db: Db, operator: string, accounts: Condition) {
  const theirs = and(eq(gatewayUsers.operator, operator), sql`${gatewayUsers.accountId} IN (${accounts})`);
  const ids = db.select({ id: gatewayUsers.id }).from(gatewayUsers).where(theirs);
  return [
    deleteSeenOf(db, operator, theirs),
    db.delete(gatewayGrants).where(and(eq(gatewayGrants.operator, operator), inArray(gatewayGrants.userId, ids))),
    db.delete(gatewayMessages).where(and(eq(gatewayMessages.operator, operator), inArray(gatewayMessages.userId, ids))),
    db.delete(gatewayUsers).where(theirs),
  ] as const;
}
