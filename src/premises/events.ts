import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import type { Event } from "./log/tables.ts";
import { insertEvent } from "./queries.ts";

/** Kinds of events, as the apps number them (docs/contracts.md, "Panels"). */
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
  Partial<Pick<Event, "picture" | "preview" | "hidden">>;

/** Gives an event its id, so that recording it twice records it once. */
export const newEvent = (env: Env, event: NewEvent): Event => ({
  operator: settings(env).OPERATOR,
  id: randomId(16),
  ...{ picture: null, preview: 0, hidden: false },
  ...event,
});

/** Writes an event into the flat's log. */
export async function recordEvent(env: Env, event: Event): Promise<void> {
  await insertEvent(database(env), event);
}
