import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** Something a resident asked the operator for. */
export const issues = sqliteTable(
  "issues",
  {
    operator: operator(),
    key: text("key").notNull(),
    phone: text("phone").notNull(),
    accountId: text("account_id").notNull(),
    uid: integer("uid"),
    kind: text("kind").notNull(),
    summary: text("summary").notNull(),
    description: text("description").notNull(),
    address: text("address"),
    delivery: text("delivery", { enum: ["office", "courier"] }),
    fields: text("fields", { mode: "json" }).notNull().default({}).$type<Record<string, unknown>>(),
    status: text("status", { enum: ["open", "done", "cancelled"] })
      .notNull()
      .default("open"),
    digest: text("digest").notNull(),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.key] }),
    index("issues_phone").on(t.operator, t.phone, t.status, t.createdAt),
    index("issues_account").on(t.operator, t.accountId),
    index("issues_status").on(t.operator, t.status, t.createdAt),
    index("issues_updated").on(t.operator, t.updatedAt),
    uniqueIndex("issues_once").on(t.operator, t.phone, t.digest).where(sql`status = 'open'`),
  ],
);

/** The highest number that an issue or an appeal was given. */
export const deskNumbers = sqliteTable(
  "desk_numbers",
  {
    operator: operator(),
    kind: text("kind", { enum: ["issue", "appeal"] }).notNull(),
    last: integer("last").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.kind] })],
);

/** What was said about an issue. */
export const issueComments = sqliteTable(
  "issue_comments",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    issueKey: text("issue_key").notNull(),
    author: text("author", { enum: ["resident", "operator"] }).notNull(),
    accountId: text("account_id"),
    text: text("text").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    index("issue_comments_issue").on(t.operator, t.issueKey, t.id),
    index("issue_comments_account").on(t.operator, t.accountId, t.createdAt).where(sql`account_id IS NOT NULL`),
  ],
);

/** What a complaint about the house may be about. */
export const appealCategories = sqliteTable(
  "appeal_categories",
  {
    operator: operator(),
    id: integer("id").notNull(),
    name: text("name").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.id] })],
);

/** A complaint about the house. */
export const appeals = sqliteTable(
  "appeals",
  {
    operator: operator(),
    id: integer("id").notNull(),
    uid: integer("uid").notNull(),
    phone: text("phone").notNull(),
    address: text("address").notNull(),
    categoryId: integer("category_id").notNull(),
    description: text("description").notNull(),
    picture: text("picture"),
    status: integer("status").notNull().default(1),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("appeals_uid").on(t.operator, t.uid, t.createdAt),
    index("appeals_phone").on(t.operator, t.phone),
    index("appeals_status").on(t.operator, t.status, t.id),
    index("appeals_updated").on(t.operator, t.updatedAt),
  ],
);

/** What became of a complaint: a decision, or work that was done. */
export const appealSteps = sqliteTable(
  "appeal_steps",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    appealId: integer("appeal_id").notNull(),
    kind: text("kind", { enum: ["status", "work"] }).notNull(),
    text: text("text").notNull(),
    picture: text("picture"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [index("appeal_steps_appeal").on(t.operator, t.appealId, t.id)],
);

/** What a flat owes for its housing, as the operator's accountants told us. */
export const housingBills = sqliteTable(
  "housing_bills",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    name: text("name").notNull(),
    client: text("client").notNull(),
    paymentLink: text("payment_link").notNull().default(""),
    balance: integer("balance").notNull().default(0),
    amount: integer("amount").notNull().default(0),
    current: integer("current").notNull().default(0),
    arrears: integer("arrears").notNull().default(0),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.uid, t.name, t.client] })],
);

export type Issue = typeof issues.$inferSelect;
export type IssueComment = typeof issueComments.$inferSelect;
export type Appeal = typeof appeals.$inferSelect;
export type AppealStep = typeof appealSteps.$inferSelect;
export type HousingBill = typeof housingBills.$inferSelect;
