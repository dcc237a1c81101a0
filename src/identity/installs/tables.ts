import { sql } from "drizzle-orm";
import { index, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** What a person chose in the app. No row: everything on. */
export const residents = sqliteTable(
  "residents",
  {
    operator: operator(),
    accountId: text("account_id").notNull(),
    notify: flag("notify").notNull().default(true),
    money: flag("money").notNull().default(true),
  },
  (t) => [primaryKey({ columns: [t.operator, t.accountId] })],
);

/** The installed app behind a session: its version, and where pushes reach it. */
export const appInstalls = sqliteTable(
  "app_installs",
  {
    operator: operator(),
    sessionId: text("session_id").notNull(),
    accountId: text("account_id").notNull(),
    platform: text("platform", { enum: ["android", "ios", "harmony", "web"] }),
    version: text("version"),
    manufacturer: text("manufacturer"),
    model: text("model"),
    osVersion: text("os_version"),
    pushToken: text("push_token"),
    pushService: text("push_service"),
    voipToken: text("voip_token"),
    production: flag("production").notNull().default(true),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.sessionId] }),
    index("app_installs_account").on(t.operator, t.accountId),
    index("app_installs_push").on(t.operator, t.pushToken).where(sql`push_token IS NOT NULL`),
    index("app_installs_voip").on(t.operator, t.voipToken).where(sql`voip_token IS NOT NULL`),
  ],
);

export type AppInstall = typeof appInstalls.$inferSelect;
