import { env, listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { accountOfPhone, banAccount } from "#identity/accounts/accounts.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { hmac, sha256 } from "#platform/crypto.ts";
import { aPhone, call, envWith, mobile, outside } from "../support/world.ts";

const address = () => ({
  "cf-connecting-ip": `2001:db8:${Math.floor(Math.random() * 65536).toString(16)}:${Math.floor(Math.random() * 65536).toString(16)}::1`,
});

test("a phone signs in with the code that came by SMS, once", async () => {
  const world = outside();
  const phone = aPhone();
  const asked = await mobile("user/requestCode", { userPhone: `8${phone.slice(1)}` });
  expect(asked.status).toBe(200);
  expect(await asked.json()).toMatchObject({ code: 200, name: "OK", message: "Хорошо", data: { method: "sms" } });

  const smsCode = await world.codeFor(phone);
  expect(smsCode).toMatch(/^\d{4}$/);
  const signed = await mobile("user/confirmCode", { userPhone: phone, smsCode });
  const { data } = await signed.json<{ data: { accessToken: string; names: object } }>();
  expect(data).toEqual({ accessToken: expect.stringMatching(/^[0-9a-f-]{36}$/), names: { name: "", patronymic: "" } });
  expect((await mobile("user/ping", undefined, { token: data.accessToken })).status).toBe(204);

  const again = await mobile("user/confirmCode", { userPhone: phone, smsCode });
  expect(again.status).toBe(404);
});

test("a hundred requests at once for one phone send exactly one SMS", async () => {
  const world = outside();
  const phone = aPhone();
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => mobile("user/requestCode", { userPhone: phone }, { headers: address() })),
  );
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(99).fill(429)]);
  expect(Number(answers.find(({ status }) => status === 429)!.headers.get("retry-after"))).toBeGreaterThan(50);
  await world.codeFor(phone);
  expect(world.smsTo(phone)).toHaveLength(1);
});

/** How many phones have a code of which exactly the allowed tries were used. */
async function usedUp(): Promise<number> {
  const codes = env.ONE_TIME_CODES;
  const pools = await Promise.all(
    (await listDurableObjectIds(codes)).map((id) =>
      runInDurableObject(
        codes.get(id),
        (_, state) =>
          state.storage.kv.get<{ open: { challenge?: { tries: number }; failures: number[] } }>("state")?.open,
      ),
    ),
  );
  return pools.filter((pool) => pool?.failures.length === 3 && pool.challenge?.tries === 3).length;
}

test("Defect 4: two hundred guesses at once use exactly the allowed tries, and the right code among the rest is lost", async () => {
  const world = outside();
  const phone = aPhone();
  await mobile("user/requestCode", { userPhone: phone });
  const right = await world.codeFor(phone);
  const wrong = String((Number(right) + 1) % 10_000).padStart(4, "0");
  const headers = address();
  const before = await usedUp();
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => mobile("user/confirmCode", { userPhone: phone, smsCode: wrong }, { headers })),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
  expect(await usedUp()).toBe(before + 1);
  expect((await mobile("user/confirmCode", { userPhone: phone, smsCode: right })).status).toBe(403);
});

test("an address that asks for code after code that nobody enters is stopped", async () => {
  outside();
  const limited = envWith({ LIMITS: JSON.stringify({ addressPerHour: 3 }) });
  const headers = address();
  const ask = () => mobile("user/requestCode", { userPhone: aPhone() }, { headers, env: limited });
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) statuses.push((await ask()).status);
  expect(statuses).toEqual([200, 200, 200, 429, 429]);
});

test("a send that a budget refused does not count against the phone", async () => {
  const world = outside();
  const phone = aPhone();
  const closed = envWith({ LIMITS: JSON.stringify({ addressPerHour: 1 }) });
  const headers = address();
  await mobile("user/requestCode", { userPhone: aPhone() }, { headers, env: closed });
  expect((await mobile("user/requestCode", { userPhone: phone }, { headers, env: closed })).status).toBe(429);
  expect((await mobile("user/requestCode", { userPhone: phone }, { headers: address() })).status).toBe(200);
  await world.codeFor(phone);
});

test("a code that could not be written down may be asked for again at once", async () => {
  const world = outside();
  const phone = aPhone();
  const broken = envWith({
    DB: new Proxy(env.DB, {
      get: (db, name) =>
        name === "prepare"
          ? (sql: string) => (/insert into "messages"/i.test(sql) ? db.prepare("SELECT broken") : db.prepare(sql))
          : Reflect.get(db, name).bind(db),
    }),
  });
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect((await mobile("user/requestCode", { userPhone: phone }, { env: broken })).status).toBe(500);
  expect((await mobile("user/requestCode", { userPhone: phone })).status).toBe(200);
  await world.codeFor(phone);
});

test("a banned person gets the same answer and no code", async () => {
  const world = outside();
  const phone = aPhone();
  await banAccount(env, "main", { id: (await accountOfPhone(env, phone, new Date())).id, reason: "test" }, SYSTEM);
  const answer = await mobile("user/requestCode", { userPhone: phone });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ data: { method: "sms" } });
  await vi.waitFor(async () => {
    const row = await env.DB.prepare("SELECT state, sealed FROM messages WHERE recipient = ?").bind(phone).first();
    expect(row).toEqual({ state: "expired", sealed: null });
  });
  expect(world.smsTo(phone)).toEqual([]);
});

test("a used-up address learns nothing about who is blocked", async () => {
  outside();
  const phone = aPhone();
  await banAccount(env, "main", { id: (await accountOfPhone(env, phone, new Date())).id, reason: "test" }, SYSTEM);
  const limited = { headers: address(), env: envWith({ LIMITS: JSON.stringify({ addressPerHour: 1 }) }) };
  await mobile("user/requestCode", { userPhone: aPhone() }, limited);
  for (const userPhone of [aPhone(), phone])
    expect((await mobile("user/requestCode", { userPhone }, limited)).status).toBe(429);
});

test("Defect 8: the store's reviewer signs in with the fixed code, as often as needed, and no SMS is sent", async () => {
  const world = outside();
  const reviewer = envWith({ TEST_USER: "81234567890", TEST_PASS: "9876" });
  for (let i = 0; i < 8; i++) {
    expect((await mobile("user/requestCode", { userPhone: "81234567890" }, { env: reviewer })).status).toBe(200);
    const signed = await mobile("user/confirmCode", { userPhone: "81234567890", smsCode: "9876" }, { env: reviewer });
    expect(signed.status).toBe(200);
  }
  expect([world.asked, world.smsTo("81234567890"), world.smsTo("71234567890")]).toEqual([[], [], []]);
});

test("the reviewer's fixed code opens no other number that ends in the same digits", async () => {
  outside();
  const reviewer = envWith({ TEST_USER: "79161230001", TEST_PASS: "9876", SMS_COUNTRIES: "RU,IN" });
  await mobile("user/requestCode", { userPhone: "+919161230001" }, { env: reviewer });
  const signed = await mobile("user/confirmCode", { userPhone: "+919161230001", smsCode: "9876" }, { env: reviewer });
  expect([403, 404]).toContain(signed.status);
});

test("a known install that presses twenty times at once gets one SMS", async () => {
  const world = outside();
  const phone = aPhone();
  const own = { headers: { "x-system-info": "iOS, 18, Ann's phone, iPhone" } };
  await mobile("user/requestCode", { userPhone: phone }, own);
  await mobile("user/confirmCode", { userPhone: phone, smsCode: await world.codeFor(phone) }, own);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => mobile("user/requestCode", { userPhone: phone }, own)),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));
});

test("a stranger with the same app elsewhere does not get the session of an awaited call", async () => {
  const phone = aPhone();
  const at = (ip: string) => ({ env: calling, headers: { ...android, "cf-connecting-ip": ip } });
  const asked = await mobile("user/requestCode", { userPhone: phone }, at("203.0.113.7"));
  const { data } = await asked.json<{ data: { confirmationNumbers: [string] } }>();
  await report(`+${phone}`, data.confirmationNumbers[0]);
  expect((await mobile("user/checkPhone", { userPhone: phone }, at("198.51.100.7"))).status).toBe(401);
  expect((await mobile("user/checkPhone", { userPhone: phone }, at("203.0.113.99"))).status).toBe(200);
});

test("Defect 8: without the settings the reviewer's phone is no phone", async () => {
  expect((await mobile("user/requestCode", { userPhone: "81234567890" })).status).toBe(422);
});

test.each([
  ["no body", undefined],
  ["an empty body", {}],
  ["a null phone", { userPhone: null }],
  ["ten digits too few", { userPhone: "8916" }],
  ["a landline", { userPhone: "84951234567" }],
  ["a foreign country", { userPhone: "+4915112345678" }],
  ["letters", { userPhone: "8916abc0001" }],
  ["an array", { userPhone: ["89161230001"] }],
  ["malformed JSON", "{"],
  ["JSON that is no object", "17"],
])("requestCode with %s is a 422 envelope", async (_, body) => {
  const response = await mobile("user/requestCode", body);
  expect(response.status).toBe(422);
  expect(await response.json()).toEqual({
    code: 422,
    name: "Unprocessable Entity",
    message: "Необрабатываемый экземпляр",
  });
});

test.each([
  ["no code", { userPhone: "89161230001" }, 422],
  ["three digits", { userPhone: "89161230001", smsCode: "123" }, 422],
  ["letters", { userPhone: "89161230001", smsCode: "12a4" }, 422],
  ["a phone that asked for none", { userPhone: "89161230077", smsCode: "1234" }, 404],
])("Defect 51: confirmCode with %s answers %#: an envelope", async (_, body, status) => {
  const response = await mobile("user/confirmCode", body);
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ code: status, name: expect.any(String), message: expect.any(String) });
});

test("Defect 1: a wrong code is 403 with the text that the apps expect, in the reader's language", async () => {
  outside();
  const phone = aPhone();
  await mobile("user/requestCode", { userPhone: phone });
  const wrong = await mobile("user/confirmCode", { userPhone: phone, smsCode: "0000" });
  const inEnglish = await mobile(
    "user/confirmCode",
    { userPhone: phone, smsCode: "0001" },
    { headers: { "accept-language": "en-GB,ru" } },
  );
  // One of ten thousand codes is right by chance.
  if (wrong.status === 200 || inEnglish.status === 200) return;
  expect(await wrong.json()).toEqual({ code: 403, name: "Пин-код введен неверно", message: "Пин-код введен неверно" });
  expect(await inEnglish.json()).toEqual({ code: 403, name: "The code is wrong", message: "The code is wrong" });
});

test("neither phone nor code stands in clear in the object that remembers them", async () => {
  const world = outside();
  const phone = aPhone();
  await mobile("user/requestCode", { userPhone: phone });
  const code = await world.codeFor(phone);
  const { results } = await env.DB.prepare("SELECT sealed, error, purpose FROM messages WHERE recipient = ?")
    .bind(phone)
    .all();
  expect(JSON.stringify(results)).not.toContain(code);
});

const calling = envWith({ CONFIRMATION_METHOD: "outgoingCall", CONFIRMATION_NUMBERS: "88005550001,88005550002" });
const android = { "x-system-info": "Android,14,Acme,One", "user-agent": "okhttp/4" };

async function report(
  caller: string,
  called: string,
  { secret = env.PBX_HOOK_SECRET!, time = Math.floor(Date.now() / 1000) } = {},
) {
  const signature = hmac(secret, `${caller}|${called}|${time}`).toString("hex");
  return call(
    "/hooks/pbx/call",
    { method: "POST", body: JSON.stringify({ caller, called, time, signature }) },
    calling,
  );
}

test("a phone signs in by calling the number that it was told", async () => {
  const world = outside();
  const phone = aPhone();
  const asking = { env: calling, headers: android };
  const asked = await mobile("user/requestCode", { userPhone: phone }, asking);
  const { data } = await asked.json<{ data: { method: string; confirmationNumbers: string[] } }>();
  expect(data).toEqual({ method: "outgoingCall", confirmationNumbers: [expect.stringMatching(/^8800555000[12]$/)] });
  const [number = ""] = data.confirmationNumbers;
  const other = number.endsWith("1") ? "88005550002" : "88005550001";

  expect((await mobile("user/checkPhone", { userPhone: phone }, asking)).status).toBe(401);
  expect(await (await report(`+${phone}`, other)).json()).toEqual({ awaited: false });
  expect(await (await report(`+${phone}`, number)).json()).toEqual({ awaited: true });

  const stranger = await mobile(
    "user/checkPhone",
    { userPhone: phone },
    { env: calling, headers: { "user-agent": "curl" } },
  );
  expect(stranger.status).toBe(401);
  const signed = await mobile("user/checkPhone", { userPhone: phone }, asking);
  expect(await signed.json()).toMatchObject({ data: { accessToken: expect.any(String), names: { name: "" } } });
  expect((await mobile("user/checkPhone", { userPhone: phone }, asking)).status).toBe(401);
  expect([world.asked, world.smsTo(phone)]).toEqual([[], []]);
});

test("while a call is awaited nobody else can ask for one to the same phone", async () => {
  const phone = aPhone();
  await mobile("user/requestCode", { userPhone: phone }, { env: calling, headers: android });
  const second = await mobile(
    "user/requestCode",
    { userPhone: phone },
    { env: calling, headers: { "user-agent": "curl" } },
  );
  expect(second.status).toBe(429);
});

test.each([
  ["another secret", { secret: "some-other-secret" }],
  ["yesterday's date", { time: Math.floor(Date.now() / 1000) - 86_400 }],
])("a report of a call with %s is refused", async (_, forged) => {
  expect((await report("79161230001", "88005550001", forged)).status).toBe(403);
});

test("a flash call goes out through the operator's provider, with the code and never in a URL", async () => {
  const world = outside();
  const phone = aPhone();
  const flash = envWith({
    CONFIRMATION_METHOD: "flashCall",
    FLASHCALL_URL: "https://flash.example.net/call",
    FLASHCALL_TOKEN: "flash-token",
  });
  const asked = await mobile("user/requestCode", { userPhone: phone }, { env: flash });
  expect(await asked.json()).toMatchObject({ data: { method: "flashCall" } });
  const { results } = await env.DB.prepare("SELECT channel, state FROM messages WHERE recipient = ?").bind(phone).all();
  expect(results).toMatchObject([{ channel: "flashcall" }]);
  for (const request of world.requests) expect(request.url).not.toMatch(/code=/);
});

test("Defect 5: sessions are stored under a hash", async () => {
  outside();
  const reviewer = envWith({ TEST_USER: "79160000042", TEST_PASS: "5555" });
  await mobile("user/requestCode", { userPhone: "79160000042" }, { env: reviewer });
  const signed = await mobile("user/confirmCode", { userPhone: "79160000042", smsCode: "5555" }, { env: reviewer });
  const { data } = await signed.json<{ data: { accessToken: string } }>();
  const row = await env.DB.prepare("SELECT * FROM sessions WHERE token_hash = ?")
    .bind(sha256(data.accessToken))
    .first();
  expect(row).toMatchObject({ acr: "low", ended_at: null });
  expect(JSON.stringify(row)).not.toContain(data.accessToken);
});
