import { sql } from "drizzle-orm";
import { index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A message that a resident reads in the app. By phone, because a person may have no account yet. */
export const inboxMessages = sqliteTable(
  "inbox_messages",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    phone: text("phone").notNull(),
    title: text("title").notNull(),
    text: text("text").notNull(),
    action: text("action").notNull().default("inbox"),
    link: text("link"),
    batch: text("batch"),
    createdAt: instant("created_at").notNull(),
    deliveredAt: instant("delivered_at"),
    readAt: instant("read_at"),
  },
  (t) => [
    index("inbox_messages_phone").on(t.operator, t.phone, t.createdAt),
    index("inbox_messages_unread").on(t.operator, t.phone).where(sql`read_at IS NULL`),
    uniqueIndex("inbox_messages_batch").on(t.operator, t.batch, t.phone).where(sql`batch IS NOT NULL`),
    index("inbox_messages_created").on(t.operator, t.createdAt),
  ],
);

/** A line of the chat between a resident and the operator's people. */
export const chatMessages = sqliteTable(
  "chat_messages",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    phone: text("phone").notNull(),
    author: text("author", { enum: ["resident", "operator"] }).notNull(),
    name: text("name"),
    text: text("text").notNull(),
    key: text("key"),
    createdAt: instant("created_at").notNull(),
    readAt: instant("read_at"),
  },
  (t) => [
    index("chat_messages_phone").on(t.operator, t.phone, t.id),
    index("chat_messages_unread").on(t.operator, t.phone, t.author).where(sql`read_at IS NULL`),
    uniqueIndex("chat_messages_key").on(t.operator, t.phone, t.author, t.key).where(sql`key IS NOT NULL`),
    index("chat_messages_created").on(t.operator, t.createdAt),
  ],
);

export type InboxMessage = typeof inboxMessages.$inferSelect;
export type ChatMessage = typeof chatMessages.$inferSelect;
