import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { deletedSince, deleteWishes, theseAccounts } from "./leaver-queries.ts";

/** A lost signal is made good for as long. */
const LATELY_MS = 3_600_000;

/** Forgets what premises keep about people who were deleted. What belongs to their home stays the home's. */
export async function forgetPeople(env: Env, operator: string, accounts: readonly string[]): Promise<void> {
  const db = database(env);
  await db.batch(deleteWishes(db, operator, theseAccounts(accounts)));
}

/** The same each minute, for whoever left lately. */
export async function forgetLeavers(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  await db.batch(deleteWishes(db, OPERATOR, deletedSince(OPERATOR, new Date(now.getTime() - LATELY_MS))));
}
