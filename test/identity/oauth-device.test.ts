import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { banAccount } from "#identity/accounts/accounts.ts";
import { raiseEpoch } from "#identity/accounts/queries.ts";
import { clientOf } from "#identity/clients/clients.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { readAccessToken } from "#identity/tokens/access-token.ts";
import { openDeviceGrant, redeemDeviceGrant } from "#identity/tokens/device-grants.ts";
import { sweepSessions } from "#identity/tokens/sweep.ts";
import { userCodeHash } from "#identity/tokens/user-code.ts";
import { database } from "#platform/db.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { envWith, outside } from "../support/world.ts";

outside(); // owners are told of what happens to their accounts

const later = () => {};

/** A television that shows a code. */
async function aTelevision(now = new Date()) {
  const client = await clientOf(env, (await aClient({ name: "TV app", appType: "tv" })).id);
  const grant = await openDeviceGrant(
    env,
    client,
    { device: { name: "Hall", platform: "tizen" }, address: "203.0.113.9" },
    now,
  );
  const poll = (when = new Date()) =>
    redeemDeviceGrant(
      env,
      client,
      { deviceCode: grant.device_code, address: "203.0.113.9" },
      (id) => ({ kind: "account", id }),
      later,
      when,
    );
  return { client, grant, poll };
}

const decide = (token: string, user_code: string, approve = true) =>
  shield("/me/device-login", { token, json: { user_code, approve } });
const reason = (code: string) => expect.objectContaining({ reason: code });
const codeOf = async (answer: Response) => [answer.status, (await answer.json<{ code: string }>()).code];

test("TOK-7 a television gets a session of whoever approved its code, once", async () => {
  const { grant, poll, client } = await aTelevision();
  expect(grant).toMatchObject({ expires_in: 600, interval: 5 });
  expect(grant.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
  expect(grant.verification_uri_complete).toBe(`${grant.verification_uri}?user_code=${grant.user_code}`);
  await expect(poll()).rejects.toEqual(reason("authorization_pending"));

  const provenAt = new Date(Date.now() - 240_000);
  const { token, account } = await aPerson({ now: provenAt });
  const preview = await shield(`/me/device-login/${grant.user_code}`, { token });
  expect(await preview.json()).toMatchObject({
    client: { name: "TV app" },
    device: { name: "Hall", platform: "tizen" },
  });
  expect((await decide(token, grant.user_code.toLowerCase().replace("-", " "))).status).toBe(204);

  const tokens = await poll();
  const { claims } = await readAccessToken(env, tokens.access_token, ["account"], new Date());
  // The television is as freshly proven as the approver was: it is no way around proving oneself again.
  expect(claims).toMatchObject({ sub: account, client_id: client.id, amr: ["pwd"], scope: "account" });
  expect(claims.auth_time).toBe(Math.floor(provenAt.getTime() / 1000));
  expect(tokens.refresh_token).toMatch(/^rt1\./);
  await expect(poll()).rejects.toEqual(reason("invalid_grant"));
  const { results } = await env.DB.prepare("SELECT action FROM audit_log WHERE actor_id = ? ORDER BY n")
    .bind(account)
    .all();
  expect(results.map(({ action }) => action)).toEqual(
    expect.arrayContaining(["device_login.approved", "session.opened"]),
  );
});

test("TOK-7 ten polls at once of an approved grant open one session", async () => {
  const { grant, poll } = await aTelevision();
  const { token } = await aPerson();
  await decide(token, grant.user_code);
  const answers = await Promise.allSettled(Array.from({ length: 10 }, () => poll()));
  expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("TOK-7 a television that asks too often is slowed down, and one that keeps the pace is not", async () => {
  const { poll } = await aTelevision();
  const start = Date.now();
  const at = (seconds: number) => new Date(start + seconds * 1000);
  await expect(poll(at(0))).rejects.toEqual(reason("authorization_pending"));
  await expect(poll(at(5))).rejects.toEqual(reason("authorization_pending"));
  await expect(poll(at(7))).rejects.toEqual(reason("slow_down"));
  await expect(poll(at(13))).rejects.toEqual(reason("slow_down"));
  await expect(poll(at(28))).rejects.toEqual(reason("authorization_pending"));
});

test("TOK-7 a denied code, an expired code, another client's and an unknown one open nothing", async () => {
  const { token } = await aPerson();
  const denied = await aTelevision();
  expect((await decide(token, denied.grant.user_code, false)).status).toBe(204);
  await expect(denied.poll()).rejects.toEqual(reason("access_denied"));
  expect(await codeOf(await decide(token, denied.grant.user_code))).toEqual([404, "user_code_invalid"]);

  const old = await aTelevision(new Date(Date.now() - 601_000));
  expect(await codeOf(await decide(token, old.grant.user_code))).toEqual([404, "user_code_invalid"]);
  await expect(old.poll()).rejects.toEqual(reason("expired_token"));

  const { grant } = await aTelevision();
  const form = {
    ...{ grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: grant.device_code },
    client_id: (await aClient()).id,
  };
  const others = await shield("/oauth/token", { form });
  expect([others.status, (await others.json<{ error: string }>()).error]).toEqual([400, "invalid_grant"]);
  const unknown = await shield("/oauth/token", { form: { ...form, device_code: "x" } });
  expect(unknown.status).toBe(400);
});

test.each(["nonsense", "AAAA-AAAA", "BBBB-BBB", "BCDF-GHJK"])(
  "TOK-7 %s is no code on a screen, to look at or to approve",
  async (code) => {
    const { token } = await aPerson();
    expect(await codeOf(await decide(token, code))).toEqual([404, "user_code_invalid"]);
    expect(await codeOf(await shield(`/me/device-login/${code}`, { token }))).toEqual([404, "user_code_invalid"]);
  },
);

test("TOK-7 a code of another operator's television is unknown", async () => {
  const { id } = await aClient({ operator: "elsewhere" });
  const grant = await openDeviceGrant(env, await clientOf(env, id), { device: {}, address: "203.0.113.9" });
  const { token } = await aPerson();
  expect(await codeOf(await decide(token, grant.user_code))).toEqual([404, "user_code_invalid"]);
});

test.each([
  ["is banned", (account: string) => banAccount(env, "main", { id: account, reason: "test" }, SYSTEM)],
  ["changed the password", async (account: string) => raiseEpoch(database(env), "main", account)],
])(
  "TOK-4 TOK-10 a television gets nothing from somebody who %s between approving and its next question",
  async (_, end) => {
    const { grant, poll } = await aTelevision();
    const { token, account } = await aPerson();
    await decide(token, grant.user_code);
    await end(account);
    await expect(poll()).rejects.toEqual(reason("session_revoked"));
  },
);

test("TOK-7 nobody approves from a session that four digits opened, or without one", async () => {
  const { grant } = await aTelevision();
  const { token } = await aPerson({ acr: "low" });
  expect(await codeOf(await decide(token, grant.user_code))).toEqual([403, "acr_too_low"]);
  expect((await shield("/me/device-login", { json: { user_code: grant.user_code, approve: true } })).status).toBe(401);
  expect((await shield(`/me/device-login/${grant.user_code}`)).status).toBe(401);
});

test("TOK-7 user codes are guessed at a limited number of times, right ones do not count", async () => {
  const { token } = await aPerson();
  const at = envWith({ LIMITS: JSON.stringify({ addressFailuresPerDay: 3 }) });
  const headers = { "cf-connecting-ip": "198.51.100.77" };
  const guess = async (user_code: string) =>
    (await shield("/me/device-login", { token, json: { user_code, approve: true }, headers, env: at })).status;
  const { grant } = await aTelevision();
  expect(await guess(grant.user_code)).toBe(204);
  expect([await guess("BBBB-BBBB"), await guess("BBBB-BBBC"), await guess("BBBB-BBBD")]).toEqual([404, 404, 404]);
  const next = await aTelevision();
  expect(await guess(next.grant.user_code)).toBe(429);
  const elsewhere = { "cf-connecting-ip": "198.51.100.78" };
  const json = { user_code: next.grant.user_code, approve: true };
  expect((await shield("/me/device-login", { token, json, headers: elsewhere, env: at })).status).toBe(429);
});

test("TOK-7 only the operator's own clients sign televisions in, and only for the account", async () => {
  const begin = async (client: string, more = {}) => {
    const answer = await shield("/oauth/device_authorization", { form: { client_id: client, ...more } });
    return [answer.status, (await answer.json<{ error?: string }>()).error];
  };
  const { id } = await aClient();
  expect(await begin(id, { scope: "account" })).toEqual([200, undefined]);
  expect(await begin(id, { scope: "policies" })).toEqual([400, "invalid_scope"]);
  expect(await begin((await aClient({ firstParty: false })).id)).toEqual([400, "unauthorized_client"]);
  expect(await begin("cli_nobody")).toEqual([401, "invalid_client"]);
});

test("TOK-7 the codes themselves are not stored, and go when they are old", async () => {
  const { grant } = await aTelevision();
  const rows = async () =>
    (
      await env.DB.prepare("SELECT * FROM device_grants WHERE user_code_hash = ?")
        .bind(userCodeHash(env, grant.user_code)!)
        .all()
    ).results;
  const stored = JSON.stringify(await rows());
  expect(stored).not.toContain(grant.device_code);
  expect(stored).not.toContain(grant.user_code.replace("-", ""));
  await sweepSessions(env);
  expect(await rows()).toHaveLength(1);
  await env.DB.prepare("UPDATE device_grants SET expires_at = expires_at - 4201000 WHERE user_code_hash = ?")
    .bind(userCodeHash(env, grant.user_code)!)
    .run();
  await sweepSessions(env);
  expect(await rows()).toHaveLength(0);
});

test("TOK-7 the page that a television names says what to do, and repeats only what is a code", async () => {
  const page = async (code: string) => (await shield(`/device?user_code=${encodeURIComponent(code)}`)).text();
  expect(await page("BDWP-HQPK")).toContain("<strong>BDWP-HQPK</strong>");
  expect(await page("<script>alert(1)</script>")).not.toContain("alert");
});

test("from one address no more televisions begin to sign in than it may have in a day", async () => {
  const { id } = await aClient({ appType: "tv" });
  const strict = envWith({ LIMITS: JSON.stringify({ deviceGrantsPerAddress: 2 }) });
  const begin = (address: string) =>
    shield("/oauth/device_authorization", {
      ...{ form: { client_id: id }, headers: { "cf-connecting-ip": address }, env: strict },
    });
  const [here, there] = ["2001:db8:7e1e::1", "2001:db8:7e2e::1"];
  expect([(await begin(here)).status, (await begin(here)).status]).toEqual([200, 200]);
  const refused = await begin(here);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "3600"]);
  expect(await refused.json()).toMatchObject({
    ...{ error: "temporarily_unavailable", code: "rate_limited" },
    error_description: expect.stringContaining("3600"),
  });
  expect((await begin(there)).status).toBe(200);
});
