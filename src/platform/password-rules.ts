import { COUNT, PACKED, RANGE } from "./common-passwords.ts";
import { fingerprint, holds, unpackFingerprints } from "./fingerprints.ts";

export type PasswordProblem = "too_short" | "too_long" | "common" | "contains_context";

export interface PasswordRules {
  /** In Unicode code points of the password in NFC. */
  minLength: number;
  maxLength: number;
  /** What somebody would try first here: the names of operator and product, the login. May be whole phrases or addresses. */
  words: readonly string[];
}

/** Shorter words of the context stand in too many passwords by chance. */
const SHORTEST_WORD = 4;
/** What a password has to have beside a word of its context. */
const ENOUGH_BESIDE = 8;
/** A password whose runs are so long on average is a few decisions, however many characters it has. */
const LONG_RUNS = 3;
const SHORT_UNIT = 4;
/** So little around a common password is what people add to pass a rule. */
const LITTLE = 4;

/**
 * Why a password may not be used; empty when it may. There are no rules about kinds of characters: they make passwords harder
 * to remember and no harder to guess. One other password in some thousands is taken for a common one.
 */
export function passwordProblems(password: string, { minLength, maxLength, words }: PasswordRules): PasswordProblem[] {
  const normal = password.normalize("NFC");
  const length = [...normal].length;
  // What is too long is not looked at: the work is bounded by the longest password allowed.
  if (length > maxLength) return ["too_long"];
  const problems: PasswordProblem[] = [];
  if (length < minLength) problems.push("too_short");
  if (isCommon(normal.toLowerCase())) problems.push("common");
  if (isLittleMoreThan(normal.toLowerCase(), words)) problems.push("contains_context");
  return problems;
}

/** A listed password, plainly or in disguise; a few runs along the keyboard or the alphabet; something short or common again and again. */
function isCommon(lower: string): boolean {
  return isListed(lower) || isTrivial(lower) || isCommonAgain(lower) || isCommonWithLittleAround(lower);
}

let listed: Uint32Array | undefined;

function isListed(text: string): boolean {
  if (text.length < SHORTEST_WORD) return false;
  listed ??= unpackFingerprints(PACKED, COUNT);
  const prints = listed;
  const forms = new Set([text, withoutDisguise(text), onLatinKeys(text)]);
  return [...forms].some((form) => holds(prints, fingerprint(form, RANGE)));
}

const DISGUISE: Record<string, string> = {
  "@": "a",
  "4": "a",
  "3": "e",
  "0": "o",
  "1": "i",
  "!": "i",
  $: "s",
  "5": "s",
};
const withoutDisguise = (text: string): string => text.replace(/[@430!1$5]/g, (letter) => DISGUISE[letter]!);

const CYRILLIC_KEYS = "ёйцукенгшщзхъфывапролджэячсмитьбю";
const LATIN_KEYS = "`qwertyuiop[]asdfghjkl;'zxcvbnm,.";
/** The same keys on a Latin layout: the lists have `gfhjkm`, which is how `пароль` is typed there, and `qwerty` for `йцукен`. */
const onLatinKeys = (text: string): string =>
  text.replace(/[а-яё]/g, (letter) => LATIN_KEYS[CYRILLIC_KEYS.indexOf(letter)]!);

/** Ways that a finger goes; backwards too. */
const WALKS = [
  ...["1234567890", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "!@#$%^&*()", "azertyuiop", "qsdfghjklm"],
  ...["qazwsxedcrfvtgbyhnujmik,ol.p;/", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/"],
  ...["йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"],
];
const STEPS = new Set(
  WALKS.flatMap((walk) => [...walk].slice(1).flatMap((key, at) => [walk[at]! + key, key + walk[at]!])),
);

/** Whether it is made of runs: the same character, one after the other in the alphabet, or neighbours on the keyboard. */
function isTrivial(text: string): boolean {
  const characters = [...text];
  let runs = 1;
  let step: number | undefined;
  for (let at = 1; at < characters.length; at++) {
    const [before, here] = [characters[at - 1]!, characters[at]!];
    const distance = here.codePointAt(0)! - before.codePointAt(0)!;
    const kind = Math.abs(distance) <= 1 ? distance : STEPS.has(before + here) ? 2 : undefined;
    const goesOn = kind !== undefined && (step === undefined || kind === step || (kind !== 0 && step !== 0));
    if (!goesOn) runs++;
    step = goesOn ? kind : undefined;
  }
  return characters.length / runs >= LONG_RUNS;
}

/** `abcabcabcabcabc`, `passwordpassword`, also when the last round is cut off. */
function isCommonAgain(text: string): boolean {
  const characters = [...text];
  const { length } = characters;
  for (let period = 1; period <= length / 2; period++) {
    if (characters.some((character, at) => at >= period && character !== characters[at - period])) continue;
    return period <= SHORT_UNIT || isCommon(characters.slice(0, period).join(""));
  }
  return false;
}

/** `Password2024!`, `dragon-1234567890`. */
function isCommonWithLittleAround(text: string): boolean {
  const [, before = "", core = "", after = ""] = /^([^\p{L}]*)(.*?)([^\p{L}]*)$/su.exec(text) ?? [];
  const around = before + after;
  if (core.length < SHORTEST_WORD || around === "") return false;
  const isLittle = around.length <= LITTLE || isTrivial(around);
  return isLittle && (isListed(core) || isTrivial(core) || isCommonAgain(core));
}

/** Whether, with the words of the context taken out, too little is left, or something common. */
function isLittleMoreThan(lower: string, words: readonly string[]): boolean {
  const parts = words.flatMap((word) => [word, ...word.split(/[^\p{L}\p{N}]+/u)]);
  const context = parts
    .map((part) => part.normalize("NFC").toLowerCase())
    .filter((part) => [...part].length >= SHORTEST_WORD)
    .sort((a, b) => b.length - a.length);
  const rest = context.reduce((left, word) => left.replaceAll(word, ""), lower);
  return rest !== lower && ([...rest].length < ENOUGH_BESIDE || isCommon(rest));
}
