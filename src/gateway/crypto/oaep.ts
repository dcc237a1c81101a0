import { Buffer } from "node:buffer";
import { constants, type KeyObject, privateDecrypt, publicEncrypt } from "node:crypto";
import { bytesOfBase64 } from "./base64.ts";
import { type Digest, type Digests, packBlock, unpackBlock } from "./oaep-block.ts";
import { sizeOf } from "./rsa-keys.ts";
import { utf8Of } from "./utf8.ts";

export type { Digest, Digests } from "./oaep-block.ts";

/** A digest as clients name it: exactly `sha1` is SHA-1, any other word SHA-256, and no word at all the preset. */
export function digestNamed(value: unknown, preset: Digest): Digest {
  if (value === undefined || value === null) return preset;
  return value === "sha1" ? "sha1" : "sha256";
}

const raw = (key: KeyObject) => ({ key, padding: constants.RSA_NO_PADDING });

/** Opens what was encrypted to our key: UTF-8 out of base64. One undefined for whatever is wrong, after the same work. */
export function rsaOpen(key: KeyObject, base64: string, digests: Digests): string | undefined {
  const ciphertext = bytesOfBase64(base64);
  if (ciphertext?.length !== sizeOf(key)) return undefined;
  const block = decrypted(key, ciphertext);
  return block && utf8Of(unpackBlock(block, digests));
}

// It fails only for a number that the modulus does not exceed, which the sender knows without us.
function decrypted(key: KeyObject, ciphertext: Buffer): Buffer | undefined {
  try {
    return privateDecrypt(raw(key), ciphertext);
  } catch {
    return undefined;
  }
}

/** Encrypts a text to a client's key: base64 in one line. Throws RangeError for a text that is longer than the key allows. */
export function rsaSeal(key: KeyObject, plain: string, digests: Digests): string {
  return publicEncrypt(raw(key), packBlock(Buffer.from(plain), sizeOf(key), digests)).toString("base64");
}
