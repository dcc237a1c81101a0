import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** Who did what to whom. Triggers refuse every change. */
export const auditLog = sqliteTable(
  "audit_log",
  {
    n: integer("n").primaryKey({ autoIncrement: true }),
    operator: operator(),
    id: text("id").notNull(),
    at: instant("at").notNull(),
    actorKind: text("actor_kind").notNull(),
    actorId: text("actor_id"),
    action: text("action").notNull(),
    targetKind: text("target_kind").notNull(),
    targetId: text("target_id"),
    reason: text("reason"),
    before: text("before", { mode: "json" }).$type<Record<string, unknown>>(),
    after: text("after", { mode: "json" }).$type<Record<string, unknown>>(),
    ip: text("ip"),
    requestId: text("request_id"),
  },
  (t) => [
    index("audit_log_operator").on(t.operator, t.n),
    index("audit_log_target").on(t.operator, t.targetKind, t.targetId, t.n),
    index("audit_log_actor").on(t.operator, t.actorId, t.n),
  ],
);

/** The hash chain over an operator's audit rows. */
export const auditSeals = sqliteTable(
  "audit_seals",
  {
    operator: operator(),
    toN: integer("to_n").notNull(),
    fromN: integer("from_n").notNull(),
    rows: integer("rows").notNull(),
    prevHash: text("prev_hash").notNull(),
    hash: text("hash").notNull(),
    sealedAt: instant("sealed_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.toN] }), uniqueIndex("audit_seals_chain").on(t.operator, t.prevHash)],
);

/** What the operator's own systems are told about one object, in order and without a hole. */
export const notifications = sqliteTable(
  "notifications",
  {
    operator: operator(),
    id: text("id").notNull(),
    type: text("type").notNull(),
    aggKind: text("agg_kind", { enum: ["account", "device", "domain"] }).notNull(),
    aggId: text("agg_id").notNull(),
    aggSeq: integer("agg_seq").notNull(),
    data: text("data", { mode: "json" }).$type<Record<string, unknown>>().notNull(),
    drm: flag("drm").notNull(),
    occurredAt: instant("occurred_at").notNull(),
    takenAt: instant("taken_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("notifications_order").on(t.operator, t.aggKind, t.aggId, t.aggSeq),
    index("notifications_open").on(t.operator, t.occurredAt).where(sql`taken_at IS NULL`),
  ],
);

export type AuditRow = typeof auditLog.$inferSelect;
export type Notification = typeof notifications.$inferSelect;
