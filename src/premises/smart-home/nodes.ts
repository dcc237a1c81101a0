import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { takeTry } from "../guests/attempts.ts";
import type { Resident } from "../homes.ts";
import { demandDweller, forDweller } from "./homes.ts";
import { DONE, NODE_IN_USE, NODE_OWN, NODE_TAKEN, NODE_UNKNOWN, type Outcome, refused } from "./outcome.ts";
import { countItemsOn, freeNode, type NodeName, nodeBy, nodesOf, takeNode } from "./queries.ts";
import type { ShNode } from "./tables.ts";

/** The controllers of a contract of the resident's. */
export function listNodes(env: Env, resident: Resident, uid: number): Promise<ShNode[]> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  return forDweller(env, resident, uid, () => nodesOf(db, OPERATOR, uid));
}

/**
 * Binds a free controller to the resident's contract, in one statement: of two flats that have read its label one gets it. Whoever
 * names boxes that are not there, or others', is guessing at labels: throws `too_many` after a few, by the limits of passwords.
 */
export async function bindNode(
  env: Env,
  resident: Resident,
  uid: number,
  { node, name }: { node: NodeName; name: string },
  client = "",
): Promise<Outcome & { node?: ShNode }> {
  await demandDweller(env, resident, uid);
  const hadLabel = await takeTry(env, [{ name: `boxes-of:${resident.account}` }], client);
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [[taken], [there]] = await db.batch([takeNode(db, OPERATOR, node, { uid, name }), nodeBy(db, OPERATOR, node)]);
  if (there?.uid !== uid) return refused(there ? NODE_TAKEN : NODE_UNKNOWN);
  await hadLabel();
  return taken ? { ...DONE, node: taken } : { ...refused(NODE_OWN), node: there };
}

/** Frees a controller of the resident's contract, unless things still hang on it. One that is not there is free already. */
export async function unbindNode(env: Env, resident: Resident, uid: number, nodeId: string): Promise<Outcome> {
  await demandDweller(env, resident, uid);
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [freed, [items]] = await db.batch([
    freeNode(db, OPERATOR, uid, nodeId),
    countItemsOn(db, OPERATOR, uid, nodeId),
  ]);
  return freed.length === 0 && items!.count > 0 ? refused(NODE_IN_USE) : DONE;
}
