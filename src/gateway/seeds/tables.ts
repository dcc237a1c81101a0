import { index, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A phone that relays SMS and knows its number, as long as it goes on saying so. */
export const gatewaySeeds = sqliteTable(
  "gateway_seeds",
  {
    operator: operator(),
    imsi: text("imsi").notNull(),
    msisdn: text("msisdn").notNull(),
    seedType: text("seed_type").notNull(),
    pingedAt: instant("pinged_at").notNull(),
    client: text("client"),
    address: text("address").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.imsi] }), index("gateway_seeds_live").on(t.operator, t.pingedAt)],
);

/** Who pinged as which seed: the first ping, and each that came from somebody else or with other words. */
export const gatewaySeedLog = sqliteTable(
  "gateway_seed_log",
  {
    operator: operator(),
    id: text("id").notNull(),
    imsi: text("imsi").notNull(),
    msisdn: text("msisdn").notNull(),
    seedType: text("seed_type").notNull(),
    client: text("client"),
    address: text("address").notNull(),
    at: instant("at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("gateway_seed_log_imsi").on(t.operator, t.imsi, t.at),
    index("gateway_seed_log_at").on(t.operator, t.at),
  ],
);

export type Seed = typeof gatewaySeeds.$inferSelect;
