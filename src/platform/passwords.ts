import { Buffer } from "node:buffer";
import { randomBytes, scryptSync } from "node:crypto";
import bcrypt from "bcryptjs";
import { hmac, type Keyring, keyFor, sameText } from "./crypto.ts";

// A hash occupies the isolate's only thread, which also bounds the memory: there is never more than one at a time. So limits
// on guessing come before it. The functions promise their answers all the same, for a hash that would run elsewhere.

interface Cost {
  N: number;
  r: number;
  p: number;
}

/** 16 MiB and some 140 ms; as strong as the 2^17, 8, 1 that OWASP names first, for which an isolate has no memory. */
const LOG_N = 14;
const COST: Cost = { N: 2 ** LOG_N, r: 8, p: 5 };
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const MAX_MEMORY = 64 * 1024 * 1024;
/** workerd computes nothing above this N * r * p. */
const MAX_WORK = 2 ** 20;
/** A second and more for one guess; nobody imports such hashes. */
const MAX_BCRYPT_COST = 14;

/**
 * A scrypt hash as a PHC string, `$scrypt$ln=14,r=8,p=5,k=<pepper>$salt$hash`, which says all that a later verification needs
 * to know. The pepper is the keyring's current key, by its id.
 */
export async function hashPassword(password: string, peppers: Keyring): Promise<string> {
  const { kid, key } = peppers.current;
  const salt = randomBytes(SALT_BYTES);
  const hash = derive(peppered(password, key), salt, KEY_BYTES, COST);
  return `$scrypt$ln=${LOG_N},r=${COST.r},p=${COST.p},k=${kid}$${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * True when the password made this hash: one of ours, with or without a pepper, or a bcrypt hash that was imported. A string
 * that is none of these, costs too much, or has a pepper that is gone is false, not an error.
 */
export async function verifyPassword(password: string, phc: string, peppers: Keyring): Promise<boolean> {
  if (isBcrypt(phc)) return bcrypt.compareSync(password, phc);
  const stored = parse(phc);
  if (!stored) return false;
  const { kid, cost, salt, hash } = stored;
  const pepper = kid === undefined ? undefined : peppers.find(kid);
  if (kid !== undefined && !pepper) {
    console.error("a password needs a pepper that is gone:", kid);
    return false;
  }
  // Hashes without a pepper come from before there was one, when NFKC was the form.
  const secret = pepper ? peppered(password, pepper) : password.normalize("NFKC");
  return sameText(unpadded(derive(secret, salt, Buffer.from(hash, "base64").length, cost)), hash);
}

/** Takes as long as a verification and is false: for a login that nobody has, so that the time does not tell. */
export async function verifyAgainstNothing(password: string, peppers: Keyring): Promise<false> {
  derive(peppered(password, peppers.current.key), Buffer.alloc(SALT_BYTES), KEY_BYTES, COST);
  return false;
}

/** Whether a hash that has just verified is to be replaced: another cost, another pepper than the current one, or not ours. */
export function needsRehash(phc: string, peppers: Keyring): boolean {
  const stored = parse(phc);
  if (!stored || stored.kid !== peppers.current.kid) return true;
  const { cost, salt, hash } = stored;
  const isSmall = salt.length < SALT_BYTES || Buffer.from(hash, "base64").length < KEY_BYTES;
  return isSmall || cost.N !== COST.N || cost.r !== COST.r || cost.p !== COST.p;
}

// What follows byte 72 never counted in bcrypt, wherever the hash was made.
function isBcrypt(phc: string): boolean {
  const match = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(phc);
  return Boolean(match) && Number(match![1]) >= 4 && Number(match![1]) <= MAX_BCRYPT_COST;
}

const PHC =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})(?:,k=([\w-]{1,16}))?\$([A-Za-z0-9+/]{4,86})\$([A-Za-z0-9+/]{22,86})$/;

function parse(phc: string): { kid: string | undefined; cost: Cost; salt: Buffer; hash: string } | undefined {
  const match = PHC.exec(phc);
  if (!match) return undefined;
  const [, ln, r, p, kid, salt = "", hash = ""] = match;
  const cost: Cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  const isPossible = cost.N >= 2 && cost.r >= 1 && cost.p >= 1;
  const isAffordable = cost.N * cost.r * cost.p <= MAX_WORK && 128 * cost.N * cost.r <= MAX_MEMORY;
  if (!isPossible || !isAffordable) return undefined;
  return { kid, cost, salt: Buffer.from(salt, "base64"), hash };
}

// Two ways to type the same é are one password; nothing else is changed, cut or trimmed.
const peppered = (password: string, key: Uint8Array): Buffer =>
  hmac(keyFor(key, "password"), password.normalize("NFC"));

const derive = (secret: Buffer | string, salt: Buffer, length: number, cost: Cost): Buffer =>
  // Beside the 128 * N * r bytes scrypt needs a little more.
  scryptSync(secret, salt, length, { ...cost, maxmem: MAX_MEMORY + 1024 * 1024 });

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
