import fc from "fast-check";
import { expect, test } from "vitest";
import { smsShape } from "#messaging/sms-parts.ts";

const BASIC =
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION = "\f^{}\\[~]|€";

test.each([
  ["nothing", "", "gsm7", 1],
  ["all of the basic alphabet", BASIC, "gsm7", 1],
  ["all of the extension table", EXTENSION, "gsm7", 1],
  ["160 letters", "a".repeat(160), "gsm7", 1],
  ["161 letters", "a".repeat(161), "gsm7", 2],
  ["306 letters", "a".repeat(306), "gsm7", 2],
  ["307 letters", "a".repeat(307), "gsm7", 3],
  ["80 euro signs", "€".repeat(80), "gsm7", 1],
  ["159 letters and a euro sign", `${"a".repeat(159)}€`, "gsm7", 2],
  ["a euro sign on the seam", `${"a".repeat(152)}€${"b".repeat(152)}`, "gsm7", 3],
  ["a euro sign before the seam", `${"a".repeat(151)}€${"b".repeat(153)}`, "gsm7", 2],
  ["70 Cyrillic letters", "Ж".repeat(70), "ucs2", 1],
  ["71 Cyrillic letters", "Ж".repeat(71), "ucs2", 2],
  ["134 Cyrillic letters", "Ж".repeat(134), "ucs2", 2],
  ["135 Cyrillic letters", "Ж".repeat(135), "ucs2", 3],
  ["159 letters and one that GSM has not", `${"a".repeat(159)}ç`, "ucs2", 3],
  ["a backtick", "`", "ucs2", 1],
  ["35 emoji", "😀".repeat(35), "ucs2", 1],
  ["an emoji on the seam", `${"Ж".repeat(66)}😀${"Ж".repeat(66)}`, "ucs2", 3],
])("%s is sent as it should be", (_, text, coding, parts) => {
  expect(smsShape(text)).toEqual({ coding, parts });
});

const gsm = fc.string({ unit: fc.constantFrom(...BASIC, ...EXTENSION), maxLength: 800 });
const unicode = fc.string({ unit: fc.constantFrom("Ж", "a", "€", "😀"), maxLength: 400 }).map((text) => `${text}Ж`);
const extended = (text: string) => [...text].filter((character) => EXTENSION.includes(character)).length;

test("GSM text takes as many parts as its septets need, one septet lost at each seam at most", () => {
  fc.assert(
    fc.property(gsm, (text) => {
      const septets = text.length + extended(text);
      const { coding, parts } = smsShape(text);
      expect(coding).toBe("gsm7");
      expect(parts).toBeGreaterThanOrEqual(septets <= 160 ? 1 : Math.ceil(septets / 153));
      expect(parts).toBeLessThanOrEqual(septets <= 160 ? 1 : Math.ceil(septets / 152));
    }),
  );
});

test("one foreign character turns the whole text into UTF-16, with one unit lost at each seam at most", () => {
  fc.assert(
    fc.property(unicode, (text) => {
      const { coding, parts } = smsShape(text);
      expect(coding).toBe("ucs2");
      expect(parts).toBeGreaterThanOrEqual(text.length <= 70 ? 1 : Math.ceil(text.length / 67));
      expect(parts).toBeLessThanOrEqual(text.length <= 70 ? 1 : Math.ceil(text.length / 66));
    }),
  );
});

test("a longer text never takes fewer parts", () => {
  fc.assert(
    fc.property(fc.oneof(gsm, unicode), fc.oneof(gsm, unicode), (text, more) => {
      expect(smsShape(text + more).parts).toBeGreaterThanOrEqual(smsShape(text).parts);
    }),
  );
});
