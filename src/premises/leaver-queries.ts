import { eq, sql } from "drizzle-orm";
import { encodeTime } from "ulid";
import type { Condition, Db } from "#platform/db.ts";
import { fragmentReaders } from "./archive/tables.ts";
import { eventSubscriptions } from "./log/tables.ts";

/** Forgets what these accounts, named by a subquery, wanted to be told of, and what they asked for out of the archive. */
export function deleteWishes(db: Db, operator: string, accounts: Condition) {
  return [
    db
      .delete(eventSubscriptions)
      .where(sql`${eq(eventSubscriptions.operator, operator)} AND ${eventSubscriptions.accountId} IN (${accounts})`),
    db
      .delete(fragmentReaders)
      .where(sql`${eq(fragmentReaders.operator, operator)} AND ${fragmentReaders.accountId} IN (${accounts})`),
  ] as const;
}

export const theseAccounts = (ids: readonly string[]): Condition =>
  sql`SELECT value FROM json_each(${JSON.stringify(ids)})`;

/** Whoever was deleted since, as the events say that are written with every deletion. */
export const deletedSince = (operator: string, since: Date): Condition =>
  sql`SELECT agg_id FROM notifications
    WHERE operator = ${operator} AND id >= ${`evt_${encodeTime(since.getTime())}`} AND type = 'account.deleted'`;
