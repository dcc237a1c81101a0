import { type Env, settings } from "#env.ts";
import { contractOfFlat, flatNumber } from "#operator/billing-houses.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { EVENT, newEvent, recordCameraEvent, recordEvents } from "../events.ts";
import { normalKey } from "../rights.ts";
import { contractsAt, contractsWith, deviceAt, doorsAt, type Evidence, type PlaceName } from "./collected-queries.ts";
import { cameraBy } from "./event-queries.ts";
import { idFrom } from "./ids.ts";
import type { CameraEvent, Event } from "./tables.ts";

// What collectors of panels' events bring: where something happened, and by what somebody was known there.

export interface CollectedEvent extends Evidence {
  place: PlaceName;
  kind: number;
  at: Date;
  title?: string | undefined;
  detail?: string | undefined;
  opened?: boolean | undefined;
  face?: Record<"left" | "top" | "width" | "height", string> | undefined;
  /** The collector's own name of the event: brought again it is not written again. */
  externalId?: string | undefined;
}

/**
 * Writes an event into the log of each contract that the evidence points to and that has a right to the place. Returns those that
 * were not there before; none for a key or a code that is nobody's. Throws `not_found` for a place that is not there, or a named
 * contract without a right to it.
 */
export async function recordCollected(env: Env, collected: CollectedEvent): Promise<Event[]> {
  const place = await placeOf(env, collected.place);
  const uids = await contractsMeant(env, place.devices, collected);
  if (collected.uid !== undefined && uids.length === 0)
    throw new AppError("not_found", "This contract has no right to the device");
  const { OPERATOR } = settings(env);
  const { kind, externalId } = collected;
  const events = uids.map((uid) =>
    newEvent(env, {
      ...(externalId !== undefined && { id: idFrom(`${OPERATOR}\n${uid}\n${externalId}`) }),
      ...{ uid, kind, at: collected.at, deviceId: place.cameraId },
      title: collected.title ?? place.title,
      detail: collected.detail ?? detailOf(collected),
      extra: extraOf(collected, place.doorId),
    }),
  );
  return recordEvents(env, events);
}

interface Place {
  /** Whoever has a right to one of these was meant. */
  devices: number[];
  /** The camera that saw it; the device itself where none looks there. */
  cameraId: number;
  title: string;
  doorId: number | undefined;
}

async function placeOf(env: Env, name: PlaceName): Promise<Place> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[device], doors] = await db.batch([deviceAt(db, OPERATOR, name), doorsAt(db, OPERATOR, name)]);
  if (!device) throw new AppError("not_found", "There is no such device");
  const [door] = doors;
  const isCamera = device.type === 1 || device.type === 2;
  const seen = isCamera || !door ? { cameraId: device.deviceId, title: device.title } : door;
  const devices = [device.deviceId, ...doors.flatMap(({ lockId, cameraId }) => [lockId, cameraId])];
  return { cameraId: seen.cameraId, title: seen.title, devices: [...new Set(devices)], doorId: door?.id };
}

/**
 * A collector that names the contract is believed. Otherwise flat, key, code and plate must all fit: a code of five digits may be
 * two flats'. A face or a phone counts where there is nothing better.
 */
async function contractsMeant(env: Env, devices: readonly number[], given: Evidence): Promise<number[]> {
  const { uid, key, code, plate, flat, faceId, phone } = given;
  const strong = { key: key && keyOf(key), code, plate, flat };
  if (uid !== undefined) return contractsBy(env, devices, { uid });
  if (Object.values(strong).some(Boolean)) return contractsBy(env, devices, strong);
  if (faceId !== undefined) return contractsBy(env, devices, { faceId });
  return phone ? contractsBy(env, devices, { phone }) : [];
}

/** Readers write keys as panels keep them; what is no key at all is nobody's. */
function keyOf(text: string): string {
  try {
    return normalKey(text);
  } catch {
    return text;
  }
}

async function contractsBy(env: Env, devices: readonly number[], { flat, ...others }: Evidence): Promise<number[]> {
  const [db, { OPERATOR, BILLING }] = [database(env), settings(env)];
  if (!flat) return (await contractsWith(db, OPERATOR, devices, others)).map(({ uid }) => uid);
  if (BILLING === "legacy") return []; // which cannot tell a contract by its flat
  const uids = (await contractsAt(db, OPERATOR, devices)).map(({ uid }) => uid);
  const found = await contractOfFlat(env, uids, flatNumber(flat));
  if (found === undefined) return [];
  return (await contractsWith(db, OPERATOR, devices, { ...others, uid: found })).map(({ uid }) => uid);
}

function detailOf({ kind, key, code, plate, phone }: CollectedEvent): string {
  if (kind === EVENT.key && key) return `Ключ ${key}`;
  if (kind === EVENT.code && code) return `Код ${code}`;
  if (kind === EVENT.plate && plate) return `Номер а/м ${plate}`;
  return phone ? `Телефон *${phone.slice(-4)}` : "";
}

function extraOf({ key, code, plate, phone, faceId, face, opened }: CollectedEvent, doorId: number | undefined) {
  const known = { key, code, plate, phone, faceId, face, opened, doorId };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined && value !== ""));
}

export type CollectedCameraEvent = Omit<CameraEvent, "operator" | "id" | "picture" | "preview"> & {
  externalId?: string | undefined;
};

/** Writes what a camera's analytics noticed; undefined for what was there before. Throws `not_found` for what is no active camera. */
export async function recordCollectedOfCamera(
  env: Env,
  { externalId, ...event }: CollectedCameraEvent,
): Promise<CameraEvent | undefined> {
  const { OPERATOR: operator } = settings(env);
  const { deviceId } = event;
  const [camera] = await cameraBy(database(env), operator, { deviceId });
  if (!camera) throw new AppError("not_found", "There is no such camera");
  const id = externalId === undefined ? crypto.randomUUID() : idFrom(`${operator}\ncamera ${deviceId}\n${externalId}`);
  return recordCameraEvent(env, { operator, id, picture: null, preview: 0, ...event });
}
