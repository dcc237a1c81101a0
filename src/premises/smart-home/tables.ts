import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { flag, instant, operator } from "#platform/db.ts";

/** A smart-home controller. Without a uid it is nobody's yet. */
export const shNodes = sqliteTable(
  "sh_nodes",
  {
    operator: operator(),
    id: text("id").notNull(),
    mac: text("mac").notNull(),
    type: text("type").notNull(),
    name: text("name"),
    vendor: text("vendor").notNull().default(""),
    uid: integer("uid"),
    isUp: flag("is_up").notNull().default(false),
    hwVersion: text("hw_version").notNull().default(""),
    osVersion: text("os_version").notNull().default(""),
    swVersion: text("sw_version").notNull().default(""),
    swDate: text("sw_date").notNull().default(""),
    needsUpgrade: flag("needs_upgrade").notNull().default(false),
    seenAt: instant("seen_at"),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.id] }),
    uniqueIndex("sh_nodes_mac").on(t.operator, t.mac),
    index("sh_nodes_uid").on(t.operator, t.uid),
  ],
);

/** A room of a home, as its people named it. */
export const shRooms = sqliteTable(
  "sh_rooms",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    id: text("id").notNull(),
    name: text("name").notNull(),
    priority: integer("priority").notNull(),
    isVisible: flag("is_visible").notNull().default(true),
  },
  (t) => [primaryKey({ columns: [t.operator, t.uid, t.id] })],
);

/** A lamp, a sensor or another thing on a controller. */
export const shItems = sqliteTable(
  "sh_items",
  {
    operator: operator(),
    uid: integer("uid").notNull(),
    nodeId: text("node_id").notNull(),
    id: text("id").notNull(),
    roomId: text("room_id"),
    type: text("type").notNull(),
    multitype: text("multitype"),
    meta: text("meta"),
    vendor: text("vendor").notNull().default(""),
    name: text("name").notNull(),
    priority: integer("priority").notNull(),
    isVisible: flag("is_visible").notNull().default(true),
  },
  (t) => [
    primaryKey({ columns: [t.operator, t.uid, t.nodeId, t.id] }),
    index("sh_items_room").on(t.operator, t.uid, t.roomId, t.priority),
  ],
);

export type ShNode = typeof shNodes.$inferSelect;
export type ShRoom = typeof shRooms.$inferSelect;
export type ShItem = typeof shItems.$inferSelect;
