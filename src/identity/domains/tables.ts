import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A household: people and controllers. */
export const domains = sqliteTable(
  "domains",
  {
    operator: operator(),
    id: text("id").notNull(),
    name: text("name").notNull(),
    addressRef: text("address_ref"),
    status: text("status", { enum: ["active", "deleted"] }).notNull(),
    policyVersion: integer("policy_version").notNull().default(1),
    nextOwnerId: text("next_owner_id"),
    offeredBy: text("offered_by"),
    createdBy: text("created_by").notNull(),
    createdAt: instant("created_at").notNull(),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("domains_status").on(t.operator, t.status),
    index("domains_maker").on(t.operator, t.createdBy, t.createdAt),
  ],
);

/** Who belongs to a domain, as what, and until when. */
export const domainMembers = sqliteTable(
  "domain_members",
  {
    operator: operator(),
    domainId: text("domain_id").notNull(),
    accountId: text("account_id").notNull(),
    role: text("role", { enum: ["owner", "admin", "member", "guest"] }).notNull(),
    expiresAt: instant("expires_at"),
    invitedBy: text("invited_by"),
    joinedAt: instant("joined_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.domainId, t.accountId] }),
    index("domain_members_account").on(t.operator, t.accountId),
    index("domain_members_expiring").on(t.expiresAt).where(sql`expires_at IS NOT NULL`),
  ],
);

/** An open offer to join a domain; its code is shown once and stored as a hash. */
export const invitations = sqliteTable(
  "invitations",
  {
    operator: operator(),
    id: text("id").notNull(),
    domainId: text("domain_id").notNull(),
    codeHash: text("code_hash").notNull(),
    toType: text("to_type", { enum: ["phone", "email"] }),
    toValue: text("to_value"),
    role: text("role", { enum: ["admin", "member", "guest"] }).notNull(),
    memberExpiresAt: instant("member_expires_at"),
    note: text("note"),
    maxUses: integer("max_uses").notNull(),
    uses: integer("uses").notNull().default(0),
    status: text("status", { enum: ["open", "accepted", "declined", "withdrawn"] }).notNull(),
    createdBy: text("created_by").notNull(),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("invitations_code").on(t.operator, t.codeHash),
    index("invitations_domain").on(t.operator, t.domainId, t.createdAt),
    index("invitations_target").on(t.operator, t.toType, t.toValue, t.status),
    index("invitations_expiring").on(t.expiresAt),
  ],
);

export type Domain = typeof domains.$inferSelect;
export type Membership = typeof domainMembers.$inferSelect;
export type Invitation = typeof invitations.$inferSelect;
export type Role = Membership["role"];
