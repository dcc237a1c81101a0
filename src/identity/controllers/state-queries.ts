import { and, eq, inArray, isNotNull, isNull, ne, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { updateController } from "./queries.ts";
import { type Controller, controllerCredentials, controllers } from "./tables.ts";

/** For `updateController`: nobody has changed it since; no condition where no version is named. */
export const versionIs = (ver: number | undefined): SQL | undefined =>
  ver === undefined ? undefined : eq(controllers.ver, ver);

const nextEpoch = sql`${controllers.epoch} + 1`;

/** Whatever access token it has is dead from now on. */
export function banned(db: Db, operator: string, id: string, reason: string) {
  const change = { status: "banned" as const, banReason: reason, epoch: nextEpoch };
  return updateController(db, operator, id, change, ne(controllers.status, "banned"));
}

/** Back to what it was: a ban takes neither its owner nor its enrolment away. */
export function unbanned(db: Db, operator: string, id: string) {
  const status = sql`CASE WHEN ${controllers.ownerAccountId} IS NOT NULL THEN 'claimed'
    WHEN ${controllers.enrolledAt} IS NOT NULL THEN 'enrolled' ELSE 'factory' END`;
  return updateController(db, operator, id, { status, banReason: null }, eq(controllers.status, "banned"));
}

const freed = {
  ...{ domainId: null, ownerAccountId: null, claimHash: null, claimedAt: null, enrolledAt: null },
  ...{ name: null, room: null, epoch: nextEpoch },
};

type Seen = Pick<Controller, "id" | "ownerAccountId" | "domainId">;

/** It still is where, and whose, it was when it was looked at. */
const isAsSeen = ({ ownerAccountId, domainId }: Seen): SQL =>
  sql`(${controllers.ownerAccountId} IS ${ownerAccountId} AND ${controllers.domainId} IS ${domainId})`;

/** As it left the factory, but for its claim code, which is used. */
export function resetTo(db: Db, operator: string, seen: Seen) {
  return updateController(
    db,
    operator,
    seen.id,
    { ...freed, status: "factory" },
    inArray(controllers.status, ["factory", "enrolled", "claimed"]),
    isAsSeen(seen),
  );
}

/** Gone for good: the row keeps its serial, so that it cannot come back as another's. */
export function deleted(db: Db, operator: string, seen: Seen) {
  return updateController(db, operator, seen.id, { ...freed, status: "deleted" }, isAsSeen(seen));
}

/** The controller has been reset or deleted: it is not enrolled (any more). */
export const isFreed = (operator: string, id: string): SQL =>
  sql`EXISTS (SELECT 1 FROM controllers f WHERE f.operator = ${operator} AND f.id = ${id} AND f.enrolled_at IS NULL)`;

/** Of a controller that is not enrolled (any more). What the factory wants to see at the next enrolment stays good. */
export function revokeCredentials(db: Db, operator: string, deviceId: string, now: Date) {
  return db
    .update(controllerCredentials)
    .set({ revokedAt: now })
    .where(
      and(credentialIs(operator, deviceId), ne(controllerCredentials.type, "enrolment"), isFreed(operator, deviceId)),
    );
}

/** Behind the entry of a new credential: the one before lives until `until`, one before that no longer. */
export function retireCredentials(
  db: Db,
  operator: string,
  { deviceId, successor, now, until }: { deviceId: string; successor: string; now: Date; until: Date },
) {
  const earlier = and(
    credentialIs(operator, deviceId),
    ne(controllerCredentials.type, "enrolment"),
    ne(controllerCredentials.id, successor),
    sql`EXISTS (SELECT 1 FROM controller_credentials s WHERE s.operator = ${operator} AND s.id = ${successor} AND s.device_id = ${deviceId})`,
  );
  return [
    db
      .update(controllerCredentials)
      .set({ revokedAt: now })
      .where(and(earlier, isNotNull(controllerCredentials.expiresAt))),
    db
      .update(controllerCredentials)
      .set({ expiresAt: until })
      .where(and(earlier, isNull(controllerCredentials.expiresAt))),
  ] as const;
}

const credentialIs = (operator: string, deviceId: string) =>
  and(
    eq(controllerCredentials.operator, operator),
    eq(controllerCredentials.deviceId, deviceId),
    isNull(controllerCredentials.revokedAt),
  );

/** Notes a rotation: one of two at once, and only of a controller that may sign in. */
export function rotated(db: Db, operator: string, { id, ver }: Pick<Controller, "id" | "ver">) {
  return updateController(
    db,
    operator,
    id,
    {},
    eq(controllers.ver, ver),
    inArray(controllers.status, ["enrolled", "claimed"]),
    isNotNull(controllers.enrolledAt),
  );
}
