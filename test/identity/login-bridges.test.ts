import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { banAccount, deleteAccount } from "#identity/accounts/accounts.ts";
import { createDomain, deleteDomain } from "#identity/domains/domains.ts";
import { insertMember } from "#identity/domains/member-queries.ts";
import { endMember } from "#identity/domains/members.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { database } from "#platform/db.ts";
import { publishRevocations } from "#premises/revocations.ts";
import { bySms, HASTY } from "../support/logins.ts";
import { aClient, shield } from "../support/shield.ts";
import { aHome, aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const played = async (camera: string, token: string) =>
  (await call(`/api/accessfl?name=${encodeURIComponent(camera)}&token=${token}&ip=203.0.113.9&proto=hls`)).status;

const accountAt = (phone: string) =>
  env.DB.prepare("SELECT account_id FROM account_identifiers WHERE value = ? AND verified_at IS NOT NULL")
    .bind(phone)
    .first<string>("account_id");

/** Registers in the resident's app, as the app does. */
async function inTheApp(world: ReturnType<typeof outside>, phone: string, environment: Env = env) {
  const sent = world.smsTo(phone).length;
  const asked = await mobile("user/requestCode", { userPhone: phone }, { env: environment });
  expect(asked.status).toBe(200);
  await vi.waitFor(() => expect(world.smsTo(phone).length).toBeGreaterThan(sent), { timeout: 5_000 });
  return mobile("user/confirmCode", { userPhone: phone, smsCode: await world.codeFor(phone) }, { env: environment });
}

const tokenOf = async (response: Response) =>
  (await response.json<{ data: { accessToken: string } }>()).data.accessToken;

test.each([
  ["a ban", (id: string) => banAccount(env, "main", { id, reason: "test" }, SYSTEM)],
  ["deletion", (id: string) => deleteAccount(env, "main", { id, reason: "test" }, SYSTEM)],
])("a resident of the app is the same account in Shield, and %s there ends the app and its cameras", async (_, end) => {
  const world = outside();
  const phone = aPhone();
  const { camera } = await aHome({ phones: [phone] });
  const app = await tokenOf(await inTheApp(world, phone));
  const cameras = await mobile("cctv/all", {}, { token: app });
  const [{ token: watching }] = (await cameras.json<{ data: [{ token: string }] }>()).data;
  expect(await played(camera.uuid, watching)).toBe(200);

  const { id: client } = await aClient();
  const signed = await bySms(world, { client, phone }, { env: envWith(HASTY) });
  const { account, access_token } = await signed.json<{ account: { id: string }; access_token: string }>();
  expect(account.id).toBe(await accountAt(phone));
  const listed = await shield("/sessions", { token: access_token });
  expect((await listed.json<{ items: { client: string | null }[] }>()).items.map((item) => item.client)).toContain(
    null,
  );

  await end(account.id);
  expect((await mobile("user/ping", undefined, { token: app })).status).toBe(401);
  expect((await shield("/auth/logout", { method: "POST", token: access_token })).status).toBe(401);
  await vi.waitFor(async () => expect(await played(camera.uuid, watching)).toBe(403), { timeout: 5_000 });
});

test("signing out of the app through Shield ends that device's cameras and no other's", async () => {
  const world = outside();
  const phone = aPhone();
  const { camera } = await aHome({ phones: [phone] });
  const [lost, kept] = [await aResident({ phone }), await aResident({ phone })];
  const watch = async (token: string) =>
    (await (await mobile("cctv/all", {}, { token })).json<{ data: [{ token: string }] }>()).data[0].token;
  const [onLost, onKept] = [await watch(lost.token), await watch(kept.token)];
  const { id: client } = await aClient();
  const { access_token: token } = await (await bySms(world, { client, phone })).json<{ access_token: string }>();
  expect((await shield(`/sessions/${lost.id}`, { method: "DELETE", token })).status).toBe(204);
  await vi.waitFor(async () => expect(await played(camera.uuid, onLost)).toBe(403), { timeout: 5_000 });
  expect(await played(camera.uuid, onKept)).toBe(200);
});

test.each([
  ["is taken out of a domain", (domain: string, account: string) => leave(domain, account)],
  [
    "loses a domain that is deleted",
    (domain: string) => deleteDomain(env, "main", { id: domain, detach: true }, SYSTEM),
  ],
])("the camera tokens of somebody who %s end; what their contract gives comes with a new one", async (_, lose) => {
  const phone = aPhone();
  const { camera } = await aHome({ phones: [phone] });
  const { token, account } = await aResident({ phone });
  const stranger = await aResident();
  const owner = await aResident();
  const { id } = await createDomain(env, "main", { accountId: owner.account, name: "Дом", addressRef: null }, SYSTEM);
  for (const member of [account, stranger.account])
    await insertMember(database(env), {
      ...{ operator: "main", domainId: id, accountId: member, role: "member", expiresAt: null },
      ...{ invitedBy: null, joinedAt: new Date() },
    });
  const watch = async () =>
    (await (await mobile("cctv/all", {}, { token })).json<{ data: [{ token: string }] }>()).data[0].token;
  const before = await watch();
  await leave(id, stranger.account);
  await publishRevocations(env);
  expect(await played(camera.uuid, before)).toBe(200);

  await lose(id, account);
  await vi.waitFor(async () => expect(await played(camera.uuid, before)).toBe(403), { timeout: 5_000 });
  const after = await watch();
  expect(after).not.toBe(before);
  expect(await played(camera.uuid, after)).toBe(200);
});

const leave = (domainId: string, accountId: string) =>
  endMember(env, "main", { domainId, accountId, own: "self", reason: "left" }, SYSTEM);

test("a ban made in Shield keeps the app out, until it is over", async () => {
  const world = outside();
  const phone = aPhone();
  const { account } = await aResident({ phone });
  const until = new Date(Date.now() + 3_600_000);
  await banAccount(env, "main", { id: account, reason: "test", until }, SYSTEM);
  expect((await mobile("user/requestCode", { userPhone: phone })).status).toBe(200);
  expect(world.smsTo(phone)).toEqual([]);

  await env.DB.prepare("UPDATE accounts SET ban_until = 1 WHERE id = ?").bind(account).run();
  const back = await inTheApp(world, phone, envWith(HASTY));
  expect(back.status).toBe(200);
  expect((await mobile("user/ping", undefined, { token: await tokenOf(back) })).status).toBe(204);
  expect(await env.DB.prepare("SELECT status FROM accounts WHERE id = ?").bind(account).first("status")).toBe("active");
});

test("signing in to the app is noted, and removes what others registered for the number", async () => {
  const world = outside();
  const phone = aPhone();
  const { id: client } = await aClient();
  const password = "the attacker knows this one very well";
  const hasty = envWith(HASTY);
  await shield("/accounts", { json: { client_id: client, login: `+${phone}`, password }, env: hasty });
  await world.codeFor(phone);
  const before = Date.now();
  expect((await inTheApp(world, phone, hasty)).status).toBe(200);
  const { results } = await env.DB.prepare(
    `SELECT a.status, a.last_login_at >= ? AS noted FROM accounts AS a
       JOIN account_identifiers AS i ON i.account_id = a.id WHERE i.value = ?`,
  )
    .bind(before, phone)
    .all();
  expect(results).toEqual([{ status: "active", noted: 1 }]);
});

test("ACC-11 the app has no second step, so a number that slept for months starts afresh there, whatever else the old account had", async () => {
  const world = outside();
  const phone = aPhone();
  const { account } = await aResident({ phone });
  const slept = Date.now() - 100 * 86_400_000;
  await env.DB.batch([
    env.DB.prepare("UPDATE accounts SET created_at = ?2, last_login_at = ?2 WHERE id = ?1").bind(account, slept),
    env.DB.prepare("UPDATE sessions SET last_seen_at = ?2 WHERE subject_id = ?1").bind(account, slept),
    env.DB.prepare(
      "INSERT INTO account_passwords (operator, account_id, phc, changed_at) VALUES ('main', ?, 'x', 0)",
    ).bind(account),
  ]);
  const { uid } = await aHome({ phones: [phone] });
  const token = await tokenOf(await inTheApp(world, phone));
  expect(await accountAt(phone)).not.toBe(account);
  // What the contract gives to the number is still there; what hung on the old account is not.
  const list = await mobile("address/getAddressList", {}, { token });
  expect(await list.text()).toContain(String(uid));
});

test("an access token of Shield is none of the app's", async () => {
  const world = outside();
  const phone = aPhone();
  await aResident({ phone });
  const { id: client } = await aClient();
  const { access_token: token } = await (await bySms(world, { client, phone })).json<{ access_token: string }>();
  expect((await mobile("user/ping", undefined, { token })).status).toBe(401);
});
