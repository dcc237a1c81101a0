import { and, eq, inArray, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type GatewayUser, gatewayGrants, gatewaySeen, gatewayUsers } from "./tables.ts";

/** Where the fingerprints of a user's SMS stand. */
export const scopeOf = (userId: string): string => `user:${userId}`;

/** Who is shut out, or deleted and not yet forgotten here, is nobody. Whom an outside back end keeps has no account. */
const isAllowed: SQL = sql`(${gatewayUsers.accountId} IS NULL OR EXISTS (SELECT 1 FROM accounts a
  WHERE a.operator = ${gatewayUsers.operator} AND a.id = ${gatewayUsers.accountId} AND a.status = 'active'))`;

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
  return db.update(gatewayUsers).set(change).where(userIs(operator, id)).returning({ id: gatewayUsers.id });
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

function deleteSeenOf(db: Db, operator: string, users: SQL | undefined) {
  const scopes = db
    .select({ scope: sql<string>`'user:' || ${gatewayUsers.id}` })
    .from(gatewayUsers)
    .where(users);
  return db.delete(gatewaySeen).where(and(eq(gatewaySeen.operator, operator), inArray(gatewaySeen.scope, scopes)));
}

export function grantsOf(db: Db, operator: string, userId: string) {
  return db
    .select()
    .from(gatewayGrants)
    .where(and(eq(gatewayGrants.operator, operator), eq(gatewayGrants.userId, userId)));
}
