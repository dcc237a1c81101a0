import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { settings } from "#env.ts";
import regular from "#payments/documents/fonts/DejaVuSansCondensed.ttf";
import { actPage, invoicePage } from "#payments/documents/pages.ts";
import { lettersOf } from "#payments/documents/truetype.ts";
import { sumInWords } from "#payments/documents/words.ts";

test.each([
  [0, "Ноль рублей 00 копеек"],
  [1, "Ноль рублей 01 копейка"],
  [100, "Один рубль 00 копеек"],
  [202, "Два рубля 02 копейки"],
  [1_100, "Одиннадцать рублей 00 копеек"],
  [2_112, "Двадцать один рубль 12 копеек"],
  [65_000, "Шестьсот пятьдесят рублей 00 копеек"],
  [100_000, "Одна тысяча рублей 00 копеек"],
  [21_120_045, "Двести одиннадцать тысяч двести рублей 45 копеек"],
  [200_000_100, "Два миллиона один рубль 00 копеек"],
  [1_214_000_000_021, "Двенадцать миллиардов сто сорок миллионов рублей 21 копейка"],
])("%i kopecks in words", (sum, words) => {
  expect(sumInWords(sum)).toBe(words);
});

test("the fonts have every letter that documents are written with", () => {
  const letters = lettersOf(new Uint8Array(regular));
  const needed = "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдеёжзийклмнопрстуфхцчшщъыьэюяІЎЇЄҐ0123456789№«»—₽.,:/()\"'@";
  for (const letter of needed) expect([letter, letters.has(letter.codePointAt(0)!)]).toEqual([letter, true]);
});

/** The words of a PDF: its pages hold numbers of glyphs, and a table beside them says which letters these are. */
function textOf(pdf: Uint8Array): string {
  const raw = Buffer.from(pdf).toString("latin1");
  const streams = [...raw.matchAll(/stream\r?\n([\s\S]*?)endstream/g)].map(([, body]) => {
    try {
      return inflateSync(Buffer.from(body!, "latin1")).toString("latin1");
    } catch {
      return "";
    }
  });
  const letters = new Map<string, string>();
  for (const stream of streams.filter((text) => text.includes("begincmap"))) {
    for (const [, glyph, letter] of stream.matchAll(/<([0-9a-f]{4})> ?<([0-9a-f]{4})>/gi)) {
      letters.set(glyph!.toLowerCase(), String.fromCodePoint(Number.parseInt(letter!, 16)));
    }
  }
  const shown = streams.flatMap((text) => [...text.matchAll(/<([0-9a-f]+)> Tj/gi)].map(([, hex]) => hex!));
  return shown
    .map((hex) =>
      hex
        .match(/.{4}/g)!
        .map((glyph) => letters.get(glyph.toLowerCase()) ?? "?")
        .join(""),
    )
    .join("\n");
}

const page = {
  number: "17",
  date: "02.08.2026",
  sum: 65_050,
  login: "20017",
  customer: "Иван П.",
  address: "ул. Мира",
};
const company = {
  ...settings(env).COMPANY,
  name: "ООО «Двор»",
  inn: "7100000000",
  bank: "Банк",
  account: "407",
  bik: "047",
};

test("an invoice says who is paid, by whom, what for and how much", async () => {
  const text = textOf(await invoicePage(company, page, new Date()));
  for (const said of [
    "Счёт на оплату № 17 от 02.08.2026",
    "ООО «Двор»",
    "ИНН 7100000000",
    "БИК 047",
    "Иван П.",
    "№ 20017",
  ])
    expect(text).toContain(said);
  expect(text).toContain("650.50");
  expect(text).toContain("Шестьсот пятьдесят рублей 50 копеек");
});

test("whatever people write ends up on the paper", async () => {
  const customer = `${"Оченьдлиннаяфамилия".repeat(200)} 🙂 \n\t中文 \u0000`;
  const pdf = await invoicePage(settings(env).COMPANY, { ...page, customer }, new Date());
  expect(Buffer.from(pdf).subarray(0, 5).toString()).toBe("%PDF-");
  expect(textOf(pdf)).toContain("Руководитель");
});

test("a letter that is written as two signs is one on the paper", async () => {
  const text = textOf(await invoicePage(company, { ...page, customer: "Андрей Ёлкин".normalize("NFD") }, new Date()));
  expect(text).toContain("Андрей Ёлкин");
});

test("what a billing tells without end stays on the page, with everything after it", async () => {
  const service = "Домофон и камеры ".repeat(20_000);
  const act = { ...page, service, start: "01.08.2026", end: "31.08.2026" };
  const pdf = await actPage(company, act, new Date());
  expect(pdf.length).toBeLessThan(200_000);
  const text = textOf(pdf);
  expect(text).toContain("Домофон и камеры");
  expect(text).toContain("Шестьсот пятьдесят рублей 50 копеек");
});

test("nothing that is written becomes a part of the document", async () => {
  const customer = ") Tj ET /JavaScript (app.alert(1)) >> endobj <script>";
  const number = "17) /Author (x) >> endobj";
  const pdf = await invoicePage(company, { ...page, customer, number }, new Date());
  const raw = Buffer.from(pdf).toString("latin1");
  expect(raw).not.toContain("/JavaScript (");
  expect(raw).not.toContain("/Author (x)");
  expect(textOf(pdf)).toContain("/JavaScript (app.alert(1))");
});
