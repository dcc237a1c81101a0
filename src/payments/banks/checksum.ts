import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto";

// The asymmetric checksum of Sberbank's callbacks: RSASSA-PKCS1-v1_5 with SHA-512 over the parameters, in hex.

const UNSIGNED = new Set(["checksum", "sign_alias"]);

/** What is signed: `name;value;` of every parameter but the signature's own, by name, the values as they are. */
export function canonical(parameters: Iterable<readonly [string, string]>): string {
  return [...parameters]
    .filter(([name]) => !UNSIGNED.has(name))
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${name};${value};`)
    .join("");
}

/** Whether the bank that has this key signed the parameters. `publicKey`: PEM of a certificate or of the key (SPKI), or the base64 of either. */
export function isSigned(parameters: Iterable<readonly [string, string]>, publicKey: string): boolean {
  const given = [...parameters];
  const checksums = given.filter(([name]) => name === "checksum").map(([, value]) => value);
  const [checksum = ""] = checksums;
  const names = new Set(given.map(([name]) => name));
  // A name that comes twice has no one value that could have been signed.
  if (names.size !== given.length || !/^(?:[0-9a-f]{2}){64,1024}$/i.test(checksum)) return false;
  return verify("RSA-SHA512", Buffer.from(canonical(given)), keyFrom(publicKey), Buffer.from(checksum, "hex"));
}

let last: { text: string; key: KeyObject } | undefined;

function keyFrom(text: string): KeyObject {
  if (last?.text !== text) last = { text, key: parseKey(text) };
  return last.key;
}

function parseKey(text: string): KeyObject {
  // Variables are one line, so that an end of line may have been written as \n.
  const plain = text.replaceAll("\\n", "\n");
  // Tools write what is in a certificate before it.
  const pem = /-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/.exec(plain)?.[0];
  if (pem) return createPublicKey(pem);
  const der = Buffer.from(plain, "base64");
  try {
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    return new X509Certificate(der).publicKey;
  }
}
