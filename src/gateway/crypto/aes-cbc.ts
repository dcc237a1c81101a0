import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv } from "node:crypto";

// AES-256-CBC with PKCS#7, which the phones in the field speak. It has no MAC: whoever opens a text must not let the sender
// learn whether it opened.

const CIPHER = "aes-256-cbc";
const BLOCK = 16;

/** Deciphers with a key of 32 bytes (a string counts as its UTF-8). undefined for a bad length of anything and for bad padding. */
export function cbcOpen(key: string | Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Buffer | undefined {
  const bytes = Buffer.from(key);
  if (bytes.length !== 32 || iv.length !== BLOCK) return undefined;
  if (ciphertext.length === 0 || ciphertext.length % BLOCK !== 0) return undefined;
  const decipher = createDecipheriv(CIPHER, bytes, iv);
  try {
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Enciphers. Throws for a key that has not 32 bytes and an iv that has not 16. */
export function cbcSeal(key: string | Uint8Array, iv: Uint8Array, plain: string | Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, Buffer.from(key), iv);
  return Buffer.concat([cipher.update(Buffer.from(plain)), cipher.final()]);
}
