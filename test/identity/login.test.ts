import { env } from "cloudflare:test";
import bcrypt from "bcryptjs";
import { afterEach, expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { accountOfPhone, banAccount } from "#identity/accounts/accounts.ts";
import { passwordOf } from "#identity/accounts/queries.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { openChallenge } from "#identity/login/challenges.ts";
import { checkPassword, unlockPasswords } from "#identity/login/password-login.ts";
import { OPERATIONS } from "#identity/login/queries.ts";
import { signIn } from "#identity/login/sign-in.ts";
import { fail } from "#operator/error-catalogue.ts";
import { operatorOf } from "#operator/operators.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import * as passwords from "#platform/passwords.ts";
import { aController } from "../support/controllers.ts";
import { countedEnv } from "../support/counted.ts";
import {
  aMember,
  anAddress,
  anOperator,
  askCode,
  byPassword,
  bySms,
  GOOD,
  HASTY,
  logIn,
  mailbox,
  sessionsOf,
} from "../support/logins.ts";
import { aClient, shield } from "../support/shield.ts";
import { aPhone, envWith, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

interface Signed {
  access_token: string;
  session_id: string;
  account: { id: string; name: string | null };
}

const ANSWER = {
  ...{ access_token: expect.any(String), token_type: "Bearer", expires_in: 600, refresh_token: expect.any(String) },
  ...{ refresh_expires_in: 30 * 86_400, scope: "account", session_id: expect.stringMatching(/^ses_/) },
};

/** Many hashes, on a machine that may be busy. */
const SLOW = 20_000;

const claimsOf = (token: string) => JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));

/** The problem without what differs from request to request. */
async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const { instance: _, detail, retry_after: __, ...rest } = await response.json<Record<string, unknown>>();
  expect(detail).toEqual(expect.any(String));
  return { ...rest, status: response.status };
}

test("SCN-2 TOK-7 a person signs in by password, by SMS and by a code in a mail, and the token opens what is theirs", async () => {
  const world = outside();
  const mails = mailbox();
  const member = await aMember({ password: true, email: true });
  const { account, client, phone, email } = member;

  const first = await byPassword(member);
  expect(first.status).toBe(200);
  const signed = await first.json<Signed>();
  expect(signed).toEqual({ ...ANSWER, account: { id: account, name: null } });
  expect(claimsOf(signed.access_token)).toMatchObject({ sub: account, amr: ["pwd"], acr: "normal", knd: "account" });

  const second = await bySms(world, member);
  expect(claimsOf((await second.json<Signed>()).access_token)).toMatchObject({ sub: account, amr: ["sms", "otp"] });

  const { id, response } = await askCode(client, email);
  expect(await response.json()).toMatchObject({ channel: "email", code_length: 6, expires_in: 300 });
  const code = await mails.codeFor(email);
  const third = await logIn({ client_id: client, method: "code", login: email, challenge_id: id, code });
  expect(claimsOf((await third.json<Signed>()).access_token)).toMatchObject({ sub: account, amr: ["mail", "otp"] });

  const listed = await shield("/sessions", { token: signed.access_token });
  expect((await listed.json<{ items: object[] }>()).items).toHaveLength(3);
  expect(world.smsTo(phone)).toHaveLength(1);
});

test("SCN-2 IDP-2 a controller signs in with its serial and secret, and only controllers are asked about it", async () => {
  const { serial, secret, id } = await aController();
  const client = await aClient();
  const member = await aMember({ password: true });
  const asDevice = (login: string, password: string) =>
    logIn({ client_id: client.id, method: "password", login, password });

  const answer = await asDevice(`dev:${serial}`, secret);
  expect(answer.status).toBe(200);
  const { access_token, device } = await answer.json<Signed & { device: object }>();
  expect(device).toEqual({ id });
  expect(claimsOf(access_token)).toMatchObject({ sub: id, knd: "device", amr: ["pwd"] });
  expect((await shield("/sessions", { token: access_token })).status).toBe(401);

  expect((await asDevice(`dev:${serial}`, GOOD)).status).toBe(401);
  expect((await asDevice(`dev:+${member.phone}`, GOOD)).status).toBe(401);
  expect((await asDevice(`+${member.phone}`, secret)).status).toBe(401);
});

test("TOK-4 where the provider says no, there is no session", async () => {
  const { account, client: id, phone } = await aMember({ password: true });
  const [client] = await (await import("#identity/clients/queries.ts")).clientById(database(env), id);
  const operator = (await operatorOf(env, "main"))!;
  const asked: unknown[] = [];
  const signing = signIn(
    env,
    { client: client!, operator, address: "203.0.113.7" },
    { method: "password", login: { type: "phone", value: `+${phone}` }, password: GOOD },
    { device: {}, actorFor: (of) => ({ kind: "account", id: of }) },
    () => {},
    new Date(),
    {
      prove: async (_env, _requester, claim) => {
        asked.push(claim);
        throw fail("invalid_credentials");
      },
    },
  );
  await expect(signing).rejects.toMatchObject({ reason: "invalid_credentials", status: 401 });
  expect(asked).toHaveLength(1);
  expect(await sessionsOf(account)).toBe(0);
});

test.each([
  ["password", { methods: ["sms", "code"] }, {}],
  ["sms", { methods: ["password", "code"] }, {}],
  ["code", { methods: ["password", "sms"] }, {}],
  ["password", { firstParty: false }, {}],
  ["password", {}, { methods: ["sms"] }],
  ["sms", {}, { methods: ["password", "code"] }],
  ["code", {}, { methods: ["password", "sms"] }],
  ["code", {}, { email_codes: false }],
])("TOK-7 %s is switched off: client %j, operator %j", async (method, client, params) => {
  const operator = await anOperator(params);
  const { id } = await aClient({ operator, ...client } as never);
  const login = method === "code" ? anAddress() : `+${aPhone()}`;
  const refused = await logIn({ client_id: id, method, login, password: GOOD, challenge_id: "ch_1", code: "123456" });
  expect(await problemOf(refused)).toMatchObject({ status: 403, code: "method_not_allowed_for_client" });
  if (method === "password") return;
  const { response } = await askCode(id, login);
  expect(await problemOf(response)).toMatchObject({ status: 403, code: "method_not_allowed_for_client" });
});

test("unknown login, wrong password, no password and one that is to be replaced are one answer", async () => {
  const member = await aMember({ password: true });
  const { client } = member;
  const without = await aMember();
  const stale = await aMember({ password: true });
  await env.DB.prepare("UPDATE account_passwords SET must_reset = 1 WHERE account_id = ?").bind(stale.account).run();
  const answers = await Promise.all([
    byPassword({ client, phone: aPhone() }),
    byPassword(member, `${GOOD}!`),
    byPassword({ ...without, client }),
    byPassword({ ...stale, client }),
    logIn({ client_id: client, method: "password", login: anAddress(), password: GOOD }),
    logIn({ client_id: client, method: "password", login: `dev:${randomId()}`, password: GOOD }),
  ]);
  const problems = await Promise.all(answers.map(problemOf));
  expect(problems[0]).toMatchObject({ status: 401, code: "invalid_credentials" });
  for (const problem of problems) expect(problem).toEqual(problems[0]);
});

test("a known login and an unknown one cost the same: round trips, and exactly one hash after the limits", async () => {
  const verify = vi.spyOn(passwords, "verifyPassword");
  const nothing = vi.spyOn(passwords, "verifyAgainstNothing");
  const { client, phone } = await aMember({ password: true });
  const costOf = async (login: string) => {
    const counted = countedEnv();
    const response = await byPassword({ client, phone: login }, "a wrong password, whoever it is", {
      env: counted.env,
    });
    return { status: response.status, trips: { ...counted.trips } };
  };
  const known = await costOf(phone);
  expect([verify.mock.calls.length, nothing.mock.calls.length]).toEqual([1, 0]);
  const unknown = await costOf(aPhone());
  expect([verify.mock.calls.length, nothing.mock.calls.length]).toEqual([1, 1]);
  expect(unknown).toEqual(known);
  expect(known.trips).toMatchObject({ objects: 2, d1Writes: 0 });
});

test(
  "a wrong password too many pauses the network for that login, costs no hash, and closes nothing by SMS",
  async () => {
    const world = outside();
    const member = await aMember({ password: true });
    const { client, phone } = member;
    const stranger = aPhone();
    const few = { env: envWith({ LIMITS: JSON.stringify({ passwordFailures: 3 }) }) };
    for (const login of [phone, stranger])
      for (let tries = 0; tries < 3; tries++)
        expect((await byPassword({ client, phone: login }, "wrong", few)).status).toBe(401);

    const verify = vi.spyOn(passwords, "verifyPassword");
    const nothing = vi.spyOn(passwords, "verifyAgainstNothing");
    const [known, unknown] = await Promise.all([byPassword(member), byPassword({ client, phone: stranger })]);
    expect(Number(known.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problemOf(known)).toMatchObject({ status: 429, code: "password_login_locked" });
    expect(unknown.status).toBe(429);
    expect(verify).not.toHaveBeenCalled();
    expect(nothing).not.toHaveBeenCalled();

    const elsewhere = { "cf-connecting-ip": "198.51.100.9" };
    expect((await byPassword(member, GOOD, { headers: elsewhere })).status).toBe(200);
    expect((await byPassword(member)).status).toBe(429);
    expect((await bySms(world, member)).status).toBe(200);
    await unlockPasswords(env, "main", member.account);
    expect((await byPassword(member)).status).toBe(200);
  },
  SLOW,
);

test(
  "an imported bcrypt password signs in, and is one of ours from then on",
  async () => {
    const member = await aMember({ password: bcrypt.hashSync(GOOD, 4) });
    expect((await byPassword(member, `${GOOD}!`)).status).toBe(401);
    expect((await passwordOf(database(env), "main", member.account))!.phc).toMatch(/^\$2/);
    expect((await byPassword(member)).status).toBe(200);
    expect((await passwordOf(database(env), "main", member.account))!.phc).toMatch(/^\$scrypt\$/);
    expect((await byPassword(member)).status).toBe(200);
  },
  SLOW,
);

test("a password is checked for an account as for its login", async () => {
  const { account } = await aMember({ password: true });
  const check = (password: string) =>
    checkPassword(env, "main", { account }, { password, address: "203.0.113.7" }).then(({ id }) => id);
  expect(await check(GOOD)).toBe(account);
  await expect(check("wrong")).rejects.toMatchObject({ reason: "invalid_credentials" });
});

test("ACC-4 before activation no way of signing in succeeds, afterwards each does", async () => {
  const world = outside();
  const hasty = envWith(HASTY);
  const { id: client } = await aClient();
  const phone = aPhone();
  const login = `+${phone}`;
  const registered = await shield("/accounts", { json: { client_id: client, login, password: GOOD }, env: hasty });
  const { challenge_id } = await registered.json<{ challenge_id: string }>();
  const code = await world.codeFor(phone);

  expect((await byPassword({ client, phone })).status).toBe(401);
  const early = { client_id: client, method: "sms", login };
  expect((await logIn({ ...early, challenge_id, code })).status).toBe(401);
  const activated = await shield("/accounts/activate", { json: { client_id: client, login, challenge_id, code } });
  expect(activated.status).toBe(200);
  expect((await byPassword({ client, phone })).status).toBe(200);
  expect((await bySms(world, { client, phone }, { env: hasty })).status).toBe(200);
});

test("a code is sent to nobody for an unknown, banned or inactive login, and nothing in the answers tells", async () => {
  const world = outside();
  const { client, phone } = await aMember();
  const banned = await aMember();
  await banAccount(env, "main", { id: banned.account, reason: "test" }, SYSTEM);
  const logins = [phone, aPhone(), banned.phone];
  const asked = await Promise.all(
    logins.map(async (login) => {
      const counted = countedEnv();
      const { response, id } = await askCode(client, `+${login}`, {}, { env: counted.env });
      const { challenge_id: _, ...body } = await response.json<Record<string, unknown>>();
      return { id, seen: { status: response.status, body, trips: { ...counted.trips } } };
    }),
  );
  expect(asked[0]!.seen).toMatchObject({ status: 202, body: { channel: "sms", code_length: 6, resend_in: 60 } });
  for (const { seen } of asked) expect(seen).toEqual(asked[0]!.seen);
  await world.codeFor(phone);
  expect(logins.map((login) => world.smsTo(login).length)).toEqual([1, 0, 0]);

  const guesses = await Promise.all(
    asked.map(async ({ id }, i) => {
      const told = [];
      for (const code of ["000000", "000001", "000002", "000003", "000004", "000005"]) {
        const guess = { client_id: client, method: "sms", login: `+${logins[i]}`, challenge_id: id, code };
        const answer = await logIn(guess);
        expect(answer.status !== 429 || Number(answer.headers.get("retry-after")) > 0).toBe(true);
        told.push(await problemOf(answer));
      }
      const again = { json: { client_id: client } };
      return [...told, await problemOf(await shield(`/auth/challenges/${id}/resend`, again))];
    }),
  );
  expect(guesses[0]!.map(({ code, tries_left }) => [code, tries_left])).toEqual([
    ...[4, 3, 2, 1, 0].map((left) => ["code_invalid", left]),
    ["code_exhausted", 0],
    ["resend_too_soon", undefined],
  ]);
  for (const told of guesses) expect(told).toEqual(guesses[0]);
});

test("a ban is told to whoever proves who they are, with its end, and lets in once that has passed", async () => {
  const member = await aMember({ password: true });
  const until = new Date(Date.now() + 3_600_000);
  await banAccount(env, "main", { id: member.account, reason: "test", until }, SYSTEM);
  expect(await problemOf(await byPassword(member, "wrong"))).toMatchObject({ code: "invalid_credentials" });
  expect(await problemOf(await byPassword(member))).toMatchObject({
    ...{ status: 403, code: "account_banned", until: until.toISOString() },
  });
  expect(await sessionsOf(member.account)).toBe(0);

  await env.DB.prepare("UPDATE accounts SET ban_until = 1 WHERE id = ?").bind(member.account).run();
  expect((await byPassword(member)).status).toBe(200);
  const { results } = await env.DB.prepare("SELECT type FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(member.account)
    .all<{ type: string }>();
  expect(results.at(-1)).toEqual({ type: "account.unbanned" });
});

test("ACC-12 one form signs in or registers, and a password that somebody registered before opens nothing", async () => {
  const world = outside();
  const hasty = envWith(HASTY);
  const { id: client } = await aClient();
  const phone = aPhone();
  const login = `+${phone}`;
  const evil = "the attacker knows this one very well";
  await shield("/accounts", { json: { client_id: client, login, password: evil }, env: hasty });
  await world.codeFor(phone);

  const enter = async () => {
    const sent = world.smsTo(phone).length;
    const { id } = await askCode(client, login, { purpose: "auto" }, { env: hasty });
    await vi.waitFor(() => expect(world.smsTo(phone).length).toBe(sent + 1));
    const code = await world.codeFor(phone);
    return logIn({ client_id: client, method: "sms", login, challenge_id: id, code });
  };
  const first = await enter();
  expect(first.status).toBe(200);
  const { account } = await first.json<Signed>();
  expect((await (await enter()).json<Signed>()).account.id).toBe(account.id);
  expect((await byPassword({ client, phone }, evil)).status).toBe(401);
  const { results } = await env.DB.prepare("SELECT account_id FROM account_identifiers WHERE value = ?")
    .bind(phone)
    .all();
  expect(results).toEqual([{ account_id: account.id }]);
});

test.each([
  ["where people may not register", { self_registration: false }, () => `+${aPhone()}`],
  ["for an address", {}, anAddress],
])("nobody gets an account by signing in %s: the challenge is a decoy", async (_, params, aLogin) => {
  const world = outside();
  const operator = await anOperator(params);
  const { id: client } = await aClient({ operator });
  const login = aLogin();
  const { response, id } = await askCode(client, login, { purpose: "auto" });
  expect(response.status).toBe(202);
  const row = await env.DB.prepare("SELECT purpose, account_id FROM challenges WHERE id = ?").bind(id).first();
  expect(row).toEqual({ purpose: "login", account_id: null });
  expect([world.asked, world.smsTo(login.replace("+", ""))]).toEqual([[], []]);
});

test("fifty logins at once with one code open one session", async () => {
  const world = outside();
  const { account, client, phone } = await aMember();
  const { id } = await askCode(client, `+${phone}`);
  const code = await world.codeFor(phone);
  const body = { client_id: client, method: "sms", login: `+${phone}`, challenge_id: id, code };
  const answers = await Promise.all(Array.from({ length: 50 }, () => logIn(body)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(49).fill(401)]);
  expect(await sessionsOf(account)).toBe(1);
});

test("one challenge is one SMS, however often it is asked for", async () => {
  const world = outside();
  const { client, phone } = await aMember();
  const answers = await Promise.all(Array.from({ length: 30 }, () => askCode(client, `+${phone}`)));
  const statuses = answers.map(({ response }) => response.status);
  expect(statuses.toSorted()).toEqual([202, ...Array<number>(29).fill(429)]);
  const { id } = answers.find(({ response }) => response.status === 202)!;
  const again = await shield(`/auth/challenges/${id}/resend`, { json: { client_id: client } });
  expect(await problemOf(again)).toMatchObject({ status: 429, code: "resend_too_soon" });
  await world.codeFor(phone);
  expect(world.smsTo(phone)).toHaveLength(1);
});

test("a new code takes the old one's place, and stands for the same challenge", async () => {
  const world = outside();
  const { client, phone } = await aMember();
  const hasty = envWith(HASTY);
  const { id } = await askCode(client, `+${phone}`, {}, { env: hasty });
  const old = await world.codeFor(phone);
  const again = await shield(`/auth/challenges/${id}/resend`, { json: { client_id: client }, env: hasty });
  expect(await again.json()).toMatchObject({ challenge_id: id });
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));
  const code = await world.codeFor(phone);
  const body = { client_id: client, method: "sms", login: `+${phone}`, challenge_id: id };
  if (old !== code) expect((await logIn({ ...body, code: old })).status).toBe(401);
  expect((await logIn({ ...body, code })).status).toBe(200);
  const used = await shield(`/auth/challenges/${id}/resend`, { json: { client_id: client }, env: hasty });
  expect(used.status).toBe(401);
});

test("whoever was shut out since they asked gets no further code", async () => {
  const world = outside();
  const { account, client, phone } = await aMember();
  const hasty = envWith(HASTY);
  const { id } = await askCode(client, `+${phone}`, {}, { env: hasty });
  await world.codeFor(phone);
  await banAccount(env, "main", { id: account, reason: "test" }, SYSTEM);
  const texts = world.smsTo(phone).length;
  const again = await shield(`/auth/challenges/${id}/resend`, { json: { client_id: client }, env: hasty });
  expect(again.status).toBe(202);
  const next = await aMember();
  await askCode(next.client, `+${next.phone}`);
  await world.codeFor(next.phone);
  expect(world.smsTo(phone).length).toBe(texts);
});

test("a right code is worth nothing for another login, at another client, or as another method", async () => {
  const world = outside();
  const { client, phone } = await aMember();
  const other = await aMember();
  const { id } = await askCode(client, `+${phone}`);
  const code = await world.codeFor(phone);
  const body = { client_id: client, method: "sms", login: `+${phone}`, challenge_id: id, code };
  for (const wrong of [{ login: `+${other.phone}` }, { client_id: other.client }, { method: "code" }])
    expect(await problemOf(await logIn({ ...body, ...wrong }))).toMatchObject({ status: 401, code: "code_invalid" });
  expect((await logIn(body)).status).toBe(200);
});

test("TOK-7 a code is sent again to whoever names nothing but its challenge", async () => {
  const world = outside();
  const hasty = envWith(HASTY);
  const { client, phone } = await aMember();
  const { id } = await askCode(client, `+${phone}`, {}, { env: hasty });
  await world.codeFor(phone);
  const again = await shield(`/auth/challenges/${id}/resend`, { method: "POST", env: hasty });
  expect(again.status).toBe(202);
  expect(await again.json()).toMatchObject({ challenge_id: id });
  const unknown = await shield("/auth/challenges/ch_01HZZZZZZZZZZZZZZZZZZZZZZZ/resend", { method: "POST" });
  expect(await problemOf(unknown)).toMatchObject({ status: 401, code: "code_invalid" });
});

test("TOK-7 Basic on the login endpoint says the same without a body", async () => {
  const world = outside();
  const { account, client, phone } = await aMember({ password: true });
  const basic = (user: string, password: string, headers: Record<string, string>) => {
    const bytes = new TextEncoder().encode(`${user}:${password}`);
    const authorization = `Basic ${btoa(String.fromCharCode(...bytes))}`;
    return shield("/auth/login", { method: "POST", headers: { authorization, "x-client-id": client, ...headers } });
  };
  const byWord = await basic(`+${phone}`, GOOD, { "x-auth-method": "password" });
  expect((await byWord.json<Signed>()).account.id).toBe(account);
  expect((await basic(`+${phone}`, "wrong", { "x-auth-method": "password" })).status).toBe(401);

  const { id } = await askCode(client, `+${phone}`);
  const code = await world.codeFor(phone);
  const byCode = await basic(`+${phone}`, code, { "x-auth-method": "sms", "x-challenge-id": id });
  expect((await byCode.json<Signed>()).account.id).toBe(account);

  await askCode(client, `+${phone}`);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2), { timeout: 5000 });
  const next = await world.codeFor(phone);
  const other = { "x-auth-method": "sms", "x-client-id": (await aClient()).id };
  expect((await basic(`+${phone}`, next, other)).status).toBe(401);
  const unnamed = await logIn({ client_id: client, method: "sms", login: `+${phone}`, code: next });
  expect(unnamed.status).toBe(401);
  const newest = await basic(`+${phone}`, next, { "x-auth-method": "sms" });
  expect((await newest.json<Signed>()).account.id).toBe(account);

  const { serial, secret, id: device } = await aController();
  const unit = await basic(`dev:${serial}`, secret, { "x-auth-method": "password" });
  expect(await unit.json()).toMatchObject({ device: { id: device } });
});

test("a code that Operations sent needs no challenge", async () => {
  const world = outside();
  const { account, client: id, phone } = await aMember();
  const [client] = await (await import("#identity/clients/queries.ts")).clientById(database(env), id);
  const operator = (await operatorOf(env, "main"))!;
  const target = { type: "phone" as const, value: phone, country: "RU" };
  const requester = { client: { ...client!, id: OPERATIONS }, operator, address: "203.0.113.7" };
  await openChallenge(env, requester, { purpose: "login", target, account, deliver: "code" });
  const code = await world.codeFor(phone);
  const signed = await logIn({ client_id: id, method: "code", login: `+${phone}`, code });
  expect((await signed.json<Signed>()).account.id).toBe(account);
  expect((await logIn({ client_id: id, method: "code", login: `+${phone}`, code })).status).toBe(401);
});

test("a session that four digits opened says so", async () => {
  const world = outside();
  const member = await aMember({ otpLength: 4, password: true });
  const short = await bySms(world, member);
  expect(claimsOf((await short.json<Signed>()).access_token)).toMatchObject({ acr: "low" });
  expect(claimsOf((await (await byPassword(member)).json<Signed>()).access_token)).toMatchObject({ acr: "normal" });
});

test("the owner hears of a new device by mail, and not of the first or of one that they know", async () => {
  const mails = mailbox();
  const member = await aMember({ password: true, email: true });
  const from = (id: string) =>
    logIn({
      ...{ client_id: member.client, method: "password", login: member.email, password: GOOD },
      device: { id, name: "Pixel 9", platform: "android", push_token: null },
    });
  await from("install-1");
  await from("install-1");
  expect(mails.textsTo(member.email)).toEqual([]);
  await from("install-2");
  await vi.waitFor(() => expect(mails.textsTo(member.email)).toHaveLength(1));
});

test("signing in is noted, and is no edit of the account", async () => {
  const member = await aMember({ password: true, now: new Date(0) });
  await env.DB.prepare("UPDATE accounts SET last_login_at = 5 WHERE id = ?").bind(member.account).run();
  const at = Date.now();
  await byPassword(member);
  const row = await env.DB.prepare("SELECT last_login_at, ver FROM accounts WHERE id = ?").bind(member.account).first();
  expect(row!.last_login_at).toBeGreaterThanOrEqual(at);
  expect(row!.ver).toBe(1);
});

test.each([
  [{ method: "password", login: "+79161234567" }, "/password"],
  [{ method: "sms", login: "+79161234567" }, "/code"],
  [{ method: "fax", login: "+79161234567" }, "/method"],
  [{ method: "password", password: "x" }, "/login"],
])("%j is not a way to sign in", async (body, pointer) => {
  const { id } = await aClient();
  const refused = await problemOf(await logIn({ client_id: id, ...body }));
  expect(refused).toMatchObject({ status: 422, code: "validation_failed", errors: [{ pointer }] });
});

test("an unknown client, an impossible login and a channel that does not fit are refused", async () => {
  const { id } = await aClient();
  expect(await problemOf(await byPassword({ client: "cli_none", phone: aPhone() }))).toMatchObject({
    code: "invalid_client",
  });
  expect(await problemOf((await askCode(id, "12")).response)).toMatchObject({ code: "identifier_invalid" });
  const misfit = await askCode(id, `+${aPhone()}`, { channel: "email" });
  expect(await problemOf(misfit.response)).toMatchObject({ status: 422, code: "channel_unavailable" });
});

test("the same phone is one account, in the app and here", async () => {
  const world = outside();
  const { client, phone } = await aMember();
  const account = await accountOfPhone(env, phone, new Date());
  const signed = await bySms(world, { client, phone });
  expect((await signed.json<Signed>()).account.id).toBe(account.id);
  expect(settings(env).OPERATOR).toBe("main");
});
