import { type Env, settings } from "#env.ts";
import { type ContractChange, type ContractRecord, deleteContract, editContract } from "#operator/contracts.ts";
import type { ContractName } from "#operator/queries.ts";
import { database } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { deleteAllOf, revokeCameras } from "./rights-queries.ts";

// Contracts are the operator's; what a change of one takes away from cameras is ours. Both go to D1 as one.

/** Changes a contract, as `editContract` does. When it then covers less, its camera tokens end. */
export async function changeContract(
  env: Env,
  name: ContractName,
  change: ContractChange,
  now = new Date(),
): Promise<void> {
  const revocation = (before: ContractRecord, after: ContractRecord) =>
    coversLess(before, after) ? [revokeCameras(database(env), settings(env).OPERATOR, [before.uid], now)] : [];
  const { before, after } = await editContract(env, name, change, revocation);
  if (coversLess(before, after)) await announce(env, { type: "cameras.revoked" });
}

/** Removes a contract with its rights, keys, settings and event log. Its camera tokens end. */
export async function removeContract(env: Env, name: ContractName, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await deleteContract(env, name, ({ uid }) => [
    revokeCameras(db, OPERATOR, [uid], now),
    ...deleteAllOf(db, OPERATOR, uid),
  ]);
  await announce(env, { type: "cameras.revoked" });
}

/** True when a phone is gone, or a device stands worse than before. */
export function coversLess(before: ContractRecord, after: ContractRecord): boolean {
  if (before.phones.some((phone) => !after.phones.includes(phone)) || after.state < before.state) return true;
  const named = [...before.devices, ...after.devices].map(({ deviceId }) => deviceId);
  return named.some((deviceId) => stateIn(after, deviceId) < stateIn(before, deviceId));
}

const stateIn = ({ state, devices }: ContractRecord, deviceId: number) =>
  devices.find((device) => device.deviceId === deviceId)?.state ?? state;
