import { index, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "./db.ts";

/** A queue message that no consumer could digest, kept until somebody replays it. */
export const deadLetters = sqliteTable(
  "dead_letters",
  {
    operator: operator(),
    id: text("id").notNull(),
    queue: text("queue").notNull(),
    body: text("body").notNull(),
    failedAt: instant("failed_at").notNull(),
    replayedAt: instant("replayed_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("dead_letters_open").on(t.operator, t.replayedAt, t.failedAt),
  ],
);
