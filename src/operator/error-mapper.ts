import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { CATALOGUE, type FailureCode } from "./error-catalogue.ts";
import { errorTextsOf } from "./queries.ts";

/** Whom an error is told: what decides which of the operator's texts it gets. */
export interface Audience {
  operator: string;
  /** The client's app type: `mobile`, `stb`. */
  app: string;
  /** Where the client came from: a store, a brand. */
  source: string;
  /** `Accept-Language` as it came, most wanted first. */
  languages: readonly string[];
}

export interface ErrorText {
  status: number;
  num: number;
  title: string;
  detail: string;
  lang: string;
}

type Row = Awaited<ReturnType<typeof errorTextsOf>>[number];

const TEXTS_TRUSTED_MS = 60_000;
const known = new Map<string, { rows: Row[]; at: number }>();

/**
 * What an error is called for this audience. The operator is kept as long as possible, then the app type, then the source;
 * within each, the wanted languages and then English; at last the built-in text. Never an empty text.
 */
export async function errorText(
  env: Env,
  code: FailureCode,
  { operator, app, source, languages }: Audience,
  params: Record<string, unknown> = {},
): Promise<ErrorText> {
  const { num, status, en, ru } = CATALOGUE[code];
  const wanted = [...languages.flatMap(withLessExact), "en"];
  const rows = await textsOf(env, operator, code);
  for (const [op, forApp, from] of levels(operator, app, source)) {
    const level = rows.filter((row) => row.operator === op && row.app === forApp && row.source === from);
    for (const lang of wanted) {
      const row = level.find((each) => each.lang === lang);
      if (row) {
        // A text of which nothing is left is none.
        const detail = fill(row.text, params) || fill(en, params);
        return { status: row.status ?? status, num: row.num ?? num, title: fill(en, params), detail, lang };
      }
    }
  }
  const lang = wanted.find((each) => each === "ru" || each === "en") ?? "en";
  return { status, num, title: fill(en, params), detail: fill(lang === "ru" ? ru : en, params), lang };
}

const levels = (operator: string, app: string, source: string) =>
  [operator, "*"].flatMap((op) => [
    [op, app, source],
    [op, app, "*"],
    [op, "*", source],
    [op, "*", "*"],
  ]);

/** `ru-RU`, then `ru` (RFC 4647 lookup). */
function withLessExact(tag: string): string[] {
  const parts = tag.toLowerCase().split("-");
  return parts.map((_, i) => parts.slice(0, parts.length - i).join("-"));
}

/** Placeholders are filled in; those nobody has a value for go, and whoever wrote them can read so in the log. */
const fill = (text: string, params: Record<string, unknown>) =>
  text
    .replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = Object.hasOwn(params, name) ? params[name] : undefined;
      if (typeof value === "string" || typeof value === "number") return String(value);
      complain(text, name);
      return "";
    })
    .trim();

const TOLD_AT_MOST = 1000;
const told = new Set<string>();

/** Once per text: the same error may be told a thousand times a minute. */
function complain(text: string, name: string): void {
  const what = `{${name}} in the error text "${text}" has no value`;
  if (told.has(what) || told.size >= TOLD_AT_MOST) return;
  told.add(what);
  console.warn(what);
}

// A text that cannot be had must not turn an error into another one: then the built-in text is told.
async function textsOf(env: Env, operator: string, code: FailureCode): Promise<Row[]> {
  const key = `${operator}\n${code}`;
  const kept = known.get(key);
  if (kept && Date.now() - kept.at < TEXTS_TRUSTED_MS) return kept.rows;
  try {
    const rows = await errorTextsOf(database(env), operator, code);
    known.set(key, { rows, at: Date.now() });
    return rows;
  } catch (error) {
    logError("error texts not read", error);
    return kept?.rows ?? [];
  }
}

/** The languages of an `Accept-Language` header, most wanted first. */
export function languagesIn(header: string | undefined, preset: string): string[] {
  const wanted = (header ?? "")
    .split(",")
    .map((item) => {
      const [tag = "", ...rest] = item.trim().split(";");
      const q = Number(/q=([\d.]+)/.exec(rest.join(";"))?.[1] ?? 1);
      return { tag: tag.trim(), q: Number.isNaN(q) ? 0 : q };
    })
    .filter(({ tag, q }) => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$/.test(tag) && q > 0)
    .toSorted((a, b) => b.q - a.q)
    .map(({ tag }) => tag);
  return [...wanted, preset];
}
