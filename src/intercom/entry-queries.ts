import { and, asc, between, eq, inArray, or, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import { contractDeviceStates, contracts } from "#operator/tables.ts";
import { compared, type Db } from "#platform/db.ts";
import type { KeyForms } from "#premises/key-forms.ts";
import { events } from "#premises/log/tables.ts";
import { isContractOfRight, isStateOfRight, serviceState } from "#premises/state-queries.ts";
import { devices, doors, rights } from "#premises/tables.ts";

/** How a reader names its door: a plate camera by its own and its side, a controller by its serial number. */
export type DoorName = { rubetekUuid: string; rubetekExt: number } | { z5rSerial: string };

/** What somebody shows at a door. A billing may have said itself whose plate it is. */
export type Pass = { plate: string; uid: number | undefined } | { keys: KeyForms };

const named = (operator: string, name: DoorName) =>
  "z5rSerial" in name
    ? and(eq(doors.operator, operator), eq(doors.z5rSerial, name.z5rSerial))
    : and(
        eq(doors.operator, operator),
        eq(doors.rubetekUuid, name.rubetekUuid),
        eq(sql`coalesce(${doors.rubetekExt}, 0)`, name.rubetekExt),
      );

function hasPass(operator: string, pass: Pass): SQL {
  if ("keys" in pass) {
    const among = (forms: readonly string[]) => sql`FROM keys INDEXED BY keys_key WHERE operator = ${operator}
      AND key IN (SELECT value FROM json_each(${JSON.stringify(forms)}))`;
    const { straight, reversed } = pass.keys;
    return sql`(${rights.uid} IN (SELECT uid ${among(straight)})
      OR ${rights.uid} IN (SELECT uid ${among(reversed)}) AND NOT EXISTS (SELECT 1 ${among(straight)}))`;
  }
  const registered = sql`${rights.uid} IN (SELECT uid FROM plates WHERE operator = ${operator} AND plate = ${pass.plate})`;
  return pass.uid === undefined ? registered : or(eq(rights.uid, pass.uid), registered)!;
}

/** The doors of that name whose lock is active. */
export function doorsNamed(db: Db, operator: string, name: DoorName) {
  return db
    .select({ id: doors.id })
    .from(doors)
    .innerJoin(devices, and(eq(devices.deviceId, doors.deviceId), eq(devices.isActive, true)))
    .where(named(operator, name))
    .orderBy(asc(doors.id));
}

/** Who may come in there with that: each contract that it belongs to and that has a right to the lock, with its service state. */
export function entrants(db: Db, operator: string, name: DoorName, pass: Pass) {
  const cam = alias(devices, "cam");
  return db
    .select({
      uid: rights.uid,
      doorId: doors.id,
      lockId: doors.deviceId,
      cameraId: doors.cam,
      title: cam.title,
      state: serviceState,
    })
    .from(doors)
    .innerJoin(
      devices,
      and(eq(devices.deviceId, doors.deviceId), eq(devices.isActive, true), inArray(devices.type, [3])),
    )
    .innerJoin(cam, eq(cam.deviceId, doors.cam))
    .innerJoin(rights, and(eq(compared(rights.operator), operator), eq(rights.deviceId, doors.deviceId)))
    .leftJoin(contracts, isContractOfRight(operator))
    .leftJoin(contractDeviceStates, isStateOfRight(operator))
    .where(and(named(operator, name), hasPass(operator, pass)))
    .orderBy(asc(rights.uid), asc(doors.id))
    .limit(20);
}

/** An event like this one in the same home, around the same time. */
export function likeEvent(db: Db, operator: string, event: Like, [from, to]: [Date, Date]) {
  return db
    .select({ id: events.id })
    .from(events)
    .where(
      and(
        ...[eq(events.operator, operator), eq(events.uid, event.uid), between(events.at, from, to)],
        ...[eq(events.kind, event.kind), eq(events.deviceId, event.deviceId), eq(events.detail, event.detail)],
      ),
    )
    .limit(1);
}

interface Like {
  uid: number;
  kind: number;
  deviceId: number;
  detail: string;
}
