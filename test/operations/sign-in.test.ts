import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { settings } from "#env.ts";
import { codeAt, fromBase32, stepOf } from "#identity/totp/rfc6238.ts";
import { ADMIN_PASSWORD, anAdmin, codeOf, ops } from "../support/ops.ts";
import { aPerson, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const mfaOf = async (response: Response) => ((await response.json()) as { mfa_token: string }).mfa_token;
const cookieIn = (response: Response) => /__Host-ops=([^;]+)/.exec(response.headers.get("set-cookie") ?? "")?.[1];
// Every test has its own address, because guesses are counted per address.
let last = 0;
const from = () => ({ "cf-connecting-ip": `198.51.100.${++last}` });

const login = (who: { login: string }, password = ADMIN_PASSWORD, headers = from()) =>
  ops("/auth/login", { json: { login: who.login, password }, headers });

test("OPS-6 password and code open a session, whose cookie only a browser of ours sends", async () => {
  const who = await anAdmin({ password: true, roles: [{ role: "support", operator: "main" }] });
  const first = await login({ login: who.login.toUpperCase() });
  expect(first.status).toBe(200);
  const mfa_token = await mfaOf(first);
  const second = await ops("/auth/totp", { json: { mfa_token, code: codeOf(who) } });
  expect(second.status).toBe(204);
  expect(second.headers.get("set-cookie")).toMatch(
    /^__Host-ops=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  const cookie = cookieIn(second)!;
  const me = await ops("/auth/me", { cookie });
  expect(await me.json()).toEqual({
    admin: { id: who.id, login: who.login, name: "Staff" },
    roles: [{ role: "support", operator: "main" }],
    operators: ["main"],
  });
  expect((await ops("/auth/logout", { cookie, method: "POST" })).status).toBe(204);
  expect(await codeIn(await ops("/auth/me", { cookie }))).toEqual([401, "session_revoked"]);
  const stored = await env.DB.prepare("SELECT hash FROM admin_sessions WHERE admin_id = ?").bind(who.id).all();
  expect(JSON.stringify(stored.results)).not.toContain(cookie);
});

test("OPS-6 a wrong password and a login that nobody has are answered alike", async () => {
  const who = await anAdmin({ password: true });
  const [wrong, unknown] = [await login(who, "not-the-password"), await login({ login: "nobody@example.net" })];
  const told = async (response: Response) => {
    const { instance: _, ...rest } = (await response.json()) as Record<string, unknown>;
    return [response.status, rest];
  };
  expect(await told(wrong)).toEqual(await told(unknown));
  expect(wrong.status).toBe(401);
});

test.each(["banned", "invited"] as const)(
  "OPS-6 the right password of a %s administrator opens nothing",
  async (status) => {
    const who = await anAdmin({ password: true, status });
    expect(await codeIn(await login(who))).toEqual([401, "invalid_credentials"]);
  },
);

test("OPS-6 after some wrong passwords the login pauses before anything is hashed", async () => {
  const who = await anAdmin({ password: true });
  const headers = from();
  const { passwordFailures } = settings(env).LIMITS;
  for (let i = 0; i < passwordFailures; i++) expect((await login(who, "wrong", headers)).status).toBe(401);
  const locked = await login(who, ADMIN_PASSWORD, headers);
  expect(await codeIn(locked)).toEqual([429, "password_login_locked"]);
  expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("OPS-6 five wrong codes use a token up, and a used one is worth nothing", async () => {
  const who = await anAdmin({ password: true });
  const headers = from();
  const mfa_token = await mfaOf(await login(who));
  const wrong = codeOf(who) === "000000" ? "000001" : "000000";
  for (let i = 4; i >= 0; i--) {
    const answer = await ops("/auth/totp", { json: { mfa_token, code: wrong }, headers });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ code: "admin_totp_invalid", tries_left: i });
  }
  const sixth = await ops("/auth/totp", { json: { mfa_token, code: codeOf(who) }, headers });
  expect(await codeIn(sixth)).toEqual([401, "mfa_token_invalid"]);

  const fresh = await mfaOf(await login(who));
  expect((await ops("/auth/totp", { json: { mfa_token: fresh, code: codeOf(who) }, headers })).status).toBe(204);
  const again = await ops("/auth/totp", { json: { mfa_token: fresh, code: codeOf(who, 1) }, headers });
  expect(await codeIn(again)).toEqual([401, "mfa_token_invalid"]);
});

test("OPS-6 whoever knows the password cannot try codes without end", async () => {
  const who = await anAdmin({ password: true });
  const wrong = codeOf(who) === "000000" ? "000001" : "000000";
  let refused = 0;
  for (let round = 0; round < 5; round++) {
    const mfa_token = await mfaOf(await login(who));
    for (let i = 0; i < 5; i++) {
      const answer = await ops("/auth/totp", { json: { mfa_token, code: wrong }, headers: from() });
      const { code } = (await answer.json()) as { code: string };
      if (code === "mfa_token_invalid") refused++;
    }
  }
  expect(refused).toBe(5);
});

test("OPS-6 without a second step nobody gets in", async () => {
  const who = await anAdmin({ password: true });
  await env.DB.prepare("DELETE FROM totp_secrets WHERE owner_id = ?").bind(who.id).run();
  expect(await codeIn(await login(who))).toEqual([401, "admin_totp_required"]);
  expect(await codeIn(await ops("/auth/me", { cookie: who.cookie }))).toEqual([401, "admin_totp_required"]);
});

test("OPS-6 a recovery code stands in for the authenticator, once", async () => {
  const who = await anAdmin({ password: true });
  const made = await ops("/auth/recovery-codes", { cookie: who.cookie, method: "POST" });
  const { recovery_codes } = (await made.json()) as { recovery_codes: string[] };
  expect(recovery_codes).toHaveLength(10);
  const use = async () => {
    const mfa_token = await mfaOf(await login(who));
    return ops("/auth/totp", { json: { mfa_token, recovery_code: recovery_codes[3] }, headers: from() });
  };
  expect((await use()).status).toBe(204);
  expect(await codeIn(await use())).toEqual([401, "admin_totp_invalid"]);
});

test.each([
  ["idle", "last_seen_at = ?1", 31 * 60_000],
  ["over", "absolute_at = ?1", 1],
])("OPS-6 a session that is %s is refused", async (_, change, ago) => {
  const { cookie, id } = await anAdmin();
  await env.DB.prepare(`UPDATE admin_sessions SET ${change} WHERE admin_id = ?2`)
    .bind(Date.now() - ago, id)
    .run();
  expect(await codeIn(await ops("/auth/me", { cookie }))).toEqual([401, "session_revoked"]);
});

test("OPS-6 a third session ends the oldest one", async () => {
  const who = await anAdmin({ password: true });
  const enter = async (step: number) => {
    const mfa_token = await mfaOf(await login(who));
    return cookieIn(await ops("/auth/totp", { json: { mfa_token, code: codeOf(who, step) }, headers: from() }))!;
  };
  const second = await enter(0);
  expect((await ops("/auth/me", { cookie: who.cookie })).status).toBe(200);
  const third = await enter(1);
  expect((await ops("/auth/me", { cookie: who.cookie })).status).toBe(401);
  for (const cookie of [second, third]) expect((await ops("/auth/me", { cookie })).status).toBe(200);
});

test("OPS-6 what is grave wants password and code of the last minutes", async () => {
  const who = await anAdmin({ password: true, authAt: new Date(Date.now() - 301_000) });
  const rotate = () => ops("/auth/recovery-codes", { cookie: who.cookie, method: "POST" });
  const stale = await rotate();
  expect(stale.headers.get("www-authenticate")).toContain("insufficient_user_authentication");
  expect(await codeIn(stale)).toEqual([401, "reauthentication_required"]);
  const prove = (password: string, code: string) =>
    ops("/auth/reauth", { cookie: who.cookie, json: { password, code }, headers: from() });
  expect(await codeIn(await prove("wrong", codeOf(who)))).toEqual([401, "invalid_credentials"]);
  expect(await codeIn(await prove(ADMIN_PASSWORD, "12345"))).toEqual([401, "admin_totp_invalid"]);
  expect((await prove(ADMIN_PASSWORD, codeOf(who))).status).toBe(204);
  expect((await rotate()).status).toBe(200);
});

test("OPS-1 a customer's token opens no route of Operations, and a cookie none of Shield", async () => {
  const { token } = await aPerson();
  const answer = await ops("/auth/me", { headers: { authorization: `Bearer ${token}` } });
  expect(await codeIn(answer)).toEqual([401, "token_missing"]);
  const { cookie } = await anAdmin();
  expect((await shield("/me", { headers: { cookie: `__Host-ops=${cookie}` } })).status).toBe(401);
  expect((await shield("/me", { token: cookie })).status).toBe(401);
});

test("OPS-6 a page elsewhere cannot act with an administrator's cookie", async () => {
  const { cookie } = await anAdmin();
  const out = (origin: string) => ops("/auth/logout", { cookie, method: "POST", headers: { origin } });
  expect(await codeIn(await out("https://evil.example"))).toEqual([403, "origin_forbidden"]);
  expect(await codeIn(await out("null"))).toEqual([403, "origin_forbidden"]);
  expect((await out("https://api.example.net")).status).toBe(204);
});

const BOOTSTRAP = envWith({ BOOTSTRAP_TOKEN: "a-bootstrap-token-for-tests" });
const NEW = { bootstrap_secret: "a-bootstrap-token-for-tests", password: ADMIN_PASSWORD };
const bootstrap = (json: object, environment = BOOTSTRAP) =>
  ops("/bootstrap", { json: { ...NEW, ...json }, env: environment, headers: from() });
const nobodyYet = () => env.DB.prepare("DELETE FROM admin_roles WHERE role = 'superadmin'").run();

test("OPS-7 the bootstrap secret makes the first superadmin, who then signs in, and nobody after", async () => {
  await nobodyYet();
  const name = `root-${crypto.randomUUID()}`;
  expect(await codeIn(await bootstrap({ login: name, bootstrap_secret: "wrong" }))).toEqual([
    401,
    "invalid_credentials",
  ]);
  expect(await codeIn(await bootstrap({ login: name, password: "password" }))).toEqual([422, "password_too_weak"]);
  const made = await bootstrap({ login: name });
  expect(made.status).toBe(201);
  const { admin, totp } = (await made.json()) as { admin: { id: string }; totp: { secret: string } };
  expect(admin).toEqual({ id: expect.stringMatching(/^adm_/), login: name });
  expect(totp).toEqual({ secret: expect.any(String), otpauth_uri: expect.stringContaining("otpauth://totp/") });
  expect(await codeIn(await bootstrap({ login: "second-root" }))).toEqual([404, "route_not_found"]);
  expect(await codeIn(await bootstrap({ login: "" }))).toEqual([404, "route_not_found"]);
  expect(await codeIn(await bootstrap({ login: "third", bootstrap_secret: "wrong" }))).toEqual([
    404,
    "route_not_found",
  ]);

  const mfa_token = await mfaOf(await login({ login: name }));
  const code = codeAt(fromBase32(totp.secret), stepOf(new Date()));
  const cookie = cookieIn(await ops("/auth/totp", { json: { mfa_token, code } }));
  const me = (await (await ops("/auth/me", { cookie })).json()) as { roles: unknown };
  expect(me.roles).toEqual([{ role: "superadmin", operator: "*" }]);
});

test("OPS-7 of many bootstraps at once one makes an administrator", async () => {
  await nobodyYet();
  const names = Array.from({ length: 5 }, () => `root-${crypto.randomUUID()}`);
  const answers = await Promise.all(names.map((name) => bootstrap({ login: name })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 404, 404, 404, 404]);
  const rows = await env.DB.prepare(
    `SELECT (SELECT count(*) FROM admins WHERE login IN (SELECT value FROM json_each(?1))) AS admins,
      (SELECT count(*) FROM admin_roles WHERE role = 'superadmin' AND operator = '*') AS roles`,
  )
    .bind(JSON.stringify(names))
    .first();
  expect(rows).toEqual({ admins: 1, roles: 1 });
});

test("OPS-7 without a secret there is no bootstrap", async () => {
  await nobodyYet();
  const answer = await bootstrap({ login: "root" }, envWith({ BOOTSTRAP_TOKEN: "" }));
  expect(await codeIn(answer)).toEqual([404, "route_not_found"]);
});
