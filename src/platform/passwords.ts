import { Buffer } from "node:buffer";
import { randomBytes, type ScryptOptions, scrypt } from "node:crypto";
import { sameText } from "./crypto.ts";

// 16 MiB and some 50 ms: what a Worker's memory and CPU limits leave room for (OWASP asks for 2^17 where they do).
const LOG_N = 14;
const R = 8;
const P = 1;
const SALT_BYTES = 16;
const KEY_BYTES = 32;
const MAX_MEMORY = 64 * 1024 * 1024;

/** A scrypt hash as a PHC string, `$scrypt$ln=14,r=8,p=1$salt$hash`, so that the cost may change and old hashes still verify. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, KEY_BYTES, { N: 2 ** LOG_N, r: R, p: P });
  return `$scrypt$ln=${LOG_N},r=${R},p=${P}$${unpadded(salt)}$${unpadded(key)}`;
}

/** True when the password made this PHC string. A string that is none of ours is false, not an error. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]{22,})$/.exec(phc);
  if (!match) return false;
  const [, ln, r, p, salt = "", hash = ""] = match;
  const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) };
  if (cost.N < 2 || cost.N > 2 ** 16 || cost.r < 1 || cost.p < 1 || 128 * cost.N * cost.r > MAX_MEMORY) return false;
  const key = await derive(password, Buffer.from(salt, "base64"), Buffer.from(hash, "base64").length, cost);
  return sameText(unpadded(key), hash);
}

function derive(password: string, salt: Buffer, length: number, cost: ScryptOptions): Promise<Buffer> {
  // Two ways to type the same é are one password.
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(password.normalize("NFKC"), salt, length, { ...cost, maxmem: MAX_MEMORY * 2 }, (error, key) =>
    error ? reject(error) : resolve(key),
  );
  return promise;
}

const unpadded = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");
