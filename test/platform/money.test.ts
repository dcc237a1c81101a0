import * as fc from "fast-check";
import { expect, test } from "vitest";
import { kopecksOf, roubles, roublesText, wholeKopecks } from "#platform/money.ts";

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

test("Defect 44: what apps reckon with fractions is the sum that was meant", () => {
  void fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), (kopecks) => {
      expect(wholeKopecks(`${(kopecks / 100) * 100}`)).toBe(kopecks);
      expect(kopecksOf(kopecks * 0.01)).toBe(kopecks);
    }),
  );
  expect(wholeKopecks(String(19.99 * 100))).toBe(1999); // 1998.9999999999998
  expect(kopecksOf(0.1 + 0.2)).toBe(30);
});

test.each(["650.5", "0.001", "-1", "1e3", "", " ", "1.", "9".repeat(13), 650.49, Number.NaN, 1e300])(
  "%j is no number of kopecks",
  (text) => {
    expect(wholeKopecks(text)).toBeUndefined();
  },
);
