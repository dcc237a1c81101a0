import { and, asc, eq, or, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { listed } from "../registry-queries.ts";
import { devices, doors, rights } from "../tables.ts";

/** How a collector names the place of an event. */
export type PlaceName = { deviceId: number } | { domophoneId: number } | { doorId: number };

/** Key, code, plate … by which somebody came in; each narrows the contracts that are meant. */
export interface Evidence {
  uid?: number | undefined;
  key?: string | undefined;
  code?: string | undefined;
  plate?: string | undefined;
  flat?: string | undefined;
  faceId?: number | undefined;
  phone?: string | undefined;
}

/** A key of a caretaker may belong to many flats; a whole district's would be a mistake. */
const MOST_CONTRACTS = 100;

/** The active device of that name; of a door its lock. */
export function deviceAt(db: Db, operator: string, name: PlaceName) {
  const { deviceId, type, title, domophoneid } = devices;
  const named =
    "domophoneId" in name
      ? and(eq(devices.operator, operator), eq(domophoneid, name.domophoneId))
      : and(eq(compared(devices.operator), operator), eq(deviceId, "deviceId" in name ? name.deviceId : lockOf(name)));
  return db
    .select({ deviceId, type, title })
    .from(devices)
    .where(and(named, eq(devices.isActive, true)));
}

const lockOf = ({ doorId }: { doorId: number }): SQL => sql`(SELECT device_id FROM doors WHERE id = ${doorId})`;

/** The doors of that place: the one that is named, or all of which the device is the lock or the camera. */
export function doorsAt(db: Db, operator: string, name: PlaceName) {
  const device =
    "domophoneId" in name
      ? sql`(SELECT device_id FROM devices WHERE operator = ${operator} AND domophoneid = ${name.domophoneId})`
      : sql`${"deviceId" in name ? name.deviceId : 0}`;
  const named = "doorId" in name ? eq(doors.id, name.doorId) : or(eq(doors.deviceId, device), eq(doors.cam, device));
  return db
    .select({ id: doors.id, lockId: doors.deviceId, cameraId: doors.cam, title: devices.title })
    .from(doors)
    .innerJoin(devices, eq(devices.deviceId, doors.cam))
    .where(and(eq(compared(doors.operator), operator), named))
    .orderBy(asc(doors.id));
}

/** The contracts that have a right to one of these devices and to which all of the evidence points. */
export function contractsWith(
  db: Db,
  operator: string,
  deviceIds: readonly number[],
  evidence: Omit<Evidence, "flat">,
) {
  const { uid, key, code, plate, faceId, phone } = evidence;
  const own = (query: SQL) => sql`${rights.uid} IN (${query} AND operator = ${operator})`;
  const { uid: holder, deviceId } = rights;
  const points = [
    uid !== undefined && eq(holder, uid),
    key && own(sql`SELECT uid FROM keys WHERE key = ${key}`),
    code && own(sql`SELECT uid FROM homes WHERE door_code = ${code}`),
    plate && own(sql`SELECT uid FROM plates WHERE plate = ${plate}`),
    faceId !== undefined && own(sql`SELECT uid FROM faces WHERE uid = ${holder} AND id = ${faceId}`),
    phone && own(sql`SELECT uid FROM contract_phones WHERE phone = ${phone}`),
  ];
  return db
    .selectDistinct({ uid: holder })
    .from(rights)
    .where(
      and(
        // Few contracts have a right to a device, and an operator has very many.
        ...[eq(compared(rights.operator), operator), sql`${deviceId} IN ${listed(deviceIds)}`],
        ...points.flatMap((point) => point || []),
      ),
    )
    .orderBy(asc(holder))
    .limit(MOST_CONTRACTS);
}

/** Every contract with a right to one of these devices. */
export function contractsAt(db: Db, operator: string, deviceIds: readonly number[]) {
  return db
    .selectDistinct({ uid: rights.uid })
    .from(rights)
    .where(and(eq(compared(rights.operator), operator), sql`${rights.deviceId} IN ${listed(deviceIds)}`))
    .orderBy(asc(rights.uid));
}
