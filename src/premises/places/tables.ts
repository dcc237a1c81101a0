import { type AnySQLiteColumn, index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { operator } from "#platform/db.ts";

/** A town, a street or a house in which the operator has a network. */
export const places = sqliteTable(
  "places",
  {
    id: integer("id").primaryKey({ autoIncrement: true }),
    operator: operator(),
    kind: text("kind", { enum: ["location", "street", "house"] }).notNull(),
    parent: integer("parent").references((): AnySQLiteColumn => places.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    type: text("type").notNull().default(""),
    search: text("search").notNull(),
    latitude: text("latitude"),
    longitude: text("longitude"),
    services: text("services", { mode: "json" }).notNull().default([]).$type<string[]>(),
  },
  (t) => [
    index("places_parent").on(t.parent),
    index("places_kind").on(t.operator, t.kind, t.parent, t.name),
    index("places_search").on(t.operator, t.search),
  ],
);

export type Place = typeof places.$inferSelect;
