import { and, asc, eq, or, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { type Device, type Door, devices, doors, type NewDevice, type NewDoor } from "./tables.ts";

// A list of ids is one bound parameter, as JSON: D1 allows a hundred of them in a statement.
export const listed = (ids: readonly number[]): SQL => sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`;

export function insertDevice(db: Db, device: NewDevice) {
  return db.insert(devices).values(device).returning({ deviceId: devices.deviceId });
}

export function updateDevice(db: Db, operator: string, deviceId: number, fields: Partial<Device>) {
  // device_id to itself, because an UPDATE without any column is not SQL.
  return db
    .update(devices)
    .set({ deviceId, ...fields })
    .where(and(eq(devices.operator, operator), eq(devices.deviceId, deviceId)));
}

/** Its doors and everybody's right to it go with it. */
export function deleteDeviceRow(db: Db, operator: string, deviceId: number) {
  return db.delete(devices).where(and(eq(devices.operator, operator), eq(devices.deviceId, deviceId)));
}

export function deviceRow(db: Db, operator: string, deviceId: number) {
  return db
    .select()
    .from(devices)
    .where(and(eq(devices.operator, operator), eq(devices.deviceId, deviceId)))
    .get();
}

/** The SRT camera with this MAC, if it is switched on. */
export function cameraByMac(db: Db, operator: string, mac: string) {
  const { uuid, url, port } = devices;
  return db
    .select({ uuid, url, port })
    .from(devices)
    .where(
      and(
        eq(devices.operator, operator),
        eq(devices.mac, mac),
        sql`mac IS NOT NULL`, // what its index covers
        eq(devices.isActive, true),
        eq(compared(devices.type), 2),
      ),
    )
    .get();
}

export function deviceRows(db: Db, operator: string) {
  return db.select().from(devices).where(eq(devices.operator, operator)).orderBy(asc(devices.deviceId)).all();
}

/** Which of these devices there are, and what each of them is. */
export function deviceTypes(db: Db, operator: string, ids: readonly number[]) {
  return db
    .select({ deviceId: devices.deviceId, type: devices.type })
    .from(devices)
    .where(and(eq(compared(devices.operator), operator), sql`${devices.deviceId} IN ${listed(ids)}`))
    .all();
}

export function devicesAtAddress(db: Db, operator: string, address: string) {
  const { deviceId, title, longitude, latitude } = devices;
  return db
    .select({ deviceId, title, longitude, latitude })
    .from(devices)
    .where(and(eq(devices.operator, operator), eq(devices.address, address)))
    .orderBy(asc(deviceId))
    .all();
}

export interface Place {
  deviceId: number;
  /** Decimal text; null: unknown. */
  latitude: string | null;
  longitude: string | null;
}

export function updatePlaces(db: Db, operator: string, places: readonly Place[]) {
  return db.run(sql`
    UPDATE devices SET latitude = place.value ->> 'latitude', longitude = place.value ->> 'longitude'
    FROM json_each(${JSON.stringify(places)}) AS place
    WHERE +devices.operator = ${operator} AND devices.device_id = place.value ->> 'deviceId'`);
}

export function insertDoor(db: Db, door: NewDoor) {
  return db.insert(doors).values(door).returning({ id: doors.id });
}

export function updateDoor(db: Db, operator: string, id: number, fields: Partial<Door>) {
  return db
    .update(doors)
    .set({ id, ...fields })
    .where(and(eq(doors.operator, operator), eq(doors.id, id)));
}

export function deleteDoorRow(db: Db, operator: string, id: number) {
  return db.delete(doors).where(and(eq(doors.operator, operator), eq(doors.id, id)));
}

export function doorRow(db: Db, operator: string, id: number) {
  return db
    .select()
    .from(doors)
    .where(and(eq(doors.operator, operator), eq(doors.id, id)))
    .get();
}

export function doorRows(db: Db, operator: string) {
  return db.select().from(doors).where(eq(doors.operator, operator)).orderBy(asc(doors.id)).all();
}

/** The doors in which the device is the lock or the camera. */
export function doorsWith(db: Db, operator: string, deviceId: number) {
  return db
    .select({ deviceId: doors.deviceId, cam: doors.cam })
    .from(doors)
    .where(and(eq(compared(doors.operator), operator), or(eq(doors.deviceId, deviceId), eq(doors.cam, deviceId))))
    .all();
}
