import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { deleteOldAdminSessions } from "../admins/queries.ts";
import { deleteOldChallenges, deleteOldMfaTokens } from "../login/queries.ts";
import { deleteOldGrants } from "./grant-queries.ts";
import { deleteExpiredServiceSessions } from "./queries.ts";

/** Rows of a kind that one round deletes at most, so that a round after a long pause is not refused as a whole. */
const AT_ONCE = 1000;
const HOUR = 3_600_000;
/** Until then it can be looked up from which browser an administrator came; what they did stays in the audit. */
const ADMIN_SESSIONS_MS = 30 * 24 * HOUR;

/**
 * Every minute: what has expired and nobody can use any more goes. A people's session stays, ended or not, because its camera tokens
 * must stay refused; a service has none.
 */
export async function sweepSessions(env: Env, now = new Date()): Promise<void> {
  const db = database(env);
  const before = new Date(now.getTime() - HOUR);
  await db.batch([
    deleteExpiredServiceSessions(db, before, AT_ONCE),
    deleteOldGrants(db, before, AT_ONCE),
    deleteOldChallenges(db, before, AT_ONCE),
    deleteOldMfaTokens(db, before),
    deleteOldAdminSessions(db, new Date(now.getTime() - ADMIN_SESSIONS_MS)),
  ]);
}
