import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { banAccount } from "#identity/accounts/accounts.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { openTokens } from "#identity/tokens/issue.ts";
import { newId } from "#platform/crypto.ts";
import { aKeyPair, aSerial, enrol } from "../support/controllers.ts";
import { countedEnv } from "../support/counted.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { call, outside } from "../support/world.ts";

outside(); // owners are told of what happens to their accounts

const refreshing = (refresh_token: string, client_id: string) => ({
  grant_type: "refresh_token",
  refresh_token,
  client_id,
});
const CREDENTIALS = { grant_type: "client_credentials" };

async function aService(scopes: string[], fields = {}) {
  const { id, secret } = await aClient({ kind: "confidential", scopes, ...fields });
  return { user: id, password: secret };
}

/** A controller in use that has just signed in, through a client or through none. */
async function aController(client = "") {
  const id = newId("dev");
  await env.DB.prepare(
    "INSERT INTO controllers (operator, id, serial, model, status, domain_id, created_at) VALUES ('main', ?, ?, 'hub', 'claimed', 'dom_1', 0)",
  )
    .bind(id, id)
    .run();
  const session = { operator: "main", kind: "device" as const, subject: id, epoch: 1, client, scopes: ["device"] };
  const tokens = await openTokens(
    env,
    { ...session, amr: ["hwk"], acr: "normal", address: "203.0.113.7" },
    SYSTEM,
    () => {},
  );
  return { id, tokens };
}

test.each([
  ["no grant type", {}, 400, "invalid_request"],
  ["an unknown grant type", { grant_type: "magic" }, 400, "unsupported_grant_type"],
  ["the password grant", { grant_type: "password", username: "a", password: "b" }, 400, "unsupported_grant_type"],
  ["no refresh token", { grant_type: "refresh_token", client_id: "cli_x" }, 400, "invalid_request"],
  ["an empty parameter", { grant_type: "" }, 400, "invalid_request"],
  ["an unknown client", refreshing("rt1.x", "cli_nobody"), 401, "invalid_client"],
  ["a refresh token that is none", refreshing("nonsense", ""), 400, "invalid_grant"],
  ["client credentials without any", CREDENTIALS, 401, "invalid_client"],
  [
    "an assertion that is none",
    { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: "x" },
    400,
    "invalid_grant",
  ],
])("TOK-3 %s is refused in the format of OAuth", async (_, form, status, error) => {
  const answer = await shield("/oauth/token", { form: form as Record<string, string> });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(await answer.json()).toEqual({
    error,
    error_description: expect.stringMatching(/./),
    code: expect.stringMatching(/^[a-z_]+$/),
    num: expect.any(Number),
  });
});

test("TOK-3 a parameter that comes twice, and a body that is no form, are refused", async () => {
  const post = (body: string, type: string) =>
    call("/shield/v1/oauth/token", { method: "POST", headers: { "content-type": type }, body });
  const twice = await post(
    "grant_type=refresh_token&grant_type=client_credentials",
    "application/x-www-form-urlencoded",
  );
  expect([twice.status, (await twice.json<{ error: string }>()).error]).toEqual([400, "invalid_request"]);
  const json = await post('{"grant_type":"refresh_token"}', "application/json");
  expect([json.status, (await json.json<{ error: string }>()).error]).toEqual([400, "invalid_request"]);
});

test("TOK-3 a service gets tokens for its own scopes only, and no refresh token", async () => {
  const basic = await aService(["introspect", "access"]);
  const all = await (await shield("/oauth/token", { basic, form: CREDENTIALS })).json<Record<string, unknown>>();
  expect(all).toMatchObject({ token_type: "Bearer", expires_in: 300, scope: "introspect access" });
  expect(all).not.toHaveProperty("refresh_token");
  const one = await shield("/oauth/token", { basic, form: { ...CREDENTIALS, scope: "access" } });
  expect(await one.json()).toMatchObject({ scope: "access" });
  const more = await shield("/oauth/token", { basic, form: { ...CREDENTIALS, scope: "access policies" } });
  expect([more.status, (await more.json<{ error: string }>()).error]).toEqual([400, "invalid_scope"]);
  const disabled = await aService(["access"], { status: "disabled" });
  expect((await shield("/oauth/token", { basic: disabled, form: CREDENTIALS })).status).toBe(401);
});

test("TOK-2 TOK-6 introspection tells who a token speaks for, in one round trip", async () => {
  const { token, tokens, account, client } = await aPerson();
  const basic = await aService(["introspect"]);
  const counted = countedEnv();
  const answer = await shield("/oauth/introspect", { basic, form: { token }, env: counted.env });
  expect(counted.trips).toMatchObject({ d1: 1, kvReads: 0 });
  expect(await answer.json()).toEqual({
    ...{ active: true, token_type: "Bearer", sub: account, client_id: client, username: null, scope: "account" },
    ...{ iat: expect.any(Number), nbf: expect.any(Number), exp: expect.any(Number), jti: expect.any(String) },
    ...{ iss: "https://api.example.net/shield/v1", aud: "urn:yardgate:account", sid: tokens.session_id },
    ...{ knd: "account", op: "main", amr: ["pwd"], acr: "normal", auth_time: expect.any(Number) },
  });
  const device = await aController();
  const form = { token: device.tokens.access_token, token_type_hint: "access_token" };
  expect(await (await shield("/oauth/introspect", { basic, form })).json()).toMatchObject({
    ...{ active: true, sub: device.id, knd: "device", aud: "urn:yardgate:device", domain: "dom_1" },
  });
});

test("GW-11 a service names its own requests, whichever way it says who it is", async () => {
  const { id: user, secret: password } = await aClient({ kind: "confidential", scopes: ["introspect", "access"] });
  const basic = { user, password };
  const headers = { "x-request-id": "01ARZ3NDEKTSV4RRFFQ69G5FAV" };
  const granted = await shield("/oauth/token", { basic, form: { grant_type: "client_credentials" } });
  const { access_token: token } = await granted.json<{ access_token: string }>();
  const answers = await Promise.all([
    shield("/oauth/introspect", { basic, form: { token }, headers }),
    shield("/access/v1/evaluation", { basic, json: {}, headers }),
    shield("/access/v1/evaluation", { token, json: {}, headers }),
    shield("/me", { headers }),
  ]);
  const own = answers.map((answer) => answer.headers.get("x-request-id") === headers["x-request-id"]);
  expect(own).toEqual([true, true, true, false]);
});

test("TOK-13 introspection knows the present refresh token, which nobody can take for an access token", async () => {
  const { tokens, account, client } = await aPerson();
  const basic = await aService(["introspect"]);
  const ask = async (token: string) => (await shield("/oauth/introspect", { basic, form: { token } })).json();
  expect(await ask(tokens.refresh_token!)).toMatchObject({
    ...{ active: true, sub: account, token_type: "refresh_token", aud: "https://api.example.net/shield/v1" },
  });
  await shield("/oauth/token", { form: refreshing(tokens.refresh_token!, client) });
  expect(await ask(tokens.refresh_token!)).toEqual({ active: false });
});

test("TOK-13 of everything else introspection says the same", async () => {
  const { token, tokens, account } = await aPerson();
  const [header, payload, signature] = token.split(".");
  const ask = async (basic: { user: string; password: string }, text = token) =>
    (await shield("/oauth/introspect", { basic, form: { token: text } })).json();
  const basic = await aService(["introspect"]);
  const inactive = { active: false };
  expect(await ask(await aService(["introspect"], { operator: "elsewhere" }))).toEqual(inactive);
  expect(await ask(await aService(["introspect"], { aud: ["urn:yardgate:device"] }))).toEqual(inactive);
  expect(await ask(await aService(["introspect"], { operator: "elsewhere" }), tokens.refresh_token!)).toEqual(inactive);
  for (const text of ["x", "a.b.c", `${header}.${payload}.${signature!.slice(0, -2)}`, tokens.session_id])
    expect(await ask(basic, text)).toEqual(inactive);
  await banAccount(env, "main", { id: account, reason: "test" }, SYSTEM);
  expect(await ask(basic)).toEqual(inactive);
  expect(await ask(basic, tokens.refresh_token!)).toEqual(inactive);
});

test("TOK-13 introspection is for clients that show a secret and have the scope", async () => {
  const { token, client } = await aPerson();
  const basic = await aService(["introspect"]);
  const status = async (options: object) => (await shield("/oauth/introspect", { form: { token }, ...options })).status;
  expect(await status({})).toBe(401);
  expect(await status({ token })).toBe(401);
  expect(await status({ basic: { ...basic, password: "wrong" } })).toBe(401);
  expect(await status({ basic: { user: client, password: "" } })).toBe(401);
  expect(await status({ basic: await aService(["access"]) })).toBe(403);
  expect((await shield("/oauth/introspect", { basic, form: { no: "token" } })).status).toBe(400);
});

test.each(["access_token", "refresh_token"] as const)(
  "TOK-10 TOK-13 revoking an %s ends the whole session",
  async (which) => {
    const { token, tokens, client } = await aPerson();
    const revoked = await shield("/oauth/revoke", { form: { token: tokens[which]!, client_id: client } });
    expect([revoked.status, await revoked.text()]).toEqual([200, ""]);
    const refreshed = await shield("/oauth/token", { form: refreshing(tokens.refresh_token!, client) });
    expect(refreshed.status).toBe(400);
    const seen = await shield("/me/device-login", { token, json: { user_code: "BBBB-BBBB", approve: true } });
    expect([seen.status, (await seen.json<{ code: string }>()).code]).toEqual([401, "session_revoked"]);
  },
);

test("TOK-13 revocation answers 200 to whatever is shown, and ends only the client's own", async () => {
  const { tokens, client } = await aPerson();
  const other = (await aClient()).id;
  for (const token of ["x", tokens.access_token, tokens.refresh_token!])
    expect((await shield("/oauth/revoke", { form: { token, client_id: other } })).status).toBe(200);
  const twice = () => shield("/oauth/revoke", { form: { token: tokens.refresh_token!, client_id: client } });
  const alive = await shield("/oauth/token", { form: refreshing(tokens.refresh_token!, client) });
  expect(alive.status).toBe(200);
  expect([(await twice()).status, (await twice()).status]).toEqual([200, 200]);
  expect((await shield("/oauth/revoke", { form: { token: "x" } })).status).toBe(401);
});

test("TOK-9 a controller refreshes as people do, with the client that it came through or, if with none, without", async () => {
  const client = (await aClient()).id;
  const through = await aController(client);
  const form = refreshing(through.tokens.refresh_token!, client);
  expect((await shield("/oauth/token", { form: { ...form, client_id: "" } })).status).toBe(400);
  expect(await (await shield("/oauth/token", { form })).json()).toMatchObject({ expires_in: 3600, scope: "device" });
  const alone = await aController();
  const first = refreshing(alone.tokens.refresh_token!, "");
  const second = await (await shield("/oauth/token", { form: first })).json<{ refresh_token: string }>();
  const third = await shield("/oauth/token", { form: refreshing(second.refresh_token, "") });
  expect(third.status).toBe(200);
  expect((await shield("/oauth/token", { form: first })).status).toBe(400);
  expect((await shield("/oauth/token", { form: refreshing(second.refresh_token, "") })).status).toBe(400);
});

test("TOK-3 the metadata are where RFC 8414 looks for them, and name no keys", async () => {
  const below = await (await shield("/.well-known/oauth-authorization-server")).json<Record<string, unknown>>();
  const root = await call("/.well-known/oauth-authorization-server/shield/v1");
  expect(await root.json()).toEqual(below);
  expect(below).toMatchObject({
    issuer: "https://api.example.net/shield/v1",
    token_endpoint: "https://api.example.net/shield/v1/oauth/token",
  });
  expect(below).not.toHaveProperty("jwks_uri");
});

test.each(["Ed25519", "P-256"] as const)(
  "TOK-2 TOK-3 a controller gets tokens for an assertion signed with %s, once, and refreshes them",
  async (curve) => {
    const pair = await aKeyPair(curve);
    const { device_id: id } = await (await enrol({ serial: aSerial(), public_key: pair.publicKey })).json<{
      device_id: string;
    }>();
    const aud = "https://api.example.net/shield/v1/oauth/token";
    const exp = Math.floor(Date.now() / 1000) + 50;
    const assertion = await pair.sign({ iss: id, sub: id, aud, exp, jti: crypto.randomUUID() });
    const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
    const answer = await shield("/oauth/token", { form });
    const tokens = await answer.json<{ access_token: string; refresh_token: string }>();
    expect([answer.status, tokens]).toMatchObject([200, { token_type: "Bearer", expires_in: 3600, scope: "device" }]);
    expect((await shield(`/devices/${id}`, { token: tokens.access_token })).status).toBe(200);
    expect((await shield("/me", { token: tokens.access_token })).status).toBe(401);
    expect((await shield("/oauth/token", { form })).status).toBe(400);
    const refreshed = await shield("/oauth/token", { form: refreshing(tokens.refresh_token, "") });
    expect(refreshed.status).toBe(200);
  },
);

test("TOK-3 an assertion through a client is taken for that client's operator, and its session is that client's", async () => {
  const pair = await aKeyPair();
  const { device_id: id } = await (await enrol({ serial: aSerial(), public_key: pair.publicKey })).json<{
    device_id: string;
  }>();
  const aud = "https://api.example.net/shield/v1";
  const shown = async (client_id: string) => {
    const exp = Math.floor(Date.now() / 1000) + 50;
    const assertion = await pair.sign({ iss: id, sub: id, aud, exp, jti: crypto.randomUUID() });
    const form = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion, client_id };
    return shield("/oauth/token", { form });
  };
  expect((await shown((await aClient({ operator: "elsewhere" })).id)).status).toBe(400);
  expect((await shown("cli_nobody")).status).toBe(401);
  const client = (await aClient()).id;
  const tokens = await (await shown(client)).json<{ refresh_token: string }>();
  expect((await shield("/oauth/token", { form: refreshing(tokens.refresh_token, "") })).status).toBe(400);
  expect((await shield("/oauth/token", { form: refreshing(tokens.refresh_token, client) })).status).toBe(200);
});
