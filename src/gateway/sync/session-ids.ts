import { Buffer } from "node:buffer";
import { type Env, settings } from "#env.ts";
import { hmac, keyFor, sameText } from "#platform/crypto.ts";

// A session's id is 32 hex digits in the form of a UUIDv4. Its first half says when it was made and is random beyond that; all ids that
// a session shows have it in common, so that each leads to the session's object. The second half of the first id is signed, so that
// making it stores nothing; that of every further one is random, and only the object knows it.

/** How long a first id may wait for its first use, in milliseconds. */
export const FIRST_USE_MS = 120_000;

/** How far the clocks of two places may be apart. */
export const CLOCKS_APART_MS = 60_000;

const HALF = 16;

/** The first id of a new session of this user. */
export function mintSessionId(env: Env, user: string, now = Date.now()): string {
  const bytes = Buffer.from(crypto.getRandomValues(new Uint8Array(8)));
  bytes.writeUInt32BE(Math.floor(now / 1000));
  bytes[6] = 0x40 | (bytes[6]! & 0x0f);
  const prefix = bytes.toString("hex");
  return prefix + signatureOf(settings(env).SIGNING_KEYS.current.key, env, user, prefix);
}

/** Another id of the same session. */
export const nextSessionId = (id: string): string =>
  prefixOf(id) + halfOf(Buffer.from(crypto.getRandomValues(new Uint8Array(8))));

/** Whether the text has the form of an id. */
export const isSessionId = (text: string): boolean => /^[\da-f]{12}4[\da-f]{3}[89ab][\da-f]{15}$/.test(text);

/** What all ids of a session begin with. */
export const prefixOf = (id: string): string => id.slice(0, HALF);

/** When the session was made, in milliseconds since 1970. */
export const mintedAt = (id: string): number => Number.parseInt(id.slice(0, 8), 16) * 1000;

/** Whether we have made this id as the first one of a session of this user, a short while ago. */
export function isFirstId(env: Env, user: string, id: string, now = Date.now()): boolean {
  const age = now - mintedAt(id);
  if (age >= FIRST_USE_MS || age < -CLOCKS_APART_MS) return false;
  const { SIGNING_KEYS } = settings(env);
  return SIGNING_KEYS.kids.some((kid) =>
    sameText(id.slice(HALF), signatureOf(SIGNING_KEYS.find(kid)!, env, user, prefixOf(id))),
  );
}

function signatureOf(key: Uint8Array, env: Env, user: string, prefix: string): string {
  const { OPERATOR } = settings(env);
  return halfOf(hmac(keyFor(key, "gateway-sync"), JSON.stringify([OPERATOR, user, prefix])).subarray(0, 8));
}

/** Eight bytes as the second half of a UUIDv4. */
function halfOf(bytes: Buffer): string {
  const half = Buffer.from(bytes);
  half[0] = 0x80 | (half[0]! & 0x3f);
  return half.toString("hex");
}
