import type { Env } from "#env.ts";
import { app } from "./app.ts";
import { deliverMessages, sweepMessages } from "./messaging/outbox.ts";
import { keepDeadLetters } from "./platform/dead-letters.ts";
import { hearSignals } from "./premises/signals.ts";

export { OneTimeCodes } from "./identity/one-time-codes.ts";
export { SendBudget } from "./identity/send-budget.ts";
export { DoorOpener } from "./premises/door-opener.ts";

export default {
  fetch: app.fetch,
  async queue(batch, env) {
    switch (batch.queue) {
      case "messages":
        return deliverMessages(batch, env);
      case "signals":
        return hearSignals(batch, env);
      case "messages-dead":
      case "signals-dead":
        return keepDeadLetters(batch, env);
      default:
        throw new Error(`No consumer for queue ${batch.queue}`);
    }
  },
  async scheduled(_event, env) {
    await sweepMessages(env);
  },
} satisfies ExportedHandler<Env, unknown>;
