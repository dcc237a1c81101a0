import { type SQL, type SQLWrapper, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { type DrizzleD1Database, drizzle } from "drizzle-orm/d1";
import { integer, text } from "drizzle-orm/sqlite-core";

export type Db = DrizzleD1Database;

/** What `db.batch` takes: a read or a write of any part, not yet awaited. */
export type Statement = BatchItem<"sqlite">;

/** What a statement's `WHERE` may ask beside its own. */
export type Condition = SQL;

const opened = new WeakMap<D1Database, Db>();

/** The database of this deployment. Queries take it as their first argument. */
export function database({ DB }: { DB: D1Database }): Db {
  let db = opened.get(DB);
  if (!db) {
    db = drizzle(DB);
    opened.set(DB, db);
  }
  return db;
}

/** The operator whose row it is: the first column of every key, so that an operator can move to its own database. */
export const operator = () => text("operator").notNull();

/**
 * A column that is only compared, never searched by: SQLite would otherwise take an index that begins with `operator`, and so
 * walk through everything an operator has, where a key beside it leads straight to the row.
 */
export const compared = (column: SQLWrapper): SQL => sql`+${column}`;

/** Holds where the statement before, in the same batch, wrote a row: what follows a decision happens only with it. */
export const ifChanged: SQL = sql`changes() > 0`;

/** A point in time, stored as milliseconds since 1970. */
export const instant = (name: string) => integer(name, { mode: "timestamp_ms" });

/** A yes or no, stored as 1 or 0. */
export const flag = (name: string) => integer(name, { mode: "boolean" });

/** True for the error that SQLite throws when a row with such a unique key is already there. */
export const isDuplicate = (error: unknown): boolean => /UNIQUE constraint failed/.test(describe(error));

/** True for the error that SQLite throws for null where a value must be: how one statement of a batch refuses them all. */
export const isNullRefused = (error: unknown): boolean => /NOT NULL constraint failed/.test(describe(error));

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${error.cause === undefined ? "" : describe(error.cause)}` : String(error);
