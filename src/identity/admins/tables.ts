import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** Somebody who works for the operator. Another directory than the customers, another login, another session. */
export const admins = sqliteTable(
  "admins",
  {
    operator: operator(),
    id: text("id").notNull(),
    login: text("login").notNull(),
    email: text("email"),
    name: text("name").notNull(),
    phc: text("phc"),
    status: text("status", { enum: ["invited", "active", "banned", "deleted"] }).notNull(),
    setupHash: text("setup_hash"),
    setupUntil: instant("setup_until"),
    banReason: text("ban_reason"),
    createdBy: text("created_by"),
    createdAt: instant("created_at").notNull(),
    lastLoginAt: instant("last_login_at"),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("admins_login").on(t.operator, t.login),
    uniqueIndex("admins_setup").on(t.operator, t.setupHash).where(sql`setup_hash IS NOT NULL`),
  ],
);

/** What an administrator may do, and for which operator. */
export const adminRoles = sqliteTable(
  "admin_roles",
  {
    operator: operator(),
    adminId: text("admin_id").notNull(),
    role: text("role", { enum: ["viewer", "support", "operator_admin", "security", "superadmin"] }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.adminId, t.role] }), index("admin_roles_admin").on(t.adminId)],
);

/** A signed-in browser of Operations, by the hash of its cookie. */
export const adminSessions = sqliteTable(
  "admin_sessions",
  {
    operator: operator(),
    hash: text("hash").notNull(),
    adminId: text("admin_id").notNull(),
    authAt: instant("auth_at").notNull(),
    createdAt: instant("created_at").notNull(),
    lastSeenAt: instant("last_seen_at").notNull(),
    absoluteAt: instant("absolute_at").notNull(),
    endedAt: instant("ended_at"),
    ip: text("ip"),
    agent: text("agent"),
  },
  (t) => [primaryKey({ columns: [t.operator, t.hash] }), index("admin_sessions_admin").on(t.operator, t.adminId)],
);

export type Admin = typeof admins.$inferSelect;
