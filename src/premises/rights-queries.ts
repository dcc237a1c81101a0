import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { encodeTime } from "ulid";
import type { Db, Statement } from "#platform/db.ts";
import { flatCodes, guests } from "./guests/tables.ts";
import { eventSubscriptions, events } from "./log/tables.ts";
import { listed } from "./registry-queries.ts";
import { shItems, shNodes, shRooms } from "./smart-home/tables.ts";
import { cameraRevocations, devices, homes, keys, rights } from "./tables.ts";

export function rightsOfContract(db: Db, operator: string, uid: number) {
  return db
    .select({ deviceId: devices.deviceId, type: devices.type, title: devices.title })
    .from(rights)
    .innerJoin(devices, and(eq(devices.operator, rights.operator), eq(devices.deviceId, rights.deviceId)))
    .where(and(eq(rights.operator, operator), eq(rights.uid, uid)))
    .orderBy(asc(devices.deviceId))
    .all();
}

export function insertRights(db: Db, operator: string, uid: number, deviceIds: readonly number[]) {
  return db
    .insert(rights)
    .select(sql`SELECT ${operator}, ${uid}, value FROM json_each(${JSON.stringify(deviceIds)}) WHERE true`)
    .onConflictDoNothing();
}

export function deleteRights(db: Db, operator: string, uid: number, deviceIds: readonly number[]) {
  return db
    .delete(rights)
    .where(and(eq(rights.operator, operator), eq(rights.uid, uid), sql`${rights.deviceId} IN ${listed(deviceIds)}`));
}

export function upsertKey(db: Db, key: typeof keys.$inferInsert) {
  return db
    .insert(keys)
    .values(key)
    .onConflictDoUpdate({ target: [keys.operator, keys.uid, keys.key], set: { comment: sql`excluded.comment` } });
}

export function deleteKeyRow(db: Db, operator: string, uid: number, key: string) {
  return db.delete(keys).where(and(eq(keys.operator, operator), eq(keys.uid, uid), eq(keys.key, key)));
}

export function keysOfContract(db: Db, operator: string, uid: number) {
  return db
    .select({ key: keys.key, comment: keys.comment })
    .from(keys)
    .where(and(eq(keys.operator, operator), eq(keys.uid, uid)))
    .orderBy(asc(keys.createdAt), asc(keys.key))
    .all();
}

/** Everything that a contract has here. */
export function deleteAllOf(db: Db, operator: string, uid: number): Statement[] {
  const tables = [rights, keys, homes, events, eventSubscriptions, guests, flatCodes, shRooms, shItems];
  const rows = tables.map((table) => db.delete(table).where(and(eq(table.operator, operator), eq(table.uid, uid))));
  const ownNodes = and(eq(shNodes.operator, operator), eq(shNodes.uid, uid));
  return [...rows, db.update(shNodes).set({ uid: null, name: null }).where(ownNodes)];
}

/** Camera tokens that were issued to these contracts until `at` are refused. */
export function revokeCameras(db: Db, operator: string, uids: readonly number[], at: Date) {
  return revoke(db, operator, at, sql`SELECT value AS uid FROM json_each(${JSON.stringify(uids)})`);
}

/** The same for every contract that may see one of these devices, be it through the camera of a door. */
export function revokeCamerasOfDevices(db: Db, operator: string, deviceIds: readonly number[], at: Date) {
  return revoke(
    db,
    operator,
    at,
    sql`SELECT uid FROM rights WHERE +operator = ${operator} AND device_id IN ${listed(deviceIds)}
      UNION SELECT r.uid FROM doors AS d JOIN rights AS r ON r.device_id = d.device_id
      WHERE +d.operator = ${operator} AND +r.operator = ${operator} AND d.cam IN ${listed(deviceIds)}`,
  );
}

/** The same for one contract, if it has a right to one of these devices: to be run before the right is taken. */
export function revokeCamerasOfRights(db: Db, operator: string, uid: number, deviceIds: readonly number[], at: Date) {
  return revoke(
    db,
    operator,
    at,
    sql`SELECT DISTINCT uid FROM rights
      WHERE operator = ${operator} AND uid = ${uid} AND device_id IN ${listed(deviceIds)}`,
  );
}

/** The same for tokens that were issued to these people, whatever contract they come from. */
export function revokeCamerasOfAccounts(db: Db, operator: string, accountIds: readonly string[], at: Date) {
  const people = sql`SELECT 'a' || n AS subject FROM accounts
    WHERE operator = ${operator} AND id IN (SELECT value FROM json_each(${JSON.stringify(accountIds)}))`;
  return revokeSubjects(db, operator, at, people);
}

/** The same for whoever signs in with one of these phones. */
export function revokeCamerasOfPhones(db: Db, operator: string, phones: SQL, at: Date) {
  const people = sql`SELECT 'a' || a.n AS subject FROM (${phones}) AS gone
    CROSS JOIN account_identifiers AS i
      ON i.operator = ${operator} AND i.type = 'phone' AND i.value = gone.phone AND i.verified_at IS NOT NULL
    CROSS JOIN accounts AS a ON a.id = i.account_id AND a.operator = i.operator`;
  return revokeSubjects(db, operator, at, people);
}

/**
 * The same for whoever has lost a domain since, as the events say that are written with every loss: what the signal was to tell, if
 * it got lost. Whoever was revoked since their loss is not revoked again, and keeps the tokens they got meanwhile.
 */
export function revokeCamerasOfLosses(db: Db, operator: string, since: Date, at: Date) {
  const people = sql`SELECT DISTINCT 'a' || a.n AS subject FROM notifications AS e
    JOIN json_each(iif(e.type = 'domain.deleted', coalesce(e.data -> 'accounts', '[]'), json_array(e.data ->> 'account'))) AS who
    JOIN accounts AS a ON a.operator = e.operator AND a.id = who.value
    WHERE e.operator = ${operator} AND e.id >= ${`evt_${encodeTime(since.getTime())}`}
      AND e.type IN ('domain.member_removed', 'domain.deleted') AND NOT EXISTS (SELECT 1 FROM camera_revocations AS r
        WHERE r.operator = e.operator AND r.subject = 'a' || a.n AND r.revoked_at >= e.occurred_at)`;
  return revokeSubjects(db, operator, at, people);
}

// By D1's clock if that is later: a token minted between the caller's look at its own clock and this commit, with the
// rights of before, must not be younger than its revocation. And an earlier `at` never takes a later one back.
function revokeSubjects(db: Db, operator: string, at: Date, subjects: SQL) {
  return db
    .insert(cameraRevocations)
    .select(sql`SELECT ${operator}, subject, max(${at.getTime()}, CAST(unixepoch('subsec') * 1000 AS INTEGER))
      FROM (${subjects}) WHERE true`)
    .onConflictDoUpdate({
      target: [cameraRevocations.operator, cameraRevocations.subject],
      set: { revokedAt: sql`max(${cameraRevocations.revokedAt}, excluded.revoked_at)` },
    });
}

const revoke = (db: Db, operator: string, at: Date, contracts: SQL) =>
  revokeSubjects(db, operator, at, sql`SELECT 'c' || uid AS subject FROM (${contracts})`);
