import { type Env, settings } from "#env.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";

// RFC 8628 §6.1: capital letters without vowels, so that no code is a word; two groups of four, which a remote control can type.
const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const LENGTH = 8;

/** A code for a screen: `BDWP-HQPK`, 34 bits. Rejection sampling, so that every code is equally likely. */
export function randomUserCode(): string {
  let code = "";
  while (code.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH * 2)))
      if (byte < 240 && code.length < LENGTH) code += LETTERS[byte % LETTERS.length];
  }
  return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/** How a code is stored; undefined for what can be none. Case, blanks and the hyphen do not count. So short a secret needs a key. */
export function userCodeHash(env: Env, text: string): string | undefined {
  const code = text.toUpperCase().replaceAll(/[\s-]/g, "");
  if (code.length !== LENGTH || [...code].some((letter) => !LETTERS.includes(letter))) return undefined;
  return shortMac(keyFor(settings(env).PEPPERS.current.key, "user-code"), code, 32);
}
