import { Buffer } from "node:buffer";
import { sha256 } from "./crypto.ts";

// A set of texts of which only membership is asked, in little more than the least space there is: each text is hashed to a
// number below `range`, and the sorted numbers are stored as their distances in Rice coding: the upper bits in unary, then
// RICE_BITS lower bits. A fifth smaller than a Bloom filter that errs as seldom, once in `range / count` other texts.

/** The logarithm of the usual distance, of some 10 000. */
export const RICE_BITS = 13;

/** The number that stands for a text: the first 48 bits of its SHA-256, below `range`. */
export const fingerprint = (text: string, range: number): number =>
  Number.parseInt(sha256(text).slice(0, 12), 16) % range;

/** Unpacks `count` numbers, in ascending order. */
export function unpackFingerprints(packed: string, count: number): Uint32Array {
  const bytes = Buffer.from(packed, "base64");
  const prints = new Uint32Array(count);
  let at = 0;
  let last = 0;
  const bit = () => {
    const value = (bytes[at >> 3]! >> (7 - (at & 7))) & 1;
    at++;
    return value;
  };
  for (let index = 0; index < count; index++) {
    let gap = 0;
    while (bit() === 1) gap++;
    for (let low = 0; low < RICE_BITS; low++) gap = gap * 2 + bit();
    last += gap;
    prints[index] = last;
  }
  return prints;
}

/** Whether `sorted` holds the number. */
export function holds(sorted: Uint32Array, print: number): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < print) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === print;
}
