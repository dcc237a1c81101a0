import { sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
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
  const condition = when === "always" ? sql`1` : sql`changes() > 0`;
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
  const drm = EVENT_TYPES[type]
    ? sql`coalesce((SELECT json_extract(params, '$.drm.monetization') FROM operators WHERE operator = ${operator}), 0)`
    : sql`0`;
  return db.insert(notifications).select(
    sql`SELECT ${operator}, ${eventId}, ${type}, ${kind}, ${id}, ${last} + 1, ${JSON.stringify(data)}, ${drm}, ${at.getTime()}, NULL
      WHERE changes() > 0`,
  );
}

/** An invitation is its domain's affair. */
const aggregateOf = (type: EventType) => {
  const kind = type.split(".")[0] as "account" | "device" | "domain" | "invitation";
  return kind === "invitation" ? "domain" : kind;
};
