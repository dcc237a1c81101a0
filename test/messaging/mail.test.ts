import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { type Env, settings } from "#env.ts";
import { kannelHookUrl } from "#messaging/kannel-hooks.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { acceptFlashCall, acceptMail, acceptSms, deliverMessages } from "#messaging/outbox.ts";
import { messageById, messagesOfAccount } from "#messaging/queries.ts";
import { kannelHooks } from "#messaging/routes.ts";
import { sweepMessages } from "#messaging/sweep.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { after, anOperator, CODE, deliver, gateway, NOW, printed, rowOf } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

const mail = {
  to: "ivan@example.net",
  subject: `Код ${CODE}`,
  text: `Ваш код: ${CODE}\nНикому его не говорите.`,
  purpose: "login",
  expiresAt: after(300),
};
const PROVIDER = {
  MAIL_URL: "https://mail.example.net/send",
  MAIL_TOKEN: "mail-token",
  MAIL_FROM: "Y <no@example.net>",
};

test("an accepted mail is a sealed row and an id in the queue, and its text is nowhere to be read", async () => {
  const output = printed();
  const { env, queued } = anOperator(PROVIDER);

  const id = await acceptMail(env, mail, NOW);

  const row = await rowOf(env, id);
  expect(row).toMatchObject({ channel: "email", state: "queued", recipient: "ivan@example.net", parts: 0 });
  expect(queued).toEqual([{ id }]);
  expect(JSON.stringify([row, queued]) + output()).not.toContain(CODE);
});

test.each([
  [""],
  ["ivan"],
  ["79161230001"],
  ["ivan@example.net, eva@example.net"],
  ["Ivan <ivan@example.net>"],
  ["ivan@example.net\r\nBcc: eva@example.net"],
  ["ivan@exam ple.net"],
  [`${"i".repeat(65)}@example.net`],
  [`ivan@${"example.".repeat(40)}net`],
])("%j is no address to send to", async (to) => {
  const { env, queued } = anOperator();
  await expect(acceptMail(env, { ...mail, to }, NOW)).rejects.toMatchObject({
    code: "invalid",
    reason: "bad_recipient",
  });
  expect(queued).toEqual([]);
});

test("an address is no phone", async () => {
  const { env } = anOperator();
  const { subject: _, ...sms } = mail;
  await expect(acceptSms(env, sms, NOW)).rejects.toMatchObject({ reason: "bad_recipient" });
  await expect(acceptFlashCall(env, { ...sms, code: CODE }, NOW)).rejects.toMatchObject({ reason: "bad_recipient" });
});

test("development prints a mail as one line of JSON, and it counts as sent", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const { env } = anOperator();
  const id = await acceptMail(env, mail, NOW);

  await deliver(env, [id]);

  expect(log.mock.calls).toHaveLength(1);
  expect(log.mock.calls[0]![0]).not.toContain("\n");
  const { to, subject, text } = mail;
  expect(JSON.parse(log.mock.calls[0]![0])).toEqual({ channel: "email", to, subject, text });
  expect(await rowOf(env, id)).toMatchObject({ state: "sent", sealed: null });
});

test("production without a provider says so beforehand, prints nothing, and keeps what it was given all the same", async () => {
  const output = printed();
  const { env } = anOperator({ ENVIRONMENT: "production" });
  expect(mailIsAvailable(settings(env))).toBe(false);

  const id = await acceptMail(env, mail, NOW);
  await deliver(env, [id]);

  expect(output()).not.toContain(CODE);
  expect(await rowOf(env, id)).toMatchObject({ state: "queued", error: "MAIL_URL is not set" });
});

test("mail is available in development, and with a provider", () => {
  expect(mailIsAvailable(settings(anOperator().env))).toBe(true);
  expect(mailIsAvailable(settings(anOperator({ ENVIRONMENT: "production", ...PROVIDER }).env))).toBe(true);
});

test("a provider without a sender is refused", () => {
  expect(() => settings(anOperator({ ...PROVIDER, MAIL_FROM: "" }).env)).toThrow("MAIL_FROM");
});

test("the provider gets the mail with a key that makes repetitions harmless", async () => {
  const output = printed();
  const fetch = gateway(202, `queued: ${CODE}`);
  const { env } = anOperator({ ENVIRONMENT: "production", ...PROVIDER });
  const id = await acceptMail(env, { ...mail, subject: `Код\r\nBcc: eva@example.net\t${CODE} ` }, NOW);

  await deliver(env, [id]);

  const request = new Request(...(fetch.mock.calls[0] as [string, RequestInit]));
  expect(`${request.method} ${request.url}`).toBe("POST https://mail.example.net/send");
  expect(Object.fromEntries(request.headers)).toEqual({
    "content-type": "application/json",
    "idempotency-key": id,
    authorization: "Bearer mail-token",
  });
  expect(await request.json()).toEqual({
    ...{ from: "Y <no@example.net>", to: mail.to, id },
    ...{ subject: `Код Bcc: eva@example.net ${CODE}`, text: mail.text },
  });
  const row = await rowOf(env, id);
  expect(row).toMatchObject({ state: "sent", sealed: null, error: null });
  expect(JSON.stringify(row) + output()).not.toContain(CODE);
});

test.each([
  [200, "sent"],
  [204, "sent"],
  [400, "failed"],
  [401, "failed"],
  [403, "failed"],
  [404, "failed"],
  [409, "failed"],
  [422, "failed"],
  [408, "queued"],
  [429, "queued"],
  [302, "queued"],
  [500, "queued"],
  [503, "queued"],
])("a mail answered %s is %s", async (status, state) => {
  const output = printed();
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status }));
  const { env } = anOperator(PROVIDER);
  const id = await acceptMail(env, mail, NOW);
  await deliver(env, [id]);
  expect(await rowOf(env, id)).toMatchObject({ state });
  expect(output().includes("ALARM")).toBe(status === 401 || status === 403);
});

test("a provider that does not answer gets the mail later", async () => {
  gateway(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  const { env } = anOperator(PROVIDER);
  const id = await acceptMail(env, mail, NOW);
  expect(await deliver(env, [id])).toMatchObject({ retried: 1 });
  expect(await rowOf(env, id)).toMatchObject({ state: "queued", error: "mail.example.net does not answer" });
});

test("a message of another operator is its row, is delivered, and its report finds it", async () => {
  const fetch = gateway(202);
  const { env, queued } = anOperator();
  const operator = `op %A ${randomId(6)}`;
  const id = await acceptSms(
    env,
    { to: "79161230001", text: CODE, purpose: "login", expiresAt: new Date(Date.now() + 600_000), operator },
    NOW,
  );
  expect(queued).toEqual([{ id, operator }]);
  expect(await messageById(database(env), env.OPERATOR!, id)).toBeUndefined();

  await deliverJobs(env, queued, NOW);
  expect(await messageById(database(env), operator, id)).toMatchObject({ state: "sent" });

  const headers = new Headers(fetch.mock.calls[0]![1]!.headers);
  const url = headers.get("x-kannel-dlr-url")!;
  expect(url).toBe(kannelHookUrl(settings(env), "dlr", id, operator));
  const report = url
    .replace("%d", "1")
    .replace("%F", "1066")
    .replace(/^.*\/hooks\/kannel/, "");
  expect((await kannelHooks.request(report.replace(/&op=[^&]*/, ""), {}, env)).status).toBe(403);
  expect((await kannelHooks.request(report.replace(/&op=[^&]*/, "&op=bWFpbg"), {}, env)).status).toBe(403);
  expect((await kannelHooks.request(report, {}, env)).status).toBe(200);
  expect(await messageById(database(env), operator, id)).toMatchObject({ state: "delivered", smscId: "1066" });
});

test("the sweep finds what the queue lost, whichever operator's it is", async () => {
  // A year before all other tests, whose rows are so not due.
  const then = new Date("2025-03-01T12:00:00Z");
  const in1 = (seconds: number) => new Date(then.getTime() + seconds * 1000);
  const { env, queued } = anOperator();
  const operators = [env.OPERATOR!, randomId(6), randomId(6)];
  const ids: string[] = [];
  for (const operator of operators) ids.push(await acceptMail(env, { ...mail, expiresAt: in1(60), operator }, then));
  queued.length = 0;

  await sweepMessages(env, in1(20));
  expect(queued).toHaveLength(3);
  expect(queued).toEqual(
    expect.arrayContaining([
      { id: ids[0] },
      { id: ids[1], operator: operators[1] },
      { id: ids[2], operator: operators[2] },
    ]),
  );

  await sweepMessages(env, in1(60));
  for (const [index, operator] of operators.entries()) {
    expect(await messageById(database(env), operator, ids[index]!)).toMatchObject({ state: "expired", sealed: null });
  }
});

test("finding the operators searches the key, and does not read the rows", async () => {
  const { env } = anOperator();
  const count = async () => {
    const prepare = vi.spyOn(env.DB, "prepare");
    await sweepMessages({ ...env, MESSAGES: { sendBatch: async () => {} } as never }, new Date("2024-01-01"));
    return prepare.mock.calls.map(([sql]) => sql).find((sql) => /RECURSIVE/.test(sql))!;
  };
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${await count()}`).all<{ detail: string }>();
  const plan = results.map(({ detail }) => detail).filter((detail) => /messages/.test(detail));
  expect(plan).toHaveLength(2);
  for (const detail of plan) expect(detail).toMatch(/^SEARCH messages USING COVERING INDEX/);
});

test("what was sent to an account is found with it, the latest first and without the texts", async () => {
  const { env } = anOperator();
  const [account, neighbour] = [randomId(), randomId()];
  const sms = { to: "79161230001", purpose: "login", expiresAt: after(300) };
  await acceptMail(env, { ...mail, account }, NOW);
  await acceptSms(env, { ...sms, text: CODE, account }, after(1));
  await acceptFlashCall(env, { ...sms, code: CODE, account }, after(2));
  await acceptMail(env, { ...mail, account: neighbour }, after(3));
  await acceptMail(env, mail, after(4));

  const found = await messagesOfAccount(database(env), env.OPERATOR!, account, 10);

  expect(found.map(({ channel }) => channel)).toEqual(["flashcall", "sms", "email"]);
  expect(found[0]).not.toHaveProperty("sealed");
  expect(await messagesOfAccount(database(env), env.OPERATOR!, account, 1)).toHaveLength(1);
  expect(await messagesOfAccount(database(env), randomId(6), account, 10)).toEqual([]);
});

async function deliverJobs(env: Env, jobs: unknown[], now: Date) {
  const messages = jobs.map((body, index) => ({ id: `${index}`, timestamp: now, attempts: 1, body }));
  const batch = createMessageBatch("messages", messages);
  await deliverMessages(batch, env, now);
  await getQueueResult(batch, createExecutionContext());
}
