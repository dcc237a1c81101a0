import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

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
    lang: text("lang"),
    avatar: text("avatar"),
    note: text("note"),
    epoch: integer("epoch").notNull().default(1),
    twoStep: flag("two_step").notNull().default(false),
    banReason: text("ban_reason"),
    banUntil: instant("ban_until"),
    challengeId: text("challenge_id"),
    activatedAt: instant("activated_at"),
    lastLoginAt: instant("last_login_at"),
    eraseAt: instant("erase_at"),
    nameFolded: text("name_folded"),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [
    uniqueIndex("accounts_id").on(t.operator, t.id),
    index("accounts_status").on(t.operator, t.status, t.createdAt),
    index("accounts_inactive").on(t.createdAt).where(sql`status = 'inactive'`),
    index("accounts_banned_until").on(t.banUntil).where(sql`ban_until IS NOT NULL`),
    index("accounts_to_erase").on(t.eraseAt).where(sql`erase_at IS NOT NULL`),
    index("accounts_name").on(t.operator, t.nameFolded).where(sql`name_folded IS NOT NULL`),
  ],
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
    id: text("id").notNull().default(""),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.type, t.value, t.accountId] }),
    uniqueIndex("account_identifiers_verified").on(t.operator, t.type, t.value).where(sql`verified_at IS NOT NULL`),
    index("account_identifiers_account").on(t.operator, t.accountId),
    index("account_identifiers_id").on(t.operator, t.id),
  ],
);

/** A password, as scrypt and salt. Of an inactive account it is the one that its registration gave. */
export const accountPasswords = sqliteTable(
  "account_passwords",
  {
    operator: operator(),
    accountId: text("account_id").notNull(),
    phc: text("phc").notNull(),
    mustReset: flag("must_reset").notNull().default(false),
    changedAt: instant("changed_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.accountId] })],
);

export type Account = typeof accounts.$inferSelect;
export type AccountIdentifier = typeof accountIdentifiers.$inferSelect;
