import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { MOST_ITEMS } from "./items.ts";
import { orderItems } from "./order-queries.ts";
import {
  deleteItems,
  deleteItemsOn,
  insertNode,
  nodeBy,
  nodesAfter,
  nodesOf,
  type ReportedItem,
  updateNode,
  upsertReported,
} from "./queries.ts";
import type { ShNode } from "./tables.ts";

// What the operator and the bridge tell of controllers.

const LISTED = 1_000;

export type NodeFacts = Partial<
  Pick<ShNode, "type" | "vendor" | "isUp" | "hwVersion" | "osVersion" | "swVersion" | "swDate" | "needsUpgrade">
>;

/** Registers a box, which is nobody's yet, and answers its id. Once more it changes nothing; with another id it is a `conflict`. */
export async function registerNode(
  env: Env,
  { id, ...node }: NodeFacts & { id?: string | undefined; mac: string; type: string },
): Promise<string> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const [, [there]] = await db.batch([
    insertNode(db, { ...node, operator, id: id ?? crypto.randomUUID() }),
    nodeBy(db, operator, { mac: node.mac }),
  ]);
  if (!there || (id !== undefined && there.id !== id))
    throw new AppError("conflict", "This id or MAC is another box's");
  return there.id;
}

/** Notes what is known of a controller. With `isFreed` it is taken from its contract, with all that hung on it. */
export async function noteNode(
  env: Env,
  id: string,
  { isFreed = false, ...facts }: NodeFacts & { isFreed?: boolean | undefined },
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const seen = facts.isUp ? { seenAt: now } : {};
  const free = isFreed ? { uid: null, name: null } : {};
  const update = updateNode(db, OPERATOR, id, { ...facts, ...seen, ...free });
  const [changed] = isFreed ? (await db.batch([deleteItemsOn(db, OPERATOR, id), update]))[1] : await update;
  if (!changed) throw new AppError("not_found", "There is no such controller");
}

/** The controllers of a contract, or of the operator by id after `after`: a thousand at most. */
export function allNodes(env: Env, { uid, after = "" }: { uid?: number | undefined; after?: string | undefined }) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  return uid === undefined ? nodesAfter(db, OPERATOR, after, LISTED).all() : nodesOf(db, OPERATOR, uid).all();
}

/**
 * Takes what a controller says that it has now and what it has no more. New things stand in no room. Throws `not_found` for a
 * controller that is unknown, and `conflict` for one that is nobody's: there is no home to keep them in.
 */
export async function reportItems(
  env: Env,
  nodeId: string,
  { items, removed }: { items: readonly ReportedItem[]; removed: readonly string[] },
  now = new Date(),
): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [node] = await nodeBy(db, OPERATOR, { id: nodeId });
  if (!node) throw new AppError("not_found", "There is no such controller");
  if (node.uid === null) throw new AppError("conflict", "This controller is nobody's");
  await db.batch([
    deleteItems(db, OPERATOR, node.uid, nodeId, removed),
    upsertReported(db, OPERATOR, { uid: node.uid, nodeId, items, limit: MOST_ITEMS }),
    orderItems(db, OPERATOR, node.uid),
    updateNode(db, OPERATOR, nodeId, { isUp: true, seenAt: now }),
  ]);
}
