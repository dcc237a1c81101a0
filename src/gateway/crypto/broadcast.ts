import { Buffer } from "node:buffer";
import { cbcOpen } from "./aes-cbc.ts";
import { fingerprintOf } from "./sms.ts";
import { utf8Of } from "./utf8.ts";

/** 16 characters of IV, then 128 of the hash with their padding: 144 bytes in hex. */
const FORM = /^([\x20-\x7e]{16})((?:[0-9a-f]{2}){144})$/i;

/**
 * The back end's word that a user is to be forgotten. `sharedKeyLine`: GATEWAY_SHARED_KEY, of which the first 32 characters are the key.
 * `fingerprint` is the same for the same word said again. undefined when it was not sealed with this key.
 */
export function openBroadcast(
  sharedKeyLine: string,
  msisdnHashed: string,
): { msisdnHash: string; fingerprint: string } | undefined {
  const [, iv, hex] = FORM.exec(msisdnHashed) ?? [];
  if (!iv || !hex) return undefined;
  const ciphertext = Buffer.from(hex, "hex");
  const msisdnHash = utf8Of(cbcOpen(sharedKeyLine.slice(0, 32), Buffer.from(iv), ciphertext));
  if (!msisdnHash || !/^[0-9a-f]{128}$/.test(msisdnHash)) return undefined;
  return { msisdnHash, fingerprint: fingerprintOf(ciphertext) };
}
