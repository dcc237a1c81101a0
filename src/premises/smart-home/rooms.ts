import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import type { Resident } from "../homes.ts";
import { demandDweller, forDweller } from "./homes.ts";
import { orderRooms } from "./order-queries.ts";
import { DONE, type Outcome, ROOM_IN_USE, refused, TOO_MANY } from "./outcome.ts";
import { countItemsIn, deleteRoom, roomsOf, upsertRoom } from "./queries.ts";
import type { ShRoom } from "./tables.ts";

const MOST_ROOMS = 100;

/** The rooms of a contract of the resident's, in their order. */
export function listRooms(env: Env, resident: Resident, uid: number): Promise<ShRoom[]> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  return forDweller(env, resident, uid, () => roomsOf(db, OPERATOR, uid));
}

export interface RoomChange {
  id: string;
  name: string;
  isVisible: boolean;
  /** Its place, from 1; left out, a room stays where it is and a new one comes last. */
  priority?: number | undefined;
}

/** Makes or changes a room, and moves the others up or down: one batch. */
export async function setRoom(
  env: Env,
  resident: Resident,
  uid: number,
  { priority, ...room }: RoomChange,
): Promise<Outcome> {
  await demandDweller(env, resident, uid);
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [written] = await db.batch([
    upsertRoom(db, OPERATOR, { ...room, uid }, MOST_ROOMS),
    orderRooms(db, OPERATOR, uid, priority === undefined ? undefined : { id: room.id, to: priority }),
  ]);
  return written.length > 0 ? DONE : refused(TOO_MANY);
}

/** Removes a room that holds nothing. One that is not there is removed already. */
export async function removeRoom(env: Env, resident: Resident, uid: number, id: string): Promise<Outcome> {
  await demandDweller(env, resident, uid);
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [deleted, , [items]] = await db.batch([
    deleteRoom(db, OPERATOR, uid, id),
    orderRooms(db, OPERATOR, uid),
    countItemsIn(db, OPERATOR, uid, id),
  ]);
  return deleted.length === 0 && items!.count > 0 ? refused(ROOM_IN_USE) : DONE;
}
