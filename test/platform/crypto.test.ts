import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { open, parseKeyring, randomDigits, sameText, seal } from "#platform/crypto.ts";

const key = (fill: number) => Buffer.alloc(32, fill).toString("base64");
const ring = parseKeyring(JSON.stringify({ k2: key(2), k1: key(1) }));

test("what is sealed opens again, and only in its own row", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (plain, context) => {
      const sealed = await seal(ring, plain, context);
      expect(await open(ring, sealed, context)).toBe(plain);
      await expect(open(ring, sealed, `${context}x`)).rejects.toThrow();
    }),
    { numRuns: 50 },
  );
});

test("the first key seals, an older one still opens, and a missing one is named", async () => {
  const old = await seal(parseKeyring(JSON.stringify({ k1: key(1) })), "secret", "row");
  expect(await open(ring, old, "row")).toBe("secret");
  expect(await seal(ring, "secret", "row")).toMatch(/^k2\./);
  await expect(open(parseKeyring(JSON.stringify({ k3: key(3) })), old, "row")).rejects.toThrow("k1");
});

test("a changed seal does not open", async () => {
  const sealed = await seal(ring, "secret", "row");
  const [kid, iv, text = ""] = sealed.split(".");
  const changed = [kid, iv, (text.startsWith("A") ? "B" : "A") + text.slice(1)].join(".");
  await expect(open(ring, changed, "row")).rejects.toThrow();
});

test.each([
  ["a short key", JSON.stringify({ k1: Buffer.alloc(31).toString("base64") })],
  ["no key", "{}"],
  ["an id that cannot stand in a token", JSON.stringify({ "k.1": key(1) })],
])("a keyring with %s is refused", (_, text) => {
  expect(() => parseKeyring(text)).toThrow();
});

test("digits come in every value about equally often", () => {
  const counts = Array<number>(10).fill(0);
  for (const digit of randomDigits(20_000)) counts[Number(digit)]!++;
  expect(Math.min(...counts)).toBeGreaterThan(1_700);
  expect(Math.max(...counts)).toBeLessThan(2_300);
});

test.each([
  ["a", "a", true],
  ["a", "b", false],
  ["a", "aa", false],
  ["", "", true],
  ["ё", "ё", true],
])("%j and %j are the same: %s", (a, b, same) => {
  expect(sameText(a, b)).toBe(same);
});
