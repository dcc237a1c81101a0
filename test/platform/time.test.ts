import fc from "fast-check";
import { expect, test } from "vitest";
import { instantOf, localText } from "#platform/time.ts";

test.each([
  ["2026-08-02 12:00:00", "Europe/Moscow", "2026-08-02T09:00:00Z"],
  ["2026-08-02", "Europe/Moscow", "2026-08-01T21:00:00Z"],
  ["2026-08-02T12:00:00", "UTC", "2026-08-02T12:00:00Z"],
  ["3001-01-01 00:00:00", "Europe/Moscow", "3000-12-31T21:00:00Z"],
  ["2026-03-29 02:30:00", "Europe/Berlin", "2026-03-29T01:30:00Z"], // skipped: moved on
  ["2026-10-25 02:30:00", "Europe/Berlin", "2026-10-25T00:30:00Z"], // twice: the first
])("%s in %s is %s", (text, zone, iso) => {
  expect(instantOf(text, zone)).toEqual(new Date(iso));
});

test("the year 0001, which iOS sends for a revoked access, is long past", () => {
  expect(instantOf("0001-01-01 02:30:17", "Europe/Moscow")!.getTime()).toBeLessThan(Date.UTC(1900, 0));
});

test.each([
  "",
  "yesterday",
  "2026-02-30 00:00:00",
  "2026-13-01",
  "2026-01-01 24:00:00",
  "2026-01-01 00:60:00",
  "2026-1-1",
  "'; DROP TABLE events",
])("%s is no date", (text) => {
  expect(instantOf(text, "Europe/Moscow")).toBeUndefined();
});

test("every second of a zone without summer time reads back as itself", () => {
  const seconds = fc.integer({ min: -62_135_500_000, max: 32_503_680_000 });
  fc.assert(
    fc.property(seconds, (second) => {
      const at = new Date(second * 1000);
      expect(instantOf(localText(at, "UTC"), "UTC")).toEqual(at);
    }),
  );
});

test("recent seconds of Moscow read back as themselves", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_500_000_000, max: 4_000_000_000 }), (second) => {
      const at = new Date(second * 1000);
      expect(instantOf(localText(at, "Europe/Moscow"), "Europe/Moscow")).toEqual(at);
    }),
  );
});
