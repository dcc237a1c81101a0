import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A person. Known by identifiers, never by this row alone; a deleted one keeps only its ids. */
export const accounts = sqliteTable(
  "accounts",
  {
    n: integer("n").primaryKey({ autoIncrement: true }),
    operator: operator(),
    id: text("id").notNull(),
    status: text("status", { enum: ["inactive", "active", "banned", "deleted"] }).notNull(),
    name: text("name"),
    patronymic: text("patronymic"),
    createdAt: instant("created_at").notNull(),
    deletedAt: instant("deleted_at"),
  },
  (t) => [uniqueIndex("accounts_id").on(t.operator, t.id)],
);

/** A phone number or e-mail address that an account claims; proven once verified, and then nobody else's. */
export const accountIdentifiers = sqliteTable(
  "account_identifiers",
  {
    operator: operator(),
    type: text("type", { enum: ["phone", "email"] }).notNull(),
    value: text("value").notNull(),
    accountId: text("account_id").notNull(),
    verifiedAt: instant("verified_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.type, t.value, t.accountId] }),
    uniqueIndex("account_identifiers_verified").on(t.operator, t.type, t.value).where(sql`verified_at IS NOT NULL`),
    index("account_identifiers_account").on(t.operator, t.accountId),
  ],
);

/** One signed-in app or browser. An ended session keeps its row: its camera tokens must stay refused. */
export const sessions = sqliteTable(
  "sessions",
  {
    operator: operator(),
    id: text("id").notNull(),
    accountId: text("account_id").notNull(),
    tokenHash: text("token_hash").notNull(),
    acr: text("acr", { enum: ["low", "normal"] }).notNull(),
    device: text("device"),
    createdAt: instant("created_at").notNull(),
    lastSeenAt: instant("last_seen_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    endedAt: instant("ended_at"),
    endReason: text("end_reason"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("sessions_token").on(t.operator, t.tokenHash),
    index("sessions_account").on(t.operator, t.accountId, t.endedAt),
    index("sessions_ended").on(t.operator, t.endedAt).where(sql`ended_at IS NOT NULL`),
  ],
);

export type Account = typeof accounts.$inferSelect;
export type Session = typeof sessions.$inferSelect;
