import type { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type Env, SettingsError, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { bytesOfBase64 } from "./base64.ts";

export interface ServerKey {
  privateKey: KeyObject;
  /** SPKI in lines of 64 characters, without an end of the last line: apps cut the first and the last line off as they know them. */
  publicPem: string;
}

let last: { pem: string; key: ServerKey } | undefined;

/** The gateway's own key, GATEWAY_PRIVATE_KEY. Throws AppError `unavailable` where there is none: the gateway is not in use then. */
export function serverKey(env: Env): ServerKey {
  const pem = settings(env).GATEWAY_PRIVATE_KEY;
  if (!pem) throw new AppError("unavailable", "");
  if (last?.pem !== pem) last = { pem, key: parseServerKey(pem) };
  return last.key;
}

function parseServerKey(pem: string): ServerKey {
  try {
    const privateKey = createPrivateKey(pem);
    const publicKey = createPublicKey(pem);
    if (!isStrong(publicKey)) throw new Error("too small");
    return { privateKey, publicPem: String(publicKey.export({ type: "spki", format: "pem" })).trim() };
  } catch {
    throw new SettingsError(
      "Bad settings (docs/settings.md): GATEWAY_PRIVATE_KEY: is not an RSA key of 2048 to 4096 bits",
    );
  }
}

/**
 * The key of a client's phone; undefined for anything but RSA of 2048 to 4096 bits with one of the usual exponents, the only ones that
 * WebCrypto verifies with. Lines may have any width and end, or none.
 */
export function clientKey(pem: string): KeyObject | undefined {
  const der = spkiOf(pem);
  if (!der) return undefined;
  try {
    const key = createPublicKey({ key: der, format: "der", type: "spki" });
    return isStrong(key) ? key : undefined;
  } catch {
    return undefined;
  }
}

/** The bytes of a PEM's public key, whatever they are. */
export function spkiOf(pem: string): Buffer | undefined {
  if (pem.length > 4096) return undefined;
  const [, body] = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(pem) ?? [];
  return body === undefined ? undefined : bytesOfBase64(body);
}

/** Bytes of the key's modulus, which each of its ciphertexts has. */
export const sizeOf = (key: KeyObject): number => Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);

function isStrong(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent } = key.asymmetricKeyDetails ?? {};
  if (publicExponent !== 3n && publicExponent !== 65_537n) return false;
  return key.asymmetricKeyType === "rsa" && modulusLength >= 2048 && modulusLength <= 4096;
}
