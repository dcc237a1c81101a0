import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { freeLooseControllers } from "../controllers/states.ts";
import { journal, SYSTEM } from "../journal/journal.ts";
import { unbanAccount } from "./accounts.ts";
import {
  accountsToErase,
  deletedOwners,
  endedBans,
  eraseAccount,
  eraseSessions,
  inactiveSince,
} from "./housekeeping-queries.ts";
import { removeInactive } from "./inactive.ts";

/** Of one kind and in one round; what is left waits for the next minute. */
const PER_ROUND = 100;
const PER_BATCH = 20;
const HOUR = 3_600_000;

/** Lets in whose ban is over. Returns how many. */
export async function liftEndedBans(env: Env, now: Date): Promise<number> {
  let lifted = 0;
  for (const { operator, id, ver } of await endedBans(database(env), now, PER_ROUND)) {
    // At the version that was seen: meanwhile somebody may have made the ban longer.
    const isLifted = await unbanAccount(env, operator, { id, reason: "the ban is over", ver }, SYSTEM, now);
    if (isLifted) lifted++;
  }
  return lifted;
}

/** Forgets registrations that nobody has confirmed for LIMITS.inactiveHours. Returns how many it looked at. */
export async function purgeInactive(env: Env, now: Date): Promise<number> {
  const db = database(env);
  const before = new Date(now.getTime() - settings(env).LIMITS.inactiveHours * HOUR);
  const old = await inactiveSince(db, before, PER_ROUND);
  await inBatches(env, old, ({ operator, id }) => removeInactive(db, operator, id, "never activated", SYSTEM, now));
  return old.length;
}

/**
 * Takes what is left of people who were deleted long enough ago, and frees controllers that a deletion left behind because it died on
 * the way. Returns how many people it erased.
 */
export async function eraseDeleted(env: Env, now: Date): Promise<number> {
  const db = database(env);
  await freeLeftBehind(env, now);
  const due = await accountsToErase(db, now, PER_ROUND);
  await inBatches(env, due, ({ operator, id }) => [
    eraseAccount(db, operator, id),
    ...journal(db, operator, SYSTEM, { action: "account.erased", target: { kind: "account", id } }, now),
    eraseSessions(db, operator, id),
  ]);
  return due.length;
}

/** The controllers of whoever was deleted yesterday or today, and of whoever goes for good now. A deletion at work is left alone. */
async function freeLeftBehind(env: Env, now: Date): Promise<void> {
  const db = database(env);
  const erasedAt = (ago: number) => new Date(now.getTime() + settings(env).LIMITS.keepDeletedDays * 24 * HOUR - ago);
  const recent = await deletedOwners(db, { from: erasedAt(48 * HOUR), to: erasedAt(HOUR / 60) }, PER_ROUND);
  const due = await deletedOwners(db, { from: new Date(0), to: now }, PER_ROUND);
  for (const { operator, id } of [...recent, ...due]) await freeLooseControllers(env, operator, id, SYSTEM, now);
}

async function inBatches<T>(env: Env, items: readonly T[], statements: (item: T) => readonly Statement[]) {
  for (let start = 0; start < items.length; start += PER_BATCH) {
    const [first, ...rest] = items.slice(start, start + PER_BATCH).flatMap((item) => statements(item));
    if (first) await database(env).batch([first, ...rest]);
  }
}
