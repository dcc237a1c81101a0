import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { CATALOGUE, type FailureCode } from "#operator/error-catalogue.ts";
import { type Audience, errorText, languagesIn } from "#operator/error-mapper.ts";
import { randomId } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { envWith } from "../support/world.ts";

afterEach(() => {
  vi.useRealTimers();
});

const CODE = "resend_too_soon";

/** An operator, an app type and a source that nobody else has. */
const names = () => ({ operator: `op_${randomId(6)}`, app: `app_${randomId(6)}`, source: `src_${randomId(6)}` });

interface Text {
  operator: string;
  app: string;
  source: string;
  lang: string;
  text: string;
  code?: string;
  num?: number;
  status?: number;
}

const write = ({ operator, app, source, lang, text, code = CODE, num, status }: Text) =>
  env.DB.prepare(
    "INSERT INTO error_texts (operator, app, source, code, lang, num, status, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  )
    .bind(operator, app, source, code, lang, num ?? null, status ?? null, text)
    .run();

const remove = (text: string) => env.DB.prepare("DELETE FROM error_texts WHERE text = ?").bind(text).run();

/** Asks with nothing remembered from before. */
const ask = (audience: Audience, params: Record<string, unknown> = { retry_after: 43 }, code: FailureCode = CODE) => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  return errorText(env, code, audience, params);
};

test("ERR-2 the operator's text is kept as long as possible, then the app's, then the source's; at last the built-in one", async () => {
  const { operator, app, source } = names();
  const levels = [operator, "*"].flatMap((op) => [
    [op, app, source],
    [op, app, "*"],
    [op, "*", source],
    [op, "*", "*"],
  ]) as [string, string, string][];
  const written = levels.map(([op, forApp, from], i) =>
    ["ru", "en"].map((lang) => ({
      operator: op,
      app: forApp,
      source: from,
      lang,
      text: `${operator} ${i} ${lang} {retry_after}`,
    })),
  );
  for (const text of written.flat()) await write(text);
  try {
    for (const [i, texts] of written.entries()) {
      for (const { lang, text } of texts) {
        const told = await ask({ operator, app, source, languages: [lang] });
        expect(told).toEqual({
          ...{ status: 429, num: 1011, title: "A new code may be sent in 43 s", lang },
          detail: `${operator} ${i} ${lang} 43`,
        });
        // Before a text of a wider audience is taken, the narrower one is told in another language.
        if (lang === "en") await remove(text);
        else {
          await remove(text);
          expect(await ask({ operator, app, source, languages: ["ru"] })).toMatchObject({ lang: "en" });
        }
      }
    }
    const { en, ru } = CATALOGUE[CODE];
    expect(await ask({ operator, app, source, languages: ["ru"] })).toMatchObject({
      ...{ detail: ru.replace("{retry_after}", "43"), lang: "ru" },
    });
    expect(await ask({ operator, app, source, languages: ["fr"] })).toMatchObject({
      ...{ detail: en.replace("{retry_after}", "43"), lang: "en" },
    });
  } finally {
    for (const { text } of written.flat()) await remove(text);
  }
});

test("the reader's languages come in the order of their wish, the operator's own after them, English last", async () => {
  const { operator, app, source } = names();
  const at = { operator, app: "*", source: "*" };
  for (const lang of ["de", "kk", "en"]) await write({ ...at, lang, text: lang });
  const told = async (header: string, preset = "kk") =>
    (await ask({ operator, app, source, languages: languagesIn(header, preset) })).lang;
  expect(await told("de-AT,ru;q=0.9")).toBe("de");
  expect(await told("en;q=0.5, de;q=0.8")).toBe("de");
  expect(await told("fr-FR,fr;q=0.9")).toBe("kk");
  expect(await told("")).toBe("kk");
  expect(await told("fr", "es")).toBe("en");
  expect(await told("de;q=0, *;q=0.1, x'; DROP")).toBe("kk");
});

test("another operator may give an error another number and another status, and gets no other's text", async () => {
  const [one, two] = [names(), names()];
  const texts = { code: "access_denied", lang: "ru", app: "*", source: "*" };
  await write({ ...texts, operator: one.operator, text: "Раз", num: 501, status: 404 });
  await write({ ...texts, operator: two.operator, text: "Два", num: 502 });
  const told = (audience: typeof one) => ask({ ...audience, languages: ["ru"] }, {}, "access_denied");
  expect(await told(one)).toMatchObject({ detail: "Раз", num: 501, status: 404, title: CATALOGUE.access_denied.en });
  expect(await told(two)).toMatchObject({ detail: "Два", num: 502, status: 403 });
  expect(await told(names())).toMatchObject({ detail: CATALOGUE.access_denied.ru, num: 5001 });
});

test("a placeholder that nobody has a value for is left out, and said once to whoever wrote it", async () => {
  const { operator } = names();
  const at = { operator, app: "*", source: "*", lang: "en" };
  await write({ ...at, text: "Wait {retry_after} s {toString} {constructor} {nobody}{list}" });
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  const audience = { operator, app: "a", source: "s", languages: ["en"] };
  for (let i = 0; i < 3; i++) expect((await ask(audience, { retry_after: 0, list: ["<b>"] })).detail).toBe("Wait 0 s");
  const lines = warned.mock.calls.map(([line]) => String(line));
  expect(lines.map((line) => /^\{\w+\}/.exec(line)?.[0])).toEqual([
    "{toString}",
    "{constructor}",
    "{nobody}",
    "{list}",
  ]);
});

test("a text of which nothing is left is not told", async () => {
  const { operator } = names();
  vi.spyOn(console, "warn").mockImplementation(() => {});
  await write({ operator, app: "*", source: "*", lang: "en", text: " {nobody} ", code: "access_denied" });
  const told = await ask({ operator, app: "a", source: "s", languages: ["en"] }, {}, "access_denied");
  expect(told.detail).toBe(CATALOGUE.access_denied.en);
});

test("ERR-2 texts are read once a minute, and an outage tells those last known, then the built-in ones", async () => {
  const { operator, app, source } = names();
  const audience = { operator, app, source, languages: ["ru"] };
  const { env: counted, trips } = countedEnv();
  const started = Date.now() + 1_000_000;
  vi.useFakeTimers({ toFake: ["Date"], now: started });
  await write({ operator, app, source, lang: "ru", text: "Первый" });
  const told = async (environment = counted) => (await errorText(environment, CODE, audience)).detail;
  expect([await told(), await told()]).toEqual(["Первый", "Первый"]);
  expect(trips.d1).toBe(1);
  await env.DB.prepare("UPDATE error_texts SET text = 'Второй' WHERE operator = ?").bind(operator).run();
  vi.setSystemTime(started + 59_000);
  expect(await told()).toBe("Первый");
  vi.setSystemTime(started + 61_000);
  expect(await told()).toBe("Второй");

  vi.setSystemTime(started + 200_000);
  vi.spyOn(console, "error").mockImplementation(() => {});
  const broken = envWith({
    DB: {
      prepare: () => {
        throw new Error("D1 is down");
      },
    },
  });
  expect(await told(broken)).toBe("Второй");
  const unknown = await errorText(broken, "access_denied", { ...names(), languages: ["ru"] });
  expect(unknown.detail).toBe(CATALOGUE.access_denied.ru);
});

test("every error has a number of its kind, and something to say in both languages", () => {
  for (const [code, { num, status, en, ru }] of Object.entries(CATALOGUE)) {
    expect([code, num >= 1000 && num < 10_000, status >= 400 && status < 600]).toEqual([code, true, true]);
    expect([code, en.trim() !== "", /[а-яё]/i.test(ru)]).toEqual([code, true, true]);
  }
});
