import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { banAccount, deleteAccount } from "#identity/accounts/accounts.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { openSession } from "#identity/sessions/sessions.ts";
import { validate } from "#identity/tokens/validate.ts";
import { aMember, GOOD, logIn } from "../support/logins.ts";
import { aPerson, shield } from "../support/shield.ts";
import { envWith, mobile } from "../support/world.ts";

interface Item {
  id: string;
  current: boolean;
}
const itemsOf = async (token: string) => (await (await shield("/sessions", { token })).json<{ items: Item[] }>()).items;

const codeOf = async (response: Response | Promise<Response>) => (await (await response).json<{ code: string }>()).code;

/** Whether a token still opens anything where it is asked strictly. */
const isAlive = (token: string) =>
  validate(env, token, { kinds: ["account"], freshness: "strict" }, () => {}).then(
    () => true,
    () => false,
  );

const OLD = new Date(Date.now() - 400_000);

test("TOK-11 people see where they are signed in, in Shield and in the resident's app", async () => {
  const { client, phone, email, account } = await aMember({ password: true, email: true });
  const signed = await logIn(
    {
      ...{ client_id: client, method: "password", login: `+${phone}`, password: GOOD },
      device: { id: "install-1", name: "Pixel 9", platform: "android" },
    },
    { headers: { "cf-connecting-ip": "203.0.113.77" } },
  );
  const { access_token: token, session_id } = await signed.json<{ access_token: string; session_id: string }>();
  await openSession(env, { account, acr: "low", device: "iPhone" });
  const other = await aPerson();

  const items = await itemsOf(token);
  const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(items).toHaveLength(2);
  expect(items.find(({ current }) => current)).toEqual({
    ...{ id: session_id, current: true, client, device_name: "Pixel 9", platform: "android" },
    ...{ created_at: ISO, last_seen_at: ISO, ip_prefix: "203.0.113.0/24", city: null, amr: ["pwd"] },
  });
  expect(items.find(({ current }) => !current)).toMatchObject({ client: null, device_name: "iPhone", platform: null });
  expect(JSON.stringify(items)).not.toContain(email);
  expect((await itemsOf(other.token)).map(({ current }) => current)).toEqual([true]);
});

test("TOK-8 a token opens what it is for, in the header and nowhere else", async () => {
  const { token } = await aPerson();
  expect((await shield("/sessions", { token })).status).toBe(200);
  expect(await codeOf(shield(`/sessions?access_token=${token}`))).toBe("token_missing");
  expect(await codeOf(shield("/sessions", { headers: { authorization: `Basic ${token}` } }))).toBe("token_missing");
});

test("TOK-6 a valid token says who, of which operator, in which session, how and when they proved it", async () => {
  const { token, account, client, tokens } = await aPerson();
  const subject = await validate(env, token, { kinds: ["account"], freshness: "strict" }, () => {});
  expect(subject).toEqual({
    ...{ kind: "account", id: account, operator: "main", session: tokens.session_id, client, scopes: ["account"] },
    ...{ amr: ["pwd"], acr: "normal", authAt: expect.any(Date), expiresAt: expect.any(Date) },
  });
});

test("TOK-10 logging out ends this session at once, and its refresh token with it", async () => {
  const { token, client, tokens } = await aPerson();
  expect((await shield("/auth/logout", { method: "POST", token })).status).toBe(204);
  expect(await codeOf(shield("/auth/logout", { method: "POST", token }))).toBe("session_revoked");
  const form = { grant_type: "refresh_token", refresh_token: tokens.refresh_token!, client_id: client };
  expect((await shield("/oauth/token", { form })).status).toBe(400);
});

test("TOK-10 one session, the others or all of them can be ended, a resident's app among them", async () => {
  const { token, phone, account, tokens } = await aPerson();
  const second = await aPerson({ phone });
  const third = await aPerson({ phone });
  const app = await openSession(env, { account, acr: "low", device: "iPhone" });
  const id = second.tokens.session_id;

  expect((await shield(`/sessions/${id}`, { method: "DELETE", token })).status).toBe(204);
  expect([await isAlive(second.token), await isAlive(third.token)]).toEqual([false, true]);
  expect(await codeOf(shield(`/sessions/${id}`, { method: "DELETE", token }))).toBe("session_not_found");

  expect((await shield("/sessions?except=current", { method: "DELETE", token })).status).toBe(204);
  expect([await isAlive(token), await isAlive(third.token)]).toEqual([true, false]);
  expect((await mobile("user/ping", undefined, { token: app })).status).toBe(401);
  expect((await itemsOf(token)).map((item) => item.id)).toEqual([tokens.session_id]);

  expect((await shield("/sessions", { method: "DELETE", token })).status).toBe(204);
  expect(await isAlive(token)).toBe(false);
});

test("a stolen token that is not fresh ends its own session and no other", async () => {
  const { token, phone, tokens } = await aPerson({ now: OLD });
  const other = await aPerson({ phone });
  for (const path of [`/sessions/${other.tokens.session_id}`, "/sessions", "/sessions?except=current"])
    expect(await codeOf(shield(path, { method: "DELETE", token }))).toBe("reauthentication_required");
  expect(await isAlive(other.token)).toBe(true);
  expect((await shield(`/sessions/${tokens.session_id}`, { method: "DELETE", token })).status).toBe(204);
});

test("nobody ends a stranger's session, or learns that there is one", async () => {
  const { token } = await aPerson();
  const stranger = await aPerson();
  const answers = await Promise.all(
    [stranger.tokens.session_id, "ses_01M800WJKD4005VME4B84WP3XA"].map(async (id) =>
      codeOf(shield(`/sessions/${id}`, { method: "DELETE", token })),
    ),
  );
  expect(answers).toEqual(["session_not_found", "session_not_found"]);
  expect(await isAlive(stranger.token)).toBe(true);
});

test.each([
  ["a ban", (id: string) => banAccount(env, "main", { id, reason: "test" }, SYSTEM)],
  ["deletion", (id: string) => deleteAccount(env, "main", { id, reason: "test" }, SYSTEM)],
])("TOK-10 %s ends every session of the account at the next call", async (_, end) => {
  const { token, account, phone } = await aPerson();
  const other = await aPerson({ phone });
  await end(account);
  expect(await codeOf(shield("/auth/logout", { method: "POST", token }))).toBe("session_revoked");
  expect(await isAlive(other.token)).toBe(false);
});

test("TOK-12 a person has so many sessions, and past that the one seen longest ago ends", async () => {
  const few = envWith({ LIMITS: JSON.stringify({ sessionsPerAccount: 3 }) });
  const { client, phone } = await aMember({ password: true });
  const tokens: string[] = [];
  for (let i = 0; i < 4; i++) {
    const body = { client_id: client, method: "password", login: `+${phone}`, password: GOOD };
    const signed = await logIn(body, { env: few });
    tokens.push((await signed.json<{ access_token: string }>()).access_token);
  }
  expect(await Promise.all(tokens.map(isAlive))).toEqual([false, true, true, true]);
  expect(await itemsOf(tokens[3]!)).toHaveLength(3);
});

test("TOK-11 the list of sessions comes page by page", async () => {
  const { token, phone } = await aPerson();
  const ids = new Set([(await itemsOf(token))[0]!.id]);
  for (let i = 0; i < 2; i++) ids.add((await aPerson({ phone })).tokens.session_id);
  const page = async (query: string) =>
    (await shield(`/sessions?${query}`, { token })).json<{ items: { id: string }[]; next_cursor: string | null }>();
  const first = await page("limit=2");
  const second = await page(`limit=2&cursor=${first.next_cursor}`);
  expect([first.items.length, second.items.length, second.next_cursor]).toEqual([2, 1, null]);
  expect(new Set([...first.items, ...second.items].map(({ id }) => id))).toEqual(ids);
  expect((await shield("/sessions?limit=101", { token })).status).toBe(422);
});
