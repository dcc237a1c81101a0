// ClickHouse over its HTTP interface (https://clickhouse.com/docs/interfaces/http): what is asked stands in the text of the
// query as {name:Type}, its value in the parameter param_name. No value ever becomes text of a query.
import type * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";

const TIME_LIMIT_MS = 5_000;
/** A thousand events with their texts are far less. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

type Value = string | number | readonly (string | number)[];

/**
 * The rows that a query (`… FORMAT JSONEachRow`) answers, each checked. Throws `unavailable` when the server does not answer, refuses, or
 * makes no sense.
 */
export async function askClickhouse<S extends z.ZodType>(
  env: Env,
  query: string,
  values: Record<string, Value>,
  Row: S,
): Promise<z.output<S>[]> {
  const parameters = Object.entries(values).map(([name, value]) => [`param_${name}`, textOf(value)] as const);
  const text = await post(env, Object.fromEntries(parameters), `${query} FORMAT JSONEachRow`);
  try {
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => Row.parse(JSON.parse(line)));
  } catch (cause) {
    // An error in the middle of an answer is written behind its rows, under the status 200.
    throw new AppError("unavailable", "ClickHouse makes no sense", { cause });
  }
}

/**
 * Writes rows, all or none. A repetition under the same `token` adds nothing, where the table remembers tokens
 * (docs/events.md). Throws `unavailable` unless the server says that it has them.
 */
export async function insertIntoClickhouse(
  env: Env,
  table: string,
  rows: readonly Record<string, string | number>[],
  token: string,
): Promise<void> {
  const columns = Object.keys(rows[0]!).join(", ");
  const query = `INSERT INTO ${table} (${columns}) FORMAT JSONEachRow`;
  await post(env, { query, insert_deduplication_token: token }, rows.map((row) => JSON.stringify(row)).join("\n"));
}

async function post(env: Env, parameters: Record<string, string>, body: string): Promise<string> {
  const { CLICKHOUSE_URL, CLICKHOUSE_USER, CLICKHOUSE_PASSWORD, CLICKHOUSE_DATABASE } = settings(env);
  const url = new URL(`${CLICKHOUSE_URL}/`);
  url.search = new URLSearchParams({ database: CLICKHOUSE_DATABASE, ...parameters }).toString();
  const headers = { "X-ClickHouse-User": CLICKHOUSE_USER, "X-ClickHouse-Key": CLICKHOUSE_PASSWORD };
  const response = await call(url, { method: "POST", headers, body, timeLimitMs: TIME_LIMIT_MS });
  if (response.status !== 200) {
    await response.body?.cancel();
    // The text of an error may quote what was asked for, the code of it does not.
    const code = response.headers.get("x-clickhouse-exception-code") ?? "none";
    console.error(`ClickHouse refused: HTTP ${response.status}, code ${code}`);
    throw new AppError("unavailable", "ClickHouse refused");
  }
  return answerText(response, MAX_ANSWER_BYTES).catch((cause) => {
    throw new AppError("unavailable", "ClickHouse did not finish its answer", { cause });
  });
}

/** A value as a parameter has it: texts escaped as in TSV, arrays as literals. */
function textOf(value: Value): string {
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number") return String(value);
  return `[${value.map((item) => (typeof item === "number" ? item : `'${escaped(item)}'`)).join(",")}]`;
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "'": "\\'" };
const escaped = (text: string): string => text.replace(/[\\\t\n\r']/g, (character) => ESCAPES[character]!);
