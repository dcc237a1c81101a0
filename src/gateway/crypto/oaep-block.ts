import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";

// EME-OAEP (RFC 8017, 7.1) with an empty label. Ours, because no library lets the label and MGF1 have different digests.

export type Digest = "sha1" | "sha256";
export interface Digests {
  label: Digest;
  mgf1: Digest;
}

const SIZES: Record<Digest, number> = { sha1: 20, sha256: 32 };

const digest = (name: Digest, ...parts: Uint8Array[]): Buffer => {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const labelHash = (name: Digest): Buffer => digest(name, Buffer.alloc(0));

function mgf1(name: Digest, seed: Uint8Array, length: number): Buffer {
  const parts: Buffer[] = [];
  for (let counter = 0; counter * SIZES[name] < length; counter++) {
    const index = Buffer.alloc(4);
    index.writeUInt32BE(counter);
    parts.push(digest(name, seed, index));
  }
  return Buffer.concat(parts).subarray(0, length);
}

const xor = (a: Uint8Array, b: Uint8Array): Buffer => Buffer.from(a.map((byte, at) => byte ^ b[at]!));

/** How many bytes a block of `size` bytes can hold. */
export const roomIn = (size: number, { label }: Digests): number => size - 2 * SIZES[label] - 2;

/** Packs a message into a block of `size` bytes. Throws RangeError when it does not fit. */
export function packBlock(message: Uint8Array, size: number, digests: Digests): Buffer {
  const room = roomIn(size, digests);
  if (message.length > room) throw new RangeError(`does not fit into ${size} bytes`);
  const zeros = Buffer.alloc(room - message.length);
  const data = Buffer.concat([labelHash(digests.label), zeros, Buffer.of(1), message]);
  const seed = randomBytes(SIZES[digests.label]);
  const maskedData = xor(data, mgf1(digests.mgf1, seed, data.length));
  const maskedSeed = xor(seed, mgf1(digests.mgf1, maskedData, seed.length));
  return Buffer.concat([Buffer.of(0), maskedSeed, maskedData]);
}

/**
 * The message in a block; undefined when it is not one. Every block of a size costs the same work, whatever is wrong with it and
 * where: the only branch on what it holds is the last one. A difference in time would open any ciphertext after some thousand questions.
 */
export function unpackBlock(block: Uint8Array, digests: Digests): Buffer | undefined {
  const hashSize = SIZES[digests.label];
  const maskedSeed = block.subarray(1, 1 + hashSize);
  const maskedData = block.subarray(1 + hashSize);
  const seed = xor(maskedSeed, mgf1(digests.mgf1, maskedData, hashSize));
  const data = xor(maskedData, mgf1(digests.mgf1, seed, maskedData.length));
  const { wrong, start } = inspect(block[0]!, data, labelHash(digests.label));
  return wrong === 0 ? data.subarray(start) : undefined;
}

// `data` must be the label's hash, zeros, a one and the message. Masks are 0 or -1 (all bits), so that they select without a branch.
function inspect(first: number, data: Uint8Array, label: Uint8Array): { wrong: number; start: number } {
  let wrong = first;
  for (let at = 0; at < label.length; at++) wrong |= data[at]! ^ label[at]!;
  let searching = -1;
  let start = 0;
  for (let at = label.length; at < data.length; at++) {
    const byte = data[at]!;
    const found = searching & ifZero(byte ^ 1);
    start |= found & (at + 1);
    searching &= ~found;
    wrong |= searching & byte;
  }
  return { wrong: wrong | searching, start };
}

/** -1 for 0, and 0 for 1 to 255. */
const ifZero = (byte: number): number => (byte - 1) >> 31;
