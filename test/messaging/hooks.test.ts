import { Hono } from "hono";
import { afterEach, expect, test, vi } from "vitest";
import { type Env, settings } from "#env.ts";
import { kannelHookUrl } from "#messaging/kannel-hooks.ts";
import { takeReport } from "#messaging/reports.ts";
import { kannelHooks } from "#messaging/routes.ts";
import { aMessage, anOperator, CODE, deliver, gateway, printed, rowOf } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

const app = new Hono().route("/hooks/kannel", kannelHooks);

/** Calls a hook as Kannel does: each escape replaced by its value, percent-encoded. */
function kannelCalls(env: Env, url: string, escapes: Record<string, string>) {
  const filled = url.replace(/%([a-zA-Z])/g, (_, letter) => encodeURIComponent(escapes[letter] ?? ""));
  return app.request(filled, {}, env);
}

function report(env: Env, id: string, type: number) {
  return kannelCalls(env, kannelHookUrl(settings(env), "dlr", id), { d: String(type), F: "1066", A: `text:${CODE}` });
}

/** A message that Kannel has taken, and that is still wanted when a report comes in, years later by the test's clock. */
async function aSentMessage(env: Env) {
  gateway(202);
  const id = await aMessage(env, 1e9);
  await deliver(env, [id]);
  return id;
}

test.each<[string, number[], object]>([
  ["delivered", [1], { state: "delivered", error: null, smscId: "1066" }],
  ["undelivered", [2], { state: "failed", error: "report 2" }],
  ["refused by the SMSC", [16], { state: "failed", error: "report 16" }],
  ["expired at a later Kannel", [34], { state: "expired" }],
  ["only taken by the SMSC", [8, 4], { state: "sent" }],
  ["of no known kind", [64], { state: "sent" }],
  ["delivered twice", [1, 1], { state: "delivered" }],
  ["delivered, then failed", [1, 2, 16], { state: "delivered", error: null }],
  ["failed, then delivered", [2, 1], { state: "delivered", error: null }],
  ["failed twice", [2, 16], { state: "failed", error: "report 2" }],
])("a message reported as %s", async (_, reports, row) => {
  const { env } = anOperator();
  const id = await aSentMessage(env);
  for (const each of reports) {
    const response = await report(env, id, each);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await response.text()).toBe("");
  }
  expect(await rowOf(env, id)).toMatchObject(row);
});

test("a failure reported past the message's deadline is an expiry", async () => {
  const { env } = anOperator();
  const id = await aSentMessage(env);
  const { expiresAt } = (await rowOf(env, id))!;
  await takeReport(env, { id, type: 2, smscId: "1066" }, expiresAt);
  expect(await rowOf(env, id)).toMatchObject({ state: "expired" });
});

test("a receipt may quote the code, so Kannel is not asked for its words", async () => {
  const { env } = anOperator();
  expect(kannelHookUrl(settings(env), "dlr", "m1")).not.toMatch(/%[Aab]/);
});

test("a delivery reported after an attempt that seemed to fail ends the attempts", async () => {
  const { env } = anOperator();
  const fetch = gateway(new TypeError("connection lost"));
  const id = await aMessage(env);
  await deliver(env, [id]);

  await report(env, id, 1);
  fetch.mockClear();
  await deliver(env, [id]);

  expect(fetch).not.toHaveBeenCalled();
  expect(await rowOf(env, id)).toMatchObject({ state: "delivered", sealed: null });
});

test("a report that overtakes the gateway's own answer is not overwritten by it", async () => {
  const { env } = anOperator();
  const id = await aMessage(env);
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    await report(env, id, 1);
    return new Response("", { status: 202 });
  });
  await deliver(env, [id]);
  expect(await rowOf(env, id)).toMatchObject({ state: "delivered" });
});

test("a report about a message that is long gone is taken, so that Kannel stops repeating it", async () => {
  const { env } = anOperator();
  expect((await report(env, "gone", 1)).status).toBe(200);
});

const dlr = (env: Env, id = "m1") => kannelHookUrl(settings(env), "dlr", id).replace(/&type=.*/, "");
const mo = (env: Env) => kannelHookUrl(settings(env), "mo").replace(/&from=.*/, "");
const host = "https://api.example.net/hooks/kannel";

test.each<[string, (env: Env) => string, number]>([
  ["a report without a signature", () => `${host}/dlr?id=m1&type=1`, 403],
  ["a report with a made-up signature", () => `${host}/dlr?id=m1&type=1&sig=AAAAAAAAAAAAAAAAAAAAAA`, 403],
  ["a report with another message's signature", (env) => `${dlr(env).replace("id=m1", "id=m2")}&type=1`, 403],
  ["a report with the inbound signature", (env) => `${mo(env).replace("/mo?", "/dlr?id=mo&")}&type=1`, 403],
  ["a report without a type", (env) => dlr(env), 400],
  ["a report whose type is no number", (env) => `${dlr(env)}&type=%25d`, 400],
  ["a report with broken escapes", (env) => `${dlr(env)}&type=%zz%ff`, 400],
  ["an inbound SMS without a signature", () => `${host}/mo?id=1&from=7&to=1&text=x`, 403],
  ["an inbound SMS with a report's signature", (env) => `${dlr(env, "mo").replace("/dlr?", "/mo?")}&from=7`, 403],
  ["an inbound SMS without an id", (env) => `${mo(env)}&from=79161230001&to=1&text=x`, 400],
  ["an inbound SMS without a sender", (env) => `${mo(env)}&id=1&to=1&text=x`, 400],
  ["an inbound SMS with an endless id", (env) => `${mo(env)}&from=7&id=${"1".repeat(65)}`, 400],
])("%s is refused, with nothing to send back", async (_, url, status) => {
  const { env } = anOperator();
  const response = await app.request(url(env), {}, env);
  expect(response.status).toBe(status);
  expect(await response.text()).toBe("");
  expect(await inboundOf(env)).toEqual([]);
});

test("a database that is away is an outage, so Kannel tries again", async () => {
  printed();
  const { env } = anOperator();
  const DB = {
    prepare: () => {
      throw new Error("D1 is away");
    },
  } as unknown as D1Database;
  expect((await report({ ...env, DB }, "m1", 1)).status).toBe(503);
});

const SMS = { p: "+79161230001", P: "1234", b: 'привет & 100% "ok" 😀', I: "bf9c6e35-cf44", T: "1795284881" };

test("an inbound SMS is kept once, whatever Kannel repeats", async () => {
  const { env } = anOperator();
  const url = kannelHookUrl(settings(env), "mo");
  for (let time = 1; time <= 2; time++) {
    const response = await kannelCalls(env, url, { ...SMS, T: "1767225600" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await response.text()).toBe("");
  }
  expect(await inboundOf(env)).toEqual([
    {
      operator: env.OPERATOR,
      id: "bf9c6e35-cf44",
      sender: "79161230001",
      recipient: "1234",
      text: 'привет & 100% "ok" 😀',
      received_at: Date.UTC(2026, 0, 1),
      heard_at: null,
    },
  ]);
});

test.each([
  ["a sender as people write it at home", { p: "89161230001" }, { sender: "79161230001" }],
  ["a sender with a name", { p: " BANK " }, { sender: "BANK" }],
  ["an endless sender", { p: "B".repeat(99) }, { sender: "B".repeat(32) }],
  ["an endless text", { b: "Ж".repeat(19_999) }, { text: "Ж".repeat(16_000) }],
  ["a character cut in half", { b: `${"Ж".repeat(15_999)}😀` }, { text: `${"Ж".repeat(15_999)}\u{fffd}` }],
  ["a text with NUL", { b: "a\0b" }, { text: "ab" }],
  ["no text", { b: "" }, { text: "" }],
])("an inbound SMS with %s is kept in shape", async (_, odd, row) => {
  const { env } = anOperator();
  const response = await kannelCalls(env, kannelHookUrl(settings(env), "mo"), { ...SMS, ...odd });
  expect(response.status).toBe(200);
  expect(await inboundOf(env)).toMatchObject([row]);
});

test.each([[""], ["soon"], ["-5"], ["99999999999"], ["1e400"]])(
  "an inbound SMS with the time %j came now",
  async (T) => {
    const { env } = anOperator();
    const before = Date.now();
    await kannelCalls(env, kannelHookUrl(settings(env), "mo"), { ...SMS, T });
    const [row] = await inboundOf(env);
    expect(row!.received_at).toBeGreaterThanOrEqual(before);
    expect(row!.received_at).toBeLessThanOrEqual(Date.now());
  },
);

test("the inbound URL for Kannel's configuration has Kannel's escapes and one signature", () => {
  const { env } = anOperator();
  expect(kannelHookUrl(settings(env), "mo")).toMatch(
    /^https:\/\/api\.example\.net\/hooks\/kannel\/mo\?sig=[\w-]{22}&from=%p&to=%P&text=%b&id=%I&ts=%T$/,
  );
});

const inboundOf = async ({ DB, OPERATOR }: Env) =>
  (await DB.prepare("SELECT * FROM inbound_messages WHERE operator = ?").bind(OPERATOR).all<{ received_at: number }>())
    .results;
