import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { COUNT, PACKED, RANGE } from "#platform/common-passwords.ts";
import { unpackFingerprints } from "#platform/fingerprints.ts";
import { passwordProblems } from "#platform/password-rules.ts";

const RULES = { minLength: 15, maxLength: 128, words: ["Домофон Плюс", "Yardgate", "ivan.petrov@example.net"] };
const short = { ...RULES, minLength: 8 };

test.each([
  ["correct horse battery staple"],
  ["лошадь скрепка батарея верно"],
  ["тихо едет красный трамвай"],
  ["Xk9#vQ2$mL7@pR4!"],
  ["k7f3m9q2x8c4v6b1"],
  ["blue-Yardgate-keeps-my-door"],
  ["😀🚪🔑📷🏠🌧🎺🐢🍉🚲🎈⚓🌵🧊🪁"],
  [
    `${"я не повторяюсь в этой длинной фразе, ни разу, и говорю о погоде, о море, о чайках над крышами, о поездах ночью и о тишине 🌊 в мае".slice(0, 128)}`,
  ],
])("%j may be a password", (password) => {
  expect(passwordProblems(password, RULES)).toEqual([]);
});

test.each([
  ["aaaaaaaaaaaaaaaa"],
  ["123456789012345"],
  ["1234567890987654321"],
  ["qwertyuiopasdfgh"],
  ["QWERTYUIOPASDFGH"],
  ["poiuytrewqlkjhgf"],
  ["qazwsxedcrfvtgb"],
  ["1qaz2wsx3edc4rfv"],
  ["йцукенгшщзхъфыва"],
  ["abcdefghijklmnop"],
  ["aaaabbbbccccdddd"],
  ["abcabcabcabcabc"],
  ["12ab12ab12ab12ab1"],
  ["passwordpassword"],
  ["PasswordPassword"],
  ["monkeymonkeymonkey"],
  ["password123password123"],
  ["p@ssw0rdp@ssw0rd"],
  ["парольпарольпароль"],
  ["Password1234567890"],
  ["!!!!Sunshine!!!!"],
  ["1234567890qwerty"],
])("%j is common, as long as it is", (password) => {
  expect(passwordProblems(password, RULES)).toEqual(["common"]);
});

test.each([
  ["password"],
  ["Password"],
  ["baseball1"],
  ["qwerty123"],
  ["p@ssw0rd"],
  ["12345678"],
  ["пароль2024"],
  ["drowssap"],
])("%j is common where eight characters are enough", (password) => {
  expect(passwordProblems(password, short)).toEqual(["common"]);
});

test.each([
  ["yardgateyardgate"],
  ["YardgateYardgate2024"],
  ["yardgate-123456789"],
  ["ДомофонПлюс-2024"],
  ["ivan.petrov@example.net"],
  ["petrov-password-petrov"],
])("%j is little more than a word that everybody here knows", (password) => {
  expect(passwordProblems(password, RULES)).toContain("contains_context");
});

test("words of three letters stand in passwords by chance", () => {
  expect(passwordProblems("v7 net k2 mil", { ...short, words: ["net", "mil"] })).toEqual([]);
});

test("length counts code points of the composed form, and nothing is trimmed", () => {
  const length = (password: string, minLength: number) => passwordProblems(password, { ...RULES, minLength });
  expect(length("жмых тоня щит э́", 17)).toEqual(["too_short"]);
  expect(length("🦊🎻🧭🪐🐙🍋🧵🛶", 8)).toEqual([]);
  expect(length("🦊🎻🧭🪐🐙🍋🧵🛶", 9)).toEqual(["too_short"]);
  expect(length("cafe\u0301 tro7", 10)).toEqual(["too_short"]);
  expect(length(" cafe\u0301 tro7", 10)).toEqual([]);
});

test("128 characters of any kind are enough, and more are too many", () => {
  const random = randomBytes(200).toString("base64url");
  expect(passwordProblems(random.slice(0, 128), RULES)).toEqual([]);
  expect(passwordProblems(random.slice(0, 129), RULES)).toEqual(["too_long"]);
  expect(passwordProblems("🐢".repeat(129), RULES)).toEqual(["too_long"]);
});

test("several reasons are told at once", () => {
  expect(passwordProblems("Yardgate1", RULES)).toEqual(["too_short", "contains_context"]);
  expect(passwordProblems("dragon", RULES)).toEqual(["too_short", "common"]);
});

test("the list is whole, sorted, and takes hardly anything else for a common password", () => {
  const prints = unpackFingerprints(PACKED, COUNT);
  expect(COUNT).toBeGreaterThan(99_900);
  expect(prints.every((print, index) => index === 0 || print > prints[index - 1]!)).toBe(true);
  expect(prints.at(-1)).toBeLessThan(RANGE);
  expect(COUNT / RANGE).toBeLessThanOrEqual(1e-4);
});
