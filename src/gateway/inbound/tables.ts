import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** An SMS that was brought to us, until the publisher has it: the row is the truth, the queue only carries its id. */
export const gatewayMessages = sqliteTable(
  "gateway_messages",
  {
    operator: operator(),
    id: text("id").notNull(),
    source: text("source").notNull(),
    client: text("client"),
    sealed: text("sealed"),
    state: text("state", { enum: ["received", "opened", "published", "dead"] }).notNull(),
    userId: text("user_id"),
    attempts: integer("attempts").notNull().default(0),
    claimedUntil: instant("claimed_until"),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    error: text("error"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("gateway_messages_due").on(t.operator, t.state, t.nextAttemptAt),
    index("gateway_messages_user").on(t.operator, t.userId).where(sql`user_id IS NOT NULL`),
  ],
);

export type GatewayMessage = typeof gatewayMessages.$inferSelect;
