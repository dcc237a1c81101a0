import { and, asc, eq, gt, isNull, lt, ne, or, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { usedAssertions } from "../tokens/tables.ts";
import { type Controller, controllerCredentials, controllers } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

const known = { controller: controllers, credential: controllerCredentials };

const usable = (now: Date) =>
  and(
    eq(controllerCredentials.operator, controllers.operator),
    eq(controllerCredentials.deviceId, controllers.id),
    isNull(controllerCredentials.revokedAt),
    or(isNull(controllerCredentials.expiresAt), gt(controllerCredentials.expiresAt, now)),
  );

/** The controller with each credential that is good now: a row per credential, one row without where it has none. */
export function credentialsBySerial(db: Db, operator: string, serial: string, now: Date) {
  return db
    .select(known)
    .from(controllers)
    .leftJoin(controllerCredentials, usable(now))
    .where(and(eq(controllers.operator, operator), eq(controllers.serial, serial)))
    .all();
}

/** The same by id, which no two operators' controllers share. */
export function credentialsById(db: Db, operator: string | undefined, id: string, now: Date) {
  return db
    .select(known)
    .from(controllers)
    .leftJoin(controllerCredentials, usable(now))
    .where(and(eq(controllers.id, id), operator === undefined ? undefined : eq(controllers.operator, operator)))
    .all();
}

/** Takes an assertion once; returns nothing where it was taken before. */
export function takeAssertion(db: Db, operator: string, id: string, expiresAt: Date) {
  return db
    .insert(usedAssertions)
    .values({ operator, id, expiresAt })
    .onConflictDoNothing()
    .returning({ id: usedAssertions.id });
}

export function deleteUsedAssertions(db: Db, before: Date) {
  return db.delete(usedAssertions).where(lt(usedAssertions.expiresAt, before));
}

/** Notes that the controller was heard from. */
export function touchController(db: Db, operator: string, id: string, now: Date) {
  return db
    .update(controllers)
    .set({ lastSeenAt: now })
    .where(and(eq(controllers.operator, operator), eq(controllers.id, id)));
}

export function controllerBySerial(db: Db, operator: string, serial: string) {
  return db
    .select()
    .from(controllers)
    .where(and(eq(controllers.operator, operator), eq(controllers.serial, serial)))
    .limit(1);
}

/** One that is not deleted. */
export function controllerById(db: Db, operator: string, id: string) {
  return db
    .select()
    .from(controllers)
    .where(and(eq(controllers.operator, operator), eq(controllers.id, id), ne(controllers.status, "deleted")))
    .limit(1)
    .get();
}

export interface Cut {
  after: string;
  limit: number;
}

export function controllersOfDomain(db: Db, operator: string, domainId: string, cut: Cut) {
  return controllersWhere(db, operator, eq(controllers.domainId, domainId), cut);
}

/** Those that the account owns and has in no domain. */
export function looseControllers(db: Db, operator: string, accountId: string) {
  return db
    .select({ id: controllers.id })
    .from(controllers)
    .where(
      and(
        eq(controllers.operator, operator),
        eq(controllers.ownerAccountId, accountId),
        isNull(compared(controllers.domainId)),
        eq(compared(controllers.status), "claimed"),
      ),
    )
    .limit(1000)
    .all();
}

/** Those that the account owns, and those of the domains that it belongs to now: each found by its own index. */
export function controllersAround(db: Db, operator: string, accountId: string, cut: Cut, now: Date) {
  const around = sql`${controllers.id} IN (
    SELECT o.id FROM controllers o WHERE o.operator = ${operator} AND o.owner_account_id = ${accountId}
    UNION SELECT d.id FROM domain_members m JOIN controllers d ON d.operator = m.operator AND d.domain_id = m.domain_id
      WHERE m.operator = ${operator} AND m.account_id = ${accountId} AND (m.expires_at IS NULL OR m.expires_at > ${now.getTime()}))`;
  return controllersWhere(db, operator, around, cut);
}

function controllersWhere(db: Db, operator: string, which: SQL, { after, limit }: Cut) {
  return db
    .select()
    .from(controllers)
    .where(and(eq(controllers.operator, operator), which, ne(controllers.status, "deleted"), gt(controllers.id, after)))
    .orderBy(asc(controllers.id))
    .limit(limit)
    .all();
}

type Change = Partial<{ [K in keyof Omit<Controller, "operator" | "id" | "serial" | "ver">]: Controller[K] | SQL }>;

/** Changes a controller that is not deleted, if it is as `where` says, and counts its version up. */
export function updateController(db: Db, operator: string, id: string, change: Change, ...where: (SQL | undefined)[]) {
  return db
    .update(controllers)
    .set({ ...change, ver: sql`${controllers.ver} + 1` })
    .where(and(eq(controllers.operator, operator), eq(controllers.id, id), ne(controllers.status, "deleted"), ...where))
    .returning();
}
