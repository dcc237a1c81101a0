import { type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import type { Actor } from "./journal.ts";
import { auditLog, notifications } from "./tables.ts";

/** What the operator's systems are told, and whether DRM mirrors it. */
const EVENT_TYPES = {
  "account.created": true,
  "account.activated": false,
  "account.updated": false,
  "account.banned": false,
  "account.unbanned": false,
  "account.deleted": true,
  "device.registered": true,
  "device.claimed": false,
  "device.updated": false,
  "device.banned": false,
  "device.unbanned": false,
  "device.deleted": true,
  "domain.created": true,
  "domain.updated": false,
  "domain.deleted": true,
  "domain.member_added": false,
  "domain.member_role_changed": false,
  "domain.member_removed": false,
  "domain.device_added": true,
  "domain.device_removed": true,
  "invitation.created": false,
  "invitation.accepted": false,
} as const;
export type EventType = keyof typeof EVENT_TYPES;

interface NewAudit {
  id: string;
  at: Date;
  actor: Actor;
  action: string;
  target: { kind: string; id: string | null };
  reason?: string | undefined;
  before?: Record<string, unknown> | undefined;
  after?: Record<string, unknown> | undefined;
}

const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));

// `changes()` is of the statement before. An insert that wrote its one row hands the yes on to the next.
export function insertAudit(db: Db, operator: string, audit: NewAudit, when: "changed" | "always") {
  const { id, at, actor, action, target, reason, before, after } = audit;
  const condition = when === "always" ? sql`1` : ifChanged;
  return db.insert(auditLog).select(
    sql`SELECT NULL, ${operator}, ${id}, ${at.getTime()}, ${actor.kind}, ${actor.id}, ${action}, ${target.kind}, ${target.id},
      ${reason ?? null}, ${json(before)}, ${json(after)}, ${actor.ip ?? null}, ${actor.requestId ?? null} WHERE ${condition}`,
  );
}

interface NewEvent {
  eventId: string;
  at: Date;
  type: EventType;
  id: string;
  data?: Record<string, unknown>;
}

/** Numbered after the object's latest: a batch is one transaction and D1 has one writer, so there is neither a hole nor a twin. */
export function insertEvent(db: Db, operator: string, { eventId, at, type, id, data = {} }: NewEvent) {
  const kind = aggregateOf(type);
  const last = sql`(SELECT coalesce(max(agg_seq), 0) FROM notifications WHERE operator = ${operator} AND agg_kind = ${kind} AND agg_id = ${id})`;
  return db.insert(notifications).select(
    sql`SELECT ${operator}, ${eventId}, ${type}, ${kind}, ${id}, ${last} + 1, ${JSON.stringify(data)}, ${mirrored(operator, type)}, ${at.getTime()}, NULL
      WHERE ${ifChanged}`,
  );
}

/** 1 where DRM is to mirror such an event of this operator. */
const mirrored = (operator: string, type: EventType) =>
  EVENT_TYPES[type]
    ? sql`coalesce((SELECT json_extract(params, '$.drm.monetization') FROM operators WHERE operator = ${operator}), 0)`
    : sql`0`;

interface NewObject {
  id: string;
  auditId: string;
  eventId: string;
  /** What the audit row and the event tell of it. */
  data: Record<string, unknown>;
}

/** The audit rows of many objects that begin to exist in the same batch: `made` tells by its id which of them did. */
export function insertAudits(
  db: Db,
  operator: string,
  { at, actor, action, kind }: { at: Date; actor: Actor; action: string; kind: string },
  objects: readonly NewObject[],
  made: SQL,
) {
  return db.insert(auditLog).select(
    sql`SELECT NULL, ${operator}, value ->> 'auditId', ${at.getTime()}, ${actor.kind}, ${actor.id}, ${action}, ${kind}, value ->> 'id',
      NULL, NULL, value -> 'data', ${actor.ip ?? null}, ${actor.requestId ?? null} FROM json_each(${JSON.stringify(objects)}) WHERE ${made}`,
  );
}

/** The first event of each of them. */
export function insertFirstEvents(
  db: Db,
  operator: string,
  { at, type }: { at: Date; type: EventType },
  objects: readonly NewObject[],
  made: SQL,
) {
  return db.insert(notifications).select(
    sql`SELECT ${operator}, value ->> 'eventId', ${type}, ${aggregateOf(type)}, value ->> 'id', 1, value -> 'data', ${mirrored(operator, type)},
      ${at.getTime()}, NULL FROM json_each(${JSON.stringify(objects)}) WHERE ${made}`,
  );
}

/** An invitation is its domain's affair. */
const aggregateOf = (type: EventType) => {
  const kind = type.split(".")[0] as "account" | "device" | "domain" | "invitation";
  return kind === "invitation" ? "domain" : kind;
};
