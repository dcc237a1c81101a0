import { and, asc, eq, type SQL, sql } from "drizzle-orm";
import { contractDeviceStates, contracts } from "#operator/tables.ts";
import { compared, type Db } from "#platform/db.ts";
import type { Role } from "./guests/roles.ts";
import { isContractOfRight, isStateOfRight, serviceState } from "./state-queries.ts";
import { cameraGrants, cameraRevocations, devices, doors, type Home, homes, rights } from "./tables.ts";

/**
 * Whose contracts: those of a phone, which the database knows itself (BILLING=local), or those that a billing has
 * named. Either way one statement, so that the whole of an answer is one batch.
 */
export type Whose = { phone: string; at: Date } | { uids: readonly number[] };

// A guest is let in by an owner, and only for as long as that one is an owner: hence the look at `granted_by`.
export function uidsOf(operator: string, whose: Whose): SQL {
  if ("uids" in whose) return sql`(SELECT value AS uid FROM json_each(${JSON.stringify(whose.uids)}))`;
  return sql`(SELECT uid FROM contract_phones WHERE operator = ${operator} AND phone = ${whose.phone}
    UNION SELECT g.uid FROM guests AS g
      CROSS JOIN contract_phones AS o ON o.operator = g.operator AND o.phone = g.granted_by AND o.uid = g.uid
      WHERE g.operator = ${operator} AND g.phone = ${whose.phone} AND g.expires_at > ${whose.at.getTime()})`;
}

/** What the phone is to the contract of the row. Contracts that a billing has named say it themselves. */
function roleOf(operator: string, whose: Whose): SQL<Role> {
  if ("uids" in whose) return sql<Role>`'owner'`;
  return sql<Role>`iif(EXISTS (SELECT 1 FROM contract_phones AS o
      WHERE o.operator = ${operator} AND o.phone = ${whose.phone} AND o.uid = contracts.uid), 'owner',
    (SELECT g.type FROM guests AS g
      WHERE g.operator = ${operator} AND g.uid = contracts.uid AND g.phone = ${whose.phone}))`;
}

export function contractsOf(db: Db, operator: string, whose: Whose) {
  return db
    .select({
      uid: contracts.uid,
      login: contracts.login,
      address: contracts.address,
      flat: contracts.flat,
      services: contracts.services,
      clientName: contracts.clientName,
      isConfirmed: contracts.isConfirmed,
      role: roleOf(operator, whose),
    })
    .from(contracts)
    .where(and(eq(contracts.operator, operator), sql`${contracts.uid} IN ${uidsOf(operator, whose)}`))
    .orderBy(asc(contracts.uid));
}

/** Every active device of these contracts with its service state; null where only a remote billing knows it. */
export function devicesOf(db: Db, operator: string, whose: Whose) {
  return db
    .select({
      uid: rights.uid,
      id: devices.deviceId,
      type: devices.type,
      uuid: devices.uuid,
      url: devices.url,
      title: devices.title,
      latitude: devices.latitude,
      longitude: devices.longitude,
      recordDays: devices.recordDays,
      serverType: devices.serverType,
      hlsMode: devices.hlsMode,
      hasSound: devices.hasSound,
      secrets: sql<string | null>`CASE WHEN ${devices.serverType} <> 'flussonic' THEN ${devices.secrets} END`.as(
        "media_secrets",
      ),
      state: serviceState,
    })
    .from(rights)
    .innerJoin(devices, and(eq(devices.deviceId, rights.deviceId), eq(devices.isActive, true)))
    .leftJoin(contracts, isContractOfRight(operator))
    .leftJoin(contractDeviceStates, isStateOfRight(operator))
    .where(and(eq(rights.operator, operator), sql`${rights.uid} IN ${uidsOf(operator, whose)}`))
    .orderBy(asc(rights.uid), asc(rights.deviceId));
}

export function doorsOf(db: Db, operator: string, whose: Whose) {
  return db
    .select({
      uid: rights.uid,
      id: doors.id,
      lockId: doors.deviceId,
      cameraId: doors.cam,
      icon: doors.icon,
      entrance: doors.entrance,
      name: doors.name,
    })
    .from(rights)
    .innerJoin(doors, and(eq(doors.operator, rights.operator), eq(doors.deviceId, rights.deviceId)))
    .where(and(eq(rights.operator, operator), sql`${rights.uid} IN ${uidsOf(operator, whose)}`))
    .orderBy(asc(rights.uid), asc(doors.id));
}

/** How a door is opened: the sealed URL and the method. */
export function doorById(db: Db, operator: string, id: number) {
  return db
    .select()
    .from(doors)
    .where(and(eq(doors.operator, operator), eq(doors.id, id)))
    .get();
}

export function homesBy(db: Db, operator: string, whose: Whose) {
  return db
    .select()
    .from(homes)
    .where(and(eq(homes.operator, operator), sql`${homes.uid} IN ${uidsOf(operator, whose)}`));
}

/** Makes the settings of a contract that has none. */
export function insertHome(db: Db, home: Pick<Home, "operator" | "uid" | "doorCode">) {
  return db.insert(homes).values(home).onConflictDoNothing();
}

export function updateHome(db: Db, operator: string, uid: number, change: Partial<Home>) {
  return db
    .update(homes)
    .set(change)
    .where(and(eq(homes.operator, operator), eq(homes.uid, uid)))
    .returning();
}

/** The camera tokens that this session holds, to hand the same one out again. */
export function grantsOf(db: Db, operator: string, sessionId: string, now: Date) {
  return db
    .select({ digest: cameraGrants.digest, issuedAt: cameraGrants.issuedAt })
    .from(cameraGrants)
    .where(
      and(
        eq(cameraGrants.operator, operator),
        eq(cameraGrants.sessionId, sessionId),
        sql`${compared(cameraGrants.expiresAt)} > ${now.getTime()}`,
      ),
    );
}

/** When tokens of these contracts, or of the person themselves, were last revoked. */
export function revocationsOf(db: Db, operator: string, whose: Whose, account: number) {
  return db
    .select({ subject: cameraRevocations.subject, revokedAt: cameraRevocations.revokedAt })
    .from(cameraRevocations)
    .where(
      and(
        eq(cameraRevocations.operator, operator),
        sql`${cameraRevocations.subject} IN (SELECT 'c' || own.uid FROM ${uidsOf(operator, whose)} AS own
          UNION ALL SELECT ${`a${account}`})`,
      ),
    );
}

/** Phones that hold living camera tokens, those whose billing was asked longest ago first, with all that their tokens open. */
export function grantsToReview(db: Db, operator: string, reviewedBefore: Date, now: Date, limit: number) {
  return db.all<{ phone: string; accountId: string; contracts: string; streams: string }>(sql`
    WITH due AS (
      SELECT g.account_id, i.value AS phone, min(g.reviewed_at) AS reviewed_at
      FROM camera_grants AS g
      CROSS JOIN account_identifiers AS i INDEXED BY account_identifiers_account
        ON i.operator = g.operator AND i.account_id = g.account_id AND +i.type = 'phone' AND i.verified_at IS NOT NULL
      WHERE g.operator = ${operator} AND g.expires_at > ${now.getTime()} AND g.reviewed_at < ${reviewedBefore.getTime()}
        AND NOT ${isRevoked}
      GROUP BY g.account_id ORDER BY reviewed_at LIMIT ${limit})
    SELECT due.phone, g.account_id AS accountId, g.contracts, g.streams
    FROM due
    CROSS JOIN camera_grants AS g
      ON g.operator = ${operator} AND +g.account_id = due.account_id AND g.expires_at > ${now.getTime()}
        AND NOT ${isRevoked}`);
}

// What is revoked already is not looked at again: it would go on looking too wide, and take everybody's token with it each time.
const isRevoked = sql`EXISTS (SELECT 1 FROM camera_revocations AS r
  WHERE r.operator = g.operator AND r.revoked_at >= g.issued_at AND r.subject IN (
    SELECT 'c' || value FROM json_each(g.contracts)
    UNION ALL SELECT 'a' || a.n FROM accounts AS a WHERE a.operator = g.operator AND a.id = g.account_id))`;

export function markReviewed(db: Db, operator: string, accountIds: readonly string[], at: Date) {
  return db
    .update(cameraGrants)
    .set({ reviewedAt: at })
    .where(
      and(
        eq(cameraGrants.operator, operator),
        sql`${cameraGrants.accountId} IN (SELECT value FROM json_each(${JSON.stringify(accountIds)}))`,
      ),
    );
}
