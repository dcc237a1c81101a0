import { afterEach, expect, test, vi } from "vitest";
import { acceptSms } from "#messaging/outbox.ts";
import { after, aMessage, anOperator, CODE, deliver, gateway, NOW, printed, rowOf } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

test("an accepted message is a sealed row and an id in the queue, and its code is nowhere to be read", async () => {
  const output = printed();
  const { env, queued } = anOperator();

  const id = await aMessage(env);

  const row = await rowOf(env, id);
  expect(row).toMatchObject({ state: "queued", recipient: "79161230001", purpose: "login", parts: 1, attempts: 0 });
  expect(queued).toEqual([{ id }]);
  expect(JSON.stringify([row, queued]) + output()).not.toContain(CODE);
});

test("a queue that is away does not fail the caller", async () => {
  const output = printed();
  const send = () => Promise.reject(new Error("queue is away"));
  const { env } = anOperator({ MESSAGES: { send } as never });

  const id = await aMessage(env);

  expect(await rowOf(env, id)).toMatchObject({ state: "queued" });
  expect(output()).toContain("queue is away");
  expect(output()).not.toContain(CODE);
});

test.each([
  ["a text that Kannel would cut", { text: "Ж".repeat(67 * 5 + 1) }, "sms_too_long"],
  ["two recipients", { to: "79161230001 79161230002" }, "bad_recipient"],
  ["no recipient", { to: "" }, "bad_recipient"],
])("%s is refused", async (_, wrong, reason) => {
  const { env, queued } = anOperator();
  const sms = { to: "79161230001", text: "hello", purpose: "login", expiresAt: after(300), ...wrong };
  await expect(acceptSms(env, sms, NOW)).rejects.toMatchObject({ code: "invalid", reason });
  expect(queued).toEqual([]);
});

const timeout = new DOMException("The operation was aborted due to timeout", "TimeoutError");

test.each([
  ["202", 202, { state: "sent", sealed: null, error: null }],
  ["400", 400, { state: "failed", sealed: null, error: "HTTP 400" }],
  ["403", 403, { state: "failed", sealed: null, error: "HTTP 403" }],
  ["503", 503, { state: "queued", sealed: expect.any(String), error: "HTTP 503" }],
  ["404", 404, { state: "queued", sealed: expect.any(String), error: "HTTP 404" }],
  ["302", 302, { state: "queued", sealed: expect.any(String), error: "HTTP 302" }],
  ["a refused connection", new TypeError("refused"), { state: "queued", error: "kannel.test does not answer" }],
  ["a time-out", timeout, { state: "queued", error: "kannel.test does not answer" }],
])("after %s the row says what is next", async (_, answer, row) => {
  const output = printed();
  gateway(answer);
  const { env } = anOperator();
  const id = await aMessage(env);

  const result = await deliver(env, [id]);

  expect(await rowOf(env, id)).toMatchObject({ ...row, attempts: 1 });
  expect(result).toMatchObject(row.state === "queued" ? { retried: 1, pauses: [1] } : { acked: 1, retried: 0 });
  expect(output()).not.toContain(CODE);
});

test("wrong credentials raise an alarm", async () => {
  const output = printed();
  gateway(403, "Authorization failed for sendsms");
  const { env } = anOperator();
  await deliver(env, [await aMessage(env)]);
  expect(output()).toMatch(/ALARM.*Authorization failed/);
});

test("the text is wiped from a row that is finished, and a gateway that repeats it writes nothing down", async () => {
  const output = printed();
  gateway(400, `cannot send: Код: ${CODE}`);
  const { env } = anOperator();
  const id = await aMessage(env);
  await deliver(env, [id]);
  expect(JSON.stringify(await rowOf(env, id)) + output()).not.toContain(CODE);
});

test("one message that the queue brings many times at once is sent once", async () => {
  const fetch = gateway(202);
  const { env } = anOperator();
  const id = await aMessage(env);

  const results = await Promise.all([deliver(env, [id, id, id]), deliver(env, [id]), deliver(env, [id, id])]);
  await deliver(env, [id], after(60));

  expect(fetch).toHaveBeenCalledTimes(1);
  expect(results.map(({ acked }) => acked)).toEqual([3, 1, 2]);
  expect(await rowOf(env, id)).toMatchObject({ state: "sent", attempts: 1 });
});

test("attempts go on with growing pauses until the message's own deadline", async () => {
  const fetch = gateway(503);
  vi.spyOn(Math, "random").mockReturnValue(0);
  const { env } = anOperator();
  const id = await aMessage(env, 60);

  const pauses: (number | undefined)[] = [];
  for (let time = 0; time < 60; time += pauses.at(-1) ?? 60) {
    pauses.push((await deliver(env, [id], after(time))).pauses[0]);
  }

  expect(pauses).toEqual([1, 2, 4, 8, 16, undefined]);
  expect(fetch).toHaveBeenCalledTimes(6);
  expect(await rowOf(env, id)).toMatchObject({ state: "expired", sealed: null, error: "HTTP 503" });
});

test("a message whose deadline has passed in the queue is not sent", async () => {
  const fetch = gateway(202);
  const { env } = anOperator();
  const id = await aMessage(env, 60);
  expect(await deliver(env, [id], after(60))).toMatchObject({ acked: 1 });
  expect(fetch).not.toHaveBeenCalled();
  expect(await rowOf(env, id)).toMatchObject({ state: "expired", sealed: null });
});

test("a message that the queue brings before its time waits, give or take two seconds", async () => {
  const fetch = gateway(503);
  vi.spyOn(Math, "random").mockReturnValue(0);
  const { env } = anOperator();
  const id = await aMessage(env);
  for (const time of [0, 1, 3]) await deliver(env, [id], after(time)); // the next is due at 7
  fetch.mockClear();

  await deliver(env, [id], after(4.9));
  expect(fetch).not.toHaveBeenCalled();
  await deliver(env, [id], after(5));
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("a consumer that dies loses its message to another one after half a minute, and not before", async () => {
  vi.spyOn(globalThis, "fetch").mockImplementation(() => new Promise(() => {}));
  const { env } = anOperator();
  const id = await aMessage(env);
  void deliver(env, [id]);
  await vi.waitFor(() => expect(fetch).toHaveBeenCalledTimes(1));
  expect(await rowOf(env, id)).toMatchObject({ state: "sending" });

  const live = gateway(202);
  live.mockClear();
  await deliver(env, [id], after(27));
  expect(live).not.toHaveBeenCalled();
  await deliver(env, [id], after(31));
  expect(await rowOf(env, id)).toMatchObject({ state: "sent", attempts: 2 });
});

test("an attempt that ends after its time changes nothing", async () => {
  printed();
  const [first, second] = [Promise.withResolvers<Response>(), Promise.withResolvers<Response>()];
  const fetch = vi.spyOn(globalThis, "fetch").mockReturnValueOnce(first.promise).mockReturnValueOnce(second.promise);
  const { env } = anOperator();
  const id = await aMessage(env);
  const late = deliver(env, [id]);
  await vi.waitFor(() => expect(fetch).toHaveBeenCalledTimes(1));
  const timely = deliver(env, [id], after(31));
  await vi.waitFor(() => expect(fetch).toHaveBeenCalledTimes(2));

  first.resolve(new Response("", { status: 400 }));
  await late;
  expect(await rowOf(env, id)).toMatchObject({ state: "sending", attempts: 2, sealed: expect.any(String) });

  second.resolve(new Response("", { status: 202 }));
  await timely;
  expect(await rowOf(env, id)).toMatchObject({ state: "sent", attempts: 2, error: null });
});

test("one bad message in a batch delays no other", async () => {
  printed();
  gateway(202);
  const { env } = anOperator();
  const good = await aMessage(env);
  expect(await deliver(env, [undefined as never, good])).toMatchObject({ acked: 1, retried: 1 });
  expect(await rowOf(env, good)).toMatchObject({ state: "sent" });
});

test("without D1 the queue keeps the message", async () => {
  printed();
  const fetch = gateway(202);
  const { env } = anOperator();
  const id = await aMessage(env);
  const away = {
    prepare: () => {
      throw new Error("D1 is away");
    },
  } as unknown as D1Database;

  expect(await deliver({ ...env, DB: away }, [id])).toMatchObject({ acked: 0, retried: 1 });
  expect(fetch).not.toHaveBeenCalled();
  expect(await rowOf(env, id)).toMatchObject({ state: "queued", attempts: 0 });
});

test("a row sealed with a key that is gone is tried again, because the key may come back", async () => {
  const fetch = gateway(202);
  const { env } = anOperator();
  const id = await aMessage(env);
  const MASTER_KEY = JSON.stringify({ k2: btoa("x".repeat(32)) });

  expect(await deliver({ ...env, MASTER_KEY }, [id])).toMatchObject({ retried: 1 });
  expect(fetch).not.toHaveBeenCalled();
  expect(await rowOf(env, id)).toMatchObject({ state: "queued" });
});
