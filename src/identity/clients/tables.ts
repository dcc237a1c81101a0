import { integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** How a person may sign in: password, code by SMS, code by mail or from Operations. */
export type Method = "password" | "sms" | "code";

/** An application that calls us. Its id decides the operator, how people may sign in, and what it may ask. */
export const clients = sqliteTable(
  "clients",
  {
    operator: operator(),
    id: text("id").notNull(),
    name: text("name").notNull(),
    appType: text("app_type").notNull(),
    source: text("source").notNull(),
    kind: text("kind", { enum: ["public", "confidential"] }).notNull(),
    secretHash: text("secret_hash"),
    firstParty: flag("first_party").notNull(),
    methods: text("methods", { mode: "json" }).$type<Method[]>().notNull(),
    scopes: text("scopes", { mode: "json" }).$type<string[]>().notNull(),
    aud: text("aud", { mode: "json" }).$type<string[]>().notNull(),
    origins: text("origins", { mode: "json" }).$type<string[]>().notNull(),
    otpLength: integer("otp_length").notNull(),
    loginOnActivation: flag("login_on_activation").notNull(),
    status: text("status", { enum: ["active", "disabled"] }).notNull(),
    createdAt: instant("created_at").notNull(),
    ver: integer("ver").notNull().default(1),
  },
  (t) => [primaryKey({ columns: [t.operator, t.id] }), uniqueIndex("clients_id").on(t.id)],
);

export type Client = typeof clients.$inferSelect;
