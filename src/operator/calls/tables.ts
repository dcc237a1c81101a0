import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** What a system of the operator's must be told, until it has taken it. The id is its Idempotency-Key. */
export const operatorCalls = sqliteTable(
  "operator_calls",
  {
    operator: operator(),
    id: text("id").notNull(),
    system: text("system").notNull(),
    function: text("function").notNull(),
    arguments: text("arguments", { mode: "json" }).notNull().$type<Record<string, unknown>>(),
    state: text("state", { enum: ["queued", "sending", "done", "failed"] }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    error: text("error"),
    createdAt: instant("created_at").notNull(),
    updatedAt: instant("updated_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("operator_calls_due").on(t.operator, t.state, t.nextAttemptAt),
  ],
);

export type OperatorCall = typeof operatorCalls.$inferSelect;
