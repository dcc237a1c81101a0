import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A phone number that people may send their SMS to, and the key by which the phone behind it is known. */
export const gatewayClients = sqliteTable(
  "gateway_clients",
  {
    operator: operator(),
    msisdn: text("msisdn").notNull(),
    country: text("country").notNull(),
    carrier: text("carrier").notNull(),
    carrierCode: text("carrier_code").notNull(),
    countryFolded: text("country_folded").notNull(),
    carrierFolded: text("carrier_folded").notNull(),
    protocols: text("protocols").notNull(),
    reliability: real("reliability").notNull().default(0),
    lastPublishedAt: instant("last_published_at").notNull(),
    keyHash: text("key_hash"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.msisdn] }),
    uniqueIndex("gateway_clients_key").on(t.keyHash).where(sql`key_hash IS NOT NULL`),
  ],
);

/** One test SMS to a gateway client, which is to bring it back. */
export const gatewayTests = sqliteTable(
  "gateway_tests",
  {
    operator: operator(),
    id: integer("id").primaryKey({ autoIncrement: true }),
    msisdn: text("msisdn").notNull(),
    status: text("status", { enum: ["running", "success", "timedout"] }).notNull(),
    startedAt: instant("started_at").notNull(),
    sentAt: instant("sent_at"),
    receivedAt: instant("received_at"),
    routedAt: instant("routed_at"),
  },
  (t) => [
    index("gateway_tests_client").on(t.operator, t.msisdn),
    index("gateway_tests_started").on(t.operator, t.startedAt),
    uniqueIndex("gateway_tests_running").on(t.operator, t.msisdn).where(sql`status = 'running'`),
  ],
);

export type GatewayClient = typeof gatewayClients.$inferSelect;
export type ReliabilityTest = typeof gatewayTests.$inferSelect;
