import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { instant, operator } from "#platform/db.ts";
import { SERVER_TYPES } from "../tables.ts";

/** A part of a file that R2 has, with the MD5 of its bytes in hex. */
export interface Part {
  etag: string;
  size: number;
  md5: string;
}

/** A stretch of a camera's archive as a file in R2. Two who ask for the same stretch share it. */
export const fragments = sqliteTable(
  "fragments",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    deviceId: integer("device_id").notNull(),
    from: integer("from_s").notNull(),
    to: integer("to_s").notNull(),
    title: text("title").notNull(),
    url: text("url").notNull(),
    serverType: text("server_type", { enum: SERVER_TYPES }).notNull(),
    state: text("state", { enum: ["queued", "loading", "ready", "failed"] }).notNull(),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull(),
    uploadId: text("upload_id"),
    parts: text("parts", { mode: "json" }).notNull().default([]).$type<Part[]>(),
    sourceEtag: text("source_etag"),
    size: integer("size"),
    error: text("error"),
    createdAt: instant("created_at").notNull(),
    readyAt: instant("ready_at"),
    expiresAt: instant("expires_at").notNull(),
  },
  (t) => [
    uniqueIndex("fragments_range").on(t.operator, t.deviceId, t.from, t.to),
    index("fragments_due").on(t.operator, t.state, t.nextAttemptAt),
    index("fragments_expiry").on(t.operator, t.expiresAt),
  ],
);

/** Who asked for a fragment, for which contract, and so may download it. */
export const fragmentReaders = sqliteTable(
  "fragment_readers",
  {
    operator: operator(),
    fragmentId: integer("fragment_id")
      .notNull()
      .references(() => fragments.id, { onDelete: "cascade" }),
    accountId: text("account_id").notNull(),
    phone: text("phone").notNull(),
    uid: integer("uid").notNull(),
    askedAt: instant("asked_at").notNull(),
    toldAt: instant("told_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.fragmentId, t.accountId] }),
    index("fragment_readers_fragment").on(t.fragmentId),
    index("fragment_readers_account").on(t.operator, t.accountId, t.askedAt),
    index("fragment_readers_untold").on(t.operator, t.fragmentId).where(sql`told_at IS NULL`),
  ],
);

export type Fragment = typeof fragments.$inferSelect;
export type FragmentReader = typeof fragmentReaders.$inferSelect;
