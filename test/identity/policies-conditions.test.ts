import { expect, test } from "vitest";
import { isInside } from "#identity/policies/conditions.ts";
import { evaluate } from "#identity/policies/evaluate.ts";
import type { Policy } from "#identity/policies/tables.ts";
import { allow, at, facts, NOW, question } from "./policies-facts.ts";

test.each<[string, Partial<Policy>, boolean]>([
  ["from now on", { notBefore: NOW }, true],
  ["from a minute on", { notBefore: at(1) }, false],
  ["until in a minute", { expiresAt: at(1) }, true],
  ["until now", { expiresAt: NOW }, false],
  ["inside a window", { weekly: [{ days: [3], from: "15:00", to: "15:01", tz: "Europe/Moscow" }] }, true],
  ["at its end", { weekly: [{ days: [3], from: "14:00", to: "15:00", tz: "Europe/Moscow" }] }, false],
  ["on another day", { weekly: [{ days: [1, 2, 4, 5, 6, 7], from: "00:00", to: "24:00", tz: "UTC" }] }, false],
  [
    "inside the second window",
    {
      weekly: [
        { days: [1], from: "00:00", to: "24:00", tz: "UTC" },
        { days: [3], from: "12:00", to: "12:01", tz: "UTC" },
      ],
    },
    true,
  ],
  ["with a proof young enough", { maxAuthAge: 600 }, true],
  ["with a proof too old", { maxAuthAge: 599 }, false],
])("POL-4 a right holds %s", (_, condition, expected) => {
  const about = facts({ policies: [allow(condition)] });
  expect(evaluate(question({ authAt: at(-10) }), about, NOW).decision).toBe(expected);
});

test.each<[string, Parameters<typeof isInside>[0], string, boolean]>([
  // Over midnight: Friday's night belongs to Friday.
  ["Friday evening", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-06T22:00:00Z", true],
  ["Saturday before six", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-07T05:59:59Z", true],
  ["Saturday at six", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-07T06:00:00Z", false],
  ["Friday before six", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-06T05:00:00Z", false],
  ["Sunday's night on Monday", { days: [7], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-09T01:00:00Z", true],
  // Berlin goes from 2:00 to 3:00 on 29 March 2026 and from 3:00 to 2:00 on 25 October.
  ["before the leap", { days: [7], from: "01:30", to: "03:30", tz: "Europe/Berlin" }, "2026-03-29T00:45:00Z", true],
  ["after the leap", { days: [7], from: "01:30", to: "03:30", tz: "Europe/Berlin" }, "2026-03-29T01:15:00Z", true],
  ["past the end", { days: [7], from: "01:30", to: "03:30", tz: "Europe/Berlin" }, "2026-03-29T01:30:00Z", false],
  ["in winter", { days: [1], from: "08:00", to: "09:00", tz: "Europe/Berlin" }, "2026-01-05T07:30:00Z", true],
  ["in summer", { days: [1], from: "08:00", to: "09:00", tz: "Europe/Berlin" }, "2026-07-06T06:30:00Z", true],
  [
    "an hour too late in summer",
    { days: [1], from: "08:00", to: "09:00", tz: "Europe/Berlin" },
    "2026-07-06T07:30:00Z",
    false,
  ],
  [
    "the hour that comes twice, first",
    { days: [7], from: "02:00", to: "03:00", tz: "Europe/Berlin" },
    "2026-10-25T00:30:00Z",
    true,
  ],
  [
    "the hour that comes twice, again",
    { days: [7], from: "02:00", to: "03:00", tz: "Europe/Berlin" },
    "2026-10-25T01:30:00Z",
    true,
  ],
  [
    "midnight there, not here",
    { days: [1], from: "00:00", to: "00:30", tz: "Asia/Vladivostok" },
    "2026-03-08T14:10:00Z",
    true,
  ],
])("POL-4 a window counts by the clock on the wall: %s", (_, window, time, expected) => {
  expect(isInside(window, new Date(time))).toBe(expected);
});
