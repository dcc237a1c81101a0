import { and, eq, inArray, isNotNull, isNull, lt, lte, or, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import type { Actor } from "../journal/journal.ts";
import type { NewCredential } from "./credentials.ts";
import { controllerCredentials, controllers } from "./tables.ts";

export function storeNew(db: Db, controller: typeof controllers.$inferInsert) {
  return db.insert(controllers).values(controller).returning();
}

/** One of two that enrol at once stores nothing: the version has moved on. A claimed controller stays claimed. */
export function storeEnrolment(
  db: Db,
  operator: string,
  { id, ver, fw, now }: { id: string; ver: number; fw: string | null; now: Date },
) {
  return db
    .update(controllers)
    .set({
      status: sql`CASE ${controllers.status} WHEN 'factory' THEN 'enrolled' ELSE ${controllers.status} END`,
      ...{ fw, enrolledAt: now, ver: ver + 1 },
    })
    .where(
      and(
        eq(controllers.operator, operator),
        eq(controllers.id, id),
        eq(controllers.ver, ver),
        isNull(controllers.enrolledAt),
        inArray(controllers.status, ["factory", "enrolled", "claimed"]),
      ),
    )
    .returning();
}

/**
 * Once more, for whoever enrolled it then, as long as nobody has heard from the controller since. One of two at once stores nothing.
 */
export function storeRepeat(
  db: Db,
  operator: string,
  { id, ver, fw, enrolledAt }: { id: string; ver: number; fw: string | null; enrolledAt: Date },
  by: Pick<Actor, "kind" | "id">,
) {
  const isTheirs = sql`EXISTS (SELECT 1 FROM audit_log l WHERE l.operator = ${operator} AND l.target_kind = 'device' AND l.target_id = ${id}
    AND l.action IN ('device.enrolled', 'device.registered') AND l.at = ${enrolledAt.getTime()}
    AND l.actor_kind = ${by.kind} AND l.actor_id = ${by.id})`;
  return db
    .update(controllers)
    .set({ fw, ver: ver + 1 })
    .where(
      and(
        ...[eq(controllers.operator, operator), eq(controllers.id, id), eq(controllers.ver, ver)],
        eq(controllers.enrolledAt, enrolledAt),
        or(isNull(controllers.lastSeenAt), lt(controllers.lastSeenAt, enrolledAt)),
        inArray(controllers.status, ["enrolled", "claimed"]),
        isTheirs,
      ),
    )
    .returning();
}

/** Directly behind the statement that decides it. Fails the batch where another controller has the credential. */
export function insertCredential(db: Db, operator: string, deviceId: string, credential: NewCredential, now: Date) {
  const { id, type, secretHash, jwk } = credential;
  return db
    .insert(controllerCredentials)
    .select(
      sql`SELECT ${operator}, ${id}, ${deviceId}, ${type}, ${secretHash}, ${jwk}, ${now.getTime()}, NULL, NULL WHERE ${ifChanged}`,
    );
}

/** A key that was the controller's own, and no longer is, may be so again. */
export function deleteRevokedCredential(db: Db, operator: string, deviceId: string, id: string, now: Date) {
  return db
    .delete(controllerCredentials)
    .where(
      and(
        eq(controllerCredentials.operator, operator),
        eq(controllerCredentials.id, id),
        eq(controllerCredentials.deviceId, deviceId),
        or(isNotNull(controllerCredentials.revokedAt), lte(controllerCredentials.expiresAt, now)),
      ),
    );
}
