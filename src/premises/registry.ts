import { type Env, settings } from "#env.ts";
import { open, seal } from "#platform/crypto.ts";
import { type Db, database, isDuplicate, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { announce } from "#platform/signals.ts";
import { mintPublishToken } from "./camera-tokens.ts";
import { type DeviceSecrets, resealSecrets, sealSecrets, secretsOf } from "./device-secrets.ts";
import { forgetPanel, retryFailed, type Scope } from "./panels/job-queries.ts";
import { hastenKeys, keysAfter, keysBefore } from "./panels/panel-keys.ts";
import {
  deleteDeviceRow,
  deleteDoorRow,
  deviceRow,
  deviceRows,
  devicesAtAddress,
  deviceTypes,
  doorRow,
  doorRows,
  doorsWith,
  insertDevice,
  insertDoor,
  type Place,
  updateDevice,
  updateDoor,
  updatePlaces,
} from "./registry-queries.ts";
import { revokeCamerasOfDevices } from "./rights-queries.ts";
import type { Device, Door } from "./tables.ts";

// What hangs on the walls, as the operator's systems enter it: devices, and the doors that join a lock and a camera.

const isCamera = (type: number | undefined) => type === 1 || type === 2;
const isLock = (type: number | undefined) => type === 3;

/** A device with its secrets in clear. */
export type OpenDevice = Omit<Device, "operator" | "secrets" | "createdAt"> & DeviceSecrets;

/** A door with its URL in clear, credentials and all. */
export type OpenDoor = Omit<Door, "operator">;

type Loose<T> = { [K in keyof T]?: T[K] | undefined };

/** What is left out stays as it is. */
export type DeviceChange = Loose<Omit<OpenDevice, "deviceId" | "uuid">>;
export type NewDeviceFields = DeviceChange & Pick<OpenDevice, "type" | "title">;
export type DoorChange = Loose<Omit<OpenDoor, "id">>;
export type NewDoorFields = DoorChange & Pick<OpenDoor, "deviceId" | "cam" | "icon" | "name" | "open">;

/** Every device of the operator, by number. */
export async function listDevices(env: Env): Promise<OpenDevice[]> {
  const rows = await deviceRows(database(env), settings(env).OPERATOR);
  return Promise.all(
    rows.map(async ({ operator, secrets, createdAt, ...device }) => ({
      ...device,
      ...(await secretsOf(env, { uuid: device.uuid, secrets })),
    })),
  );
}

/** A token with which the camera may send its stream to a media server. Throws `not_found` for what is no camera. */
export async function publishTokenFor(env: Env, deviceId: number, lifeSeconds: number): Promise<string> {
  const device = await deviceRow(database(env), settings(env).OPERATOR, deviceId);
  if (!isCamera(device?.type)) throw new AppError("not_found", "There is no such camera");
  return mintPublishToken(env, { stream: device!.uuid, lifeSeconds });
}

export function devicesAt(env: Env, address: string) {
  return devicesAtAddress(database(env), settings(env).OPERATOR, address);
}

/** Writes down where devices stand. Numbers that no device has are passed over. */
export async function placeDevices(env: Env, places: readonly Place[]): Promise<void> {
  await updatePlaces(database(env), settings(env).OPERATOR, places);
}

/** Adds a device under a new stream name. Throws `conflict` when its domophoneid, monitorid or MAC is in use. */
export async function addDevice(
  env: Env,
  fields: NewDeviceFields,
  now = new Date(),
): Promise<Pick<Device, "deviceId" | "uuid">> {
  const uuid = crypto.randomUUID();
  const { OPERATOR: operator } = settings(env);
  const { type, title } = fields;
  const secrets = await sealSecrets(env, uuid, fields);
  const row = { ...columnsOf(fields), operator, uuid, type, title, secrets, createdAt: now };
  const [added] = await orTaken(insertDevice(database(env), row));
  return { deviceId: added!.deviceId, uuid };
}

/**
 * Changes the given fields of a device. When less of it may be watched than before, the camera tokens of the
 * contracts that see it end. Throws `not_found`, and `conflict` when a door needs it to be what it is, or when
 * its domophoneid, monitorid or MAC is in use.
 */
export async function changeDevice(env: Env, deviceId: number, change: DeviceChange, now = new Date()): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const device = await deviceRow(db, operator, deviceId);
  if (!device) throw new AppError("not_found", "There is no such device");
  await refuseOtherType(db, device, change.type ?? device.type);

  const secrets = await resealSecrets(env, device, change);
  const update = updateDevice(db, operator, deviceId, { ...columnsOf(change), ...given({ secrets }) });
  const less = showsLess(device, change);
  const revocation = less ? [revokeCamerasOfDevices(db, operator, [deviceId], now)] : [];
  const { before, after } = keysWith(env, device, change, now);
  const [first = update, ...rest] = [...before, ...revocation, update, ...after];
  await orTaken(db.batch([first, ...rest]));
  if (less) await announce(env, { type: "cameras.revoked" });
  if (after.length > 0) await hastenKeys(env, now);
}

/**
 * What a change of a panel or a lock means for the keys on panels. A panel with another address is told of all of them; one that is
 * switched off is left alone until it is switched on again.
 */
function keysWith(
  env: Env,
  device: Device,
  change: DeviceChange,
  now: Date,
): { before: Statement[]; after: Statement[] } {
  const becomes = (...names: (keyof DeviceChange & keyof Device)[]) =>
    names.some((name) => change[name] !== undefined && change[name] !== device[name]);
  const { deviceId } = device;
  const around = (scope: Scope, again: "all" | "none") => ({
    before: [keysBefore(env, scope, now)],
    after: [...keysAfter(env, scope, now, again), retryFailed(database(env), device.operator, deviceId, now)],
  });
  if (isLock(device.type) && becomes("isActive", "type")) return around({ locks: [deviceId] }, "none");
  if (!isCamera(device.type) || change.isActive === false) return { before: [], after: [] };
  if (becomes("isActive", "type", "paneltype", "panelip")) return around({ panels: [deviceId] }, "all");
  // Another password may be what it has been waiting for.
  const isKnownAnew = change.panellogin !== undefined || change.panelpasswd !== undefined;
  return { before: [], after: isKnownAnew ? [retryFailed(database(env), device.operator, deviceId, now)] : [] };
}

/** Removes a device with its doors and everybody's right to it. One that is not there is no error. */
export async function deleteDevice(env: Env, deviceId: number, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const panels = (await doorsWith(db, OPERATOR, deviceId)).map(({ cam }) => cam);
  await db.batch([
    keysBefore(env, { panels }, now),
    revokeCamerasOfDevices(db, OPERATOR, [deviceId], now),
    deleteDeviceRow(db, OPERATOR, deviceId),
    ...keysAfter(env, { panels }, now),
    forgetPanel(db, OPERATOR, deviceId),
  ]);
  await announce(env, { type: "cameras.revoked" });
  await hastenKeys(env, now);
}

/** Every door of the operator, by number. */
export async function listDoors(env: Env): Promise<OpenDoor[]> {
  const rows = await doorRows(database(env), settings(env).OPERATOR);
  return Promise.all(rows.map(async ({ operator, ...door }) => ({ ...door, open: await openUrlOf(env, door) })));
}

/** Adds a door and answers its number. Throws `invalid` unless `deviceId` is a lock, `cam` a camera and `open` a URL. */
export async function addDoor(env: Env, door: NewDoorFields, now = new Date()): Promise<number> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  await refuseWrongDevices(db, operator, door);
  const sealed = await sealUrl(env, door.deviceId, door.open);
  const { entrance = null, openTrait = "GET" } = door;
  const [[added]] = await db.batch([
    insertDoor(db, { ...door, operator, entrance, openTrait, open: sealed }),
    ...keysAfter(env, { locks: [door.deviceId] }, now),
  ]);
  await hastenKeys(env, now);
  return added!.id;
}

/** Changes the given fields. A door that shows another camera ends the camera tokens of those who saw the old one. */
export async function changeDoor(env: Env, id: number, change: DoorChange, now = new Date()): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const door = await doorRow(db, operator, id);
  if (!door) throw new AppError("not_found", "There is no such door");
  const { deviceId = door.deviceId, cam = door.cam, open: url, ...fields } = change;
  const isMoved = deviceId !== door.deviceId || cam !== door.cam;
  if (isMoved) await refuseWrongDevices(db, operator, { deviceId, cam });

  // The URL is sealed for its lock: with another lock it is sealed anew.
  const isResealed = url !== undefined || deviceId !== door.deviceId;
  const sealed = isResealed ? await sealUrl(env, deviceId, url ?? (await openUrlOf(env, door))) : door.open;
  const update = updateDoor(db, operator, id, { ...given(fields), deviceId, cam, open: sealed });
  if (!isMoved) {
    await update;
    return;
  }
  const scope = { locks: [door.deviceId, deviceId] };
  await db.batch([
    keysBefore(env, scope, now),
    revokeCamerasOfDevices(db, operator, [door.deviceId], now),
    update,
    ...keysAfter(env, scope, now),
  ]);
  await announce(env, { type: "cameras.revoked" });
  await hastenKeys(env, now);
}

/** Removes a door; those who saw its camera only through it lose it. One that is not there is no error. */
export async function deleteDoor(env: Env, id: number, now = new Date()): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const door = await doorRow(db, operator, id);
  if (!door) return;
  const scope = { locks: [door.deviceId] };
  await db.batch([
    keysBefore(env, scope, now),
    revokeCamerasOfDevices(db, operator, [door.deviceId], now),
    deleteDoorRow(db, operator, id),
    ...keysAfter(env, scope, now),
  ]);
  await announce(env, { type: "cameras.revoked" });
  await hastenKeys(env, now);
}

/** The URL that opens the door, with the panel's credentials inside. Never for an answer to a resident, nor for a log. */
export function openUrlOf(env: Env, door: Pick<Door, "deviceId" | "open">): Promise<string> {
  return open(settings(env).MASTER_KEY, door.open, doorContext(env, door.deviceId));
}

const doorContext = (env: Env, deviceId: number) => `door:${settings(env).OPERATOR}:${deviceId}`;

async function sealUrl(env: Env, deviceId: number, url: string): Promise<string> {
  const { protocol } = URL.parse(url) ?? {};
  if (protocol !== "http:" && protocol !== "https:") throw new AppError("invalid", "open is not a complete URL");
  return seal(settings(env).MASTER_KEY, url, doorContext(env, deviceId));
}

async function refuseWrongDevices(db: Db, operator: string, { deviceId, cam }: Pick<OpenDoor, "deviceId" | "cam">) {
  const types = new Map((await deviceTypes(db, operator, [deviceId, cam])).map((d) => [d.deviceId, d.type]));
  if (!isLock(types.get(deviceId))) throw new AppError("invalid", "device_id is not a lock");
  if (!isCamera(types.get(cam))) throw new AppError("invalid", "cam is not a camera");
}

/** The given fields that have a column of their own. */
function columnsOf(change: DeviceChange): Partial<Device> {
  const { stream, sippassword, camshot, panellogin, panelpasswd, mediaSecret, ...columns } = change;
  return given(columns) as Partial<Device>;
}

const given = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

async function refuseOtherType(db: Db, device: Device, type: number): Promise<void> {
  if (type === device.type) return;
  const used = await doorsWith(db, device.operator, device.deviceId);
  const isNeeded = used.some(({ deviceId }) => (deviceId === device.deviceId ? !isLock(type) : !isCamera(type)));
  if (isNeeded) throw new AppError("conflict", "A door uses this device as what it is");
}

function showsLess(before: Device, change: DeviceChange): boolean {
  const isOff = before.isActive && change.isActive === false;
  const isOther = change.type !== undefined && change.type !== before.type;
  const days = change.recordDays;
  return isOff || isOther || (typeof days === "number" && days < (before.recordDays ?? Infinity));
}

async function orTaken<T>(work: PromiseLike<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (!isDuplicate(cause)) throw cause;
    throw new AppError("conflict", "This domophoneid, monitorid or device_mac is in use", { cause });
  }
}
