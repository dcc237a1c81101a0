import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { detachedJournal, detachedRemains } from "../domains/controllers-of-domain.ts";
import { type Actor, type Entry, journal } from "../journal/journal.ts";
import type { EventType } from "../journal/queries.ts";
import { endSessionsOf } from "../sessions/queries.ts";
import { forgetTokens } from "../sessions/sessions.ts";
import { deleteTries } from "./claim-queries.ts";
import { controllerById, looseControllers } from "./queries.ts";
import { banned, deleted, isFreed, resetTo, revokeCredentials, unbanned } from "./state-queries.ts";
import type { Controller } from "./tables.ts";

interface About {
  id: string;
  reason?: string | undefined;
}

const entryOf = (action: EventType | "device.reset", { id, reason }: About, data = {}): Entry => ({
  ...{ action, target: { kind: "device", id }, reason },
  events: [{ type: action === "device.reset" ? "device.updated" : action, id, data }],
});

/**
 * Shuts a controller out: its session and every token of it end. It stays where it is and whose it is. Returns false where
 * it is not there, or shut out already.
 */
export async function banController(
  env: Env,
  operator: string,
  { id, reason }: { id: string; reason: string },
  actor: Actor,
  now = new Date(),
): Promise<boolean> {
  const db = database(env);
  const [rows, ...rest] = await db.batch([
    banned(db, operator, id, reason),
    ...journal(db, operator, actor, entryOf("device.banned", { id, reason }), now),
    endSessionsOf(db, operator, { subjectId: id, at: now, reason: "banned" }),
  ]);
  await forgetTokens(env, rest.at(-1) as { tokenHash: string }[]);
  return rows.length > 0;
}

/** Lets a controller in again, as what it was before. Returns false where it was not shut out. */
export async function unbanController(
  env: Env,
  operator: string,
  about: About,
  actor: Actor,
  now = new Date(),
): Promise<boolean> {
  const db = database(env);
  const [rows] = await db.batch([
    unbanned(db, operator, about.id),
    ...journal(db, operator, actor, entryOf("device.unbanned", about), now),
  ]);
  return rows.length > 0;
}

/**
 * Frees a controller that was sold or lost: it leaves its domain, its owner, its session and its credentials, and may
 * enrol again. Its claim code is dead until `setClaimCode`. Throws `device_not_found`, `device_banned`, and
 * `precondition_failed` where it changed hands in this moment.
 */
export async function resetController(
  env: Env,
  operator: string,
  about: About,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const controller = await controllerById(db, operator, about.id);
  if (!controller) throw fail("device_not_found");
  if (controller.status === "banned") throw fail("device_banned");
  const entry = entryOf("device.reset", about, { reset: true });
  await free(env, controller, resetTo(db, operator, controller), entry, actor, now);
}

/** For the deletion of an account, behind it: frees what it owned and had in no domain (any more), which nobody else could. */
export async function freeLooseControllers(
  env: Env,
  operator: string,
  accountId: string,
  actor: Actor,
  now: Date,
): Promise<void> {
  for (const { id } of await looseControllers(database(env), operator, accountId))
    await resetController(env, operator, { id, reason: "its owner is deleted" }, actor, now).catch((error: unknown) =>
      logError(`controller ${id} of a deleted account not freed`, error),
    );
}

/** Deletes a controller for good; its serial cannot enrol again. Throws `device_not_found` and `precondition_failed`. */
export async function deleteController(
  env: Env,
  operator: string,
  about: About,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const controller = await controllerById(db, operator, about.id);
  if (!controller) throw fail("device_not_found");
  await free(env, controller, deleted(db, operator, controller), entryOf("device.deleted", about), actor, now);
}

async function free(
  env: Env,
  { operator, id, serial, domainId }: Controller,
  decide: ReturnType<typeof resetTo>,
  entry: Entry,
  actor: Actor,
  now: Date,
): Promise<void> {
  const db = database(env);
  const onlyIf = isFreed(operator, id);
  const [freed, ...rest] = await db.batch([
    decide,
    // Each of these writes a row where the one before did. The domain hears of it first: that is how it happened.
    ...(domainId ? detachedJournal(db, operator, { domainId, deviceId: id }, actor, now) : []),
    ...journal(db, operator, actor, entry, now),
    ...(domainId ? detachedRemains(db, operator, { domainId, deviceId: id }) : []),
    revokeCredentials(db, operator, id, now),
    deleteTries(db, operator, serial, onlyIf),
    endSessionsOf(db, operator, { subjectId: id, at: now, reason: "device freed", onlyIf }),
  ]);
  await forgetTokens(env, rest.at(-1) as { tokenHash: string }[]);
  if (freed.length === 0) throw fail("precondition_failed");
}
