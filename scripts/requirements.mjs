// `npm run requirements`: which tests prove which promise of docs/requirements.md, and which hold which defect or
// hole of docs/defects.md closed. Ends with 1 where one has none.
import { globSync, readFileSync } from "node:fs";

const promised = [
  ...[...readFileSync("docs/requirements.md", "utf8").matchAll(/^\| ([A-Z]+-\d+) \| ([MS]) \|/gm)].map(
    ([, id, priority]) => ({ id, priority }),
  ),
  ...[...readFileSync("docs/defects.md", "utf8").matchAll(/^\| (Hole )?(\d+) \|/gm)].map(([, hole, number]) => ({
    id: `${hole ? "Hole" : "Defect"} ${number}`,
    priority: "M",
  })),
];

// A test's name is a text that stands alone in its brackets, or first: `test("TOK-9 …", …)`, `test.each(table)("TOK-1 …", …)`.
const NAME =
  /\(\s*(["'`])((?:[A-Z]{3}-\d+[,;:]?\s|[A-Z]{2}-\d+[,;:]?\s|(?:Defect|Hole)s? \d+[,:]\s)(?:(?!\1)[^\\]|\\.)*)\1/g;
const tests = globSync("test/**/*.test.ts").flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(NAME)].map(([, , name]) => ({ file, name, ids: idsIn(name) })),
);

/** The ids stand before the sentence. */
function idsIn(name) {
  const defects = /^(Defect|Hole)s? ([\d, ]+):/.exec(name);
  if (defects) return defects[2].match(/\d+/g).map((number) => `${defects[1]} ${number}`);
  const head = /^((?:[A-Z]+-\d+[,;:]?\s+)+)/.exec(`${name} `)?.[1] ?? "";
  return head.match(/[A-Z]+-\d+/g) ?? [];
}

let missing = 0;
for (const { id, priority } of promised) {
  const proofs = tests.filter(({ ids }) => ids.includes(id));
  if (proofs.length === 0) missing++;
  console.log(`${id} (${priority})${proofs.length === 0 ? "  NO TEST" : ""}`);
  for (const { file, name } of proofs) console.log(`    ${file}: ${name}`);
}
const known = new Set(promised.map(({ id }) => id));
const unknown = tests.flatMap(({ ids }) => ids).filter((id) => !known.has(id));
if (unknown.length > 0)
  console.log(`\nNot in docs/requirements.md or docs/defects.md: ${[...new Set(unknown)].join(", ")}`);
console.log(`\n${promised.length} promises, ${promised.length - missing} with tests, ${missing} without.`);
process.exit(missing > 0 || unknown.length > 0 ? 1 : 0);
