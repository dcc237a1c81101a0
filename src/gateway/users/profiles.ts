import { type Env, type Settings, settings } from "#env.ts";
import { accountOf } from "#identity/accounts/accounts.ts";
import { unlockPasswordOf } from "#identity/login/password-login.ts";
import { database, isDuplicate } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { hashPassword } from "#platform/passwords.ts";
import { hashed } from "../crypto/hashes.ts";
import { msisdnOf } from "../msisdn.ts";
import { type Grant, sealGrant } from "./grants.ts";
import { platformsOf } from "./platforms.ts";
import {
  deleteGrants,
  deleteMessages,
  deleteSeen,
  deleteUser,
  grantsOf,
  insertGrant,
  insertUser,
  isHashTaken,
  phonesOfUser,
  updateUser,
  userById,
} from "./queries.ts";
import { triesOf } from "./verify.ts";

export interface NewGrant extends Grant {
  /** The platform's name. */
  name: string;
}

export interface NewUser {
  phoneNumber: string;
  password: string;
  name?: string | null | undefined;
  platforms: readonly NewGrant[];
}

/** A profile as the operator's systems see it: nothing of it is secret. */
export interface Profile {
  id: string;
  /** Undefined when the account has given the number up. */
  phoneNumber: string | undefined;
  name: string | null;
  /** Names of the platforms that it may write to. */
  platforms: string[];
  createdAt: Date;
  /** When an app last took a key; null before. */
  syncedAt: Date | null;
}

/**
 * Makes a profile of the gateway for whoever has the number: on the account that has proven it, or on a new one. The password is the gateway's own.
 * Returns its id. Throws AppError `invalid` for what is no number and for an unknown platform, `conflict` when the number has a profile.
 */
export async function createUser(env: Env, user: NewUser, now = new Date()): Promise<string> {
  const [db, config] = [database(env), settings(env)];
  const { OPERATOR, COUNTRY, PEPPERS } = config;
  demandKnown(config, user.platforms);
  const msisdn = msisdnOf(user.phoneNumber, COUNTRY);
  if (!msisdn) throw new AppError("invalid", "phone_number is no phone number");
  const msisdnHash = hashed(saltOf(config), msisdn);
  if (await isHashTaken(db, OPERATOR, msisdnHash)) throw taken();
  const account = await accountOf(env, OPERATOR, { type: "phone", value: msisdn.slice(1) }, now);
  const id = crypto.randomUUID();
  const phc = await hashPassword(user.password, PEPPERS);
  const fresh = { operator: OPERATOR, id, accountId: account.id, msisdnHash, name: user.name || null, phc };
  const grants = await sealAll(env, id, user.platforms);
  try {
    await db.batch([
      insertUser(db, { ...fresh, createdAt: now }),
      ...grants.map((grant) => insertGrant(db, OPERATOR, grant)),
    ]);
  } catch (error) {
    if (isDuplicate(error)) throw taken();
    throw error;
  }
  return id;
}

const taken = () => new AppError("conflict", "This number has a profile");

/** The key of the numbers' hashes. Throws AppError `unavailable` where the gateway is not in use. */
function saltOf({ GATEWAY_HASHING_SALT }: Settings): string {
  if (!GATEWAY_HASHING_SALT) throw new AppError("unavailable", "");
  return GATEWAY_HASHING_SALT;
}

function demandKnown(config: Settings, platforms: readonly NewGrant[]): void {
  const known = new Set(platformsOf(config).map(({ name }) => name));
  const unknown = platforms.find(({ name }) => !known.has(name));
  if (unknown) throw new AppError("invalid", `Unknown platform: ${unknown.name}`);
}

const sealAll = (env: Env, userId: string, grants: readonly NewGrant[]) =>
  Promise.all(
    grants.map(async ({ name, ...grant }) => ({
      userId,
      platform: name,
      sealed: await sealGrant(env, userId, name, grant),
    })),
  );

/** The profile. Throws AppError `not_found`. */
export async function profileOf(env: Env, id: string): Promise<Profile> {
  const [db, config] = [database(env), settings(env)];
  const { OPERATOR } = config;
  const [[user], grants, phones] = await db.batch([
    userById(db, OPERATOR, id),
    grantsOf(db, OPERATOR, id),
    phonesOfUser(db, OPERATOR, id),
  ]);
  if (!user) throw unknown();
  const { name, createdAt, syncedAt, msisdnHash } = user;
  const numbers = phones.map(({ value }) => `+${value}`);
  const phoneNumber = numbers.find((number) => hashed(saltOf(config), number) === msisdnHash);
  return { id, phoneNumber, name, platforms: grants.map(({ platform }) => platform), createdAt, syncedAt };
}

const unknown = () => new AppError("not_found", "No such user");

export interface ProfileChange {
  password?: string | undefined;
  /** Null takes the name away. */
  name?: string | null | undefined;
  /** All platforms from now on: one that is not among them is given up. */
  platforms?: readonly NewGrant[] | undefined;
}

/**
 * Changes what is given, and returns the profile. A new password is the end of a lock-out and of the sessions that an older one opened; the app's
 * key stays. Throws AppError `not_found` and `invalid`.
 */
export async function changeUser(env: Env, id: string, change: ProfileChange): Promise<Profile> {
  const [db, config] = [database(env), settings(env)];
  const { OPERATOR, PEPPERS } = config;
  const { password, name, platforms } = change;
  if (platforms) demandKnown(config, platforms);
  await profileOf(env, id);
  const phc = password === undefined ? undefined : await hashPassword(password, PEPPERS);
  const grants = platforms && (await sealAll(env, id, platforms));
  await db.batch([
    updateUser(db, OPERATOR, id, { ...(phc && { phc }), ...(name !== undefined && { name: name || null }) }),
    ...(grants ? [deleteGrants(db, OPERATOR, id), ...grants.map((grant) => insertGrant(db, OPERATOR, grant))] : []),
  ]);
  if (phc !== undefined) await unlockPasswordOf(env, OPERATOR, triesOf(id));
  return profileOf(env, id);
}

/** Deletes the profile and all that hangs on it; the account stays. Throws AppError `not_found`. */
export async function deleteProfile(env: Env, id: string): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [, , , deleted] = await db.batch([
    deleteMessages(db, OPERATOR, id),
    deleteSeen(db, OPERATOR, id),
    deleteGrants(db, OPERATOR, id),
    deleteUser(db, OPERATOR, id),
  ]);
  if (deleted.length === 0) throw unknown();
}
