import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { keepDeadLetters } from "#platform/dead-letters.ts";
import { backoff } from "#platform/queue.ts";
import { envWith } from "../support/world.ts";

test.each([
  ["a log transport in production", { ENVIRONMENT: "production", SMS_TRANSPORT: "log" }, "SMS_TRANSPORT"],
  ["Kannel without its URL", { KANNEL_URL: "" }, "KANNEL_URL"],
  ["production without a public URL", { ENVIRONMENT: "production", PUBLIC_URL: "" }, "PUBLIC_URL"],
  ["a zone that is none", { TIME_ZONE: "Europe/Tula" }, "TIME_ZONE"],
  ["limits that are not JSON", { LIMITS: "{" }, "LIMITS"],
  ["a limit above its ceiling", { LIMITS: '{"shortTries":50}' }, "LIMITS.shortTries"],
  ["a life of codes above ten minutes", { OTP_LIFE: "601" }, "OTP_LIFE"],
  ["a remote billing without its URL", { BILLING: "http" }, "BILLING_URL"],
  ["half a reviewer", { TEST_USER: "79160000000" }, "TEST_USER"],
  ["calls without numbers", { CONFIRMATION_METHOD: "outgoingCall" }, "CONFIRMATION_NUMBERS"],
  ["extensions that are not JSON", { EXTENSIONS: "[" }, "EXTENSIONS"],
  ["no integration token", { INTEGRATION_TOKEN: "" }, "INTEGRATION_TOKEN"],
])("%s is refused, and the variable named", (_, vars, name) => {
  expect(() => settings(envWith(vars))).toThrow(name);
});

test("a bad key is refused without being printed", () => {
  const secret = "c2hvcnQtc2VjcmV0";
  expect(() => settings(envWith({ MASTER_KEY: secret }))).toThrow(/^(?!.*c2hvcnQ).*MASTER_KEY/s);
});

test("settings are read once per environment", () => {
  expect(settings(env)).toBe(settings(env));
});

test("attempts move apart up to the cap, with some jitter", () => {
  expect([1, 2, 3, 4, 5, 40].map((attempt) => backoff(attempt, 30, 0))).toEqual([1, 2, 4, 8, 16, 30]);
  expect(backoff(5, 30, 1)).toBe(12);
});

test("what no consumer could digest is written down, once", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const id = crypto.randomUUID();
  for (let round = 0; round < 2; round++) {
    const batch = createMessageBatch("messages-dead", [{ id, timestamp: new Date(), attempts: 1, body: { id: "m1" } }]);
    await keepDeadLetters(batch, env);
    expect((await getQueueResult(batch, createExecutionContext())).explicitAcks).toEqual([id]);
  }
  const { results } = await env.DB.prepare("SELECT queue, body, replayed_at FROM dead_letters WHERE id = ?")
    .bind(id)
    .all();
  expect(results).toEqual([{ queue: "messages", body: '{"id":"m1"}', replayed_at: null }]);
});
