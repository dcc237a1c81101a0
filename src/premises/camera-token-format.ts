import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Keyring, keyFor, sameText, shortMac } from "#platform/crypto.ts";

/*
 * A camera token is `<kind>.<kid>.<payload>.<mac>`: what it allows, signed, so that it works the moment it is
 * minted and is checked without asking anybody. kind is v (viewer), x (archive export) or p (publish); kid
 * names the key; mac is the first 16 bytes of HMAC-SHA-256 over everything before its dot. Payload and mac
 * are base64url. The payload, big-endian, with integers of unknown size as LEB128:
 *
 *   all     issued (6 bytes, ms since 1970), life (3 bytes, s)
 *   v, x    account (LEB128)
 *   v       session (1 byte of length, UTF-8), contracts (LEB128 count, then each as LEB128)
 *   x       from, to (4 bytes each, s since 1970)
 *   all     streams to the end, 7 bytes each, in ascending order: 5 bytes of SHA-256 of the name,
 *           2 bytes of archive depth in days (0: no archive, 65535: not limited by us)
 *
 * Fifty cameras make about 550 characters. Five bytes of a hash are enough: nobody chooses the name of a
 * camera, and a stranger's camera is one of fifty in a token by chance once in 20 billion.
 */

export type TokenKind = "viewer" | "export" | "publish";

/** What a token allows, whoever made it. */
export interface CameraGrant {
  kind: TokenKind;
  /** ms since 1970. */
  issuedAt: number;
  /** ms since 1970; in this very millisecond it is still good. */
  expiresAt: number;
  /** The account's number; 0 when the token belongs to nobody in particular. */
  account: number;
  /** The session it was given to; empty when it outlives all of them. */
  session: string;
  /** The contracts that it draws its rights from: when one of them loses a right, it dies. */
  contracts: number[];
  /** By `streamKey` of the name: days of archive, Infinity for all there is. */
  streams: Map<number, number>;
  /** The only part of the archive it opens, in s since 1970. Only an export token has one. */
  window: { from: number; to: number } | undefined;
}

const LETTER = { viewer: "v", export: "x", publish: "p" } as const;
const KIND = new Map<string, TokenKind>([
  ["v", "viewer"],
  ["x", "export"],
  ["p", "publish"],
]);
const MAC_LENGTH = 22;
/** A longer one would not fit into a URL beside anything else. */
const MAX_LENGTH = 14_000;
const UNLIMITED = 65_535;

/** How a token names a stream: the first 40 bits of SHA-256 of its name, as a number. */
export const streamKey = (name: string): number => createHash("sha256").update(name).digest().readUIntBE(0, 5);

/** True for a text that only we could have made. It says nothing about whether we did. */
export function looksLikeOurs(token: string): boolean {
  return (
    token.charCodeAt(1) === 46 &&
    KIND.has(token.charAt(0)) &&
    token.length <= MAX_LENGTH &&
    token.lastIndexOf(".") === token.length - MAC_LENGTH - 1
  );
}

/** The signature of a token that looks like ours. */
export const macOf = (token: string): string => token.slice(-MAC_LENGTH);

/** Writes and signs a grant; throws when it has too many streams. The same grant under the same key always makes the same token. */
export function sealGrant({ current }: Keyring, grant: CameraGrant): string {
  const signed = `${LETTER[grant.kind]}.${current.kid}.${encode(grant).toString("base64url")}`;
  if (signed.length + 1 + MAC_LENGTH > MAX_LENGTH) throw new Error("too many streams for one token");
  return `${signed}.${shortMac(cameraKey(current.key), signed)}`;
}

/** Reads a token that one of our keys has signed; undefined for every other text. Time is not looked at. */
export function openGrant(ring: Keyring, token: string): CameraGrant | undefined {
  if (!looksLikeOurs(token)) return undefined;
  const end = token.length - MAC_LENGTH - 1;
  const dot = token.indexOf(".", 2);
  const key = dot < end ? ring.find(token.slice(2, dot)) : undefined;
  if (!key || !sameText(macOf(token), shortMac(cameraKey(key), token.slice(0, end)))) return undefined;
  return decode(KIND.get(token.charAt(0))!, Buffer.from(token.slice(dot + 1, end), "base64url"));
}

const cameraKeys = new WeakMap<Uint8Array, Buffer>();

function cameraKey(key: Uint8Array): Buffer {
  let derived = cameraKeys.get(key);
  if (!derived) {
    derived = keyFor(key, "camera");
    cameraKeys.set(key, derived);
  }
  return derived;
}

function encode({ kind, issuedAt, expiresAt, account, session, contracts, streams, window }: CameraGrant): Buffer {
  const bytes: number[] = [];
  writeInteger(bytes, issuedAt, 6);
  writeInteger(bytes, Math.floor((expiresAt - issuedAt) / 1000), 3);
  if (kind !== "publish") writeVarint(bytes, account);
  if (kind === "viewer") {
    const id = Buffer.from(session);
    writeInteger(bytes, id.length, 1);
    bytes.push(...id);
    writeVarint(bytes, contracts.length);
    for (const uid of [...contracts].sort((a, b) => a - b)) writeVarint(bytes, uid);
  }
  if (window) {
    writeInteger(bytes, window.from, 4);
    writeInteger(bytes, window.to, 4);
  }
  for (const [stream, days] of [...streams].sort(([a], [b]) => a - b)) {
    writeInteger(bytes, stream, 5);
    writeInteger(bytes, days === Infinity ? UNLIMITED : Math.min(days, UNLIMITED - 1), 2);
  }
  return Buffer.from(bytes);
}

function decode(kind: TokenKind, bytes: Buffer): CameraGrant {
  const reader = new Reader(bytes);
  const issuedAt = reader.integer(6);
  const expiresAt = issuedAt + reader.integer(3) * 1000;
  const account = kind === "publish" ? 0 : reader.varint();
  const session = kind === "viewer" ? reader.text(reader.integer(1)) : "";
  const contracts = kind === "viewer" ? Array.from({ length: reader.varint() }, () => reader.varint()) : [];
  const window = kind === "export" ? { from: reader.integer(4), to: reader.integer(4) } : undefined;
  const streams = new Map<number, number>();
  while (reader.hasMore) {
    const stream = reader.integer(5);
    const days = reader.integer(2);
    streams.set(stream, days === UNLIMITED ? Infinity : days);
  }
  return { kind, issuedAt, expiresAt, account, session, contracts, streams, window };
}

function writeInteger(bytes: number[], value: number, width: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width) {
    throw new RangeError(`${value} does not fit into ${width} bytes`);
  }
  for (let place = width - 1; place >= 0; place--) bytes.push(Math.floor(value / 256 ** place) % 256);
}

function writeVarint(bytes: number[], value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is not a number of ours`);
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

// Reads only what our own key has signed, so a number that ends early cannot occur.
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length;
  }

  integer(width: number): number {
    this.#at += width;
    return this.#bytes.readUIntBE(this.#at - width, width);
  }

  varint(): number {
    let [value, weight] = [0, 1];
    for (;;) {
      const byte = this.integer(1);
      value += (byte % 128) * weight;
      if (byte < 128) return value;
      weight *= 128;
    }
  }

  text(length: number): string {
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }
}
