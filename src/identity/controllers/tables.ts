import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A controller: the hub in a home. Lamps behind it are resources at most. */
export const controllers = sqliteTable(
  "controllers",
  {
    operator: operator(),
    id: text("id").notNull(),
    serial: text("serial").notNull(),
    model: text("model").notNull(),
    fw: text("fw"),
    name: text("name"),
    room: text("room"),
    status: text("status", { enum: ["factory", "enrolled", "claimed", "banned", "deleted"] }).notNull(),
    domainId: text("domain_id"),
    ownerAccountId: text("owner_account_id"),
    epoch: integer("epoch").notNull().default(1),
    /** SHA-256 in hex of the code that is printed on the unit; null: none is good. It stays once it was used. */
    claimHash: text("claim_hash"),
    banReason: text("ban_reason"),
    createdAt: instant("created_at").notNull(),
    enrolledAt: instant("enrolled_at"),
    claimedAt: instant("claimed_at"),
    lastSeenAt: instant("last_seen_at"),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("controllers_id").on(t.id),
    uniqueIndex("controllers_serial").on(t.operator, t.serial),
    index("controllers_domain").on(t.operator, t.domainId),
    index("controllers_owner").on(t.operator, t.ownerAccountId),
    index("controllers_status").on(t.operator, t.status),
  ],
);

/** Claim codes that were tried on a serial, whether or not there is one: nobody is to learn that from the count. */
export const claimTries = sqliteTable(
  "claim_tries",
  {
    operator: operator(),
    serial: text("serial").notNull(),
    tries: integer("tries").notNull(),
    lastAt: instant("last_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.serial] }), index("claim_tries_last").on(t.lastAt)],
);

/** A controller's own secret or public key. The id is made of it, so that no two controllers share one. */
export const controllerCredentials = sqliteTable(
  "controller_credentials",
  {
    operator: operator(),
    id: text("id").notNull(),
    deviceId: text("device_id").notNull(),
    type: text("type", { enum: ["secret", "jwk", "enrolment"] }).notNull(),
    secretHash: text("secret_hash"),
    jwk: text("jwk"),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at"),
    revokedAt: instant("revoked_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("controller_credentials_device").on(t.operator, t.deviceId),
  ],
);

export type Controller = typeof controllers.$inferSelect;
export type ControllerCredential = typeof controllerCredentials.$inferSelect;
