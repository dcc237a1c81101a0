import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { banAccount, deleteAccount, unbanAccount } from "#identity/accounts/accounts.ts";
import { createCustomer } from "#identity/accounts/customers.ts";
import { eraseDeleted, liftEndedBans, purgeInactive } from "#identity/accounts/housekeeping.ts";
import { changeProfile } from "#identity/accounts/profile.ts";
import { accountById, setPassword } from "#identity/accounts/queries.ts";
import { sendActivation, sendLoginCode } from "#identity/accounts/support-codes.ts";
import { shieldChores } from "#identity/chores.ts";
import type { Actor } from "#identity/journal/journal.ts";
import { operatorOf } from "#operator/operators.ts";
import { database } from "#platform/db.ts";
import { aController } from "../support/domains.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { aPhone, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const HOUR = 3_600_000;
const ADMIN: Actor = { kind: "admin", id: "adm_1", ip: "198.51.100.7", requestId: "req" };
const main = async () => (await operatorOf(env, "main"))!;
const account = (id: string) => accountById(database(env), "main", id);

async function aCustomer(now = new Date()) {
  const phone = aPhone();
  const { id } = await createCustomer(env, await main(), { login: { type: "phone", value: `+${phone}` } }, ADMIN, now);
  return { id, phone };
}

const journalOf = async (id: string) => {
  const events = await env.DB.prepare("SELECT type FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(id)
    .all();
  const audit = await env.DB.prepare("SELECT action, actor_kind FROM audit_log WHERE target_id = ? ORDER BY n").bind(id).all(); // biome-ignore format: one line each
  return {
    events: events.results.map(({ type }) => type),
    audit: audit.results.map(({ action, actor_kind }) => [action, actor_kind]),
  };
};

test("OPS-4 support has a code sent, never sees it, and the customer needs nothing but that code", async () => {
  const { codeFor, smsTo } = outside();
  const { id, phone } = await aCustomer();
  const answer = await sendActivation(env, await main(), id, "sms", ADMIN);
  const code = await codeFor(phone);
  expect(code).toMatch(/^\d{6}$/);
  expect(JSON.stringify(answer)).not.toContain(code);
  expect(answer).toMatchObject({ message_id: expect.any(String), channel: "sms" });
  const { audit } = await journalOf(id);
  expect(audit.at(-1)).toEqual(["account.activation_code_sent", "admin"]);

  const client = (await aClient()).id;
  const activate = (login: string) => shield("/accounts/activate", { json: { client_id: client, login, code } });
  expect((await activate(aPhone())).status).toBe(401);
  const response = await activate(phone);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ account: { id, status: "active" }, tokens: { scope: "account" } });
  expect((await activate(phone)).status).toBe(401);
  expect(smsTo(phone)).toHaveLength(1);
});

test("OPS-4 a code to sign in that support sent signs in, at any client of the operator, once", async () => {
  const { codeFor } = outside();
  const { account: id, phone } = await aPerson();
  await sendLoginCode(env, await main(), id, undefined, ADMIN);
  const client = (await aClient()).id;
  const json = { client_id: client, method: "sms", login: phone, code: await codeFor(phone) };
  const response = await shield("/auth/login", { json });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ account: { id } });
  expect((await shield("/auth/login", { json })).status).toBe(401);
});

test("OPS-4 codes that support sends are limited like any other", async () => {
  outside();
  const { id } = await aCustomer();
  await sendActivation(env, await main(), id, "sms", ADMIN);
  await expect(sendActivation(env, await main(), id, "sms", ADMIN)).rejects.toMatchObject({
    reason: "resend_too_soon",
  });
});

test.each([
  ["activate nobody", () => sendActivation, async () => "acc_nobody", "account_not_found"],
  ["activate who is active", () => sendActivation, async () => (await aPerson()).account, "already_in_state"],
  ["let in who is inactive", () => sendLoginCode, async () => (await aCustomer()).id, "account_not_active"],
  ["let in who is banned", () => sendLoginCode, async () => aBanned(null), "account_banned"],
  ["let in who is deleted", () => sendLoginCode, async () => aDeleted(), "account_not_found"],
])("OPS-4 no code is sent to %s", async (_, send, who, reason) => {
  outside();
  const id = await who();
  const sent = () => env.DB.prepare("SELECT count(*) AS n FROM messages WHERE account_id = ?").bind(id).first();
  const before = await sent(); // somebody's own activation is among them
  await expect(send()(env, await main(), id, undefined, ADMIN)).rejects.toMatchObject({ reason });
  expect(await sent()).toEqual(before);
});

test("OPS-4 no code is sent over a channel that the customer does not have", async () => {
  const { id } = await aCustomer();
  const sending = sendActivation(env, await main(), id, "email", ADMIN);
  await expect(sending).rejects.toMatchObject({ reason: "channel_unavailable" });
});

test("ACC-12 a password that somebody registered is dropped when support's code activates", async () => {
  const { codeFor } = outside();
  const { id, phone } = await aCustomer();
  await setPassword(database(env), "main", id, "$scrypt$planted", new Date());
  await sendActivation(env, await main(), id, "sms", ADMIN);
  const json = { client_id: (await aClient()).id, login: phone, code: await codeFor(phone) };
  expect((await shield("/accounts/activate", { json })).status).toBe(200);
  const kept = await env.DB.prepare("SELECT 1 FROM account_passwords WHERE account_id = ?").bind(id).first();
  expect(kept).toBeNull();
});

test("support learns that a login is taken, and takes over one that nobody has proven", async () => {
  const { phone } = await aPerson();
  const make = async (value: string) => createCustomer(env, await main(), { login: { type: "phone", value } }, ADMIN);
  await expect(make(phone)).rejects.toMatchObject({ reason: "identifier_taken" });
  const first = await aCustomer();
  const second = await make(first.phone);
  expect(await account(first.id)).toBeUndefined();
  expect(await account(second.id)).toMatchObject({ status: "inactive" });
});

test("ACC-6 a registration that nobody confirms is forgotten after a day, and not before", async () => {
  const now = new Date(Date.now() - 30 * HOUR);
  const old = await aCustomer(now);
  const young = await aCustomer(new Date(now.getTime() + HOUR));
  const person = await aPerson({ now });
  await purgeAll(new Date(now.getTime() + 24 * HOUR));
  expect(await account(old.id)).toBeUndefined();
  expect(await account(young.id)).toMatchObject({ status: "inactive" });
  expect(await account(person.account)).toMatchObject({ status: "active" });
  const left = await env.DB.prepare("SELECT 1 FROM account_identifiers WHERE account_id = ?").bind(old.id).first();
  expect(left).toBeNull();
  expect(await journalOf(old.id)).toEqual({
    events: ["account.created", "account.deleted"],
    audit: [
      ["account.created", "admin"],
      ["account.deleted", "system"],
    ],
  });
});

/** Other tests' registrations may be older; each round takes some. */
async function purgeAll(now: Date) {
  while ((await purgeInactive(env, now)) > 0);
}

test("ACC-9 a ban ends every session at once, also where an end is set, and unban lets in again", async () => {
  const { account: id, token } = await aPerson();
  const until = new Date(Date.now() + HOUR);
  expect(await banAccount(env, "main", { id, reason: "fraud", until }, ADMIN)).toBe(true);
  expect(await banAccount(env, "main", { id, reason: "fraud" }, ADMIN)).toBe(false);
  const refused = await shield("/me", { method: "PATCH", token, json: { name: "Анна" } });
  expect(refused.status).toBe(401);
  expect(await refused.json()).toMatchObject({ code: "session_revoked" });
  expect(await unbanAccount(env, "main", { id, reason: "mistake" }, ADMIN)).toBe(true);
  expect(await unbanAccount(env, "main", { id, reason: "mistake" }, ADMIN)).toBe(false);
  // What was signed in before stays out.
  expect((await shield("/me", { method: "PATCH", token, json: { name: "Анна" } })).status).toBe(401);
  expect(await account(id)).toMatchObject({ status: "active", banReason: null, banUntil: null });
  const { events, audit } = await journalOf(id);
  expect(events.slice(-2)).toEqual(["account.banned", "account.unbanned"]);
  expect(audit.slice(-2)).toEqual([
    ["account.banned", "admin"],
    ["account.unbanned", "admin"],
  ]);
});

async function aBanned(until: Date | null) {
  const { account: id } = await aPerson();
  await banAccount(env, "main", { id, reason: "fraud", until }, ADMIN);
  return id;
}

async function aDeleted(now = new Date()) {
  const { account: id } = await aPerson();
  await changeProfile(env, "main", { id, change: { name: "Анна", note: "calls often" } }, ADMIN);
  await deleteAccount(env, "main", { id, reason: "own wish" }, ADMIN, now);
  return id;
}

// The clock of these tests stands in the past, so that the other tests' accounts are as they were.
const ago = (hours: number) => new Date(Date.now() - hours * HOUR);

test("ACC-9 a ban with an end ends then, one without does not", async () => {
  const [short, long, forever] = [await aBanned(ago(3)), await aBanned(ago(1)), await aBanned(null)];
  while ((await liftEndedBans(env, ago(2))) > 0);
  expect(await account(short)).toMatchObject({ status: "active", banReason: null, banUntil: null });
  expect(await account(long)).toMatchObject({ status: "banned" });
  expect(await account(forever)).toMatchObject({ status: "banned" });
  const { events, audit } = await journalOf(short);
  expect(events.at(-1)).toBe("account.unbanned");
  expect(audit.at(-1)).toEqual(["account.unbanned", "system"]);
});

test("ACC-8 of a deleted person nothing is left after the time of keeping but the ids that the audit names", async () => {
  const id = await aDeleted(ago(40 * 24));
  await eraseDeleted(env, ago(11 * 24));
  expect(await account(id)).toMatchObject({ status: "deleted", name: "Анна" });
  while ((await eraseDeleted(env, ago(9 * 24))) > 0);
  const nothing = { name: null, nameFolded: null, patronymic: null, avatar: null, note: null, lang: null };
  expect(await account(id)).toMatchObject({ id, status: "deleted", ...nothing, eraseAt: null });
  const sessions = await env.DB.prepare("SELECT device, platform, ip_prefix, city FROM sessions WHERE subject_id = ?")
    .bind(id)
    .all();
  expect(sessions.results).toEqual([{ device: null, platform: null, ip_prefix: null, city: null }]);
  const { audit } = await journalOf(id);
  expect(audit.slice(-2)).toEqual([
    ["account.deleted", "admin"],
    ["account.erased", "system"],
  ]);
});

test.each([
  ["a moment ago", 0.1],
  ["so long ago that what is left of them goes", 40 * 24],
])("ACC-8 DEV-3 the clock frees the controllers of somebody whose deletion died on the way, %s", async (_, hours) => {
  const id = await aDeleted(ago(hours));
  const controller = await aController({ ownerAccountId: id });
  await eraseDeleted(env, new Date());
  const row = await env.DB.prepare("SELECT status, owner_account_id FROM controllers WHERE id = ?")
    .bind(controller)
    .first();
  expect(row).toEqual({ status: "factory", owner_account_id: null });
});

test("ACC-8 a deletion that is at work frees its controllers itself", async () => {
  const controller = await aController({ ownerAccountId: await aDeleted(new Date()) });
  await eraseDeleted(env, new Date());
  const row = await env.DB.prepare("SELECT status FROM controllers WHERE id = ?").bind(controller).first();
  expect(row).toEqual({ status: "claimed" });
});

test("ACC-6 ACC-8 ACC-9 the clock does all of it", async () => {
  const [inactive, banned, deleted] = [await aCustomer(ago(30)), await aBanned(ago(1)), await aDeleted(ago(40 * 24))];
  await shieldChores(env);
  expect(await account(inactive.id)).toBeUndefined();
  expect(await account(banned)).toMatchObject({ status: "active" });
  expect(await account(deleted)).toMatchObject({ name: null });
});

test.each([
  [
    "endedBans",
    "SELECT id FROM accounts WHERE ban_until IS NOT NULL AND ban_until <= 1 AND status = 'banned' ORDER BY ban_until",
  ],
  ["inactiveSince", "SELECT id FROM accounts WHERE status = 'inactive' AND created_at <= 1 ORDER BY created_at"],
  ["accountsToErase", "SELECT id FROM accounts WHERE erase_at IS NOT NULL AND erase_at <= 1 ORDER BY erase_at"],
])("%s reads its own index and no other row", async (_, query) => {
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${query}`).all<{ detail: string }>();
  expect(results.map(({ detail }) => detail)).toEqual([
    expect.stringMatching(/^SEARCH accounts USING INDEX accounts_/),
  ]);
});
