import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** When in the week a right holds. Day 1 is Monday; `to` below `from` runs into the next day. */
export interface WeeklyWindow {
  days: number[];
  /** HH:MM in the zone. */
  from: string;
  to: string;
  tz: string;
}

/** What a right may hang on: a door, a camera, a controller, of one domain. */
export const resources = sqliteTable(
  "resources",
  {
    operator: operator(),
    type: text("type").notNull(),
    id: text("id").notNull(),
    domainId: text("domain_id"),
    owner: text("owner"),
    parentType: text("parent_type"),
    parentId: text("parent_id"),
  },
  (t) => [primaryKey({ columns: [t.operator, t.type, t.id] }), index("resources_domain").on(t.operator, t.domainId)],
);

/** One right, or one prohibition. */
export const policies = sqliteTable(
  "policies",
  {
    operator: operator(),
    id: text("id").notNull(),
    domainId: text("domain_id").notNull(),
    subjType: text("subj_type", { enum: ["account", "device", "role", "service"] }).notNull(),
    subjId: text("subj_id").notNull(),
    resType: text("res_type").notNull(),
    resId: text("res_id").notNull(),
    actions: text("actions", { mode: "json" }).$type<string[]>().notNull(),
    effect: text("effect", { enum: ["allow", "deny"] }).notNull(),
    weekly: text("weekly", { mode: "json" }).$type<WeeklyWindow[]>(),
    maxAuthAge: integer("max_auth_age"),
    notBefore: instant("not_before"),
    expiresAt: instant("expires_at"),
    origin: text("origin", { enum: ["role", "grant", "operator"] }).notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: instant("created_at").notNull(),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("policies_domain").on(t.operator, t.domainId),
    index("policies_subject").on(t.operator, t.subjType, t.subjId),
  ],
);

/** What a role may do, where the operator has changed the built-in table. */
export const roleGrants = sqliteTable(
  "role_grants",
  {
    operator: operator(),
    role: text("role", { enum: ["owner", "admin", "member", "guest"] }).notNull(),
    resType: text("res_type").notNull(),
    actions: text("actions", { mode: "json" }).$type<string[]>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.role, t.resType] })],
);

export type Resource = typeof resources.$inferSelect;
export type Policy = typeof policies.$inferSelect;
export type RoleGrant = typeof roleGrants.$inferSelect;
