import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { clickhouseStore } from "./clickhouse-store.ts";
import type { Day, Span } from "./days.ts";
import {
  countDaysOfCamera,
  countDaysOfHome,
  eventOfHome,
  eventsOfCamera,
  eventsOfHome,
  facesOfHome,
  type OfCamera,
  type OfHome,
} from "./event-queries.ts";
import type { CameraEvent, Event } from "./tables.ts";

/** A face that the home has marked, and in which event. */
export interface MarkedFace {
  id: number;
  eventId: string | null;
}

/** A day and how much happened on it. */
export interface DayCount {
  day: string;
  events: number;
}

/**
 * Where the event log is read. Every read is one round trip to D1 at most, and throws `unavailable` when the rest of the log
 * lies elsewhere and that does not answer.
 */
export interface EventStore {
  /** The events of a home in a span, newest first, with the faces that the home has marked. */
  ofHome(home: OfHome, span: Span): Promise<{ events: Event[]; faces: MarkedFace[] }>;
  /** The days on which something happened, newest first. `days` are newest first, too. */
  daysOfHome(home: OfHome, days: readonly Day[]): Promise<DayCount[]>;
  /** One event of a home, hidden or not. */
  one(uid: number, id: string): Promise<Event | undefined>;
  ofCamera(camera: OfCamera, span: Span): Promise<CameraEvent[]>;
  daysOfCamera(camera: OfCamera, days: readonly Day[]): Promise<DayCount[]>;
}

/** The event log of this deployment, as EVENTS says. */
export const eventStore = (env: Env): EventStore =>
  settings(env).EVENTS === "clickhouse" ? clickhouseStore(env) : d1Store(env);

function d1Store(env: Env): EventStore {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const withEvents = (counts: DayCount[]) => counts.filter(({ events }) => events > 0);
  return {
    async ofHome(home, span) {
      const [events, faces] = await db.batch([
        eventsOfHome(db, operator, home, span),
        facesOfHome(db, operator, home.uid),
      ]);
      return { events, faces };
    },
    daysOfHome: async (home, days) => withEvents(await countDaysOfHome(db, operator, home, days)),
    one: async (uid, id) => (await eventOfHome(db, operator, uid, id)).at(0),
    ofCamera: async (camera, span) => eventsOfCamera(db, operator, camera, span),
    daysOfCamera: async (camera, days) => withEvents(await countDaysOfCamera(db, operator, camera, days)),
  };
}
