import { env } from "cloudflare:test";
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { expect, test } from "vitest";

// The migrations are written by hand, the tables for drizzle too: here they are held together.

const modules = import.meta.glob<Record<string, unknown>>("../src/**/tables.ts", { eager: true });
const isTable = (value: unknown): value is SQLiteTable => typeof value === "object" && value !== null;
const tables = Object.values(modules)
  .flatMap((module) => Object.values(module).filter(isTable))
  .filter((table) => !Array.isArray(table));
const named = tables.map((table) => [getTableConfig(table).name, getTableConfig(table)] as const);

test.each(named)("%s has the columns that its migration made", async (name, { columns }) => {
  const { results } = await env.DB.prepare(`PRAGMA table_info(${name})`).all<{
    name: string;
    type: string;
    notnull: number;
    pk: number;
  }>();
  const inSql = results.map((column) => [column.name, column.type, Boolean(column.notnull || column.pk)]);
  const inCode = columns.map((column) => [column.name, column.getSQLType().toUpperCase(), column.notNull]);
  expect(inCode.toSorted()).toEqual(inSql.toSorted());
});

test.each(named)("%s has the indexes that its migration made", async (name, { indexes }) => {
  const { results } = await env.DB.prepare(`PRAGMA index_list(${name})`).all<{
    name: string;
    unique: number;
    partial: number;
    origin: string;
  }>();
  const inSql = results
    .filter(({ origin }) => origin === "c")
    .map((index) => [index.name, Boolean(index.unique), Boolean(index.partial)]);
  const inCode = indexes.map(({ config }) => [config.name, config.unique, config.where !== undefined]);
  expect(inCode.toSorted()).toEqual(inSql.toSorted());
});

test("every table of the database is STRICT, is known to the code, and belongs to an operator", async () => {
  const { results } = await env.DB.prepare(
    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%' AND name != 'd1_migrations'",
  ).all<{ name: string; sql: string }>();
  expect(results.map(({ name }) => name).toSorted()).toEqual(named.map(([name]) => name).toSorted());
  for (const { name, sql } of results)
    expect([name, /\)\s*STRICT/.test(sql), /\boperator\s+TEXT (NOT NULL|PRIMARY KEY)/.test(sql)]).toEqual([
      name,
      true,
      true,
    ]);
});
