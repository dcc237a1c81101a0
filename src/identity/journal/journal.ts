import { newId } from "#platform/crypto.ts";
import type { Db, Statement } from "#platform/db.ts";
import { type EventType, insertAudit, insertEvent } from "./queries.ts";

/** On whose behalf something is changed, and by which request. */
export interface Actor {
  kind: "account" | "device" | "service" | "admin" | "integration" | "system";
  id: string | null;
  ip?: string | undefined;
  requestId?: string | undefined;
}

/** Nobody in particular: the clock. */
export const SYSTEM: Actor = { kind: "system", id: null };

export interface Entry {
  /** `account.banned`: what was done. Of such a name the operator's systems hear too where it is an event's. */
  action: string;
  target: { kind: string; id: string | null };
  reason?: string | undefined;
  /** What was there and what is there now, as far as it changed. Never a secret; a phone or an address only masked. */
  before?: Record<string, unknown> | undefined;
  after?: Record<string, unknown> | undefined;
  /** What the operator's systems are told of it (docs/events.md). */
  events?: readonly ToldEvent[];
}

export interface ToldEvent {
  type: EventType;
  id: string;
  data?: Record<string, unknown>;
}

/**
 * The statements that write a change down: its audit row, and its events with the next number of their object. They stand in the
 * change's own batch, directly behind the statement that decides it: where that changed no row, nothing is
 * written. `always` is for what is no change of a row: a read by an administrator, a refused attempt.
 */
export function journal(
  db: Db,
  operator: string,
  actor: Actor,
  { events = [], ...entry }: Entry,
  now: Date,
  when: "changed" | "always" = "changed",
): [Statement, ...Statement[]] {
  return [
    insertAudit(db, operator, { id: newId("aud"), at: now, actor, ...entry }, when),
    ...events.map((event) => insertEvent(db, operator, { eventId: newId("evt"), at: now, ...event })),
  ];
}
