import type { Env } from "#env.ts";
import { logError } from "#platform/log.ts";
import { eraseDeleted, liftEndedBans, purgeInactive } from "./accounts/housekeeping.ts";
import { endDisabledClients } from "./clients/disabling.ts";
import { forgetUsedAssertions } from "./controllers/authenticate.ts";
import { forgetClaimTries } from "./controllers/claims.ts";
import { endExpiredMemberships } from "./domains/membership.ts";
import { sealAudit } from "./journal/seals.ts";
import { republishRevoked } from "./tokens/key-admin.ts";
import { sweepSessions } from "./tokens/sweep.ts";
import { forgetIdempotency } from "./wire/idempotency.ts";

/** Each does a limited amount, so that the next minute goes on where this one stopped. */
const CHORES = {
  endDisabledClients,
  endExpiredMemberships,
  eraseDeleted,
  forgetClaimTries,
  forgetIdempotency,
  forgetUsedAssertions,
  liftEndedBans,
  purgeInactive,
  republishRevoked,
  sealAudit,
  sweepSessions,
};

/** What Shield does every minute. No chore waits for another's failure. */
export async function shieldChores(env: Env, now = new Date()): Promise<void> {
  const rounds = await Promise.allSettled(Object.values(CHORES).map((chore) => chore(env, now)));
  for (const [i, round] of rounds.entries())
    if (round.status === "rejected") logError(`cron: ${Object.keys(CHORES)[i]}`, round.reason);
}
