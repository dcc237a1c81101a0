import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { yearIn } from "#platform/time.ts";
import { bookEntry, entriesOf, entryByKey, type NewEntry } from "./entry-queries.ts";
import type { ContractEntry } from "./tables.ts";

/** Far more lines than a contract has in a year, and few enough for one answer. */
export const ENTRIES_PER_YEAR = 2_000;

/**
 * Books a line of a contract's statement and changes its balance by it, as one. Under a `key` that was used before nothing
 * is booked, and the answer is the line that is there. Throws `not_found` for an unknown contract, `conflict` for a key of another one.
 */
export async function addEntry(env: Env, { key, ...entry }: NewEntry): Promise<number> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  // Named apart from what the product itself books; one that is left out is used once.
  const name = `entry:${key ?? randomId()}`;
  const [, , [booked]] = await db.batch([
    ...bookEntry(db, OPERATOR, { ...entry, key: name }),
    entryByKey(db, OPERATOR, name),
  ]);
  if (!booked) throw new AppError("not_found", "There is no such contract");
  if (booked.uid !== entry.uid) throw new AppError("conflict", "This key was used for another contract");
  return booked.id;
}

/** The statement of a year of the operator's zone, the newest line first. */
export function listEntries(env: Env, uid: number, year: number): Promise<ContractEntry[]> {
  const { OPERATOR, TIME_ZONE } = settings(env);
  return entriesOf(database(env), OPERATOR, uid, yearIn(year, TIME_ZONE), ENTRIES_PER_YEAR).all();
}
