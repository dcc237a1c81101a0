import { and, asc, eq, gt, isNull, type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type ShItem, type ShNode, type ShRoom, shItems, shNodes, shRooms } from "./tables.ts";

/** How a controller is named: by its id, or by the MAC on its box (aa:bb:cc:dd:ee:ff). */
export type NodeName = { id: string } | { mac: string };

export function nodesOf(db: Db, operator: string, uid: number) {
  return db
    .select()
    .from(shNodes)
    .where(and(eq(shNodes.operator, operator), eq(shNodes.uid, uid)))
    .orderBy(asc(shNodes.name), asc(shNodes.id));
}

export function nodeBy(db: Db, operator: string, name: NodeName) {
  return db.select().from(shNodes).where(isNamed(operator, name)).limit(1);
}

/** Controllers by id, those after `after`. */
export function nodesAfter(db: Db, operator: string, after: string, limit: number) {
  return db
    .select()
    .from(shNodes)
    .where(and(eq(shNodes.operator, operator), gt(shNodes.id, after)))
    .orderBy(asc(shNodes.id))
    .limit(limit);
}

export function insertNode(db: Db, node: typeof shNodes.$inferInsert) {
  return db.insert(shNodes).values(node).onConflictDoNothing();
}

export function updateNode(db: Db, operator: string, id: string, change: Partial<ShNode>) {
  return db
    .update(shNodes)
    .set({ id, ...change })
    .where(isNamed(operator, { id }))
    .returning({ id: shNodes.id });
}

/** Gives a controller that is nobody's to a contract. Of two that ask for it at once, one gets a row. */
export function takeNode(db: Db, operator: string, node: NodeName, to: { uid: number; name: string }) {
  return db
    .update(shNodes)
    .set(to)
    .where(and(isNamed(operator, node), isNull(shNodes.uid)))
    .returning();
}

/** Takes a contract's controller away from it, unless something still hangs on it there. */
export function freeNode(db: Db, operator: string, uid: number, id: string) {
  return db
    .update(shNodes)
    .set({ uid: null, name: null })
    .where(and(isNamed(operator, { id }), eq(shNodes.uid, uid), sql`NOT EXISTS (${itemsOn(operator, uid, id)})`))
    .returning({ id: shNodes.id });
}

export function countItemsOn(db: Db, operator: string, uid: number, nodeId: string) {
  return db
    .select({ count: sql<number>`count(*)` })
    .from(shItems)
    .where(and(eq(shItems.operator, operator), eq(shItems.uid, uid), eq(shItems.nodeId, nodeId)));
}

export function roomsOf(db: Db, operator: string, uid: number) {
  return db
    .select()
    .from(shRooms)
    .where(and(eq(shRooms.operator, operator), eq(shRooms.uid, uid)))
    .orderBy(asc(shRooms.priority), asc(shRooms.id));
}

export function itemsOf(db: Db, operator: string, uid: number) {
  return db
    .select()
    .from(shItems)
    .where(and(eq(shItems.operator, operator), eq(shItems.uid, uid)))
    .orderBy(asc(shItems.roomId), asc(shItems.priority), asc(shItems.nodeId), asc(shItems.id));
}

/** Makes a room at the end, or renames it. Nothing is returned when the home has `limit` rooms already. */
export function upsertRoom(db: Db, operator: string, room: Omit<ShRoom, "operator" | "priority">, limit: number) {
  const { uid, id, name, isVisible } = room;
  const mine = sql`FROM sh_rooms WHERE operator = ${operator} AND uid = ${uid}`;
  return db
    .insert(shRooms)
    .select(
      sql`SELECT ${operator}, ${uid}, ${id}, ${name}, ${AT_THE_END}, ${isVisible ? 1 : 0}
        WHERE (SELECT count(*) ${mine}) < ${limit} OR EXISTS (SELECT 1 ${mine} AND id = ${id})`,
    )
    .onConflictDoUpdate({ target: [shRooms.operator, shRooms.uid, shRooms.id], set: { name, isVisible } })
    .returning({ id: shRooms.id });
}

/** Removes a room that holds nothing. */
export function deleteRoom(db: Db, operator: string, uid: number, id: string) {
  return db
    .delete(shRooms)
    .where(
      and(
        eq(shRooms.operator, operator),
        eq(shRooms.uid, uid),
        eq(shRooms.id, id),
        sql`NOT EXISTS (SELECT 1 FROM sh_items AS i
          WHERE i.operator = ${operator} AND i.uid = ${uid} AND i.room_id = ${id})`,
      ),
    )
    .returning({ id: shRooms.id });
}

export function countItemsIn(db: Db, operator: string, uid: number, roomId: string) {
  return db
    .select({ count: sql<number>`count(*)` })
    .from(shItems)
    .where(and(eq(shItems.operator, operator), eq(shItems.uid, uid), eq(shItems.roomId, roomId)));
}

/** A place behind every other, until the order is made anew. */
const AT_THE_END = 1_000_000;

export type ItemChange = Pick<ShItem, "uid" | "nodeId" | "id" | "roomId" | "type" | "vendor" | "name" | "isVisible">;

/**
 * Adds or changes a thing on a controller of the contract; moved to another room it stands at the end there. Nothing is returned
 * when controller or room are not the contract's, or when it has `limit` things already.
 */
export function upsertItem(db: Db, operator: string, item: ItemChange, limit: number) {
  const { uid, nodeId, id, roomId, type, vendor, name, isVisible } = item;
  const mine = sql`FROM sh_items WHERE operator = ${operator} AND uid = ${uid}`;
  return db
    .insert(shItems)
    .select(
      sql`SELECT ${operator}, ${uid}, n.id, ${id}, ${roomId}, ${type}, NULL, NULL, ${vendor}, ${name}, ${AT_THE_END}, ${isVisible ? 1 : 0}
        FROM sh_nodes AS n
        WHERE n.operator = ${operator} AND n.id = ${nodeId} AND n.uid = ${uid}
          AND (${roomId} IS NULL OR EXISTS (SELECT 1 FROM sh_rooms
            WHERE operator = ${operator} AND uid = ${uid} AND id = ${roomId}))
          AND ((SELECT count(*) ${mine}) < ${limit} OR EXISTS (SELECT 1 ${mine} AND node_id = ${nodeId} AND id = ${id}))`,
    )
    .onConflictDoUpdate({
      target: [shItems.operator, shItems.uid, shItems.nodeId, shItems.id],
      set: {
        ...{ roomId, type, vendor, name, isVisible },
        priority: sql`iif(${shItems.roomId} IS excluded.room_id, ${shItems.priority}, ${AT_THE_END})`,
      },
    })
    .returning({ id: shItems.id });
}

/** What a controller says that it has. */
export type ReportedItem = Pick<ShItem, "id" | "type" | "multitype" | "meta" | "vendor" | "name">;

/** Adds what a controller reports, in no room; of what is known the resident's name, room and place stay. */
export function upsertReported(
  db: Db,
  operator: string,
  { uid, nodeId, items, limit }: { uid: number; nodeId: string; items: readonly ReportedItem[]; limit: number },
) {
  return db
    .insert(shItems)
    .select(
      sql`SELECT n.operator, n.uid, n.id, r.value ->> 'id', NULL, r.value ->> 'type', r.value ->> 'multitype', r.value ->> 'meta',
          r.value ->> 'vendor', r.value ->> 'name', ${AT_THE_END} + r.key, 1
        FROM sh_nodes AS n CROSS JOIN json_each(${JSON.stringify(items)}) AS r
        WHERE n.operator = ${operator} AND n.id = ${nodeId} AND n.uid = ${uid}
          AND (SELECT count(*) FROM sh_items WHERE operator = ${operator} AND uid = ${uid}) + r.key < ${limit}`,
    )
    .onConflictDoUpdate({
      target: [shItems.operator, shItems.uid, shItems.nodeId, shItems.id],
      set: {
        type: sql`excluded.type`,
        multitype: sql`excluded.multitype`,
        meta: sql`excluded.meta`,
        vendor: sql`excluded.vendor`,
      },
    });
}

export function deleteItems(db: Db, operator: string, uid: number, nodeId: string, ids: readonly string[]) {
  return db
    .delete(shItems)
    .where(
      and(
        eq(shItems.operator, operator),
        eq(shItems.uid, uid),
        eq(shItems.nodeId, nodeId),
        sql`${shItems.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`,
      ),
    );
}

/** Everything that hangs on a controller, whosever it is. */
export function deleteItemsOn(db: Db, operator: string, nodeId: string) {
  return db
    .delete(shItems)
    .where(
      and(
        eq(shItems.operator, operator),
        sql`${shItems.uid} = (SELECT uid FROM sh_nodes WHERE operator = ${operator} AND id = ${nodeId})`,
        eq(shItems.nodeId, nodeId),
      ),
    );
}

const isNamed = (operator: string, name: NodeName) =>
  and(eq(shNodes.operator, operator), "id" in name ? eq(shNodes.id, name.id) : eq(shNodes.mac, name.mac));

const itemsOn = (operator: string, uid: number, nodeId: string): SQL =>
  sql`SELECT 1 FROM sh_items AS i WHERE i.operator = ${operator} AND i.uid = ${uid} AND i.node_id = ${nodeId}`;
