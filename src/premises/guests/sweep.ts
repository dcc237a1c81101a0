import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { deleteGuestsEndedBy, deleteInvitationsBefore, revokeCamerasOfEndedGuests } from "./queries.ts";

const DAY = 86_400_000;

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
  ]);
  if (ended.some(({ type }) => type === "inner")) await announce(env, { type: "cameras.revoked" });
}
