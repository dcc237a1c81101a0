import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";
import type { Amr, DeviceInfo } from "../sessions/tables.ts";

/** A code that was sent, or a decoy. The code itself is in the target's Durable Object. */
export const challenges = sqliteTable(
  "challenges",
  {
    operator: operator(),
    id: text("id").notNull(),
    purpose: text("purpose", {
      enum: ["login", "auto", "activation", "reset", "identifier", "reauth", "mfa"],
    }).notNull(),
    clientId: text("client_id").notNull(),
    type: text("type", { enum: ["phone", "email"] }).notNull(),
    value: text("value").notNull(),
    country: text("country").notNull(),
    accountId: text("account_id"),
    length: integer("length").notNull(),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    usedAt: instant("used_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("challenges_expired").on(t.expiresAt),
    index("challenges_target").on(t.operator, t.type, t.value, t.createdAt),
  ],
);

/** The first of two steps was taken. */
export const mfaTokens = sqliteTable(
  "mfa_tokens",
  {
    operator: operator(),
    hash: text("hash").notNull(),
    subjectId: text("subject_id").notNull(),
    clientId: text("client_id").notNull(),
    amr: text("amr", { mode: "json" }).$type<Amr[]>().notNull(),
    device: text("device", { mode: "json" }).$type<DeviceInfo>(),
    tries: integer("tries").notNull().default(0),
    expiresAt: instant("expires_at").notNull(),
    usedAt: instant("used_at"),
  },
  (t) => [primaryKey({ columns: [t.operator, t.hash] })],
);

export type Challenge = typeof challenges.$inferSelect;
export type MfaToken = typeof mfaTokens.$inferSelect;
