import { and, eq, gt, lt, max, sql } from "drizzle-orm";
import { sessions } from "#identity/sessions/tables.ts";
import type { Db } from "#platform/db.ts";
import { cameraGrants, cameraRevocations, type NewCameraGrant } from "./tables.ts";

/** The session id under which tokens made elsewhere stand in camera_grants; their digest is the token's hash. */
export const OPAQUE = "opaque";

export function sessionsEndedSince(db: Db, operator: string, since: Date) {
  return db
    .select({ id: sessions.id, endedAt: sessions.endedAt })
    .from(sessions)
    .where(and(eq(sessions.operator, operator), gt(sessions.endedAt, since)));
}

/** `subject` is `c<uid>`, or `a` and the account's number. */
export function revocationsSince(db: Db, operator: string, since: Date) {
  return db
    .select({ subject: cameraRevocations.subject, revokedAt: cameraRevocations.revokedAt })
    .from(cameraRevocations)
    .where(and(eq(cameraRevocations.operator, operator), gt(cameraRevocations.revokedAt, since)));
}

/** The time at which the last token that was made elsewhere ends; null when there is none. */
export function lastOpaqueExpiry(db: Db, operator: string) {
  return db
    .select({ until: max(sql`+${cameraGrants.expiresAt}`).mapWith(cameraGrants.expiresAt) })
    .from(cameraGrants)
    .where(and(eq(cameraGrants.operator, operator), eq(cameraGrants.sessionId, OPAQUE)));
}

/** A token that was handed out, from which the same one can be made again. */
export function upsertGrant(db: Db, grant: NewCameraGrant) {
  const { issuedAt, expiresAt } = grant;
  return db
    .insert(cameraGrants)
    .values(grant)
    .onConflictDoUpdate({
      target: [cameraGrants.operator, cameraGrants.sessionId, cameraGrants.digest],
      set: { issuedAt, expiresAt },
    });
}

export function deleteGrantsEndedBy(db: Db, operator: string, at: Date) {
  return db.delete(cameraGrants).where(and(eq(cameraGrants.operator, operator), lt(cameraGrants.expiresAt, at)));
}

export function deleteRevocationsBefore(db: Db, operator: string, at: Date) {
  return db
    .delete(cameraRevocations)
    .where(and(eq(cameraRevocations.operator, operator), lt(cameraRevocations.revokedAt, at)));
}
