import { env as real } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import { hearInboundSms } from "#gateway/inbound/kannel.ts";
import { sweepPublications } from "#gateway/inbound/sweep.ts";
import worker from "#index.ts";
import { receiveSms } from "#messaging/inbound.ts";
import { kannelHookUrl } from "#messaging/kannel-hooks.ts";
import { randomId } from "#platform/crypto.ts";
import { call, outside } from "../support/world.ts";
import { aNumber } from "./gateway-world.ts";
import { aGateway, aSender, countRows, deliver, publishedTo, rowOf, stateOf } from "./inbound-world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const DAY = 86_400_000;

/** A gateway whose signals are only remembered. */
function withKannel(vars: Partial<Record<string, unknown>> = {}) {
  const announced: unknown[] = [];
  const SIGNALS = { send: async (signal: unknown) => void announced.push(signal) };
  return { ...aGateway({ SIGNALS, ...vars }), announced };
}

const anSms = (from: string, text: string, id = randomId()) => ({ id, from, to: "1234", text, sentAt: undefined });

const hear = (env: Env, ...signals: unknown[]) =>
  hearInboundSms(env, { messages: signals.map((body) => ({ body })), queue: "signals" } as never);

const heardAt = (env: Env, id: string) =>
  env.DB.prepare("SELECT heard_at FROM inbound_messages WHERE operator = ? AND id = ?")
    .bind(env.OPERATOR, id)
    .first("heard_at");

test("an SMS that Kannel brings is published like any other, whatever is said of it twice", async () => {
  const { env, queued, announced } = withKannel();
  const world = outside();
  const sender = await aSender(env);
  const sms = anSms(sender.msisdn.slice(1), sender.write("t:through Kannel"));
  await receiveSms(env, sms);
  await receiveSms(env, sms);
  expect(announced[0]).toEqual({ type: "sms.received", operator: env.OPERATOR, id: sms.id });
  await Promise.all([hear(env, ...announced), hear(env, announced[0])]);
  await hear(env, announced[0]);
  await sweepPublications(env);
  expect(await countRows(env)).toBe(1);
  expect(await rowOf(env, `kannel_${sms.id}`)).toMatchObject({ source: "kannel", client: null, state: "received" });
  expect(await heardAt(env, sms.id)).toBeGreaterThan(0);
  await deliver(
    env,
    queued.map(({ id }) => id),
  );
  expect(await publishedTo(world.asked)).toEqual([{ MSISDN: sender.msisdn, message: "t:through Kannel" }]);
});

test("Hole 12: what floods in through Kannel and clients at once is published once", async () => {
  const { env, queued, announced } = withKannel();
  const world = outside();
  const sender = await aSender(env);
  const texts = ["t:one", "t:two"].map((plain) => sender.write(plain));
  const post = (text: string) =>
    call("/sms/platform/android", { method: "POST", body: JSON.stringify({ text, MSISDN: sender.msisdn }) }, env);
  const all = [...texts, ...texts, ...texts].map(async (text) => {
    const sms = anSms(sender.msisdn.slice(1), text);
    await Promise.all([receiveSms(env, sms), receiveSms(env, sms), post(text)]);
  });
  await Promise.all(all);
  await Promise.all([hear(env, ...announced), hear(env, ...announced), sweepPublications(env)]);
  const ids = queued.map(({ id }) => id);
  expect(new Set(ids).size).toBe(12);
  await Promise.all([deliver(env, ids), deliver(env, ids.toReversed())]);
  expect((await publishedTo(world.asked)).map(({ message }) => message).toSorted()).toEqual(["t:one", "t:two"]);
  expect(await countRows(env)).toBe(2);
});

test("an SMS of the longest kind comes through Kannel whole", async () => {
  const { env, announced } = withKannel();
  const world = outside();
  const sender = await aSender(env);
  const sms = anSms(sender.msisdn, sender.write(`g:to@example.org:::s:${"word ".repeat(1_500)}`));
  expect(sms.text.length).toBeGreaterThan(13_000);
  await receiveSms(env, sms);
  await hear(env, ...announced);
  await deliver(env, `kannel_${sms.id}`);
  expect(world.asked).toHaveLength(1);
});

test("what no signal told the cron finds, the oldest first, and not what is older than a week", async () => {
  const { env, queued } = withKannel({ SIGNALS: { send: () => Promise.reject(new Error("queue is away")) } });
  vi.spyOn(console, "error").mockImplementation(() => {});
  const now = new Date();
  const ids = [];
  for (const days of [2, 1, 8]) {
    const sms = anSms(aNumber(), "x");
    ids.push(sms.id);
    await receiveSms(env, { ...sms, sentAt: Math.floor((now.getTime() - days * DAY) / 1000) }, now);
  }
  await sweepPublications(env, now);
  expect(queued).toEqual([{ id: `kannel_${ids[0]}` }, { id: `kannel_${ids[1]}` }]);
  expect(await heardAt(env, ids[2]!)).toBeNull();
});

test("where the gateway is not in use SMS are not looked at", async () => {
  const { env, announced } = withKannel({ GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" });
  const sms = anSms(aNumber(), "x");
  await receiveSms(env, sms);
  const asked = vi.fn();
  const watched = { ...env, DB: { prepare: asked, batch: asked } } as never;
  await hear(watched, ...announced);
  expect(asked).not.toHaveBeenCalled();
  await sweepPublications(env);
  expect([await heardAt(env, sms.id), await countRows(env)]).toEqual([null, 0]);
});

test("another operator's SMS, and other signals, are left alone", async () => {
  const { env } = withKannel();
  const sms = anSms(aNumber(), "x");
  await receiveSms(env, sms);
  await hear(
    env,
    { type: "sms.received", operator: "other", id: sms.id },
    { type: "cameras.revoked" },
    "nonsense",
    null,
  );
  expect(await heardAt(env, sms.id)).toBeNull();
});

test("a signal of an SMS is acked once, and one that cannot be heard leaves the SMS to the cron", async () => {
  const { env, announced } = withKannel();
  vi.spyOn(console, "error").mockImplementation(() => {});
  const sms = anSms(aNumber(), "x");
  await receiveSms(env, sms);
  const PUBLICATIONS = { sendBatch: () => Promise.reject(new Error("away")) };
  const message = { id: "m", attempts: 1, body: announced[0], ack: vi.fn(), retry: vi.fn() };
  const retryAll = vi.fn();
  await worker.queue({ queue: "signals", messages: [message], retryAll } as never, { ...env, PUBLICATIONS } as never);
  expect([message.ack.mock.calls.length, message.retry.mock.calls.length, retryAll.mock.calls.length]).toEqual([
    1, 0, 0,
  ]);
  expect(await stateOf(env, `kannel_${sms.id}`)).toBe("received");
});

test("Kannel's hook, the signals, the queue and the publisher work together", async () => {
  const world = outside();
  const sender = await aSender(real);
  const [id, url] = [randomId(), kannelHookUrl(settings(real), "mo").split("&from=")[0]!];
  const text = sender.write("t:all the way");
  const query = new URLSearchParams({ from: sender.msisdn, to: "1234", text, id, ts: "" });
  const answer = await call(`${url}&${query}`);
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
  await vi.waitFor(
    async () => expect(await stateOf({ ...real, OPERATOR: "main" } as Env, `kannel_${id}`)).toBe("published"),
    {
      timeout: 8_000,
    },
  );
  expect(world.asked.filter((request) => request.headers.get("idempotency-key") === `kannel_${id}`)).toHaveLength(1);
});
