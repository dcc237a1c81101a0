import { afterEach, expect, test, vi } from "vitest";
import { acceptFlashCall, acceptSms } from "#messaging/outbox.ts";
import { after, anOperator, CODE, deliver, gateway, NOW, printed, rowOf } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

const sms = { to: "79161230001", purpose: "login", expiresAt: after(300) };

/** Accepts and delivers one text, and returns the call that Kannel got. */
async function sent(text: string, expiresAt = after(300), vars: Parameters<typeof anOperator>[0] = {}) {
  const fetch = gateway(202);
  const { env } = anOperator(vars);
  const id = await acceptSms(env, { ...sms, text, expiresAt }, NOW);
  await deliver(env, [id]);
  const request = new Request(...(fetch.mock.calls[0] as [string, RequestInit]));
  return { id, request, headers: Object.fromEntries(request.headers) };
}

test("Defect 15: Kannel gets the text as the body and everything else in headers", async () => {
  const { id, request, headers } = await sent(`Код подтверждения: ${CODE}`);

  expect(`${request.method} ${request.url}`).toBe("POST http://kannel.test:13013/cgi-bin/sendsms");
  expect(await request.text()).toBe(`Код подтверждения: ${CODE}`);
  expect(headers).toEqual({
    "content-type": "text/plain; charset=utf-8",
    "x-kannel-username": "yardgate",
    "x-kannel-password": "kannel-pass",
    "x-kannel-from": "YARDGATE",
    "x-kannel-to": "79161230001",
    "x-kannel-coding": "2",
    "x-kannel-validity": "5",
    "x-kannel-dlr-mask": "19",
    "x-kannel-dlr-url": expect.stringMatching(
      new RegExp(`^https://api\\.example\\.net/hooks/kannel/dlr\\?id=${id}&sig=[\\w-]{22}&type=%d&smsc=%F$`),
    ),
  });
});

test("without a sender of ours Kannel takes its own", async () => {
  const { headers } = await sent("code 1234", after(300), { KANNEL_FROM: "" });
  expect(headers).not.toHaveProperty("x-kannel-from");
});

test("neither text nor password is in a URL", async () => {
  const { request, headers } = await sent(`Код подтверждения: ${CODE}`);
  for (const secret of [CODE, "kannel-pass", "79161230001", "kannel-hook-secret"]) {
    expect(request.url + headers["x-kannel-dlr-url"]).not.toContain(secret);
  }
});

test.each([
  ["ASCII", "code 1234", "0"],
  ["GSM letters outside of ASCII", "é Ω € [", "0"],
  ["Cyrillic", "Код", "2"],
  ["an emoji", "code 1234 😀", "2"],
])("Defect 69: %s goes out with the right coding", async (_, text, coding) => {
  expect((await sent(text)).headers["x-kannel-coding"]).toBe(coding);
});

test.each([
  [300, "5"],
  [299, "5"],
  [61, "2"],
  [60, "1"],
  [5, "1"],
])("a message wanted for %s seconds is valid for %s minutes", async (seconds, minutes) => {
  expect((await sent("code", after(seconds))).headers["x-kannel-validity"]).toBe(minutes);
});

test("the log transport prints one line of JSON and the message counts as sent", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const fetch = gateway(202);
  const { env } = anOperator({ SMS_TRANSPORT: "log" });
  const id = await acceptSms(env, { ...sms, text: `Код: ${CODE}` }, NOW);

  await deliver(env, [id]);

  expect(log.mock.calls).toEqual([[`{"sms":{"to":"79161230001","text":"Код: ${CODE}"}}`]]);
  expect(fetch).not.toHaveBeenCalled();
  expect(await rowOf(env, id)).toMatchObject({ state: "sent", sealed: null });
});

const FLASHCALL = { FLASHCALL_URL: "https://calls.example.net/ring", FLASHCALL_TOKEN: "call-token" };

test("a flash call is asked for with the code, and the code is nowhere to be read", async () => {
  const output = printed();
  const fetch = gateway(200, `{"code":"${CODE}"}`);
  const { env } = anOperator(FLASHCALL);
  const id = await acceptFlashCall(env, { ...sms, code: CODE }, NOW);

  await deliver(env, [id]);

  const request = new Request(...(fetch.mock.calls[0] as [string, RequestInit]));
  expect(`${request.method} ${request.url}`).toBe("POST https://calls.example.net/ring");
  expect(request.headers.get("authorization")).toBe("Bearer call-token");
  expect(await request.json()).toEqual({ to: "79161230001", code: CODE, id });
  const row = await rowOf(env, id);
  expect(row).toMatchObject({ channel: "flashcall", state: "sent", sealed: null, parts: 0 });
  expect(JSON.stringify(row) + output()).not.toContain(CODE);
});

test.each([
  [204, "sent"],
  [400, "failed"],
  [403, "failed"],
  [404, "failed"],
  [422, "failed"],
  [401, "queued"],
  [429, "queued"],
  [500, "queued"],
  [302, "queued"],
])("a flash call answered %s is %s", async (status, state) => {
  printed();
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status }));
  const { env } = anOperator(FLASHCALL);
  const id = await acceptFlashCall(env, { ...sms, code: CODE }, NOW);
  await deliver(env, [id]);
  expect(await rowOf(env, id)).toMatchObject({ state });
});

test("without a provider a flash call is printed in development, and waits anywhere else", async () => {
  const output = printed();
  const { env } = anOperator();
  const first = await acceptFlashCall(env, { ...sms, code: CODE }, NOW);
  await deliver(env, [first]);
  expect(output()).toContain(CODE);
  expect(await rowOf(env, first)).toMatchObject({ state: "sent" });

  const silent = printed();
  const production = anOperator({ ENVIRONMENT: "production" }).env;
  const second = await acceptFlashCall(production, { ...sms, code: "554433" }, NOW);
  await deliver(production, [second]);
  expect(silent()).not.toContain("554433");
  expect(await rowOf(production, second)).toMatchObject({ state: "queued", error: "FLASHCALL_URL is not set" });
});
