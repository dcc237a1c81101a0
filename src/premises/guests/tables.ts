import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A phone that a contract's owner lets in: `inner` lives there, `outer` may come through the gates. */
export const guests = sqliteTable(
  "guests",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    phone: text("phone").notNull(),
    type: text("type", { enum: ["inner", "outer"] }).notNull(),
    expiresAt: instant("expires_at").notNull(),
    grantedBy: text("granted_by").notNull(),
    invitedAt: instant("invited_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.uid, t.phone] }),
    index("guests_phone").on(t.operator, t.phone, t.expiresAt),
    index("guests_expiry").on(t.operator, t.expiresAt),
  ],
);

/** An SMS that told a guest of it; rows of the last day. */
export const guestInvitations = sqliteTable(
  "guest_invitations",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    uid: integer("uid").notNull(),
    phone: text("phone").notNull(),
    at: instant("at").notNull(),
  },
  (t) => [
    index("guest_invitations_uid").on(t.operator, t.uid, t.at),
    index("guest_invitations_phone").on(t.operator, t.phone, t.at),
    index("guest_invitations_at").on(t.operator, t.at),
  ],
);

/** A QR code that the operator gave to a flat: whoever scans it first becomes one of the contract's phones. */
export const flatCodes = sqliteTable(
  "flat_codes",
  {
    operator: operator(),
    codeHash: text("code_hash").notNull(),
    uid: integer("uid").notNull(),
    expiresAt: instant("expires_at").notNull(),
    usedBy: text("used_by"),
    usedAt: instant("used_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.codeHash] }), index("flat_codes_expiry").on(t.operator, t.expiresAt)],
);

/** The picture of a passport, for the operator to look at. */
export const passports = sqliteTable(
  "passports",
  {
    operator: operator(),
    id: text("id").notNull(),
    uid: integer("uid").notNull(),
    phone: text("phone").notNull(),
    accountId: text("account_id").notNull(),
    file: text("file").notNull(),
    state: text("state", { enum: ["sent", "confirmed", "refused"] })
      .notNull()
      .default("sent"),
    createdAt: instant("created_at").notNull(),
    decidedAt: instant("decided_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("passports_uid").on(t.operator, t.uid, t.createdAt),
    index("passports_account").on(t.operator, t.accountId),
    index("passports_state").on(t.operator, t.state, t.createdAt),
  ],
);

/** Whoever has been sent a code to get a new password for a contract: which contract, and by which of its contacts. */
export const contractRestores = sqliteTable(
  "contract_restores",
  {
    operator: operator(),
    accountId: text("account_id").notNull(),
    contract: text("contract").notNull(),
    type: text("type", { enum: ["phone", "email"] }).notNull(),
    value: text("value").notNull(),
    expiresAt: instant("expires_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.accountId] }),
    index("contract_restores_expiry").on(t.operator, t.expiresAt),
  ],
);

export type Guest = typeof guests.$inferSelect;
export type Passport = typeof passports.$inferSelect;
