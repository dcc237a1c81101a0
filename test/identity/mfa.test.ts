import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { setPassword } from "#identity/accounts/queries.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { renewRecoveryCodes } from "#identity/totp/recovery-codes.ts";
import { codeAt, fromBase32, stepOf } from "#identity/totp/rfc6238.ts";
import { confirmTotp, newTotp } from "#identity/totp/totp.ts";
import { database } from "#platform/db.ts";
import {
  aMember,
  anOperator,
  askCode,
  byPassword,
  bySms,
  GOOD,
  HASTY,
  logIn,
  type Member,
  mailbox,
  sessionsOf,
} from "../support/logins.ts";
import { aPerson, shield } from "../support/shield.ts";
import { envWith, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

interface Half {
  mfa_required: true;
  mfa_token: string;
  methods: string[];
}
interface Signed {
  access_token: string;
  account: { id: string };
}

const claimsOf = ({ access_token }: Signed) =>
  JSON.parse(atob(access_token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));

const half = async (response: Response | Promise<Response>) => (await response).json<Half>();
const codeOf = async (response: Response | Promise<Response>) => (await (await response).json<{ code: string }>()).code;

const second = ({ client }: Pick<Member, "client">, body: Record<string, unknown>) =>
  shield("/auth/mfa", { json: { client_id: client, ...body } });

/** The authenticator of an account, set up a while ago: `code()` is one that was not used yet. */
async function anAuthenticator(account: string, operator = "main") {
  const setUpAt = new Date(Date.now() - 3_600_000);
  const { secret } = await newTotp(env, operator, { ownerId: account, label: "me" }, SYSTEM, setUpAt);
  const key = fromBase32(secret);
  const code = codeAt(key, stepOf(setUpAt));
  const codes = await confirmTotp(env, operator, { ownerId: account, code, kind: "account" }, SYSTEM, setUpAt);
  return { recovery: codes!, code: () => codeAt(key, stepOf(new Date())) };
}

const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, "0");

test("TOK-15 where the operator asks for two steps, a password alone opens nothing, and an SMS beside it does", async () => {
  const world = outside();
  const member = await aMember({ operator: await anOperator({ two_step: true }), password: true });
  const first = await half(byPassword(member));
  expect(first).toEqual({ mfa_required: true, mfa_token: expect.any(String), expires_in: 300, methods: ["sms"] });
  expect(await sessionsOf(member.account)).toBe(0);

  const { mfa_token } = first;
  const sent = await shield("/auth/mfa/challenge", { json: { client_id: member.client, mfa_token } });
  expect(sent.status).toBe(202);
  const { challenge_id } = await sent.json<{ challenge_id: string }>();
  const code = await world.codeFor(member.phone);
  const step = { mfa_token, method: "sms", challenge_id };
  expect(await codeOf(second(member, { ...step, code: wrong(code) }))).toBe("code_invalid");
  const signed = await (await second(member, { ...step, code })).json<Signed>();
  expect(claimsOf(signed)).toMatchObject({ sub: member.account, amr: ["pwd", "sms", "otp"], acr: "normal" });
  expect(await codeOf(second(member, { ...step, code }))).toBe("mfa_token_invalid");
  expect(await sessionsOf(member.account)).toBe(1);
});

test("TOK-15 a person may set an authenticator up, and is asked for it from then on", async () => {
  const world = outside();
  const member = await aMember({ password: true });
  const { access_token: token } = await (await byPassword(member)).json<Signed>();
  const made = await shield("/me/totp", { method: "POST", token });
  expect(made.status).toBe(200);
  const { secret, otpauth_uri } = await made.json<{ secret: string; otpauth_uri: string }>();
  expect(otpauth_uri).toContain(`secret=${secret}`);
  expect((await half(byPassword(member))).mfa_required).toBeUndefined();

  const code = codeAt(fromBase32(secret), stepOf(new Date()) - 1);
  expect(await codeOf(shield("/me/totp/confirm", { token, json: { code: wrong(code) } }))).toBe("totp_invalid");
  const confirmed = await shield("/me/totp/confirm", { token, json: { code } });
  const { recovery_codes } = await confirmed.json<{ recovery_codes: string[] }>();
  expect(new Set(recovery_codes).size).toBe(10);
  expect(await codeOf(shield("/me/totp", { method: "POST", token }))).toBe("totp_exists");

  const { mfa_token, methods } = await half(byPassword(member));
  expect(methods).toEqual(["sms", "totp", "recovery"]);
  const now = codeAt(fromBase32(secret), stepOf(new Date()));
  const signed = await second(member, { mfa_token, method: "totp", code: now });
  expect(claimsOf(await signed.json())).toMatchObject({ amr: ["pwd", "otp"], acr: "normal" });

  const again = await half(bySms(world, member, { env: envWith(HASTY) }));
  expect(again.methods).toEqual(["totp", "recovery", "password"]);
  const used = await second(member, { mfa_token: again.mfa_token, method: "totp", code: now });
  expect(await codeOf(used)).toBe("totp_invalid");
  const recovery = { mfa_token: again.mfa_token, method: "recovery", code: recovery_codes[0]!.toUpperCase() };
  expect((await second(member, recovery)).status).toBe(200);
  const { mfa_token: third } = await half(byPassword(member));
  expect(await codeOf(second(member, { ...recovery, mfa_token: third }))).toBe("totp_invalid");
});

test("TOK-10 whoever removes the authenticator is asked no more, and is signed out everywhere else", async () => {
  const { account, token, phone } = await aPerson();
  const other = await aPerson({ phone });
  expect(await codeOf(shield("/me/totp", { method: "DELETE", token }))).toBe("totp_missing");
  await anAuthenticator(account);
  expect((await shield("/me/totp", { method: "DELETE", token })).status).toBe(204);
  expect((await shield("/auth/logout", { method: "POST", token: other.token })).status).toBe(401);
  expect((await shield("/auth/logout", { method: "POST", token })).status).toBe(204);
  const left = await env.DB.prepare("SELECT count(*) AS n FROM recovery_codes WHERE owner_id = ?")
    .bind(account)
    .first("n");
  expect(left).toBe(0);
});

test.each([
  ["a proof that is too old", { now: new Date(Date.now() - 400_000) }, "reauthentication_required"],
  ["a session that four digits opened", { acr: "low" as const }, "acr_too_low"],
])("an authenticator is neither set up nor removed with %s", async (_, person, code) => {
  const { token, account } = await aPerson(person);
  expect(await codeOf(shield("/me/totp", { method: "POST", token }))).toBe(code);
  await anAuthenticator(account);
  expect(await codeOf(shield("/me/totp", { method: "DELETE", token }))).toBe(code);
});

test("the second step is never the first one over again", async () => {
  const world = outside();
  const member = await aMember({ operator: await anOperator({ two_step: true }), password: true });
  const first = await half(bySms(world, member));
  expect(first.methods).toEqual(["password"]);
  const { mfa_token } = first;
  const again = await shield("/auth/mfa/challenge", { json: { client_id: member.client, mfa_token } });
  expect(await codeOf(again)).toBe("method_not_allowed_for_client");
  const signed = await second(member, { mfa_token, method: "password", password: GOOD });
  expect(claimsOf(await signed.json())).toMatchObject({ amr: ["sms", "otp", "pwd"] });
});

test("who has nothing but a phone is not let in by it where two steps are the rule, and is told so", async () => {
  const world = outside();
  const member = await aMember({ operator: await anOperator({ two_step: true }) });
  expect(await codeOf(bySms(world, member))).toBe("method_not_allowed_for_client");
  expect(await sessionsOf(member.account)).toBe(0);
});

test("a person may ask for two steps where the operator does not, and a mail may be the second", async () => {
  const mails = mailbox();
  const member = await aMember({ password: true, email: true });
  await env.DB.prepare("UPDATE accounts SET two_step = 1 WHERE id = ?").bind(member.account).run();
  const { mfa_token, methods } = await half(byPassword(member));
  expect(methods).toEqual(["sms", "code"]);
  const sent = await shield("/auth/mfa/challenge", { json: { client_id: member.client, mfa_token, method: "code" } });
  const { challenge_id } = await sent.json<{ challenge_id: string }>();
  const code = await mails.codeFor(member.email);
  const step = { mfa_token, method: "code", challenge_id, code };
  expect(await codeOf(second(member, { ...step, method: "sms" }))).toBe("code_invalid");
});

test("five wrong codes use the first step up, and the wrong ones before do not", async () => {
  const member = await aMember({ password: true });
  const authenticator = await anAuthenticator(member.account);
  const roomy = envWith({ LIMITS: JSON.stringify({ passwordFailures: 10 }) });
  const { mfa_token } = await half(byPassword(member, GOOD, { env: roomy }));
  const guess = (code: string, token = mfa_token) =>
    shield("/auth/mfa", { json: { client_id: member.client, mfa_token: token, method: "totp", code }, env: roomy });
  const bad = wrong(wrong(authenticator.code()));
  for (let tries = 0; tries < 5; tries++) expect(await codeOf(guess(bad))).toBe("totp_invalid");
  expect(await codeOf(guess(authenticator.code()))).toBe("mfa_token_invalid");
  const { mfa_token: next } = await half(byPassword(member, GOOD, { env: roomy }));
  expect((await guess(authenticator.code(), next)).status).toBe(200);
});

test("whoever knows the password does not get more tries by beginning again", async () => {
  const member = await aMember({ password: true });
  const authenticator = await anAuthenticator(member.account);
  const bad = wrong(wrong(authenticator.code()));
  const codes = [];
  for (let round = 0; round < 2; round++) {
    const { mfa_token } = await half(byPassword(member));
    for (let tries = 0; tries < 3; tries++)
      codes.push(await codeOf(second(member, { mfa_token, method: "totp", code: bad })));
  }
  expect(codes).toEqual([...Array<string>(5).fill("totp_invalid"), "rate_limited"]);
});

test("a first step is worth nothing at another client, for another account's code, or twice at once", async () => {
  const member = await aMember({ password: true });
  const { code } = await anAuthenticator(member.account);
  const stranger = await aMember({ password: true });
  const theirs = await anAuthenticator(stranger.account);
  const { mfa_token } = await half(byPassword(member));
  expect(await codeOf(second(stranger, { mfa_token, method: "totp", code: code() }))).toBe("mfa_token_invalid");
  expect(await codeOf(second(member, { mfa_token, method: "totp", code: theirs.code() }))).toBe("totp_invalid");
  expect(await codeOf(second(member, { mfa_token: "made-up", method: "totp", code: code() }))).toBe(
    "mfa_token_invalid",
  );
  const body = { mfa_token, method: "totp", code: code() };
  const answers = await Promise.all(Array.from({ length: 4 }, () => second(member, body)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(await sessionsOf(member.account)).toBe(1);
});

test("recovery codes that were renewed open, the old ones do not", async () => {
  const member = await aMember({ password: true });
  const { recovery } = await anAuthenticator(member.account);
  const [fresh] = await renewRecoveryCodes(env, "main", { ownerId: member.account, kind: "account" }, SYSTEM);
  const { mfa_token } = await half(byPassword(member));
  expect(await codeOf(second(member, { mfa_token, method: "recovery", code: recovery[1] }))).toBe("totp_invalid");
  expect((await second(member, { mfa_token, method: "recovery", code: fresh })).status).toBe(200);
});

const LONG_AGO = new Date(Date.now() - 100 * 86_400_000);

test("ACC-11 a number whose account nobody has used for months opens it only with a second proof", async () => {
  const world = outside();
  const member = await aMember({ password: true, now: LONG_AGO });
  const first = await half(bySms(world, member));
  expect(first).toMatchObject({ mfa_required: true, methods: ["password"] });
  expect(await sessionsOf(member.account)).toBe(0);
  const proof = { mfa_token: first.mfa_token, method: "password", password: GOOD };
  expect((await (await second(member, proof)).json<Signed>()).account.id).toBe(member.account);
  // They are back, so the SMS is enough again.
  const again = await bySms(world, member, { env: envWith(HASTY) });
  expect((await again.json<Signed>()).account.id).toBe(member.account);
});

test("ACC-11 where there is no second proof, the number starts a fresh account and the old one keeps the rest", async () => {
  const world = outside();
  const member = await aMember({ now: LONG_AGO });
  const { account } = await (await bySms(world, member)).json<Signed>();
  expect(account.id).not.toBe(member.account);
  const owners = await env.DB.prepare("SELECT account_id FROM account_identifiers WHERE value = ?")
    .bind(member.phone)
    .all();
  expect(owners.results).toEqual([{ account_id: account.id }]);
  const audit = await env.DB.prepare(
    "SELECT before FROM audit_log WHERE target_id = ? AND action = 'account.identifier_released'",
  )
    .bind(member.account)
    .first<string>("before");
  expect(audit).toContain("***");
  expect(audit).not.toContain(member.phone);
  const events = await env.DB.prepare("SELECT type FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(account.id)
    .all();
  expect(events.results).toEqual([{ type: "account.created" }, { type: "account.activated" }]);
});

test("ACC-11 a session that was seen lately keeps the account awake, and a password wakes it by itself", async () => {
  const world = outside();
  const seen = await aMember({ now: LONG_AGO });
  await aPerson({ phone: seen.phone });
  expect((await (await bySms(world, seen)).json<Signed>()).account.id).toBe(seen.account);
  const asleep = await aMember({ password: true, now: LONG_AGO });
  expect((await (await byPassword(asleep)).json<Signed>()).account.id).toBe(asleep.account);
});

test("a challenge of the second step signs nobody in by itself", async () => {
  const world = outside();
  const member = await aMember({ operator: await anOperator({ two_step: true }), password: true });
  const { mfa_token } = await half(byPassword(member));
  const sent = await shield("/auth/mfa/challenge", { json: { client_id: member.client, mfa_token } });
  const { challenge_id } = await sent.json<{ challenge_id: string }>();
  const code = await world.codeFor(member.phone);
  const body = { client_id: member.client, method: "sms", login: `+${member.phone}`, challenge_id, code };
  expect(await codeOf(logIn(body))).toBe("code_invalid");
  const { response } = await askCode(member.client, `+${member.phone}`);
  expect(await codeOf(response)).toBe("resend_too_soon");
});

test("TOK-15 the second step needs no more than the token, the method and the code", async () => {
  const world = outside();
  const member = await aMember({ operator: await anOperator({ two_step: true }), password: true });
  const { mfa_token } = await half(byPassword(member));
  const { id: challenge_id } = await askCode(member.client, `+${member.phone}`);
  const code = await world.codeFor(member.phone);
  const signed = await shield("/auth/mfa", { json: { mfa_token, method: "sms", challenge_id, code } });
  expect(claimsOf(await signed.json())).toMatchObject({ sub: member.account, client_id: member.client });
  const unknown = await shield("/auth/mfa", { json: { mfa_token: "x", method: "totp", code: "123456" } });
  expect([unknown.status, await codeOf(unknown)]).toEqual([401, "mfa_token_invalid"]);
});

test("TOK-10 a password that was replaced since it was shown is no first step any more", async () => {
  const member = await aMember({ password: true });
  const { recovery } = await anAuthenticator(member.account);
  const { mfa_token } = await half(byPassword(member));
  await setPassword(database(env), "main", member.account, "$2$other", new Date(Date.now() + 1));
  const step = { mfa_token, method: "recovery", code: recovery[0]! };
  expect(await codeOf(second(member, step))).toBe("mfa_token_invalid");
});

test("whoever has somebody's token cannot guess at the authenticator that they are setting up", async () => {
  const { account, token } = await aPerson();
  await newTotp(env, "main", { ownerId: account, label: "me" }, SYSTEM);
  const guess = (code: string) => shield("/me/totp/confirm", { token, json: { code } });
  for (let tries = 0; tries < 5; tries++) expect(await codeOf(guess("000000"))).toBe("totp_invalid");
  expect(await codeOf(guess("000000"))).toBe("rate_limited");
});
