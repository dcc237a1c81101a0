import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { mails } from "../support/mail.ts";
import { aClient, shield } from "../support/shield.ts";
import { aPhone, envWith, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const GOOD = "correct horse battery staple";

async function aRegistration(fields: Record<string, unknown> = {}, environment: Env = env) {
  const client = (fields.client_id as string) ?? (await aClient()).id;
  const phone = aPhone();
  const response = await shield("/accounts", {
    json: { client_id: client, login: { type: "phone", value: `+${phone}` }, ...fields },
    env: environment,
  });
  return { client, phone, response, challenge: await response.clone().json<Record<string, unknown>>() };
}

const statusOf = async (phone: string) => {
  const { results } = await env.DB.prepare(
    `SELECT a.id, a.status, a.name FROM accounts AS a JOIN account_identifiers AS i ON i.account_id = a.id WHERE i.value = ?`,
  )
    .bind(phone)
    .all<{ id: string; status: string; name: string | null }>();
  return results;
};

const eventsOf = async (id: string) => {
  const { results } = await env.DB.prepare("SELECT type, agg_seq FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(id)
    .all<{ type: string; agg_seq: number }>();
  return results.map(({ type, agg_seq }) => [agg_seq, type]);
};

test("ACC-1 ACC-2 who registers is stored inactive, as they said, and then gets one code", async () => {
  const { smsTo, codeFor } = outside();
  const { phone, response, challenge } = await aRegistration({ name: "Иван", lang: "ru" });
  expect(response.status).toBe(202);
  expect(challenge).toEqual({
    ...{ challenge_id: expect.stringMatching(/^ch_/), channel: "sms", code_length: 6 },
    ...{ expires_in: 300, resend_in: 60 },
  });
  expect(await statusOf(phone)).toEqual([{ id: expect.stringMatching(/^acc_/), status: "inactive", name: "Иван" }]);
  expect(await codeFor(phone)).toMatch(/^\d{6}$/);
  expect(smsTo(phone)).toHaveLength(1);
});

test("SCN-1 ACC-3 an account is made: registered, refused with another login, activated, signed in, and told of", async () => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration({ name: "Иван" });
  const [row] = await statusOf(phone);
  const code = await codeFor(phone);
  const { challenge_id } = challenge;

  const wrong = await shield("/accounts/activate", {
    json: { client_id: client, login: aPhone(), challenge_id, code },
  });
  expect(wrong.status).toBe(401);
  expect(await wrong.json()).toMatchObject({ code: "code_invalid", tries_left: 4 });
  expect(await statusOf(phone)).toMatchObject([{ status: "inactive" }]);

  const right = await shield("/accounts/activate", {
    json: { client_id: client, login: phone, challenge_id, code, device: { id: randomId(), name: "Pixel 9" } },
  });
  expect(right.status).toBe(200);
  const { account, tokens } = await right.json<{
    account: Record<string, unknown>;
    tokens: { access_token: string };
  }>();
  expect(account).toMatchObject({ id: row!.id, name: "Иван", status: "active" });
  expect(account.identifiers).toMatchObject([{ type: "phone", value: `+${phone}`, verified_at: expect.any(String) }]);
  expect((await shield("/me", { token: tokens.access_token })).status).toBe(200);

  const asked = await shield("/auth/challenges", { json: { client_id: client, login: phone, purpose: "login" } });
  const login = await asked.json<{ challenge_id: string }>();
  const again = await vi.waitFor(
    async () => {
      const latest = await codeFor(phone);
      expect(latest).not.toBe(code);
      return latest;
    },
    { timeout: 5000 },
  );
  const json = { client_id: client, method: "sms", login: phone, challenge_id: login.challenge_id, code: again };
  expect(await (await shield("/auth/login", { json })).json()).toMatchObject({ account: { id: row!.id } });
  expect(await eventsOf(row!.id)).toEqual([
    [1, "account.created"],
    [2, "account.activated"],
  ]);
});

/** A step that a registered person takes: activation with the code that was sent. */
const activateBy = (body: Record<string, unknown>, environment: Env = env) =>
  shield("/accounts/activate", { json: body, env: environment });

async function anActivated(fields: Record<string, unknown> = {}) {
  const world = outside();
  const registered = await aRegistration(fields);
  const { client, phone, challenge } = registered;
  const body = {
    client_id: client,
    login: phone,
    challenge_id: challenge.challenge_id,
    code: await world.codeFor(phone),
  };
  const response = await activateBy(body);
  expect(response.status).toBe(200);
  return {
    ...registered,
    world,
    ...(await response.json<{ account: { id: string }; tokens: { access_token: string } }>()),
  };
}

const passwordOf = (account: string) =>
  env.DB.prepare("SELECT phc FROM account_passwords WHERE account_id = ?").bind(account).first<{ phc: string }>();

test("IDP-1 ACC-1 an account is made without a token, and managed by nobody without one", async () => {
  const { tokens } = await anActivated();
  expect((await shield("/me")).status).toBe(401);
  expect((await shield("/me", { token: tokens.access_token })).status).toBe(200);
});

test("ACC-1 an e-mail registers as well as a phone, in whatever case it is typed", async () => {
  const inbox = mails();
  outside();
  const client = (await aClient()).id;
  const address = `Ivan.${randomId(6)}@Example.net`;
  const response = await shield("/accounts", { json: { client_id: client, login: { type: "email", value: address } } });
  expect(response.status).toBe(202);
  const { challenge_id, channel } = await response.json<{ challenge_id: string; channel: string }>();
  expect(channel).toBe("email");
  const { text } = await inbox.to(address);
  const code = /\d{6}$/.exec(text)![0];
  const activated = await activateBy({ client_id: client, login: address.toUpperCase(), challenge_id, code });
  expect(await activated.json()).toMatchObject({
    account: { identifiers: [{ type: "email", value: address.toLowerCase() }] },
  });
});

test.each([
  ["no phone", { login: { type: "phone", value: "12345" } }, 422, "identifier_invalid"],
  ["no address", { login: { type: "email", value: "ivan@nowhere" } }, 422, "identifier_invalid"],
  ["a country that is not served", { login: "+4915112345678" }, 422, "channel_unavailable"],
  ["a password that is too short", { password: "tr0ub4dor&3" }, 422, "password_too_weak"],
  ["a password that is too long", { password: "ab1 ".repeat(40) }, 422, "password_too_weak"],
  ["an unknown client", { client_id: "cli_nobody" }, 401, "invalid_client"],
  ["no client", { client_id: undefined }, 422, "validation_failed"],
  ["no login", { login: undefined }, 422, "validation_failed"],
])("a registration with %s is refused", async (_, fields, status, code) => {
  const { smsTo } = outside();
  const { response, phone } = await aRegistration({ client_id: (await aClient()).id, ...fields });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ code });
  expect(await statusOf(phone)).toEqual([]);
  expect(smsTo(phone)).toEqual([]);
});

test("the problems of a password are named", async () => {
  const { response } = await aRegistration({ password: "qwerty" });
  expect(await response.json()).toMatchObject({ code: "password_too_weak", reasons: ["too_short", "common"] });
});

test("a confidential client's name alone registers nobody", async () => {
  const { id } = await aClient({ kind: "confidential" });
  const { response } = await aRegistration({ client_id: id });
  expect(response.status).toBe(401);
});

test("an operator that makes its customers' accounts itself takes no registrations", async () => {
  const operator = `op${randomId(6)}`;
  const params = JSON.stringify({ self_registration: false });
  await env.DB.prepare("INSERT INTO operators VALUES (?, 'Closed', 'RU', 'ru', ?, 0, 0, 1)")
    .bind(operator, params)
    .run();
  const { response } = await aRegistration({ client_id: (await aClient({ operator })).id });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ code: "access_denied" });
});

test.each([
  ["without a password", {}],
  ["with a password", { password: GOOD }],
])("ACC-5 who registers %s learns nothing about who has an account", async (_, fields) => {
  const { phone, client, world } = await anActivated();
  const sent = world.smsTo(phone).length;
  const known = await shield("/accounts", { json: { client_id: client, login: phone, ...fields } });
  const unknown = await shield("/accounts", { json: { client_id: client, login: aPhone(), ...fields } });
  expect(known.status).toBe(unknown.status);
  const [a, b] = [await known.json<Record<string, unknown>>(), await unknown.json<Record<string, unknown>>()];
  expect({ ...a, challenge_id: "" }).toEqual({ ...b, challenge_id: "" });
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(sent + 1), { timeout: 5000 });
  expect(world.smsTo(phone).at(-1)).not.toMatch(/\d{4}/);
  expect(await statusOf(phone)).toMatchObject([{ status: "active" }]);
});

test("ACC-5 the challenge of a login that has an account refuses codes like any other", async () => {
  const { phone, client } = await anActivated();
  const known = await shield("/accounts", { json: { client_id: client, login: phone } });
  const { challenge_id } = await known.json<{ challenge_id: string }>();
  const tries = [];
  for (let i = 0; i < 6; i++) {
    const answer = await activateBy({ client_id: client, login: phone, challenge_id, code: "wrong" });
    tries.push(await answer.json<{ code: string; tries_left?: number }>());
  }
  expect(tries.map(({ code, tries_left }) => [code, tries_left])).toEqual([
    ...[4, 3, 2, 1, 0].map((left) => ["code_invalid", left]),
    ["code_exhausted", 0],
  ]);
});

test.each([
  ["an unknown challenge", () => ({ challenge_id: "ch_unknown" })],
  ["another client", async () => ({ client_id: (await aClient()).id })],
  ["a wrong code", () => ({ code: "12345x" })],
  ["no challenge where Operations sent no code", () => ({ challenge_id: undefined })],
])("ACC-3 a code with %s activates nobody", async (_, change) => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration();
  const body = { client_id: client, login: phone, challenge_id: challenge.challenge_id, code: await codeFor(phone) };
  const response = await activateBy({ ...body, ...(await change()) });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: "code_invalid" });
  expect(await statusOf(phone)).toMatchObject([{ status: "inactive" }]);
});

test("ACC-4 before activation no password signs in, after it it does", async () => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration({ password: GOOD });
  const signIn = () =>
    shield("/auth/login", { json: { client_id: client, method: "password", login: phone, password: GOOD } });
  expect((await signIn()).status).toBe(401);
  const code = await codeFor(phone);
  await activateBy({ client_id: client, login: phone, challenge_id: challenge.challenge_id, code });
  expect((await signIn()).status).toBe(200);
});

test("ACC-3 a hundred activations at once with the right code activate once", async () => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration();
  const body = { client_id: client, login: phone, challenge_id: challenge.challenge_id, code: await codeFor(phone) };
  const answers = await Promise.all(Array.from({ length: 100 }, () => activateBy(body)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  const [row] = await statusOf(phone);
  expect(await eventsOf(row!.id)).toHaveLength(2);
}, 30_000);

test("ACC-3 of a hundred wrong codes at once exactly five are looked at, and then the right one is too late", async () => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration();
  const code = await codeFor(phone);
  const { challenge_id } = challenge;
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => activateBy({ client_id: client, login: phone, challenge_id, code: "0" })),
  );
  const codes = await Promise.all(answers.map((answer) => answer.json<{ code: string }>()));
  expect(codes.filter(({ code }) => code === "code_invalid")).toHaveLength(5);
  expect(codes.filter(({ code }) => code === "code_exhausted")).toHaveLength(95);
  expect((await activateBy({ client_id: client, login: phone, challenge_id, code })).status).toBe(429);
}, 30_000);

test("ACC-3 a new code is a new code, and does not forget the wrong ones before it", async () => {
  const { smsTo, codeFor } = outside();
  const hurried = envWith({ OTP_RESEND_GAPS: "0,0,0,0,0" });
  const { client, phone, challenge } = await aRegistration({}, hurried);
  const { challenge_id } = challenge;
  const login = phone;
  const first = await codeFor(phone);
  const guess = (code: string) => activateBy({ client_id: client, login, challenge_id, code }, hurried);
  for (let i = 0; i < 5; i++) expect((await guess("0")).status).toBe(401);
  const resend = () =>
    shield("/accounts/activation/resend", { json: { client_id: client, challenge_id }, env: hurried });
  expect((await resend()).status).toBe(202);
  await vi.waitFor(() => expect(smsTo(phone)).toHaveLength(2), { timeout: 5000 });
  expect((await guess(first)).status).toBe(401);
  for (let i = 0; i < 4; i++) expect((await guess("0")).status).toBe(401);
  // Ten in an hour, whatever was sent in between.
  const refused = await resend();
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({ code: "target_blocked" });
  expect((await guess(await codeFor(phone))).status).toBe(429);
});

test("ACC-2 a second code has to wait", async () => {
  outside();
  const { client, challenge } = await aRegistration();
  const json = { client_id: client, challenge_id: challenge.challenge_id };
  const again = await shield("/accounts/activation/resend", { json });
  expect(again.status).toBe(429);
  expect(Number(again.headers.get("retry-after"))).toBeGreaterThan(50);
  expect(await again.json()).toMatchObject({ code: "resend_too_soon" });
});

test("ACC-12 whoever registers somebody else's phone with a password has nothing of it", async () => {
  const { codeFor, smsTo } = outside();
  const hurried = envWith({ OTP_RESEND_GAPS: "0,0,0,0,0" });
  const attack = await aRegistration({ password: GOOD }, hurried);
  const { client, phone } = attack;
  const [attackers] = await statusOf(phone);
  const own = await shield("/accounts", { json: { client_id: client, login: phone }, env: hurried });
  const { challenge_id } = await own.json<{ challenge_id: string }>();
  await vi.waitFor(() => expect(smsTo(phone)).toHaveLength(2), { timeout: 5000 });
  const code = await codeFor(phone);
  // The victim's code does not answer the attacker's challenge.
  const attacker = { client_id: client, login: phone, challenge_id: attack.challenge.challenge_id, code };
  expect((await activateBy(attacker)).status).toBe(401);
  const response = await activateBy({ client_id: client, login: phone, challenge_id, code });
  const { account } = await response.json<{ account: { id: string } }>();
  expect(account.id).not.toBe(attackers!.id);
  expect(await passwordOf(account.id)).toBeNull();
  expect(await passwordOf(attackers!.id)).toBeNull();
  const login = await shield("/auth/login", { json: { client_id: client, method: "password", login: phone, password: GOOD } }); // biome-ignore format: one call
  expect(login.status).toBe(401);
});

test("ACC-6 a second registration takes the place of the first, of which systems are told", async () => {
  outside();
  const hurried = envWith({ OTP_RESEND_GAPS: "0,0,0,0,0" });
  const { client, phone } = await aRegistration({ name: "Первый" }, hurried);
  const [first] = await statusOf(phone);
  await shield("/accounts", { json: { client_id: client, login: phone, name: "Второй" }, env: hurried });
  expect(await statusOf(phone)).toEqual([{ id: expect.any(String), status: "inactive", name: "Второй" }]);
  expect(await eventsOf(first!.id)).toEqual([
    [1, "account.created"],
    [2, "account.deleted"],
  ]);
});

test("ACC-12 a password that comes with the code counts, whatever was registered", async () => {
  const { codeFor } = outside();
  const { client, phone, challenge } = await aRegistration({ password: GOOD });
  const [row] = await statusOf(phone);
  const before = await passwordOf(row!.id);
  const body = { client_id: client, login: phone, challenge_id: challenge.challenge_id, code: await codeFor(phone) };
  expect((await activateBy({ ...body, password: "short" })).status).toBe(422);
  expect((await activateBy({ ...body, password: `${GOOD} 2` })).status).toBe(200);
  const after = await passwordOf(row!.id);
  expect(after!.phc).toMatch(/^\$scrypt\$/);
  expect(after!.phc).not.toBe(before!.phc);
});

test("a client with four digits opens sessions that may not do everything, and one without login on activation opens none", async () => {
  const short = await anActivated({ client_id: (await aClient({ otpLength: 4 })).id });
  const tokenOf = (token: string) => JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  expect(tokenOf(short.tokens.access_token)).toMatchObject({ acr: "low", amr: ["otp", "sms"] });
  const json = { type: "email", value: "a@example.net" };
  const refused = await shield("/me/identifiers", { json, token: short.tokens.access_token });
  expect(refused.status).toBe(403);
  expect(await refused.json()).toMatchObject({ code: "acr_too_low" });
  const silent = await anActivated({ client_id: (await aClient({ loginOnActivation: false })).id });
  expect(silent.tokens).toBeUndefined();
});

test("ACC-5 a forgotten password is answered alike for a login that nobody has", async () => {
  const { phone, client, world } = await anActivated();
  const ask = (login: string) => shield("/accounts/password/forgot", { json: { client_id: client, login } });
  const stranger = aPhone();
  const [known, unknown] = [await ask(phone), await ask(stranger)];
  expect([known.status, unknown.status]).toEqual([202, 202]);
  const [a, b] = [await known.json<Record<string, unknown>>(), await unknown.json<Record<string, unknown>>()];
  expect({ ...a, challenge_id: "" }).toEqual({ ...b, challenge_id: "" });
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2), { timeout: 5000 });
  expect(world.smsTo(stranger)).toEqual([]);
});

test("TOK-10 a new password by code ends every session, and its owner is told", async () => {
  const { phone, client, world, tokens, account } = await anActivated();
  const asked = await shield("/accounts/password/forgot", { json: { client_id: client, login: phone } });
  const { challenge_id } = await asked.json<{ challenge_id: string }>();
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2), { timeout: 5000 });
  const code = await world.codeFor(phone);
  const reset = (fields: Record<string, unknown>) =>
    shield("/accounts/password/reset", {
      json: { client_id: client, challenge_id, code, new_password: GOOD, ...fields },
    });
  // A weak password does not spend the code; a login in the request counts for nothing.
  expect((await reset({ new_password: `${phone}1` })).status).toBe(422);
  expect((await reset({ login: aPhone() })).status).toBe(204);
  expect((await reset({})).status).toBe(401);
  const json = { name: "Пётр" };
  expect((await shield("/me", { method: "PATCH", json, token: tokens.access_token })).status).toBe(401);
  expect((await passwordOf(account.id))!.phc).toMatch(/^\$scrypt\$/);
  await vi.waitFor(() => expect(world.smsTo(phone).at(-1)).toMatch(/^Пароль изменён/), { timeout: 5000 });
});

test("ACC-1 a registration that is repeated under its key registers and sends once", async () => {
  const { smsTo, codeFor } = outside();
  const client_id = (await aClient()).id;
  const phone = aPhone();
  const headers = { "idempotency-key": randomId() };
  const ask = (login: string) => shield("/accounts", { json: { client_id, login }, headers });
  const [first, second] = [await ask(phone), await ask(phone)];
  expect([first.status, second.status]).toEqual([202, 202]);
  expect(await second.json()).toEqual(await first.json());
  await codeFor(phone);
  expect(smsTo(phone)).toHaveLength(1);
  expect((await ask(aPhone())).status).toBe(409);
});

test.each([
  ["without a password", {}, "/accounts"],
  ["with a password", { password: GOOD }, "/accounts"],
  ["who forgot it", {}, "/accounts/password/forgot"],
])("ACC-5 a login that has an account takes as many trips as one that has none: %s", async (_, fields, path) => {
  const { phone, client } = await anActivated();
  const tripsOf = async (login: string) => {
    const counted = countedEnv();
    const response = await shield(path, { json: { client_id: client, login, ...fields }, env: counted.env });
    expect(response.status).toBe(202);
    return counted.trips;
  };
  expect(await tripsOf(phone)).toEqual(await tripsOf(aPhone()));
});
