import { expect, test } from "vitest";
import { parsePhone } from "#platform/phones.ts";

test.each([
  ["89161230001", "79161230001", "RU"],
  ["79161230001", "79161230001", "RU"],
  ["+7 (916) 123-00-01", "79161230001", "RU"],
  ["9161230001", "79161230001", "RU"],
  ["380501234567", "380501234567", "UA"],
])("%s is the phone %s of %s", (text, digits, country) => {
  expect(parsePhone(text, "RU")).toEqual({ digits, country });
});

test.each([["8 495 123-45-67"], ["81234567890"], ["123"], [""], ["8916123000a1x"], ["+"], ["7".repeat(40)]])(
  "%s is no mobile phone",
  (text) => {
    expect(parsePhone(text, "RU")).toBeUndefined();
  },
);
