import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { insertCameraEvent, insertEvent, openForWhiteRabbit } from "./log/event-queries.ts";
import { SETTLE_SECONDS } from "./log/flush.ts";
import type { CameraEvent, Event } from "./log/tables.ts";

/** Kinds of events, as the apps number them (docs/events.md). */
export const EVENT = {
  missedCall: 1,
  answeredCall: 2,
  key: 3,
  app: 4,
  face: 5,
  code: 6,
  gateCall: 7,
  plate: 9,
} as const;

/** What happened. Without a picture there is no preview, and unless it says otherwise it is listed. */
export type NewEvent = Omit<Event, "operator" | "id" | "picture" | "preview" | "hidden"> &
  Partial<Pick<Event, "id" | "picture" | "preview" | "hidden">>;

/** Gives an event its id, so that recording it twice records it once. */
export const newEvent = (env: Env, event: NewEvent): Event => ({
  operator: settings(env).OPERATOR,
  id: crypto.randomUUID(),
  ...{ picture: null, preview: 0, hidden: false },
  ...event,
});

/** Somebody who came home by key or by the flat's code: an app may open for a guest, from anywhere. */
const COMES_HOME: ReadonlySet<number> = new Set([EVENT.key, EVENT.code]);

/** Writes an event into the flat's log, with what follows from it. Returns whether it was not there before. */
export async function recordEvent(env: Env, event: Event): Promise<boolean> {
  return (await recordEvents(env, [event])).length > 0;
}

/** Writes all of these or none, and returns those that were not there before. */
export async function recordEvents(env: Env, list: readonly Event[]): Promise<Event[]> {
  const db = database(env);
  const [first, ...rest] = list.flatMap((event): Statement[] => [
    insertEvent(db, event),
    ...(COMES_HOME.has(event.kind) && event.extra.opened !== false ? [openForWhiteRabbit(db, event)] : []),
  ]);
  if (!first) return [];
  const results = (await db.batch([first, ...rest])) as unknown as (readonly { id?: string }[])[];
  const written = new Set(results.flatMap((rows) => (Array.isArray(rows) ? rows.map(({ id }) => id) : [])));
  await announceWaiting(env);
  return list.filter(({ id }) => written.has(id));
}

/** Writes what a camera's analytics noticed; undefined for what was there before. */
export async function recordCameraEvent(env: Env, event: CameraEvent): Promise<CameraEvent | undefined> {
  const [written] = await insertCameraEvent(database(env), event);
  await announceWaiting(env);
  return written && event;
}

async function announceWaiting(env: Env): Promise<void> {
  if (settings(env).EVENTS !== "clickhouse") return;
  await announce(env, { type: "events.waiting" }, { delaySeconds: SETTLE_SECONDS });
}
