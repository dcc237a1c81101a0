import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A key on its way to a panel: the last change that was wanted, until the panel has taken it. */
export const panelJobs = sqliteTable(
  "panel_jobs",
  {
    operator: operator(),
    deviceId: integer("device_id").notNull(),
    uid: integer("uid").notNull(),
    key: text("key").notNull(),
    change: text("change", { enum: ["add", "remove"] }).notNull(),
    flat: text("flat").notNull(),
    version: integer("version").notNull().default(1),
    state: text("state", { enum: ["queued", "sending", "done", "failed"] }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    error: text("error"),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.deviceId, t.uid, t.key] }),
    index("panel_jobs_due").on(t.operator, t.state, t.nextAttemptAt),
    index("panel_jobs_uid").on(t.operator, t.uid),
    index("panel_jobs_forgotten").on(t.operator, t.updatedAt).where(sql`change = 'remove'`),
  ],
);

export type PanelJob = typeof panelJobs.$inferSelect;
