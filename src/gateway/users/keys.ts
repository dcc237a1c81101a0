import { Buffer } from "node:buffer";
import { type Env, settings } from "#env.ts";
import { open, seal } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { hashed } from "../crypto/hashes.ts";
import { userIdOfNumber } from "./back-end.ts";
import { allowedUser, allowedUserByHash, deleteSeen, freeHash, type Keys, setKeys, setOutsideKeys } from "./queries.ts";
import type { GatewayUser } from "./tables.ts";

/** 32 hex digits, whose ASCII bytes are the AES key that a user's app and we share. */
export const newSharedKey = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");

/** A shared key for its column: sealed with MASTER_KEY, and of no use in another user's row. */
export const sealSharedKey = (env: Env, userId: string, key: string): Promise<string> =>
  seal(settings(env).MASTER_KEY, key, contextOf(env, userId));

/** Opens what `sealSharedKey` made. Throws AppError `unavailable` where MASTER_KEY has lost the key for it: that is our fault, and may pass. */
export async function openSharedKey(env: Env, userId: string, sealed: string): Promise<string> {
  try {
    return await open(settings(env).MASTER_KEY, sealed, contextOf(env, userId));
  } catch (cause) {
    logError("a shared key does not open", cause);
    throw new AppError("unavailable", "", { cause });
  }
}

const contextOf = (env: Env, userId: string): string => `gateway:${settings(env).OPERATOR}:${userId}:shared-key`;

/**
 * Makes these the user's keys, and the only ones: what the app of an earlier sync sends does not open any more, so it need not be known by
 * its end either. Somebody whom an outside back end keeps may be new here. Throws AppError `unauthenticated` with an empty message
 * for a user of ours who was deleted meanwhile.
 */
export async function keepKeys(env: Env, userId: string, keys: Keys, now = new Date()): Promise<void> {
  const [db, { OPERATOR, GATEWAY_USERS }] = [database(env), settings(env)];
  if (GATEWAY_USERS === "http") {
    await db.batch([
      deleteSeen(db, OPERATOR, userId),
      ...(keys.msisdnHash === null ? [] : freeHash(db, OPERATOR, keys.msisdnHash, userId)),
      setOutsideKeys(db, OPERATOR, userId, keys, now),
    ]);
    return;
  }
  const [changed] = await db.batch([setKeys(db, OPERATOR, userId, keys, now), deleteSeen(db, OPERATOR, userId)]);
  if (changed.length === 0) throw new AppError("unauthenticated", "");
}

/** The user whose number has this hash, unless they are shut out. */
export const userByHash = (env: Env, msisdnHash: string): Promise<GatewayUser | undefined> =>
  allowedUserByHash(database(env), settings(env).OPERATOR, msisdnHash);

/**
 * The user whose number it is (`msisdn` with its plus): by its hash, or where an outside back end keeps the users and never told that, by asking
 * it. Throws AppError `unavailable` where it does not answer.
 */
export async function userByNumber(env: Env, msisdn: string): Promise<GatewayUser | undefined> {
  const { GATEWAY_HASHING_SALT, GATEWAY_USERS, OPERATOR } = settings(env);
  const known = GATEWAY_HASHING_SALT && (await userByHash(env, hashed(GATEWAY_HASHING_SALT, msisdn)));
  if (known || GATEWAY_USERS === "local") return known || undefined;
  const id = await userIdOfNumber(env, msisdn);
  return id === undefined ? undefined : allowedUser(database(env), OPERATOR, id).get();
}
