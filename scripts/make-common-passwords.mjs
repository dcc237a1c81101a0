// Makes src/platform/common-passwords.ts, which is committed. Run it again only to change the list:
//
//   mkdir /tmp/lists && cd /tmp/lists && npm install @zxcvbn-ts/language-common@4.1.3 zxcvbn@4.4.2
//   node scripts/make-common-passwords.mjs /tmp/lists
//
// The sources, both under the MIT licence: @zxcvbn-ts/language-common (49 233 passwords by how often leaks hold them) and
// zxcvbn (30 000 more or less the same, then the most frequent English words, names and words of film and television,
// as far as those are not passwords already). Only hashes of them get into the product.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fingerprint, RICE_BITS } from "../src/platform/fingerprints.ts";

const ENTRIES = 100_000;
/** Of so many other passwords, one is taken for a common one. */
const ONE_IN = 10_000;
/** Shorter ones tell nothing: they are too short whole, and part of too much. */
const SHORTEST = 4;
const OUTPUT = new URL("../src/platform/common-passwords.ts", import.meta.url);

const folder = join(process.argv[2] ?? ".", "node_modules");
const passwords = JSON.parse(readFileSync(join(folder, "@zxcvbn-ts/language-common/src/passwords.json"), "utf8"));
const { passwords: others, ...words } = createRequire(import.meta.url)(join(folder, "zxcvbn/lib/frequency_lists.js"));

const listed = [...passwords, ...others, ...byRank(Object.values(words))].map((word) => word.toLowerCase());
const chosen = [...new Set(listed)].filter((word) => word.length >= SHORTEST).slice(0, ENTRIES);
const range = chosen.length * ONE_IN;
const prints = [...new Set(chosen.map((word) => fingerprint(word, range)))].sort((a, b) => a - b);

const bits = [];
let last = 0;
for (const print of prints) {
  const gap = print - last;
  last = print;
  for (let high = gap >>> RICE_BITS; high > 0; high--) bits.push(1);
  bits.push(0);
  for (let bit = RICE_BITS - 1; bit >= 0; bit--) bits.push((gap >>> bit) & 1);
}
const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
bits.forEach((bit, index) => {
  if (bit) bytes[index >> 3] |= 0x80 >> (index & 7);
});

writeFileSync(
  OUTPUT,
  `// Made by scripts/make-common-passwords.mjs: fingerprints of ${chosen.length} common passwords, in order, each as its distance from the one before.
export const COUNT = ${prints.length};
export const RANGE = ${range};
export const PACKED = "${bytes.toString("base64")}";
`,
);
console.log(`${chosen.length} passwords, ${prints.length} fingerprints, ${bytes.length} bytes`);

/** The first of every list, then the second of every list, and so on. */
function byRank(lists) {
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, rank) => lists.map((list) => list[rank]))
    .flat()
    .filter(Boolean);
}
