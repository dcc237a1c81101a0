import { and, eq, ne, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { shItems, shRooms } from "./tables.ts";

// Rooms stand in an order within a home, things within a room: 1, 2, 3 … without a gap. So each change of that order numbers
// the whole of it anew, in the same batch as what it follows; rows whose number stays are not written. The numbers come from a
// subquery of their own, which SQLite has finished before the first row changes.

/**
 * Numbers the rooms of a home. `moved` is put at that place among the others, the first being 1, provided that the statement
 * before has written it.
 */
export function orderRooms(db: Db, operator: string, uid: number, moved?: { id: string; to: number }) {
  const isMoved = moved ? sql`id = ${moved.id}` : sql`0`;
  const ranked = sql`(
    SELECT id, row_number() OVER (ORDER BY iif(is_moved, ${(moved?.to ?? 0) - 0.5}, rank)) AS place
    FROM (SELECT id, ${isMoved} AS is_moved,
        row_number() OVER (PARTITION BY ${isMoved} ORDER BY priority, id) AS rank
      FROM sh_rooms WHERE operator = ${operator} AND uid = ${uid})) AS ranked`;
  return db
    .update(shRooms)
    .set({ priority: sql`ranked.place` })
    .from(ranked)
    .where(
      and(
        eq(shRooms.operator, operator),
        eq(shRooms.uid, uid),
        sql`${shRooms.id} = ranked.id`,
        ne(shRooms.priority, sql`ranked.place`),
        moved && ifChanged,
      ),
    );
}

/** Numbers the things of a home within their rooms, and those in no room among themselves; `moved` as above. */
export function orderItems(db: Db, operator: string, uid: number, moved?: { nodeId: string; id: string; to: number }) {
  const isMoved = moved ? sql`(node_id = ${moved.nodeId} AND id = ${moved.id})` : sql`0`;
  const ranked = sql`(
    SELECT node_id, id, row_number() OVER (PARTITION BY room_id ORDER BY iif(is_moved, ${(moved?.to ?? 0) - 0.5}, rank)) AS place
    FROM (SELECT node_id, id, room_id, ${isMoved} AS is_moved,
        row_number() OVER (PARTITION BY room_id, ${isMoved} ORDER BY priority, node_id, id) AS rank
      FROM sh_items WHERE operator = ${operator} AND uid = ${uid})) AS ranked`;
  return db
    .update(shItems)
    .set({ priority: sql`ranked.place` })
    .from(ranked)
    .where(
      and(
        eq(shItems.operator, operator),
        eq(shItems.uid, uid),
        sql`${shItems.nodeId} = ranked.node_id AND ${shItems.id} = ranked.id`,
        ne(shItems.priority, sql`ranked.place`),
        moved && ifChanged,
      ),
    );
}
