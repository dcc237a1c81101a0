// Addresses as people, apps and billings write them differ in case, abbreviations and order of punctuation. Folded they are equal.

/** Words that tell what follows and not where it is. */
const KINDS = new Set(
  [
    "г город пгт п пос поселок с село д дер деревня дом ул улица пер переулок пр просп проспект пркт бул бульвар",
    "прт бр ш шоссе пл площадь наб набережная проезд прд мкр мкрн микрорайон рн район обл область кв квартира офис",
  ].flatMap((words) => words.split(" ")),
);
/** Those that streets are called by too: `ул. Набережная`. */
const NAMES = new Set(["набережная", "площадь", "проезд", "шоссе", "бульвар"]);
const STREET = new Set(["ул", "улица"]);
const SHORT: Record<string, string> = { корпус: "к", корп: "к", строение: "стр", литера: "", лит: "" };

/** A comparable form: lower case, words and numbers only, `ё` as `е`, without kinds of streets and houses, `3 а` as `3а`. */
export function fold(address: string): string {
  const words = address
    .slice(0, 300)
    .toLowerCase()
    .replace(/ё/g, "е")
    .replace(/(?<=\p{L})-(?=(?:т|кт|д|н|р)(?!\p{L}))/gu, "")
    .match(/[\p{L}\p{N}/]+/gu);
  return (words ?? [])
    .map((word) => SHORT[word] ?? word)
    .filter((word, i, all) => word && (!KINDS.has(word) || isName(word, [all[i - 1], all[i + 1]])))
    .join(" ")
    .replace(/(?<=\d) (?=[а-яa-z](?:\s|$))(?!к \d)/g, "");
}

const isName = (word: string, beside: readonly (string | undefined)[]): boolean =>
  NAMES.has(word) && beside.some((other) => STREET.has(other ?? ""));
