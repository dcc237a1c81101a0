import type { Env } from "#env.ts";
import { entomb } from "#identity/sessions/sessions.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { backoff } from "#platform/queue.ts";
import { Signal } from "#platform/signals.ts";
import { forgetPeople } from "./leavers.ts";
import { flushEvents } from "./log/flush.ts";
import { publishRevocations } from "./revocations.ts";
import { revokeCamerasOfAccounts } from "./rights-queries.ts";

/**
 * Hears what the parts below announce: ended sessions get their tombstones in KV, whoever left a domain new camera
 * tokens if they still have a right to any, and the revocation list is published once for the whole batch. A message that is no signal goes its way to the dead letters alone.
 */
export async function hearSignals(batch: MessageBatch<unknown>, env: Env, now = new Date()): Promise<void> {
  const heard = batch.messages.map((message) => ({ message, signal: Signal.safeParse(message.body).data }));
  try {
    const ended = heard.flatMap(({ signal }) => (signal?.type === "sessions.ended" ? signal.tokenHashes : []));
    if (ended.length > 0) await entomb(env, ended);
    for (const { signal } of heard) {
      if (signal?.type !== "domain.lost") continue;
      await revokeCamerasOfAccounts(database(env), signal.operator, signal.accounts, now);
    }
    if (heard.some(({ signal }) => signal?.type === "events.waiting"))
      await flushEvents(env, now).catch((error: unknown) => logError("events go on waiting", error)); // for the cron
    for (const { signal } of heard) {
      if (signal?.type === "account.deleted") await forgetPeople(env, signal.operator, [signal.account]);
    }
    await publishRevocations(env, now);
  } catch (error) {
    logError("signals not heard", error);
    batch.retryAll({ delaySeconds: backoff(batch.messages[0]?.attempts ?? 1) });
    return;
  }
  for (const { message, signal } of heard) {
    if (signal) message.ack();
    else message.retry();
  }
}
