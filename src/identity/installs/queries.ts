import { and, eq, gt, isNotNull, isNull, lte, sql } from "drizzle-orm";
import { messages } from "#messaging/tables.ts";
import { type Condition, compared, type Db } from "#platform/db.ts";
import { accountIdentifiers } from "../accounts/tables.ts";
import { sessions } from "../sessions/tables.ts";
import { type AppInstall, appInstalls, residents } from "./tables.ts";

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

export function deleteResident(db: Db, operator: string, accountId: string, onlyIf?: Condition) {
  return db.delete(residents).where(and(eq(residents.operator, operator), eq(residents.accountId, accountId), onlyIf));
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

/** The installs with a push token of living sessions, of whoever has proven one of the phones, and what these people chose. */
export async function installsOfPhones(db: Db, operator: string, phones: readonly string[], now: Date) {
  const rows = await db
    .select({
      phone: accountIdentifiers.value,
      account: appInstalls.accountId,
      session: appInstalls.sessionId,
      platform: appInstalls.platform,
      token: appInstalls.pushToken,
      service: appInstalls.pushService,
      voipToken: appInstalls.voipToken,
      production: appInstalls.production,
      notify: residents.notify,
      money: residents.money,
    })
    .from(accountIdentifiers)
    // A cross join keeps this order: SQLite would rather begin with everybody's sessions.
    .crossJoin(appInstalls)
    .crossJoin(sessions)
    .leftJoin(residents, and(eq(residents.operator, operator), eq(residents.accountId, appInstalls.accountId)))
    .where(
      and(
        eq(accountIdentifiers.operator, operator),
        eq(accountIdentifiers.type, "phone"),
        sql`${accountIdentifiers.value} IN (SELECT value FROM json_each(${JSON.stringify(phones)}))`,
        isNotNull(accountIdentifiers.verifiedAt),
        eq(appInstalls.operator, operator),
        eq(appInstalls.accountId, accountIdentifiers.accountId),
        isNotNull(compared(appInstalls.pushToken)),
        eq(sessions.operator, operator),
        eq(sessions.id, appInstalls.sessionId),
        isNull(compared(sessions.endedAt)),
        gt(compared(sessions.expiresAt), now.getTime()),
      ),
    );
  return rows.flatMap(({ platform, token, notify, money, ...row }) =>
    platform && token ? [{ ...row, platform, token, notify: notify ?? true, money: money ?? true }] : [],
  );
}

/** Nobody is behind this token any more, be it one for pushes or for calls; unless its app has spoken up since. */
export function forgetToken(db: Db, operator: string, token: string, { unlessSince }: { unlessSince?: Date } = {}) {
  const { operator: own, pushToken, voipToken, updatedAt } = appInstalls;
  const old = unlessSince && lte(updatedAt, unlessSince);
  return [
    db
      .update(appInstalls)
      .set({ pushToken: null })
      .where(and(eq(own, operator), eq(pushToken, token), old)),
    db
      .update(appInstalls)
      .set({ voipToken: null })
      .where(and(eq(own, operator), eq(voipToken, token), old)),
  ] as const;
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

export function deleteInstallsOf(db: Db, operator: string, accountId: string, onlyIf?: Condition) {
  return db
    .delete(appInstalls)
    .where(and(eq(appInstalls.operator, operator), eq(appInstalls.accountId, accountId), onlyIf));
}

/** Installs whose sessions ended after `since`. */
export function deleteEndedInstalls(db: Db, operator: string, since: Date) {
  return db.delete(appInstalls).where(and(eq(appInstalls.operator, operator), endedSince(operator, since)));
}

const endedSince = (operator: string, since: Date): Condition =>
  sql`${appInstalls.sessionId} IN (SELECT ${sessions.id} FROM ${sessions}
    WHERE ${sessions.operator} = ${operator} AND ${sessions.endedAt} > ${since.getTime()})`;

/** Lets go what still waits to be pushed to the app of this session: nobody may read it there any more. */
export const endPushesOfSession = (db: Db, operator: string, sessionId: string, now: Date) =>
  endPushes(db, operator, eq(appInstalls.sessionId, sessionId), now);

/** The same for sessions that ended after `since`. */
export const endPushesOfEnded = (db: Db, operator: string, since: Date, now: Date) =>
  endPushes(db, operator, endedSince(operator, since), now);

/** The same for whoever had a push token before this account brought it. */
export const endPushesOfOthers = (db: Db, operator: string, pushToken: string, accountId: string, now: Date) =>
  endPushes(db, operator, sql`push_token = ${pushToken} AND app_installs.account_id <> ${accountId}`, now);

function endPushes(db: Db, operator: string, whose: Condition, now: Date) {
  const tokens = sql`(SELECT push_token FROM app_installs
    WHERE app_installs.operator = ${operator} AND +push_token IS NOT NULL AND ${whose})`;
  return db
    .update(messages)
    .set({ state: "expired", sealed: null, updatedAt: now })
    .where(
      and(
        eq(messages.operator, operator),
        sql`${messages.recipient} IN ${tokens}`,
        eq(compared(messages.state), "queued"),
        eq(messages.channel, "push"),
      ),
    );
}
