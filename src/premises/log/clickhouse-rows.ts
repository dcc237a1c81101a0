// The tables plog and events as collectors in the field know them; docs/events.md has them in full.
import * as z from "zod";
import { asUuid } from "./ids.ts";
import type { CameraEvent, Event } from "./tables.ts";

const NO_ID = "00000000-0000-0000-0000-000000000000";
const seconds = (at: Date): number => Math.floor(at.getTime() / 1000);
const dateOf = (at: number): Date => new Date(at * 1000);
const idOrNull = (id: string): string | null => (id === NO_ID ? null : id);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

/** What a query selects of plog. */
export const PLOG_COLUMNS = `toUnixTimestamp(date) AS at, toString(uuid) AS id, toString(image) AS picture, uid, objectId,
  mechanizmaDescription, event, detail, preview, hidden, rfid, phone, opened, carNumber`;

export const PlogRow = z.object({
  at: z.number(),
  id: z.string(),
  picture: z.string(),
  uid: z.number(),
  objectId: z.number(),
  mechanizmaDescription: z.string(),
  event: z.number(),
  detail: z.string(),
  preview: z.number(),
  hidden: z.number(),
  rfid: z.string(),
  phone: z.string(),
  opened: z.number(),
  carNumber: z.string(),
});

export function eventOfPlog(operator: string, row: z.output<typeof PlogRow>): Event {
  const { id, uid, event: kind, detail, preview, rfid, phone, carNumber } = row;
  const known = { key: rfid, phone, plate: carNumber, code: kind === CODE ? /\d{4,}/.exec(detail)?.[0] : undefined };
  const extra = Object.fromEntries(Object.entries(known).filter(([, value]) => value));
  return {
    ...{ operator, id, uid, kind, detail, preview, hidden: row.hidden !== 0 },
    at: dateOf(row.at),
    deviceId: row.objectId,
    title: row.mechanizmaDescription,
    extra: row.opened === 1 ? { ...extra, opened: true } : extra,
    picture: idOrNull(row.picture),
  };
}

/** The kind whose code stands in the text alone: the table has no column for it. */
const CODE = 6;

export const plogOfEvent = ({
  id,
  uid,
  at,
  kind,
  deviceId,
  title,
  detail,
  extra,
  picture,
  preview,
  hidden,
}: Event) => ({
  date: seconds(at),
  uuid: asUuid(id),
  image: picture ? asUuid(picture) : NO_ID,
  uid,
  objectId: deviceId,
  objectType: 0,
  objectMechanizma: 0,
  mechanizmaDescription: title,
  event: kind,
  detail: kind === CODE && detail === "" ? textOf(extra.code) : detail,
  preview: picture ? preview : 0,
  hidden: Number(hidden),
  rfid: textOf(extra.key),
  phone: textOf(extra.phone),
  opened: Number(extra.opened === true),
  carNumber: textOf(extra.plate),
});

/** What a query selects of the cameras' events. */
export const CAMERA_COLUMNS = `toUnixTimestamp(startTime) AS started, toUnixTimestamp(endTime) AS ended, toString(uuid) AS id,
  toString(image) AS picture, deviceId, eventType, deviceDesc, preview, analisDesc`;

export const CameraRow = z.object({
  started: z.number(),
  ended: z.number(),
  id: z.string(),
  picture: z.string(),
  deviceId: z.number(),
  eventType: z.number(),
  deviceDesc: z.string(),
  preview: z.number(),
  analisDesc: z.string(),
});

export const eventOfCameraRow = (operator: string, row: z.output<typeof CameraRow>): CameraEvent => ({
  ...{ operator, id: row.id, deviceId: row.deviceId, kind: row.eventType, preview: row.preview },
  startedAt: dateOf(row.started),
  endedAt: dateOf(row.ended),
  description: row.deviceDesc,
  picture: idOrNull(row.picture),
  analysis: row.analisDesc || null,
});

export const rowOfCameraEvent = (event: CameraEvent) => ({
  deviceId: event.deviceId,
  startTime: seconds(event.startedAt),
  endTime: seconds(event.endedAt),
  eventType: event.kind,
  deviceDesc: event.description,
  uuid: asUuid(event.id),
  image: event.picture ? asUuid(event.picture) : NO_ID,
  preview: event.picture ? event.preview : 0,
  analisis: NO_ID,
  analisDesc: event.analysis ?? "",
});
