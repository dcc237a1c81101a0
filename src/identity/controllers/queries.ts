import { and, eq, gt, isNull, lt, or } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { usedAssertions } from "../tokens/tables.ts";
import { controllerCredentials, controllers } from "./tables.ts";

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
