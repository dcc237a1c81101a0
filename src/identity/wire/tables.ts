import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** The sealed answer to a creating call, for its repetition. */
export const idempotency = sqliteTable(
  "idempotency",
  {
    operator: operator(),
    id: text("id").notNull(),
    bodyHash: text("body_hash").notNull(),
    status: integer("status"),
    answer: text("answer"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.id] }), index("idempotency_created").on(t.createdAt)],
);
