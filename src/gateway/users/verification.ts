import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { bytesOfBase64 } from "../crypto/base64.ts";
import { openBroadcast } from "../crypto/broadcast.ts";
import { type Digests, rsaOpen, rsaSeal } from "../crypto/oaep.ts";
import { verifyPss } from "../crypto/pss.ts";
import { clientKey, serverKey } from "../crypto/rsa-keys.ts";
import { openSharedKey, userByHash } from "./keys.ts";
import { forgetByOrder } from "./queries.ts";

// An app that is told 403 throws its key away and begins anew. So a fault of ours, which passes, is always `unavailable`.

const refused = (message: string) => new AppError("forbidden", message);

/** What an app says to ask for its key, both in base64. */
export interface KeyQuestion {
  /** The hash of its number, encrypted to us. */
  msisdn: string;
  /** Its signature of that hash. */
  signature: string;
  digests: Digests;
}

/**
 * The shared key that the app should have, encrypted to the public key of the last sync: for its owner alone, whoever asks. Throws AppError
 * `forbidden` when there is none for this app, `invalid` for a signature that cannot be read, `unavailable` when we cannot tell.
 */
export async function keyOf(env: Env, { msisdn, signature, digests }: KeyQuestion): Promise<string> {
  const hash = rsaOpen(serverKey(env).privateKey, msisdn, digests);
  if (hash === undefined) throw refused("error with decryption");
  const user = await orUnavailable(() => userByHash(env, hash));
  if (!user?.sharedKey) throw refused("no shared key for user");
  const key = user.publicKey === null ? undefined : clientKey(user.publicKey);
  if (!user.publicKey || !key) throw refused("no public key for user");
  if (!bytesOfBase64(signature)) throw new AppError("invalid", "signing check error");
  if (!(await verifyPss(user.publicKey, signature, hash))) throw refused("unknown signature request");
  const sharedKey = await openSharedKey(env, user.id, user.sharedKey);
  return rsaSeal(key, sharedKey, { label: user.label ?? "sha256", mgf1: "sha1" });
}

/**
 * Forgets the key of the user whom the back end names: in a sealed order, which counts once, also when there was nothing to forget. Throws
 * AppError `forbidden` when it was not sealed with GATEWAY_SHARED_KEY.
 */
export async function forgetKey(env: Env, order: string, now = new Date()): Promise<void> {
  const [db, { OPERATOR, GATEWAY_SHARED_KEY }] = [database(env), settings(env)];
  const opened = GATEWAY_SHARED_KEY === undefined ? undefined : openBroadcast(GATEWAY_SHARED_KEY, order);
  if (!opened) throw refused("failed to decrypt");
  await orUnavailable(() => db.batch(forgetByOrder(db, OPERATOR, opened, now)));
}

async function orUnavailable<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    logError("the gateway's users cannot be asked", cause);
    throw new AppError("unavailable", "", { cause });
  }
}
