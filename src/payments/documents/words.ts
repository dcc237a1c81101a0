// A sum in Russian words, as documents repeat it.

const ONES = ["", "один", "два", "три", "четыре", "пять", "шесть", "семь", "восемь", "девять"];
const FEMININE: Record<number, string> = { 1: "одна", 2: "две" };
const TEENS =
  "десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать".split(
    " ",
  );
const TENS = " десять двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто".split(" ");
const HUNDREDS = " сто двести триста четыреста пятьсот шестьсот семьсот восемьсот девятьсот".split(" ");

/** After one, after two to four, after any other number. */
type Forms = readonly [string, string, string];

const GROUPS: { forms: Forms; isFeminine: boolean }[] = [
  { forms: ["рубль", "рубля", "рублей"], isFeminine: false },
  { forms: ["тысяча", "тысячи", "тысяч"], isFeminine: true },
  { forms: ["миллион", "миллиона", "миллионов"], isFeminine: false },
  { forms: ["миллиард", "миллиарда", "миллиардов"], isFeminine: false },
];
const KOPECKS: Forms = ["копейка", "копейки", "копеек"];

/** `Шестьсот пятьдесят рублей 00 копеек`. Up to 999 milliards. */
export function sumInWords(kopecks: number): string {
  const roubles = Math.trunc(kopecks / 100);
  const rest = kopecks % 100;
  const words = roubles === 0 ? `ноль ${formOf(0, GROUPS[0]!.forms)}` : groupsOf(roubles);
  const text = `${words} ${String(rest).padStart(2, "0")} ${formOf(rest, KOPECKS)}`;
  return text[0]!.toUpperCase() + text.slice(1);
}

function groupsOf(number: number): string {
  const words: string[] = [];
  for (let i = GROUPS.length - 1; i >= 0; i--) {
    const { forms, isFeminine } = GROUPS[i]!;
    const part = Math.trunc(number / 1000 ** i) % 1000;
    // The roubles are named even where their own three digits are none: тысяча рублей.
    if (part > 0 || i === 0) words.push(...hundreds(part, isFeminine), formOf(part, forms));
  }
  return words.join(" ");
}

function hundreds(number: number, isFeminine: boolean): string[] {
  const [tens, ones] = [Math.trunc(number / 10) % 10, number % 10];
  const small = tens === 1 ? [TEENS[ones]!] : [TENS[tens]!, (isFeminine && FEMININE[ones]) || ONES[ones]!];
  return [HUNDREDS[Math.trunc(number / 100)]!, ...small].filter(Boolean);
}

function formOf(number: number, [one, few, many]: Forms): string {
  const [tens, ones] = [number % 100, number % 10];
  if (tens >= 11 && tens <= 14) return many;
  if (ones === 1) return one;
  return ones >= 2 && ones <= 4 ? few : many;
}
