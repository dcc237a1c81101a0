import bytes from "./carriers.bin";

// The layout is told in scripts/make-number-plan.mjs. It is read where it lies: no range is unpacked before somebody asks.

const DIGITS = 9;
const WORD = Uint32Array.BYTES_PER_ELEMENT;

const [RANGES = 0, NAMES = 0] = new Uint32Array(bytes, 0, 2);
const starts = new Uint32Array(bytes, 2 * WORD, RANGES);
const offsets = new Uint32Array(bytes, (2 + RANGES) * WORD, NAMES + 1);
const names = new Uint16Array(bytes, (3 + RANGES + NAMES) * WORD, RANGES);
const texts = new Uint8Array(bytes, names.byteOffset + names.byteLength);

const decoder = new TextDecoder();

export interface Carrier {
  name: string;
  /** MCC and MNC of its network in a country (ISO 3166), where one is known. */
  codeIn(country: string): string | null;
}

/** Whose mobile numbers begin like this one, by the digits that follow the plus. Undefined where nobody's do. */
export function carrierOf(digits: string): Carrier | undefined {
  const range = lastBefore(Number(digits.slice(0, DIGITS).padEnd(DIGITS, "0")));
  const name = range < 0 ? 0 : names[range]!;
  if (name === 0) return undefined; // nobody's numbers lie between those of two carriers
  const [text = "", ...codes] = decoder.decode(texts.subarray(offsets[name], offsets[name + 1])).split("\t");
  return { name: text, codeIn: (country) => codes.find((code) => code.startsWith(country))?.slice(2) ?? null };
}

function lastBefore(number: number): number {
  let [low, high] = [0, RANGES];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= number) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
