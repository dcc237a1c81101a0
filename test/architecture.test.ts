import { expect, test } from "vitest";

// A part imports only from parts of a lower rank; parts of one rank do not know each other.
const RANK: Record<string, number> = {
  ...{ platform: 0, messaging: 1, operator: 1, identity: 2, premises: 3, payments: 3 },
  ...{ smartyard: 4, flussonic: 4, intercom: 4, inventory: 4, gateway: 4, connect: 4, provisioning: 4, operations: 5 },
};

const sources = Object.entries(
  import.meta.glob<string>("../src/**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true }),
);
const inParts = sources.filter(([path]) => path.split("/").length > 3);
const partOf = (path: string) => path.split("/")[2]!;
const importsOf = (text: string) => [...text.matchAll(/(?:from|import\() ?"([^"]+)"/g)].map((match) => match[1]!);

test("every folder of src has a rank", () => {
  expect(inParts.map(([path]) => partOf(path)).filter((part) => !(part in RANK))).toEqual([]);
  expect(inParts.length).toBeGreaterThan(50);
});

test("imports point down", () => {
  const upward = inParts.flatMap(([path, text]) =>
    importsOf(text)
      .flatMap((target) => /^#(\w+)\//.exec(target)?.[1] ?? [])
      .filter((to) => to !== partOf(path) && !((RANK[to] ?? 9) < RANK[partOf(path)]!))
      .map((to) => `${path} imports #${to}`),
  );
  expect(upward).toEqual([]);
});

// A large part has rooms, one folder each: from one room to the next it is `../room/file.ts`.
test("inside a part imports are relative, and none leaves it so", () => {
  const leaves = (path: string, target: string) =>
    target.split("/").filter((step) => step === "..").length > path.split("/").length - 4;
  const odd = inParts.flatMap(([path, text]) =>
    importsOf(text)
      .filter((target) => leaves(path, target) || target.startsWith(`#${partOf(path)}/`))
      .map((target) => `${path} imports ${target}`),
  );
  expect(odd).toEqual([]);
});

test("only tables and queries know drizzle", () => {
  const leaks = sources.filter(
    ([path, text]) =>
      /from "drizzle-orm/.test(text) && !/\/(tables|queries|[a-z]+-queries|platform\/db)\.ts$/.test(path),
  );
  expect(leaks.map(([path]) => path)).toEqual([]);
});

test("only wire files know hono", () => {
  const domain = /\/(queries|tables|[a-z]+-(queries|rules|limiter))\.ts$/;
  const leaks = sources.filter(
    ([path, text]) => domain.test(path) && importsOf(text).some((target) => target.startsWith("hono")),
  );
  expect(leaks.map(([path]) => path)).toEqual([]);
});

test("no file has grown past 400 lines", () => {
  const long = sources.filter(([, text]) => text.split("\n").length > 400);
  expect(long.map(([path]) => path)).toEqual([]);
});
