import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { cbcOpen, cbcSeal } from "./aes-cbc.ts";
import { bytesOfBase64 } from "./base64.ts";
import { utf8Of } from "./utf8.ts";

// The text of an SMS: base64 of 16 bytes of IV and the base64 of the ciphertext. The IV may be any bytes or 16 letters.

const IV = 16;

export interface SealedSms {
  iv: Buffer;
  ciphertext: Buffer;
}

/** Takes the text of an SMS apart. undefined for what cannot be one: anybody's private SMS comes here too. */
export function readSms(text: string): SealedSms | undefined {
  const outer = bytesOfBase64(text);
  if (!outer || outer.length <= IV) return undefined;
  const ciphertext = bytesOfBase64(outer.subarray(IV).toString("latin1"));
  if (!ciphertext || ciphertext.length === 0 || ciphertext.length % 16 !== 0) return undefined;
  return { iv: outer.subarray(0, IV), ciphertext };
}

/** What the user wrote, `<letter>:<rest>`; undefined when this key does not open it to UTF-8. */
export function openSms(sharedKey: string, text: string): string | undefined {
  const sealed = readSms(text);
  return sealed && utf8Of(cbcOpen(sharedKey, sealed.iv, sealed.ciphertext));
}

/**
 * By what a ciphertext is known again: its last block. Without a MAC anybody can change the IV or cut blocks off in front, and the
 * user's words still come out of the end; the last block must stay, or the padding does not fit.
 */
export const fingerprintOf = (ciphertext: Uint8Array): string =>
  createHash("sha256").update(ciphertext.subarray(-16)).digest("hex");

/** Writes an SMS as the apps do, in one line. */
export function sealSms(sharedKey: string, plain: string, iv: Uint8Array = randomBytes(IV)): string {
  const inner = cbcSeal(sharedKey, iv, plain).toString("base64");
  return Buffer.concat([iv, Buffer.from(inner)]).toString("base64");
}
