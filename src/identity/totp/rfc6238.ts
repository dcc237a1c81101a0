import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { sameText } from "#platform/crypto.ts";

// SHA-1, six digits, thirty seconds: what every authenticator app assumes, whatever else the URI says.

const STEP_MS = 30_000;
const DIGITS = 6;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The number of the thirty seconds that a moment is in, since 1970. */
export const stepOf = (now: Date): number => Math.floor(now.getTime() / STEP_MS);

/** The code of a step (RFC 4226 §5.3 with the step as its counter). */
export function codeAt(secret: Uint8Array, step: number, digits = DIGITS): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", secret).update(counter).digest();
  const offset = mac[mac.length - 1]! & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, "0");
}

/** The step whose code it is, of the present one and its neighbours: clocks differ. Undefined where it is none of theirs. */
export function stepWith(secret: Uint8Array, code: string, now: Date): number | undefined {
  const present = stepOf(now);
  return [present, present - 1, present + 1].find((step) => sameText(codeAt(secret, step), code));
}

/** RFC 4648 base32 without padding. */
export function base32(bytes: Uint8Array): string {
  let text = "";
  let [bits, held] = [0, 0];
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      text += ALPHABET[(bits >>> held) & 31];
    }
    bits &= (1 << held) - 1;
  }
  return held > 0 ? text + ALPHABET[(bits << (5 - held)) & 31] : text;
}

/** What `base32` made; what is no letter of it is passed over. */
export function fromBase32(text: string): Uint8Array {
  const bytes: number[] = [];
  let [bits, held] = [0, 0];
  for (const letter of text.toUpperCase()) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) continue;
    bits = (bits << 5) | value;
    held += 5;
    if (held >= 8) {
      held -= 8;
      bytes.push((bits >>> held) & 255);
    }
    bits &= (1 << held) - 1;
  }
  return Uint8Array.from(bytes);
}
