import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

export const MESSAGE_STATES = ["queued", "sending", "sent", "delivered", "failed", "expired", "unknown"] as const;

/** One SMS, flash call, mail or push to one recipient: the row is the truth, the queue only carries its id. */
export const messages = sqliteTable(
  "messages",
  {
    operator: operator(),
    id: text("id").notNull(),
    channel: text("channel", { enum: ["sms", "flashcall", "email", "push"] }).notNull(),
    recipient: text("recipient").notNull(),
    accountId: text("account_id"),
    purpose: text("purpose").notNull(),
    sealed: text("sealed"),
    parts: integer("parts").notNull(),
    state: text("state", { enum: MESSAGE_STATES }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    error: text("error"),
    smscId: text("smsc_id"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("messages_due").on(t.operator, t.state, t.nextAttemptAt),
    index("messages_recipient").on(t.operator, t.recipient, t.createdAt),
    index("messages_account").on(t.operator, t.accountId, t.createdAt),
    index("messages_created").on(t.operator, t.createdAt),
  ],
);

/** An SMS that somebody sent to us, by Kannel's id. `heardAt` is when the parts above had looked at it. */
export const inboundMessages = sqliteTable(
  "inbound_messages",
  {
    operator: operator(),
    id: text("id").notNull(),
    sender: text("sender").notNull(),
    recipient: text("recipient").notNull(),
    text: text("text").notNull(),
    receivedAt: instant("received_at").notNull(),
    heardAt: instant("heard_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("inbound_messages_received").on(t.operator, t.receivedAt),
    index("inbound_messages_unheard").on(t.operator, t.receivedAt).where(sql`heard_at IS NULL`),
  ],
);

export type Message = typeof messages.$inferSelect;
export type InboundMessage = typeof inboundMessages.$inferSelect;
