import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";
import type { Amr, DeviceInfo } from "../sessions/tables.ts";

/** What became of the keys of SIGNING_KEYS; never the keys themselves. */
export const signingKeys = sqliteTable(
  "signing_keys",
  {
    operator: operator(),
    kid: text("kid").notNull(),
    activeAt: instant("active_at"),
    revokedAt: instant("revoked_at"),
    reason: text("reason"),
  },
  (t) => [primaryKey({ columns: [t.operator, t.kid] })],
);

/** A television that shows a code and waits for somebody to approve it (RFC 8628). */
export const deviceGrants = sqliteTable(
  "device_grants",
  {
    operator: operator(),
    id: text("id").notNull(),
    userCodeHash: text("user_code_hash").notNull(),
    clientId: text("client_id").notNull(),
    scope: text("scope").notNull(),
    device: text("device", { mode: "json" }).$type<DeviceInfo>(),
    status: text("status", { enum: ["pending", "approved", "denied", "used"] }).notNull(),
    accountId: text("account_id"),
    amr: text("amr", { mode: "json" }).$type<Amr[]>(),
    authAt: instant("auth_at"),
    epoch: integer("epoch"),
    intervalS: integer("interval_s").notNull(),
    polledAt: instant("polled_at"),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("device_grants_user_code").on(t.operator, t.userCodeHash),
    index("device_grants_expired").on(t.expiresAt),
  ],
);

/** Signed assertions that were taken once, until they would have expired. */
export const usedAssertions = sqliteTable(
  "used_assertions",
  {
    operator: operator(),
    id: text("id").notNull(),
    expiresAt: instant("expires_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.id] })],
);

export type DeviceGrant = typeof deviceGrants.$inferSelect;
