import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { announce } from "#platform/signals.ts";
import { hastenKeys, keysAfter, keysBefore } from "./panels/panel-keys.ts";
import { deviceTypes } from "./registry-queries.ts";
import {
  deleteKeyRow,
  deleteRights,
  insertRights,
  keysOfContract,
  revokeCamerasOfRights,
  rightsOfContract,
  upsertKey,
} from "./rights-queries.ts";

/** The devices that the contract may use, by number. Contract 0 is everybody: what it may use are the city's cameras. */
export function rightsOf(env: Env, uid: number) {
  return rightsOfContract(database(env), settings(env).OPERATOR, uid);
}

/** Lets the contract use these devices, too, and has its keys told to their panels. Throws `not_found`, and gives none, when one of them does not exist. */
export async function giveRights(env: Env, uid: number, deviceIds: readonly number[], now = new Date()): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const known = await deviceTypes(db, operator, deviceIds);
  if (known.length < new Set(deviceIds).size) throw new AppError("not_found", "There is no such device");
  await db.batch([insertRights(db, operator, uid, deviceIds), ...keysAfter(env, { uid }, now)]);
  await hastenKeys(env, now);
}

/** Takes these devices from the contract, and with them its camera tokens and its keys on their panels. What it does not have is passed over. */
export async function takeRights(env: Env, uid: number, deviceIds: readonly number[], now = new Date()): Promise<void> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  await db.batch([
    keysBefore(env, { uid }, now),
    revokeCamerasOfRights(db, operator, uid, deviceIds, now),
    deleteRights(db, operator, uid, deviceIds),
    ...keysAfter(env, { uid }, now),
  ]);
  await announce(env, { type: "cameras.revoked" });
  await hastenKeys(env, now);
}

/** The RFID keys of the contract, oldest first. */
export function listKeys(env: Env, uid: number) {
  return keysOfContract(database(env), settings(env).OPERATOR, uid);
}

/**
 * Adds an RFID key, here and on the panels of the contract's doors; one that the contract already has gets the new
 * comment. Throws `invalid` for what is not hex.
 */
export async function addKey(
  env: Env,
  { uid, key, comment }: { uid: number; key: string; comment: string },
  now = new Date(),
): Promise<void> {
  const row = { operator: settings(env).OPERATOR, uid, key: normalKey(key), comment, createdAt: now };
  await database(env).batch([upsertKey(database(env), row), ...keysAfter(env, { uid }, now, row)]);
  await hastenKeys(env, now);
}

/** Removes a key from the contract and its panels. One that it does not have is no error. */
export async function deleteKey(env: Env, uid: number, text: string, now = new Date()): Promise<void> {
  const [db, key] = [database(env), normalKey(text)];
  await db.batch([
    keysBefore(env, { uid }, now),
    deleteKeyRow(db, settings(env).OPERATOR, uid, key),
    ...keysAfter(env, { uid }, now),
  ]);
  await hastenKeys(env, now);
}

/** Whole bytes of hex, in lower case: 1 to 16 of them, as readers send them. */
export function normalKey(text: string): string {
  const key = text.replace(/[\s:-]/g, "").toLowerCase();
  if (!/^(?:[0-9a-f]{2}){1,16}$/.test(key)) throw new AppError("invalid", "The key is not hexadecimal");
  return key;
}
