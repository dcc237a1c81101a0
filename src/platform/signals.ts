import * as z from "zod";
import { logError } from "./log.ts";

/**
 * What a lower part announces to the parts above it. A signal only hastens: the truth is in D1, and the
 * minute's cron finds whatever a lost signal would have told.
 */
export const Signal = z.discriminatedUnion("type", [
  /** Sessions ended; their tokens, by SHA-256, must be refused from now on. */
  z.object({ type: z.literal("sessions.ended"), tokenHashes: z.array(z.string()) }),
  /** People no longer belong to a domain: the camera tokens that they have end. */
  z.object({ type: z.literal("domain.lost"), operator: z.string(), accounts: z.array(z.string()) }),
  /** A person is deleted: what other parts keep about them goes too. */
  z.object({ type: z.literal("account.deleted"), operator: z.string(), account: z.string() }),
  /** What some contract may watch has changed. */
  z.object({ type: z.literal("cameras.revoked") }),
  /** The push service knew no install behind this token at `at`, ms since 1970. An app that has registered it since is there. */
  z.object({ type: z.literal("push.unregistered"), operator: z.string(), token: z.string(), at: z.int() }),
  /** An SMS came to us; the id is Kannel's. */
  z.object({ type: z.literal("sms.received"), operator: z.string(), id: z.string() }),
  /** Events wait in D1 for the operator's ClickHouse. */
  z.object({ type: z.literal("events.waiting") }),
]);
export type Signal = z.infer<typeof Signal>;

/** Announces, and does not fail the caller: its change is already in D1. `delaySeconds` lets some time pass before it is heard. */
export async function announce(
  { SIGNALS }: { SIGNALS: Queue<Signal> },
  signal: Signal,
  options: QueueSendOptions = {},
): Promise<void> {
  try {
    await SIGNALS.send(signal, options);
  } catch (error) {
    logError(`signal ${signal.type} not sent, the cron will find it`, error);
  }
}
