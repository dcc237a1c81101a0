import type { Env } from "#env.ts";
import { logError } from "#platform/log.ts";
import { app } from "./app.ts";
import { playAtOnce } from "./flussonic/play.ts";
import { sweepTests } from "./gateway/clients/tests.ts";
import { deliverPublications } from "./gateway/inbound/delivery.ts";
import { hearInboundSms } from "./gateway/inbound/kannel.ts";
import { sweepPublications } from "./gateway/inbound/sweep.ts";
import { sweepSeeds } from "./gateway/seeds/sweep.ts";
import { forgetDeletedUsers, sweepUsers } from "./gateway/users/leavers.ts";
import { shieldChores } from "./identity/chores.ts";
import { forgetDeadTokens, forgetEndedInstalls } from "./identity/installs/installs.ts";
import { repairTombstones } from "./identity/sessions/sessions.ts";
import { deliverMessages } from "./messaging/outbox.ts";
import { sweepMessages } from "./messaging/sweep.ts";
import { deliverCalls, sweepCalls } from "./operator/calls/outbox.ts";
import { forgetOldDesk } from "./operator/desk/retention.ts";
import { sweepInvoices } from "./payments/sweep.ts";
import { keepDeadLetters } from "./platform/dead-letters.ts";
import { deliverFragments } from "./premises/archive/delivery.ts";
import { sweepFragments } from "./premises/archive/sweep.ts";
import { reviewGrants } from "./premises/cameras.ts";
import { sweepFaces } from "./premises/faces/faces.ts";
import { endGuests } from "./premises/guests/sweep.ts";
import { forgetLeavers } from "./premises/leavers.ts";
import { flushEvents } from "./premises/log/flush.ts";
import { forgetOldEvents } from "./premises/log/retention.ts";
import { deliverKeys, sweepKeys } from "./premises/panels/delivery.ts";
import { publishRevocations } from "./premises/revocations.ts";
import { hearSignals } from "./premises/signals.ts";

export { SyncSession } from "./gateway/sync/sync-session.ts";
export { OneTimeCodes } from "./identity/codes/one-time-codes.ts";
export { PasswordAttempts } from "./identity/codes/password-attempts.ts";
export { SendBudget } from "./identity/codes/send-budget.ts";
export { TemporaryExtension } from "./intercom/temporary-extension.ts";
export { DoorOpener } from "./premises/door-opener.ts";

export default {
  // Media servers ask far more often than anybody else, so their question does not wait for the router.
  fetch: (request: Request, env: Env, context: ExecutionContext) =>
    playAtOnce(request, env, context) ?? app.fetch(request, env, context),
  async queue(batch, env) {
    switch (batch.queue) {
      case "messages":
        return deliverMessages(batch, env);
      case "archive":
        return deliverFragments(batch, env);
      case "operator-calls":
        return deliverCalls(batch, env);
      case "panels":
        return deliverKeys(batch, env);
      case "publications":
        return deliverPublications(batch, env);
      case "signals":
        await forgetDeadTokens(env, batch);
        await forgetDeletedUsers(env, batch);
        await hearInboundSms(env, batch);
        await hearSignals(batch, env);
        return forgetEndedInstalls(env);
      case "messages-dead":
      case "signals-dead":
      case "archive-dead":
      case "panels-dead":
      case "operator-calls-dead":
      case "publications-dead":
        return keepDeadLetters(batch, env);
      default:
        throw new Error(`No consumer for queue ${batch.queue}`);
    }
  },
  async scheduled(_event, env) {
    const rounds = await Promise.allSettled([
      sweepMessages(env),
      sweepCalls(env),
      sweepInvoices(env),
      sweepPublications(env),
      sweepKeys(env),
      repairTombstones(env),
      shieldChores(env),
      publishRevocations(env),
      reviewGrants(env),
      forgetEndedInstalls(env),
      forgetLeavers(env),
      endGuests(env),
      flushEvents(env),
      forgetOldEvents(env),
      forgetOldDesk(env),
      sweepFragments(env),
      sweepFaces(env),
      sweepSeeds(env),
      sweepUsers(env),
      sweepTests(env),
    ]);
    for (const round of rounds) if (round.status === "rejected") logError("cron", round.reason);
  },
} satisfies ExportedHandler<Env, unknown>;
