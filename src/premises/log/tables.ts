import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** Something that happened at a door, as the flat's log shows it. */
export const events = sqliteTable(
  "events",
  {
    operator: operator(),
    id: text("id").notNull(),
    uid: integer("uid").notNull(),
    at: instant("at").notNull(),
    kind: integer("kind").notNull(),
    deviceId: integer("device_id").notNull(),
    title: text("title").notNull(),
    detail: text("detail").notNull().default(""),
    extra: text("extra", { mode: "json" }).notNull().default({}).$type<Record<string, unknown>>(),
    picture: text("picture"),
    preview: integer("preview").notNull().default(0),
    hidden: flag("hidden").notNull().default(false),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("events_home").on(t.operator, t.uid, t.at, t.kind, t.deviceId, t.hidden),
    index("events_at").on(t.operator, t.at),
  ],
);

/** Something that a camera's analytics noticed. */
export const cameraEvents = sqliteTable(
  "camera_events",
  {
    operator: operator(),
    id: text("id").notNull(),
    deviceId: integer("device_id").notNull(),
    startedAt: instant("started_at").notNull(),
    endedAt: instant("ended_at").notNull(),
    kind: integer("kind").notNull().default(0),
    description: text("description").notNull().default(""),
    picture: text("picture"),
    preview: integer("preview").notNull().default(0),
    analysis: text("analysis"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    index("camera_events_device").on(t.operator, t.deviceId, t.startedAt, t.kind),
    index("camera_events_at").on(t.operator, t.startedAt),
  ],
);

export const EVENT_CHOICES = ["key", "code", "face", "app", "guest", "plate"] as const;

/** Which kinds of events of a home a person wants to be told of. */
export const eventSubscriptions = sqliteTable(
  "event_subscriptions",
  {
    operator: operator(),
    accountId: text("account_id").notNull(),
    uid: integer("uid").notNull(),
    kinds: text("kinds", { mode: "json" }).notNull().$type<(typeof EVENT_CHOICES)[number][]>(),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.accountId, t.uid] }),
    index("event_subscriptions_uid").on(t.operator, t.uid),
  ],
);

export type Event = typeof events.$inferSelect;
export type CameraEvent = typeof cameraEvents.$inferSelect;
export type EventChoice = (typeof EVENT_CHOICES)[number];
