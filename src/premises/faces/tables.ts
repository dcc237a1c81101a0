import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";

/** A face that opens the flat's doors because a resident marked it. The picture is the face server's. */
export const faces = sqliteTable(
  "faces",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    id: integer("id").notNull(),
    eventId: text("event_id"),
    accountId: text("account_id").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.uid, t.id] }),
    index("faces_account").on(t.operator, t.accountId),
    index("faces_event").on(t.operator, t.eventId),
    index("faces_face").on(t.operator, t.id, t.uid),
  ],
);

/** A face that nobody marks any more and that the face server may still know. */
export const facesToForget = sqliteTable(
  "faces_to_forget",
  {
    operator: operator(),
    id: integer("id").notNull(),
    since: instant("since").notNull(),
  },
  (t) => [primaryKey({ columns: [t.operator, t.id] })],
);

export type Face = typeof faces.$inferSelect;
