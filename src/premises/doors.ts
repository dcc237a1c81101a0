import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { demandPaid } from "./cameras.ts";
import type { Opening } from "./door-opener.ts";
import { EVENT, type NewEvent } from "./events.ts";
import { type Door, type Home, holdingsOf, type Resident } from "./homes.ts";

export interface DoorRequest {
  /** The lock's device id. */
  lockId: number;
  /** Left out, or 0, by apps that know one door per lock: the first. */
  doorId?: number | undefined;
  /** The contract, where the app says it. */
  uid?: number | undefined;
}

/** Old servers gave this lock to every door of a contract that had not paid. Apps may still have it in memory. */
const UNPAID_LOCK = 2;

/**
 * Opens a door that one of the resident's contracts has a paid right to, and writes it into that flat's log. Repeated presses
 * within three seconds open once. Throws `not_found`, `payment_required`, or `unavailable` when the panel does not do it.
 */
export async function openDoor(env: Env, resident: Resident, request: DoorRequest, now = new Date()): Promise<void> {
  if (request.lockId === UNPAID_LOCK) demandPaid([{ state: 1 }]);
  const { homes } = await holdingsOf(env, resident, { uid: request.uid, fresh: true }, now);
  const { home, door } = find(homes, request);
  demandPaid([door]);
  const opener = env.DOOR_OPENERS.getByName(`${settings(env).OPERATOR}:${door.id}`);
  report(door.id, await opener.open(door.id, resident.account, eventOf(resident, home, door, now)));
}

/** The door, seen from the contract that has paid for it if any has. */
function find(homes: readonly Home[], { lockId, doorId }: DoorRequest): { home: Home; door: Door } {
  const found = homes.flatMap((home) => {
    const door = home.doors.find((candidate) => candidate.lockId === lockId && (!doorId || candidate.id === doorId));
    return door ? [{ home, door }] : [];
  });
  const best = found.toSorted((a, b) => b.door.state - a.door.state).at(0);
  if (!best) throw new AppError("not_found", "You have no such door", { reason: "no_door" });
  return best;
}

function eventOf({ phone }: Resident, home: Home, door: Door, at: Date): NewEvent {
  const camera = home.cameras.find(({ id }) => id === door.cameraId);
  return {
    ...{ uid: home.uid, at, kind: EVENT.app, deviceId: door.cameraId, title: camera?.title ?? door.name },
    ...{ detail: `Телефон *${phone.slice(-4)}`, extra: { phone, doorId: door.id } },
  };
}

function report(doorId: number, opening: Opening): void {
  if (opening === "opened") return;
  if (opening === "gone") throw new AppError("not_found", "You have no such door", { reason: "no_door" });
  console.warn(`door ${doorId}: ${opening}`);
  throw new AppError("unavailable", "The door did not answer", { reason: "door_silent" });
}
