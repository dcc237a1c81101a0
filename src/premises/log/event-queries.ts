import { and, asc, desc, eq, gt, gte, inArray, lt, lte, type SQL, sql } from "drizzle-orm";
import { compared, type Db, ifChanged } from "#platform/db.ts";
import { faces } from "../faces/tables.ts";
import { devices, homes } from "../tables.ts";
import type { Day, Span } from "./days.ts";
import { type CameraEvent, cameraEvents, type Event, events } from "./tables.ts";

/** More than anybody scrolls through of one day. */
const ROWS_OF_A_DAY = 1000;

/** Whose events, and of which devices; `kinds` left out for all. */
export interface OfHome {
  uid: number;
  devices: readonly number[];
  kinds?: readonly number[] | undefined;
}

export interface OfCamera {
  deviceId: number;
  kinds?: readonly number[] | undefined;
}

const among = (column: SQL | typeof events.kind, values: readonly number[]): SQL =>
  sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;

/** Returns its id unless the event was there before. */
export function insertEvent(db: Db, event: Event) {
  return db.insert(events).values(event).onConflictDoNothing().returning({ id: events.id });
}

/**
 * Lets the neighbours' doors open by themselves for a while after somebody has come home: for the statement right after the
 * event's own, and only if that one wrote it.
 */
export function openForWhiteRabbit(db: Db, { operator, uid, at }: Event) {
  return db
    .update(homes)
    .set({ whiteRabbitUntil: sql`max(${homes.whiteRabbitUntil}, ${at.getTime()} + ${homes.whiteRabbit} * 60000)` })
    .where(and(eq(homes.operator, operator), eq(homes.uid, uid), gt(homes.whiteRabbit, 0), ifChanged));
}

export function addPictureTo(db: Db, { operator, id }: Pick<Event, "operator" | "id">, picture: string) {
  return db
    .update(events)
    .set({ picture, preview: sql`max(${events.preview}, 1)` })
    .where(and(eq(events.operator, operator), eq(events.id, id)));
}

/** An active camera, for a look through it. */
export function cameraBy(db: Db, operator: string, name: { deviceId: number } | { uuid: string }) {
  const named = "uuid" in name ? eq(devices.uuid, name.uuid) : eq(devices.deviceId, name.deviceId);
  const own = "uuid" in name ? eq(devices.operator, operator) : eq(compared(devices.operator), operator);
  return db
    .select({ deviceId: devices.deviceId, uuid: devices.uuid, secrets: devices.secrets })
    .from(devices)
    .where(and(own, named, eq(devices.isActive, true), inArray(devices.type, [1, 2])));
}

/** The events of a home in that span, newest first. */
export function eventsOfHome(db: Db, operator: string, { uid, devices, kinds }: OfHome, { from, to }: Span) {
  return db
    .select()
    .from(events)
    .where(
      and(
        ...[eq(events.operator, operator), eq(events.uid, uid), gte(events.at, from), lt(events.at, to)],
        ...[eq(events.hidden, false), among(sql`${events.deviceId}`, devices)],
        kinds && among(events.kind, kinds),
      ),
    )
    .orderBy(desc(events.at))
    .limit(ROWS_OF_A_DAY);
}

/** One event of that home. */
export function eventOfHome(db: Db, operator: string, uid: number, id: string) {
  return db
    .select()
    .from(events)
    .where(and(eq(events.operator, operator), eq(events.id, id), eq(events.uid, uid)));
}

export function facesOfHome(db: Db, operator: string, uid: number) {
  return db
    .select({ id: faces.id, eventId: faces.eventId })
    .from(faces)
    .where(and(eq(faces.operator, operator), eq(faces.uid, uid)));
}

const daysTable = (days: readonly Day[]): SQL =>
  sql`json_each(${JSON.stringify(days.map(({ day, from, to }) => [day, from.getTime(), to.getTime()]))}) AS d`;

/**
 * How many events a home has on each of these days, in their order. One look into the index for each day and nothing besides:
 * grouping by a computed day would have to sort every row first.
 */
export function countDaysOfHome(db: Db, operator: string, { uid, devices, kinds }: OfHome, days: readonly Day[]) {
  const count = sql<number>`(SELECT count(*) FROM events AS e INDEXED BY events_home
    WHERE e.operator = ${operator} AND e.uid = ${uid} AND e.at >= d.value ->> 1 AND e.at < d.value ->> 2
      AND e.hidden = 0 AND ${among(sql`e.device_id`, devices)}${kinds ? sql` AND ${among(sql`e.kind`, kinds)}` : sql``})`;
  return db.select({ day: sql<string>`d.value ->> 0`.as("day"), events: count.as("events") }).from(daysTable(days));
}

/** The ids of the oldest events of a home, the first that leave for the operator's ClickHouse. */
export function oldestIdsOfHome(db: Db, operator: string, uid: number, limit: number) {
  return db
    .select({ id: events.id })
    .from(events)
    .where(and(eq(events.operator, operator), eq(events.uid, uid)))
    .orderBy(asc(events.at))
    .limit(limit);
}

/** Returns its id unless the event was there before. */
export function insertCameraEvent(db: Db, event: CameraEvent) {
  return db.insert(cameraEvents).values(event).onConflictDoNothing().returning({ id: cameraEvents.id });
}

export function addPictureToCameraEvent(db: Db, { operator, id }: Pick<Event, "operator" | "id">, picture: string) {
  return db
    .update(cameraEvents)
    .set({ picture, preview: sql`max(${cameraEvents.preview}, 1)` })
    .where(and(eq(cameraEvents.operator, operator), eq(cameraEvents.id, id)));
}

/** The events of a camera that began in that span, newest first. */
export function eventsOfCamera(db: Db, operator: string, { deviceId, kinds }: OfCamera, { from, to }: Span) {
  const own = cameraEvents;
  return db
    .select()
    .from(own)
    .where(
      and(
        ...[eq(own.operator, operator), eq(own.deviceId, deviceId), gte(own.startedAt, from), lt(own.startedAt, to)],
        kinds && among(sql`${own.kind}`, kinds),
      ),
    )
    .orderBy(desc(own.startedAt))
    .limit(ROWS_OF_A_DAY);
}

export function countDaysOfCamera(db: Db, operator: string, { deviceId, kinds }: OfCamera, days: readonly Day[]) {
  const count = sql<number>`(SELECT count(*) FROM camera_events AS e INDEXED BY camera_events_device
    WHERE e.operator = ${operator} AND e.device_id = ${deviceId}
      AND e.started_at >= d.value ->> 1 AND e.started_at < d.value ->> 2${kinds ? sql` AND ${among(sql`e.kind`, kinds)}` : sql``})`;
  return db.select({ day: sql<string>`d.value ->> 0`.as("day"), events: count.as("events") }).from(daysTable(days));
}

export function oldestIdsOfCamera(db: Db, operator: string, deviceId: number, limit: number) {
  return db
    .select({ id: cameraEvents.id })
    .from(cameraEvents)
    .where(and(eq(cameraEvents.operator, operator), eq(cameraEvents.deviceId, deviceId)))
    .orderBy(asc(cameraEvents.startedAt))
    .limit(limit);
}

/** Those that happened until then, oldest first. */
export function waitingEvents(db: Db, operator: string, until: Date, limit: number) {
  return db
    .select()
    .from(events)
    .where(and(eq(events.operator, operator), lte(events.at, until)))
    .orderBy(asc(events.at))
    .limit(limit);
}

export function waitingCameraEvents(db: Db, operator: string, until: Date, limit: number) {
  return db
    .select()
    .from(cameraEvents)
    .where(and(eq(cameraEvents.operator, operator), lte(cameraEvents.startedAt, until)))
    .orderBy(asc(cameraEvents.startedAt))
    .limit(limit);
}

const LOGS = { events, cameraEvents };

export function deleteFrom(db: Db, log: keyof typeof LOGS, operator: string, ids: readonly string[]) {
  const { operator: own, id } = LOGS[log];
  return db
    .delete(LOGS[log])
    .where(and(eq(own, operator), sql`${id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`));
}

/** Deletes what happened before `time`, the oldest `limit` of it, and returns a row for each. */
export function deleteOld(db: Db, log: keyof typeof LOGS, operator: string, time: Date, limit: number) {
  const table = LOGS[log];
  const at = log === "events" ? events.at : cameraEvents.startedAt;
  const oldest = db
    .select({ id: table.id })
    .from(table)
    .where(and(eq(table.operator, operator), lt(at, time)))
    .orderBy(asc(at))
    .limit(limit);
  return db
    .delete(table)
    .where(and(eq(table.operator, operator), inArray(table.id, oldest)))
    .returning({ id: table.id });
}
