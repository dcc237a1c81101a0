import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { insertEvent } from "./queries.ts";
import type { Event } from "./tables.ts";

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

export type NewEvent = Omit<Event, "operator" | "id">;

/** Gives an event its id, so that recording it twice records it once. */
export const newEvent = (env: Env, event: NewEvent): Event => ({
  operator: settings(env).OPERATOR,
  id: randomId(16),
  ...event,
});

/** Writes an event into the flat's log. */
export async function recordEvent(env: Env, event: Event): Promise<void> {
  await insertEvent(database(env), event);
}
