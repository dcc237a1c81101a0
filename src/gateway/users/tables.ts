import { sql } from "drizzle-orm";
import { index, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A user of the gateway: a profile of an account, or of somebody whom an outside back end keeps, and the keys of their last sync. */
export const gatewayUsers = sqliteTable(
  "gateway_users",
  {
    operator: operator(),
    id: text("id").notNull(),
    accountId: text("account_id"),
    msisdnHash: text("msisdn_hash"),
    name: text("name"),
    phc: text("phc"),
    publicKey: text("public_key"),
    label: text("label", { enum: ["sha1", "sha256"] }),
    sharedKey: text("shared_key"),
    syncedAt: instant("synced_at"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("gateway_users_hash").on(t.operator, t.msisdnHash).where(sql`msisdn_hash IS NOT NULL`),
    index("gateway_users_account").on(t.operator, t.accountId).where(sql`account_id IS NOT NULL`),
  ],
);

/** An account of a user at a platform such as gmail, through which the publisher sends. */
export const gatewayGrants = sqliteTable(
  "gateway_grants",
  {
    operator: operator(),
    userId: text("user_id").notNull(),
    platform: text("platform").notNull(),
    sealed: text("sealed").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.userId, t.platform] })],
);

/** What was sent once and must not count again, by the end of its ciphertext. */
export const gatewaySeen = sqliteTable(
  "gateway_seen",
  {
    operator: operator(),
    scope: text("scope").notNull(),
    fingerprint: text("fingerprint").notNull(),
    seenAt: instant("seen_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.scope, t.fingerprint] }),
    index("gateway_seen_orders").on(t.operator, t.seenAt).where(sql`scope = 'forget'`),
  ],
);

export type GatewayUser = typeof gatewayUsers.$inferSelect;
export type GatewayGrant = typeof gatewayGrants.$inferSelect;
