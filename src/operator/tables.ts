import { sql } from "drizzle-orm";
import { foreignKey, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** What a contract pays each month: kopecks, and the last day that is paid for, YYYY-MM-DD. */
export type Tariffs = Partial<
  Record<"internet" | "tv" | "phone" | "cams", { price: number; until?: string | undefined; name?: string | undefined }>
>;

/** A flat with a contract. Its uid is what the apps call houseId and flatId. */
export const contracts = sqliteTable(
  "contracts",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    login: text("login").notNull(),
    address: text("address").notNull(),
    flat: text("flat"),
    state: integer("state").notNull().default(2).$type<0 | 1 | 2>(),
    balance: integer("balance").notNull().default(0),
    services: text("services", { mode: "json" }).notNull().default([]).$type<string[]>(),
    password: text("password"),
    clientName: text("client_name"),
    email: text("email"),
    isConfirmed: flag("is_confirmed").notNull().default(false),
    payAdvice: integer("pay_advice"),
    tariffs: text("tariffs", { mode: "json" }).notNull().default({}).$type<Tariffs>(),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.uid] }), uniqueIndex("contracts_login").on(t.operator, t.login)],
);

/** The highest uid that was ever given, so that nobody inherits the history of a deleted contract. */
export const contractNumbers = sqliteTable("contract_numbers", {
  operator: operator().primaryKey(),
  last: integer("last").notNull(),
});

/** A phone whose owner may act for the contract. One phone may have several contracts, and one contract several phones. */
export const contractPhones = sqliteTable(
  "contract_phones",
  {
    operator: operator(),
    phone: text("phone").notNull(),
    uid: integer("uid").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.phone, t.uid] }),
    index("contract_phones_uid").on(t.operator, t.uid, t.phone),
    foreignKey({ columns: [t.operator, t.uid], foreignColumns: [contracts.operator, contracts.uid] }).onDelete(
      "cascade",
    ),
  ],
);

/** One device whose service state differs from its contract's. */
export const contractDeviceStates = sqliteTable(
  "contract_device_states",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    deviceId: integer("device_id").notNull(),
    state: integer("state").notNull().$type<0 | 1 | 2>(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.uid, t.deviceId] }),
    foreignKey({ columns: [t.operator, t.uid], foreignColumns: [contracts.operator, contracts.uid] }).onDelete(
      "cascade",
    ),
  ],
);

export type Contract = typeof contracts.$inferSelect;

/** A line of a contract's statement. What was charged is negative. */
export const contractEntries = sqliteTable(
  "contract_entries",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    uid: integer("uid").notNull(),
    at: instant("at").notNull(),
    amount: integer("amount").notNull(),
    description: text("description").notNull(),
    service: text("service"),
    periodStart: text("period_start"),
    periodEnd: text("period_end"),
    key: text("key"),
  },
  (t) => [
    index("contract_entries_uid").on(t.operator, t.uid, t.at),
    uniqueIndex("contract_entries_key").on(t.operator, t.key).where(sql`key IS NOT NULL`),
  ],
);

export type ContractEntry = typeof contractEntries.$inferSelect;

/** An operator that this deployment serves. The one of OPERATOR needs no row. */
export const operators = sqliteTable("operators", {
  operator: operator().primaryKey(),
  name: text("name").notNull(),
  country: text("country").notNull(),
  lang: text("lang").notNull(),
  params: text("params", { mode: "json" }).$type<Record<string, unknown>>().notNull(),
  createdAt: instant("created_at").notNull(),
  updatedAt: instant("updated_at").notNull(),
  ver: integer("ver").notNull().default(1),
});

/** What an operator tells people instead of the built-in text of an error. */
export const errorTexts = sqliteTable(
  "error_texts",
  {
    operator: operator(),
    app: text("app").notNull(),
    source: text("source").notNull(),
    code: text("code").notNull(),
    lang: text("lang").notNull(),
    num: integer("num"),
    status: integer("status"),
    text: text("text").notNull(),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [primaryKey({ columns: [t.operator, t.app, t.source, t.code, t.lang] })],
);

export type OperatorRow = typeof operators.$inferSelect;
