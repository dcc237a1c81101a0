import { type Env, settings } from "#env.ts";
import { type ContractChange, type ContractRecord, deleteContract, editContract } from "#operator/contracts.ts";
import { giveUpAppealsOf } from "#operator/desk/appeal-queries.ts";
import { deleteBillsOf } from "#operator/desk/bill-queries.ts";
import { type ContractName, contractRecord } from "#operator/queries.ts";
import { database } from "#platform/db.ts";
import { dropFiles } from "#platform/files.ts";
import { announce } from "#platform/signals.ts";
import { faceKey } from "./faces/faces.ts";
import { dropFacesOf, facesOf } from "./faces/queries.ts";
import { giveUpPassportsOf } from "./guests/passport-queries.ts";
import { hastenKeys, keysAfter, keysBefore } from "./panels/panel-keys.ts";
import { deleteAllOf, revokeCameras } from "./rights-queries.ts";

// Contracts are the operator's; what a change of one means for cameras and panels is ours. Both go to D1 as one.

/** Changes a contract, as `editContract` does. When it then covers less, its camera tokens end; panels learn of another flat. */
export async function changeContract(
  env: Env,
  name: ContractName,
  change: ContractChange,
  now = new Date(),
): Promise<void> {
  const along = (before: ContractRecord, after: ContractRecord) => [
    ...(coversLess(before, after) ? [revokeCameras(database(env), settings(env).OPERATOR, [before.uid], now)] : []),
    ...(before.flat === after.flat ? [] : keysAfter(env, { uid: before.uid }, now)),
  ];
  const { before, after } = await editContract(env, name, change, along);
  if (coversLess(before, after)) await announce(env, { type: "cameras.revoked" });
  if (before.flat !== after.flat) await hastenKeys(env, now);
}

/**
 * Removes a contract with all that is its own: rights, keys, settings, event log, guests, faces, smart home, complaints, housing
 * bills, passports; the next sweep takes pictures. Its camera tokens end, and panels forget its keys.
 */
export async function removeContract(env: Env, name: ContractName, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await dropFacePictures(env, name);
  await deleteContract(env, name, ({ uid, flat }) => [
    keysBefore(env, { uid }, now, flat),
    revokeCameras(db, OPERATOR, [uid], now),
    ...dropFacesOf(db, OPERATOR, uid, now),
    ...deleteAllOf(db, OPERATOR, uid),
    giveUpAppealsOf(db, OPERATOR, uid),
    giveUpPassportsOf(db, OPERATOR, { uid }),
    deleteBillsOf(db, OPERATOR, uid),
    ...keysAfter(env, { uid }, now),
  ]);
  await announce(env, { type: "cameras.revoked" });
  await hastenKeys(env, now);
}

/** Before the faces themselves: of a picture without its face nobody knows any more. */
async function dropFacePictures(env: Env, name: ContractName): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const contract = await contractRecord(db, OPERATOR, name);
  const faces = contract ? await facesOf(db, OPERATOR, contract.uid) : [];
  await dropFiles(
    env,
    faces.map(({ uid, id }) => faceKey(uid, id)),
  );
}

/** True when a phone is gone, or a device stands worse than before. */
export function coversLess(before: ContractRecord, after: ContractRecord): boolean {
  if (before.phones.some((phone) => !after.phones.includes(phone)) || after.state < before.state) return true;
  const named = [...before.devices, ...after.devices].map(({ deviceId }) => deviceId);
  return named.some((deviceId) => stateIn(after, deviceId) < stateIn(before, deviceId));
}

const stateIn = ({ state, devices }: ContractRecord, deviceId: number) =>
  devices.find((device) => device.deviceId === deviceId)?.state ?? state;
