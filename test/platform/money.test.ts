import * as fc from "fast-check";
import { expect, test } from "vitest";
import { kopecksOf, roubles, roublesText } from "#platform/money.ts";

const anySum = fc.integer({ min: -1e12, max: 1e12 });

test("Defect 44: no kopeck is lost between kopecks and roubles, written or as a number", () => {
  void fc.assert(
    fc.property(anySum, (kopecks) => {
      expect(kopecksOf(roublesText(kopecks))).toBe(kopecks);
      expect(kopecksOf(roubles(kopecks))).toBe(kopecks);
      expect(roublesText(kopecks)).toMatch(/^-?\d+\.\d\d$/);
    }),
  );
});

test.each([
  [65_000, "650.00"],
  [1, "0.01"],
  [-19_990, "-199.90"],
  [0, "0.00"],
  [101_999, "1019.99"],
])("%i kopecks are %s", (kopecks, text) => {
  expect(roublesText(kopecks)).toBe(text);
});

test.each(["", "much", "1.234", "1,5", "1e3", "--1", ".5", "1.", "0x10", "99999999999999999", Number.NaN, 1e21])(
  "%j is no sum",
  (text) => {
    expect(kopecksOf(text)).toBeUndefined();
  },
);
