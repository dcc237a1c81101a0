import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { askClickhouse } from "./clickhouse.ts";
import { CAMERA_COLUMNS, CameraRow, eventOfCameraRow, eventOfPlog, PLOG_COLUMNS, PlogRow } from "./clickhouse-rows.ts";
import type { Day, Span } from "./days.ts";
import {
  countDaysOfCamera,
  countDaysOfHome,
  eventOfHome,
  eventsOfCamera,
  eventsOfHome,
  facesOfHome,
  oldestIdsOfCamera,
  oldestIdsOfHome,
} from "./event-queries.ts";
import type { DayCount, EventStore } from "./event-store.ts";
import { asUuid, UUID } from "./ids.ts";

// Events go through D1, so a read unites what ClickHouse has with what still waits. D1 is asked first: an event that moves
// meanwhile is then in both answers, where its id tells, and never in neither.

/** Of so many waiting events the days' counts can be sure that they are not counted twice; more wait only after an outage. */
const OVERLAP = 200;
const MOST = "LIMIT 1 BY uuid LIMIT 1000"; // a batch that was written twice is read once

const HOME = "uid = {uid:Int64} AND objectType = 0 AND hidden = 0 AND objectId IN {devices:Array(Int64)}";
const CAMERA = "deviceId = {device:Int64}";
const KINDS = { event: " AND event IN {kinds:Array(Int16)}", eventType: " AND eventType IN {kinds:Array(Int16)}" };
const between = (column: string) =>
  ` AND ${column} >= toDateTime({from:UInt32}) AND ${column} < toDateTime({to:UInt32})`;
const perDay = (column: string) =>
  `toString(toDate(toTimeZone(${column}, {zone:String}))) AS day, toUInt32(uniqExact(uuid)) AS events`;

const Counted = z.object({ day: z.string(), events: z.number() });

/** Events of the operator's ClickHouse together with those that wait in D1 to be written there. */
export function clickhouseStore(env: Env): EventStore {
  const [db, { OPERATOR: operator, TIME_ZONE: zone }] = [database(env), settings(env)];
  return {
    async ofHome(home, span) {
      const [waiting, faces] = await db.batch([
        eventsOfHome(db, operator, home, span),
        facesOfHome(db, operator, home.uid),
      ]);
      const { uid, devices, kinds } = home;
      const query = `SELECT ${PLOG_COLUMNS} FROM plog WHERE ${HOME}${between("date")}${kinds ? KINDS.event : ""} ORDER BY date DESC ${MOST}`;
      const rows = await askClickhouse(env, query, { uid, devices, ...kindsOf(kinds), ...secondsOf(span) }, PlogRow);
      const there = rows.map((row) => eventOfPlog(operator, row));
      return { events: united(waiting, there, ({ at }) => at), faces };
    },
    async daysOfHome(home, days) {
      const [waiting, ids] = await db.batch([
        countDaysOfHome(db, operator, home, days),
        oldestIdsOfHome(db, operator, home.uid, OVERLAP),
      ]);
      const { uid, devices, kinds } = home;
      const query = `SELECT ${perDay("date")} FROM plog WHERE ${HOME}${between("date")}${kinds ? KINDS.event : ""} AND uuid NOT IN {waiting:Array(UUID)} GROUP BY day`;
      const values = { uid, devices, zone, waiting: uuidsOf(ids), ...kindsOf(kinds), ...secondsOf(whole(days)) };
      return summed(waiting, await askClickhouse(env, query, values, Counted));
    },
    async one(uid, id) {
      const [waiting] = await eventOfHome(db, operator, uid, id);
      if (waiting || !UUID.test(id)) return waiting;
      const query = `SELECT ${PLOG_COLUMNS} FROM plog WHERE uuid = {id:UUID} AND uid = {uid:Int64} LIMIT 1`;
      const [row] = await askClickhouse(env, query, { uid, id }, PlogRow);
      return row && eventOfPlog(operator, row);
    },
    async ofCamera({ deviceId: device, kinds }, span) {
      const waiting = await eventsOfCamera(db, operator, { deviceId: device, kinds }, span);
      const query = `SELECT ${CAMERA_COLUMNS} FROM events WHERE ${CAMERA}${between("startTime")}${kinds ? KINDS.eventType : ""} ORDER BY startTime DESC ${MOST}`;
      const rows = await askClickhouse(env, query, { device, ...kindsOf(kinds), ...secondsOf(span) }, CameraRow);
      const there = rows.map((row) => eventOfCameraRow(operator, row));
      return united(waiting, there, ({ startedAt }) => startedAt);
    },
    async daysOfCamera({ deviceId: device, kinds }, days) {
      const [waiting, ids] = await db.batch([
        countDaysOfCamera(db, operator, { deviceId: device, kinds }, days),
        oldestIdsOfCamera(db, operator, device, OVERLAP),
      ]);
      const query = `SELECT ${perDay("startTime")} FROM events WHERE ${CAMERA}${between("startTime")}${kinds ? KINDS.eventType : ""} AND uuid NOT IN {waiting:Array(UUID)} GROUP BY day`;
      const values = { device, zone, waiting: uuidsOf(ids), ...kindsOf(kinds), ...secondsOf(whole(days)) };
      return summed(waiting, await askClickhouse(env, query, values, Counted));
    },
  };
}

const kindsOf = (kinds: readonly number[] | undefined) => (kinds ? { kinds } : {});
const uuidsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => asUuid(id));
const whole = (days: readonly Day[]): Span => ({ from: days.at(-1)!.from, to: days[0]!.to });
// ClickHouse's DateTime has whole seconds from 1970 to 2106, in which no local midnight has a fraction.
const inSeconds = (at: Date) => Math.min(Math.max(0, Math.ceil(at.getTime() / 1000)), 2 ** 32 - 1);
const secondsOf = ({ from, to }: Span) => ({ from: inSeconds(from), to: inSeconds(to) });

/** What waits knows more than ClickHouse has columns for, so of two it is the one that counts. */
function united<E extends { id: string }>(waiting: readonly E[], there: readonly E[], at: (event: E) => Date): E[] {
  const ids = new Set(uuidsOf(waiting));
  const all = [...waiting, ...there.filter(({ id }) => !ids.has(id))];
  return all.toSorted((a, b) => at(b).getTime() - at(a).getTime());
}

function summed(waiting: readonly DayCount[], there: readonly DayCount[]): DayCount[] {
  const counts = new Map(there.map(({ day, events }) => [day, events]));
  for (const { day, events } of waiting) if (events > 0) counts.set(day, (counts.get(day) ?? 0) + events);
  return [...counts].map(([day, events]) => ({ day, events })).sort((a, b) => (a.day < b.day ? 1 : -1));
}
