import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { dropFiles } from "#platform/files.ts";
import { announce } from "#platform/signals.ts";
import { deleteFlatCodesBefore } from "./code-queries.ts";
import { deletePassports, passportsToForget } from "./passport-queries.ts";
import { deleteGuestsEndedBy, deleteInvitationsBefore, revokeCamerasOfEndedGuests } from "./queries.ts";
import { deleteRestoresBefore } from "./restore-queries.ts";

const DAY = 86_400_000;
const DECIDED_DAYS = 30;
const UNSEEN_DAYS = 180;
const PASSPORTS_AT_ONCE = 50;

/**
 * Each minute: guests whose time is over lose their camera tokens and their row. They were let through no door since the moment
 * itself; a token lives on until this sweep, and its revocation spreads like any other.
 */
export async function endGuests(env: Env, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [, ended] = await db.batch([
    revokeCamerasOfEndedGuests(db, OPERATOR, now),
    deleteGuestsEndedBy(db, OPERATOR, now),
    deleteInvitationsBefore(db, OPERATOR, new Date(now.getTime() - DAY)),
    deleteFlatCodesBefore(db, OPERATOR, now),
    deleteRestoresBefore(db, OPERATOR, now),
  ]);
  await forgetPassports(env, now);
  if (ended.some(({ type }) => type === "inner")) await announce(env, { type: "cameras.revoked" });
}

/** A picture that was looked at serves nobody any more; one that nobody looks at does not stay for ever either. */
async function forgetPassports(env: Env, now: Date): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const ends = { decided: daysBefore(now, DECIDED_DAYS), sent: daysBefore(now, UNSEEN_DAYS) };
  const old = await passportsToForget(db, OPERATOR, ends, PASSPORTS_AT_ONCE);
  if (old.length === 0) return;
  const files = old.map(({ file }) => file);
  await dropFiles(env, files);
  await deletePassports(
    db,
    OPERATOR,
    old.map(({ id }) => id),
  );
}

const daysBefore = (now: Date, days: number) => new Date(now.getTime() - days * DAY);
