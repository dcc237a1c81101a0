// Makes src/payments/documents/fonts/*.ttf, which are committed. Run it again only to have other letters:
//
//   mkdir /tmp/fonts && cd /tmp/fonts && npm install dejavu-fonts-ttf@2.37.3 subset-font@2.9.0
//   node scripts/make-fonts.mjs /tmp/fonts
//
// Of DejaVu (free licence, kept beside the fonts) only what Russian, Belarusian and Ukrainian documents are written with: a Worker
// carries the fonts with it, and every document carries them again.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [directory] = process.argv.slice(2);
const require = createRequire(join(directory, "package.json"));
const subset = require("subset-font");
const target = new URL("../src/payments/documents/fonts/", import.meta.url);

const RANGES = [
  [0x20, 0x7e],
  [0xa0, 0xff],
  [0x400, 0x45f],
  [0x490, 0x491],
];
const letters = RANGES.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
const text = `${String.fromCodePoint(...letters)}–—‘’“”„…•№₽`;

for (const name of ["DejaVuSansCondensed", "DejaVuSansCondensed-Bold"]) {
  const whole = readFileSync(join(directory, `node_modules/dejavu-fonts-ttf/ttf/${name}.ttf`));
  writeFileSync(
    new URL(`${name}.ttf`, target),
    await subset(whole, text, { targetFormat: "truetype", noLayoutClosure: true }),
  );
}
copyFileSync(join(directory, "node_modules/dejavu-fonts-ttf/LICENSE"), new URL("LICENSE.txt", target));
