import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import type { Resident } from "../homes.ts";
import { tellController } from "./bridge.ts";
import { demandDweller, forDweller } from "./homes.ts";
import { orderItems } from "./order-queries.ts";
import { DONE, NODE_UNKNOWN, type Outcome, ROOM_UNKNOWN, refused, TOO_MANY } from "./outcome.ts";
import { deleteItems, type ItemChange, itemsOf, nodeBy, roomsOf, upsertItem } from "./queries.ts";
import type { ShItem } from "./tables.ts";

/** How many things a home may have. */
export const MOST_ITEMS = 1_000;

/** What hangs on the controllers of a contract of the resident's, room by room in their order. */
export function listItems(env: Env, resident: Resident, uid: number): Promise<ShItem[]> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  return forDweller(env, resident, uid, () => itemsOf(db, OPERATOR, uid));
}

/** Has a controller of the contract look for new things. It reports them itself. */
export async function findItems(env: Env, resident: Resident, uid: number, nodeId: string): Promise<Outcome> {
  if (!(await isOwnNode(env, resident, uid, nodeId))) return refused(NODE_UNKNOWN);
  return tellController(env, { name: "device_add", nodeUuid: nodeId, uid });
}

/** Changes a thing and moves it to its room and place; what stood behind it in the old room moves up. One batch. */
export async function setItem(
  env: Env,
  resident: Resident,
  uid: number,
  { priority, ...item }: Omit<ItemChange, "uid"> & { priority?: number | undefined },
): Promise<Outcome> {
  await demandDweller(env, resident, uid);
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const moved = priority === undefined ? undefined : { nodeId: item.nodeId, id: item.id, to: priority };
  const [written, , [node], rooms] = await db.batch([
    upsertItem(db, OPERATOR, { ...item, uid }, MOST_ITEMS),
    orderItems(db, OPERATOR, uid, moved),
    nodeBy(db, OPERATOR, { id: item.nodeId }),
    roomsOf(db, OPERATOR, uid),
  ]);
  if (written.length > 0) return DONE;
  if (node?.uid !== uid) return refused(NODE_UNKNOWN);
  return refused(item.roomId === null || rooms.some(({ id }) => id === item.roomId) ? TOO_MANY : ROOM_UNKNOWN);
}

/** Has the controller forget a thing, and then forgets it too. */
export async function removeItem(
  env: Env,
  resident: Resident,
  uid: number,
  { nodeId, id }: Pick<ShItem, "nodeId" | "id">,
): Promise<Outcome> {
  if (!(await isOwnNode(env, resident, uid, nodeId))) return refused(NODE_UNKNOWN);
  const outcome = await tellController(env, { name: "device_remove", nodeUuid: nodeId, itemId: id });
  if (!outcome.done) return outcome;
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await db.batch([deleteItems(db, OPERATOR, uid, nodeId, [id]), orderItems(db, OPERATOR, uid)]);
  return outcome;
}

async function isOwnNode(env: Env, resident: Resident, uid: number, nodeId: string): Promise<boolean> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [node] = await forDweller(env, resident, uid, () => nodeBy(db, OPERATOR, { id: nodeId }));
  return node?.uid === uid;
}
