import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** What a client tells about the device that it runs on. */
export interface DeviceInfo {
  name?: string | undefined;
  platform?: string | undefined;
  /** Stable over the life of the install. */
  installId?: string | undefined;
}

/** How a person proved who they are (RFC 8176, and two of ours): password, one-time code by SMS or mail or TOTP, signed assertion. */
export type Amr = "pwd" | "otp" | "sms" | "mail" | "hwk";

/** One signed-in app, browser or controller. An ended session keeps its row: its camera tokens must stay refused. */
export const sessions = sqliteTable(
  "sessions",
  {
    operator: operator(),
    id: text("id").notNull(),
    subjectId: text("subject_id").notNull(),
    tokenHash: text("token_hash").notNull(),
    acr: text("acr", { enum: ["low", "normal"] }).notNull(),
    device: text("device"),
    createdAt: instant("created_at").notNull(),
    lastSeenAt: instant("last_seen_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    endedAt: instant("ended_at"),
    endReason: text("end_reason"),
    kind: text("kind", { enum: ["account", "device", "service"] })
      .notNull()
      .default("account"),
    clientId: text("client_id"),
    amr: text("amr", { mode: "json" }).$type<Amr[]>().notNull().default([]),
    scope: text("scope").notNull().default(""),
    authAt: instant("auth_at"),
    refreshSecret: text("refresh_secret"),
    generation: integer("generation").notNull().default(0),
    rotatedAt: instant("rotated_at"),
    absoluteAt: instant("absolute_at"),
    platform: text("platform"),
    installId: text("install_id"),
    ipPrefix: text("ip_prefix"),
    city: text("city"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("sessions_token").on(t.operator, t.tokenHash),
    index("sessions_account").on(t.operator, t.subjectId, t.endedAt),
    index("sessions_expired").on(t.kind, t.expiresAt),
    index("sessions_client").on(t.operator, t.clientId).where(sql`ended_at IS NULL`),
    index("sessions_ended_anywhere").on(t.endedAt).where(sql`ended_at IS NOT NULL`),
    index("sessions_ended").on(t.operator, t.endedAt).where(sql`ended_at IS NOT NULL`),
  ],
);

export type Session = typeof sessions.$inferSelect;
