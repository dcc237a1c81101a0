import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A sum that somebody is about to pay for a contract. Its number is the apps' and the bank's orderNumber, unless an old billing gave one. */
export const invoices = sqliteTable(
  "invoices",
  {
    number: integer("number").primaryKey({ autoIncrement: true }),
    operator: operator(),
    uid: integer("uid").notNull(),
    login: text("login").notNull(),
    amount: integer("amount").notNull(),
    phone: text("phone").notNull(),
    accountId: text("account_id").notNull(),
    state: text("state", { enum: ["open", "registered", "paid", "failed"] }).notNull(),
    provider: text("provider", { enum: ["sber", "yookassa"] }),
    orderId: text("order_id"),
    formUrl: text("form_url"),
    billingNumber: text("billing_number"),
    error: text("error"),
    createdAt: instant("created_at").notNull(),
    registeredAt: instant("registered_at"),
    checkedAt: instant("checked_at"),
    paidAt: instant("paid_at"),
  },
  (t) => [
    index("invoices_account").on(t.operator, t.accountId, t.createdAt),
    index("invoices_state").on(t.operator, t.state, t.checkedAt),
    uniqueIndex("invoices_order").on(t.operator, t.provider, t.orderId).where(sql`order_id IS NOT NULL`),
    uniqueIndex("invoices_billing_number").on(t.operator, t.billingNumber).where(sql`billing_number IS NOT NULL`),
  ],
);

export type Invoice = typeof invoices.$inferSelect;
