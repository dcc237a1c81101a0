import { and, eq, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { sessions } from "../sessions/tables.ts";
import { type AppInstall, appInstalls, residents } from "./tables.ts";

export function residentBy(db: Db, operator: string, accountId: string) {
  return db
    .select()
    .from(residents)
    .where(and(eq(residents.operator, operator), eq(residents.accountId, accountId)))
    .get();
}

/** Changes the given switches; a resident without a row has both on. */
export function upsertResident(
  db: Db,
  operator: string,
  accountId: string,
  change: { notify?: boolean; money?: boolean },
) {
  return db
    .insert(residents)
    .values({ operator, accountId, ...change })
    .onConflictDoUpdate({ target: [residents.operator, residents.accountId], set: { accountId, ...change } })
    .returning();
}

export function deleteResident(db: Db, operator: string, accountId: string) {
  return db.delete(residents).where(and(eq(residents.operator, operator), eq(residents.accountId, accountId)));
}

export function installBy(db: Db, operator: string, sessionId: string) {
  return db
    .select()
    .from(appInstalls)
    .where(and(eq(appInstalls.operator, operator), eq(appInstalls.sessionId, sessionId)))
    .get();
}

export type InstallChange = Partial<Omit<AppInstall, "operator" | "sessionId" | "accountId">> & { updatedAt: Date };

export function upsertInstall(db: Db, operator: string, sessionId: string, accountId: string, change: InstallChange) {
  return db
    .insert(appInstalls)
    .values({ operator, sessionId, accountId, ...change })
    .onConflictDoUpdate({ target: [appInstalls.operator, appInstalls.sessionId], set: change });
}

/** A push token belongs to one install: whoever had it before is not that phone any more. */
export function dropPushToken(db: Db, operator: string, pushToken: string) {
  return db
    .update(appInstalls)
    .set({ pushToken: null, voipToken: null })
    .where(and(eq(appInstalls.operator, operator), eq(appInstalls.pushToken, pushToken)));
}

export function deleteInstall(db: Db, operator: string, sessionId: string) {
  return db.delete(appInstalls).where(and(eq(appInstalls.operator, operator), eq(appInstalls.sessionId, sessionId)));
}

export function deleteInstallsOf(db: Db, operator: string, accountId: string) {
  return db.delete(appInstalls).where(and(eq(appInstalls.operator, operator), eq(appInstalls.accountId, accountId)));
}

/** Installs whose sessions ended after `since`. */
export function deleteEndedInstalls(db: Db, operator: string, since: Date) {
  return db.delete(appInstalls).where(
    and(
      eq(appInstalls.operator, operator),
      sql`${appInstalls.sessionId} IN (SELECT ${sessions.id} FROM ${sessions}
        WHERE ${sessions.operator} = ${operator} AND ${sessions.endedAt} > ${since.getTime()})`,
    ),
  );
}
