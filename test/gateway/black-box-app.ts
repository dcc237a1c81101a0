import { Buffer } from "node:buffer";
import {
  constants,
  createCipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import vectors from "./vectors.json";

// An app's own cryptography, written apart from ours: what both get wrong in the same way would not be noticed otherwise.

export interface Digests {
  label: string;
  mgf1: string;
}

export const USUAL: Digests = { label: "sha256", mgf1: "sha1" };

const digest = (name: string, ...parts: Uint8Array[]) => createHash(name).update(Buffer.concat(parts)).digest();

function mask(bytes: Uint8Array, seed: Uint8Array, name: string): Buffer {
  const counters = Array.from({ length: Math.ceil(bytes.length / 20) }, (_, i) => Buffer.from([0, 0, 0, i]));
  const stream = Buffer.concat(counters.map((counter) => digest(name, seed, counter)));
  return Buffer.from(bytes.map((byte, i) => byte ^ stream[i]!));
}

/** RSA-OAEP to the gateway's key, base64 in one line. */
export function encrypted(plain: string, { label, mgf1 }: Digests = USUAL): string {
  const [empty, message] = [digest(label), Buffer.from(plain)];
  const seed = randomBytes(empty.length);
  const zeros = Buffer.alloc(256 - message.length - 2 * empty.length - 2);
  const block = mask(Buffer.concat([empty, zeros, Buffer.from([1]), message]), seed, mgf1);
  const padded = Buffer.concat([Buffer.from([0]), mask(seed, block, mgf1), block]);
  const key = createPublicKey(vectors.keys.server_public_spki_pem);
  return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, padded).toString("base64");
}

/** What the gateway has encrypted to the app's key. */
export function decrypted(base64: string, { label, mgf1 }: Digests = USUAL): string {
  const key = createPrivateKey(vectors.keys.client_private_pkcs8_pem);
  const padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, Buffer.from(base64, "base64"));
  const [empty, split] = [digest(label), 1 + digest(label).length];
  const seed = mask(padded.subarray(1, split), padded.subarray(split), mgf1);
  const block = mask(padded.subarray(split), seed, mgf1);
  if (padded[0] !== 0 || !block.subarray(0, empty.length).equals(empty)) throw new Error("not for these digests");
  return block.subarray(block.indexOf(1, empty.length) + 1).toString();
}

/** RSASSA-PSS with SHA-512 by the app's key. */
export async function signed(message: string, saltLength = 64): Promise<string> {
  const der = createPrivateKey(vectors.keys.client_private_pkcs8_pem).export({ type: "pkcs8", format: "der" });
  const algorithm = { name: "RSA-PSS", hash: "SHA-512" };
  const key = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  const bytes = await crypto.subtle.sign({ name: "RSA-PSS", saltLength }, key, Buffer.from(message));
  return Buffer.from(bytes).toString("base64");
}

export function aes(key: string, iv: Uint8Array, plain: string): Buffer {
  const cipher = createCipheriv("aes-256-cbc", Buffer.from(key), iv);
  return Buffer.concat([cipher.update(Buffer.from(plain)), cipher.final()]);
}

export const lines = (base64: string, columns = 76): string =>
  base64.replace(new RegExp(`.{1,${columns}}`, "g"), "$&\n");

interface Writing {
  iv?: Uint8Array;
  inner?: (base64: string) => string;
  outer?: (base64: string) => string;
}

/** The text of an SMS, wrapped as `inner` and `outer` do it. */
export function written(key: string, plain: string, { iv = randomBytes(16), inner, outer }: Writing = {}): string {
  const ciphertext = aes(key, iv, plain).toString("base64");
  const text = Buffer.concat([iv, Buffer.from(inner ? inner(ciphertext) : ciphertext)]).toString("base64");
  return outer ? outer(text) : text;
}

/** The order of a back end to forget the key of the user whose number has this hash. */
export function forgetting(hash: string): string {
  const iv = randomBytes(8).toString("hex");
  return iv + aes(vectors.broadcast_delete.key_used, Buffer.from(iv), hash).toString("hex");
}
