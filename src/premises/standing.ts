import { type Env, settings } from "#env.ts";
import { remoteBilling, type ServiceState } from "#operator/billing.ts";
import { database } from "#platform/db.ts";
import { devicesOf, doorsOf } from "./queries.ts";

/**
 * How a contract stands with each active device that it has a right to, and with each camera that one of its doors has, which stands as
 * the door's lock where that is better. Asked without the caches of a remote billing.
 */
export async function statesOf(env: Env, uid: number): Promise<Map<number, ServiceState>> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [devices, doors] = await db.batch([
    devicesOf(db, OPERATOR, { uids: [uid] }),
    doorsOf(db, OPERATOR, { uids: [uid] }),
  ]);
  const ids = devices.map(({ id }) => id);
  const billed = await remoteBilling(env, { fresh: true })?.statesOf(uid, ids);
  const states = new Map(devices.map(({ id, state }) => [id, billed ? (billed.get(id) ?? 0) : (state ?? 0)]));
  for (const { lockId, cameraId } of doors) {
    const state = states.get(lockId) ?? 0;
    if (states.has(lockId) && state > (states.get(cameraId) ?? -1)) states.set(cameraId, state);
  }
  return states;
}

/** Whether the contract pays for this device; of none in particular, whether it pays for any. */
export async function isPaidFor(env: Env, uid: number, deviceId?: number): Promise<boolean> {
  const states = await statesOf(env, uid);
  return deviceId === undefined ? [...states.values()].includes(2) : states.get(deviceId) === 2;
}
