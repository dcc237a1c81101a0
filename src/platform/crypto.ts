import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { ulid } from "ulid";

// node:crypto where an answer is needed without an await (a Durable Object's critical section, the
// callout's hot path); WebCrypto for AES-GCM, which has no synchronous form worth using.

/** SHA-256 in lower-case hex: how tokens are named in D1 and KV. */
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export function hmac(key: Uint8Array | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** Base64url without padding of the first `bytes` bytes of an HMAC-SHA-256: a signature for a URL. */
export const shortMac = (key: Uint8Array | string, text: string, bytes = 16): string =>
  hmac(key, text).subarray(0, bytes).toString("base64url");

/** Compares two strings in time that does not tell how much of them is equal. Unequal lengths are unequal at once. */
export function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/** Decimal digits from the system's generator; rejection sampling, so that every code is equally likely. */
export function randomDigits(length: number): string {
  let digits = "";
  while (digits.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      if (byte < 250 && digits.length < length) digits += byte % 10;
    }
  }
  return digits;
}

/** Letters and digits without those that are mistaken for others on paper and in an SMS. */
const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** Random letters and digits that people may have to type; by rejection sampling, as `randomDigits`. */
export function randomLetters(length: number): string {
  const limit = 256 - (256 % LETTERS.length);
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      if (byte < limit && text.length < length) text += LETTERS[byte % LETTERS.length];
    }
  }
  return text;
}

/** A random id of `bytes` bytes in base64url. */
export const randomId = (bytes = 12): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64url");

/** Named keys: the first one signs and seals, every one verifies and opens. So a key is replaced without a gap. */
export interface Keyring {
  current: { kid: string; key: Uint8Array };
  find(kid: string): Uint8Array | undefined;
  /** In the order in which they are given. */
  kids: string[];
}

/** Reads `{"kid":"base64", …}`, or one bare base64 key, which is then called `k1`. Each key has at least 32 bytes. */
export function parseKeyring(text: string): Keyring {
  const named = text.trimStart().startsWith("{") ? (JSON.parse(text) as Record<string, string>) : { k1: text };
  const keys = new Map(
    Object.entries(named).map(([kid, base64]) => [kid, new Uint8Array(Buffer.from(base64, "base64"))]),
  );
  const [first] = keys;
  if (!first) throw new Error("a keyring needs a key");
  for (const [kid, key] of keys) {
    if (key.length < 32) throw new Error(`key ${kid} is shorter than 32 bytes`);
    if (!/^[A-Za-z0-9_-]{1,16}$/.test(kid)) throw new Error(`key id ${kid} may hold only letters, digits, _ and -`);
  }
  return { current: { kid: first[0], key: first[1] }, find: (kid) => keys.get(kid), kids: [...keys.keys()] };
}

/** A key for one purpose, so that a signature made for one thing means nothing to another. */
export const keyFor = (key: Uint8Array, purpose: string): Buffer => hmac(key, `yardgate/${purpose}`);

/**
 * Encrypts a secret for a column: `kid.iv.ciphertext`, AES-256-GCM. `context` (the row's id) is bound
 * to it, so that a sealed value copied to another row does not open there.
 */
export async function seal(ring: Keyring, plain: string, context: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const key = await aesKey(ring.current.key);
  const sealed = await crypto.subtle.encrypt(gcm(iv, context), key, Buffer.from(plain));
  return [ring.current.kid, Buffer.from(iv).toString("base64url"), Buffer.from(sealed).toString("base64url")].join(".");
}

/** Opens what `seal` made. Throws when the key is gone, or the text was changed or belongs to another row. */
export async function open(ring: Keyring, sealed: string, context: string): Promise<string> {
  const [kid = "", iv = "", text = ""] = sealed.split(".");
  const raw = ring.find(kid);
  if (!raw) throw new Error(`no key ${kid} to open a sealed column`);
  const plain = await crypto.subtle.decrypt(
    gcm(Buffer.from(iv, "base64url"), context),
    await aesKey(raw),
    Buffer.from(text, "base64url"),
  );
  return Buffer.from(plain).toString();
}

/** The same for a file: one byte with the length of the key id, the id, the iv, the ciphertext. */
export async function sealBytes(ring: Keyring, plain: Uint8Array<ArrayBuffer>, context: string): Promise<Uint8Array> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const kid = Buffer.from(ring.current.kid);
  const sealed = await crypto.subtle.encrypt(gcm(iv, context), await aesKey(ring.current.key), plain);
  return new Uint8Array(Buffer.concat([Buffer.of(kid.length), kid, iv, Buffer.from(sealed)]));
}

/** Opens what `sealBytes` made. Throws as `open` does. */
export async function openBytes(ring: Keyring, sealed: Uint8Array, context: string): Promise<Uint8Array<ArrayBuffer>> {
  const start = 1 + (sealed[0] ?? 0);
  const raw = ring.find(Buffer.from(sealed.subarray(1, start)).toString());
  if (!raw) throw new Error("no key to open a sealed file");
  const iv = new Uint8Array(sealed.subarray(start, start + 12));
  const text = new Uint8Array(sealed.subarray(start + 12));
  return new Uint8Array(await crypto.subtle.decrypt(gcm(iv, context), await aesKey(raw), text));
}

const gcm = (iv: Uint8Array, context: string) => ({ name: "AES-GCM", iv, additionalData: Buffer.from(context) });

const aesKey = (raw: Uint8Array) =>
  crypto.subtle.importKey("raw", keyFor(raw, "seal"), "AES-GCM", false, ["encrypt", "decrypt"]);

/** An id that tells its kind and sorts by time: `acc_01J…`, the prefix and a ULID. */
export const newId = (prefix: string): string => `${prefix}_${ulid()}`;
