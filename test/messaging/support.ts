import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { vi } from "vitest";
import type { Env } from "#env.ts";
import { acceptSms, deliverMessages, type MessageJob } from "#messaging/outbox.ts";
import { messageById } from "#messaging/queries.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";

export const NOW = new Date("2026-03-01T12:00:00Z");
export const CODE = "730194";
export const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

/**
 * An operator with no rows yet, whose queue only remembers what it is given: the real one would call the
 * real consumer behind the test's back.
 */
export function anOperator(settings: Partial<Env> = {}) {
  const queued: MessageJob[] = [];
  const MESSAGES = {
    send: async (job: MessageJob) => void queued.push(job),
    sendBatch: async (jobs: Iterable<{ body: MessageJob }>) => void queued.push(...[...jobs].map(({ body }) => body)),
  } as unknown as Env["MESSAGES"];
  return { env: { ...env, OPERATOR: randomId(6), MESSAGES, ...settings } as Env, queued };
}

/** A login code on its way out, wanted for five minutes. */
export const aMessage = (to: Env, life = 300) =>
  acceptSms(to, { to: "79161230001", text: `Код: ${CODE}`, purpose: "login", expiresAt: after(life) }, NOW);

export const rowOf = async (of: Env, id: string) => (await messageById(database(of), of.OPERATOR!, id))!;

/** Gives the consumer one batch with these ids and tells what it made of them. */
export async function deliver(to: Env, ids: string[], now = NOW) {
  const batch = createMessageBatch(
    "messages",
    ids.map((id, index) => ({ id: `${index}`, timestamp: now, attempts: 1, body: { id } })),
  );
  const retries = batch.messages.map((message) => vi.spyOn(message, "retry"));
  const context = createExecutionContext();
  await deliverMessages(batch, to, now);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, context);
  const pauses = retries.flatMap(({ mock }) => mock.calls.map(([options]) => options?.delaySeconds));
  return { acked: explicitAcks.length, retried: retryMessages.length, pauses };
}

/** Kannel, or whoever is called, answers this. An Error is a connection that fails. */
export function gateway(answer: number | Error, text = "") {
  return vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    if (answer instanceof Error) throw answer;
    return new Response(text, { status: answer });
  });
}

/** Collects what anybody prints, as one text. */
export function printed(): () => string {
  const spies = (["log", "info", "warn", "error"] as const).map((level) => vi.spyOn(console, level));
  for (const spy of spies) spy.mockImplementation(() => {});
  return () => JSON.stringify(spies.map(({ mock }) => mock.calls.map((call) => call.map(String))));
}
