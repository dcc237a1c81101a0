import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { banAccount, newAccount } from "#identity/accounts/accounts.ts";
import { updateAccount } from "#identity/accounts/queries.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aController, aDomain, aMember, eventsOf, roleIn } from "../support/domains.ts";
import { anAdmin, ops, type SignedAdmin } from "../support/ops.ts";
import { aPerson, shield } from "../support/shield.ts";
import { aPhone, envWith, outside } from "../support/world.ts";

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const support = () => anAdmin({ roles: [{ role: "support", operator: "main" }] });
const tokensOf = (token: string) => shield("/me", { token, method: "PATCH", json: {}, headers: {} });

interface List {
  items: { id: string; name: string | null; phone: string; email: string | null }[];
  next_cursor: string | null;
}
const search = async ({ cookie }: SignedAdmin, query: Record<string, string>): Promise<List> => {
  const answer = await ops(`/customers?${new URLSearchParams(query)}`, { cookie });
  expect(answer.status).toBe(200);
  return (await answer.json()) as List;
};

async function named(name: string) {
  const person = await aPerson();
  await updateAccount(database(env), "main", person.account, { name });
  return person;
}

test("OPS-2 customers are found by name, phone, address, id and controller, with what is personal masked", async () => {
  const who = await support();
  const surname = `Щукин${randomId(4)}`;
  const person = await named(`Ёлка ${surname}`);
  const serial = `SN-${randomId(6)}`;
  await aController({ serial, ownerAccountId: person.account });
  const queries = [
    { q: surname.toUpperCase().slice(0, -2) },
    { q: person.phone.slice(0, 9) },
    { q: person.account },
    { phone: `+${person.phone}` },
    { phone: `8${person.phone.slice(1)}` },
    { id: person.account },
    { serial },
  ] as Record<string, string>[];
  for (const query of queries) {
    const { items } = await search(who, query);
    expect(items.map(({ id }) => id)).toContain(person.account);
    expect(JSON.stringify(items)).not.toContain(person.phone);
  }
  const { items } = await search(who, { id: person.account });
  expect(items[0]!.phone).toBe(`+${person.phone.slice(0, 4)}***${person.phone.slice(-4)}`);
  expect((await search(who, { q: `${surname} ${"ы".repeat(60)}` })).items).toEqual([]);
  expect((await search(who, { id: person.account, status: "banned" })).items).toEqual([]);
  expect((await search(who, { id: person.account, phone: "phone" })).items).toEqual([]);
  expect((await search(who, { id: person.account, created_from: "2100-01-01T00:00:00Z" })).items).toEqual([]);
  const today = new Date().toISOString().slice(0, 10);
  const found = async (dates: Record<string, string>) =>
    (await search(who, { id: person.account, ...dates })).items.length;
  expect(
    await Promise.all([{ created_from: today, created_to: today }, { created_from: "2100-01-01" }].map(found)),
  ).toEqual([1, 0]);
});

test("OPS-2 an address is found by its beginning", async () => {
  const local = randomId(8).toLowerCase();
  const account = await newAccount(env, "main", { type: "email", value: `${local}@example.net` }, new Date());
  const { items } = await search(await support(), { email: `${local.toUpperCase().slice(0, 6)}` });
  expect(items.find(({ id }) => id === account.id)?.email).toBe(`${local[0]}***@example.net`);
});

test("OPS-2 a list goes on where the page before ended", async () => {
  const who = await support();
  const name = `Семья ${randomId(6)}`;
  const people = [await named(name), await named(name), await named(name)].map(({ account }) => account).reverse();
  const first = await search(who, { q: name, limit: "2" });
  const second = await search(who, { q: name, limit: "2", cursor: first.next_cursor! });
  expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(people);
  expect(second.next_cursor).toBeNull();
});

test("OPS-5 whoever looks at a customer is written down, and so is every change", async () => {
  const who = await support();
  const person = await aPerson();
  const card = await ops(`/customers/${person.account}`, { cookie: who.cookie });
  expect(await card.json()).toMatchObject({
    ...{ id: person.account, status: "active", counts: { sessions: 1, devices: 0, domains: 0 }, password: "none" },
  });
  for (const what of ["sessions", "devices", "domains", "messages", "audit"]) {
    const answer = await ops(`/customers/${person.account}/${what}`, { cookie: who.cookie });
    expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([200, ["items", "next_cursor"]]);
  }
  const json = { note: "calls at night" };
  const headers = { "if-match": card.headers.get("etag")! };
  const patch = (given = {}) =>
    ops(`/customers/${person.account}`, { cookie: who.cookie, method: "PATCH", json, headers: given });
  expect(await codeIn(await patch())).toEqual([428, "precondition_required"]);
  expect(await (await patch(headers)).json()).toMatchObject(json);
  expect(await codeIn(await patch(headers))).toEqual([412, "precondition_failed"]);
  const rows = await env.DB.prepare("SELECT action, ip, request_id FROM audit_log WHERE actor_id = ? ORDER BY n")
    .bind(who.id)
    .all<{ action: string; request_id: string }>();
  expect(rows.results.map(({ action }) => action)).toEqual([
    ...Array<string>(6).fill("customer.viewed"),
    "account.updated",
  ]);
  expect(rows.results.every(({ request_id }) => request_id.length === 26)).toBe(true);
});

test("OPS-2 OPS-9 a ban says why, counts at once, and is lifted", async () => {
  outside();
  const { cookie } = await support();
  const { account, token } = await aPerson();
  const act = (path: string, json: object) => ops(`/customers/${account}/${path}`, { cookie, json });
  expect(await codeIn(await act("ban", {}))).toEqual([422, "reason_required"]);
  expect(await codeIn(await act("ban", { reason: "x", until: "2001-01-01T00:00:00Z" }))).toEqual([
    422,
    "validation_failed",
  ]);
  const until = new Date(Date.now() + 86_400_000).toISOString();
  expect(await (await act("ban", { reason: "fraud", until })).json()).toEqual({
    status: "banned",
    until,
    effective: "now",
  });
  expect((await tokensOf(token)).status).toBe(401);
  expect(await codeIn(await act("ban", { reason: "again" }))).toEqual([409, "already_in_state"]);
  expect(await (await ops(`/customers/${account}`, { cookie })).json()).toMatchObject({
    ban: { reason: "fraud", until },
  });
  expect((await act("unban", { reason: "sorry" })).status).toBe(200);
  expect(await codeIn(await act("unban", { reason: "sorry" }))).toEqual([409, "already_in_state"]);
});

const remover = () => anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] });
const remove = ({ cookie }: SignedAdmin, id: string, json: object) =>
  ops(`/customers/${id}`, { cookie, method: "DELETE", json });

test("OPS-2 OPS-9 a deletion says why, and names whom once more", async () => {
  const [who, { account, token }] = [await remover(), await aPerson()];
  expect(await codeIn(await remove(who, account, { confirm: account }))).toEqual([422, "reason_required"]);
  expect(await codeIn(await remove(who, account, { reason: "x", confirm: "yes" }))).toEqual([
    422,
    "confirmation_mismatch",
  ]);
  const stale = await anAdmin({ authAt: new Date(Date.now() - 301_000) });
  expect(await codeIn(await remove(stale, account, { reason: "x", confirm: account }))).toEqual([
    ...[401, "reauthentication_required"],
  ]);
  const gone = await remove(who, account, { reason: "asked by letter", confirm: account });
  expect(gone.status).toBe(202);
  expect(await gone.json()).toEqual({ delete_at: expect.stringMatching(/^\d{4}-/) });
  expect((await tokensOf(token)).status).toBe(401);
  expect(await codeIn(await remove(who, account, { reason: "x", confirm: account }))).toEqual([
    404,
    "account_not_found",
  ]);
});

test("OPS-2 a home does not lose its only owner, unless it goes too or gets another", async () => {
  const who = await remover();
  const [one, two] = [await aDomain(), await aDomain()];
  const heir = await aMember(one.id);
  await aMember(two.id);
  const json = (owner: string, more = {}) => ({ reason: "x", confirm: owner, ...more });
  const first = one.owner.account;
  expect(await codeIn(await remove(who, first, json(first)))).toEqual([409, "owner_must_transfer"]);
  expect(await codeIn(await remove(who, first, json(first, { domains: "transfer" })))).toEqual([
    422,
    "validation_failed",
  ]);
  const transfer = json(first, { domains: "transfer", to: heir.account });
  expect((await remove(who, first, transfer)).status).toBe(202);
  const { items } = (await (await ops(`/customers/${heir.account}/domains`, who)).json()) as { items: object[] };
  expect(items).toMatchObject([{ id: one.id, role: "owner", other_members: 0 }]);
  const second = two.owner.account;
  expect((await remove(who, second, json(second, { domains: "delete" }))).status).toBe(202);
  expect(await codeIn(await ops(`/domains/${two.id}`, who))).toEqual([404, "domain_not_found"]);
});

test("OPS-2 a home passes even to somebody whose stay in it has run out", async () => {
  const who = await anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] });
  const { id, owner } = await aDomain();
  await aMember(id);
  const heir = await aMember(id, "guest", { expiresAt: new Date(Date.now() - 1000) });
  const version = () =>
    env.DB.prepare("SELECT policy_version FROM domains WHERE id = ?").bind(id).first<number>("policy_version");
  const before = (await version())!;
  const json = { reason: "asked", confirm: owner.account, domains: "transfer", to: heir.account };
  expect((await ops(`/customers/${owner.account}`, { ...who, method: "DELETE", json })).status).toBe(202);
  expect(await roleIn(id, heir.account)).toBe("owner");
  expect(await version()).toBeGreaterThan(before + 1);
  await eventsOf(id);
});

test.each([
  ["force-password-reset", 401],
  ["end-sessions", 401],
  ["unlock", 200],
])("OPS-2 support can %s, with a reason", async (action, status) => {
  const { cookie } = await support();
  const { account, token } = await aPerson();
  const act = (json: object) => ops(`/customers/${account}/${action}`, { cookie, json });
  expect(await codeIn(await act({}))).toEqual([422, "reason_required"]);
  expect((await act({ reason: "lost phone" })).status).toBe(204);
  expect((await tokensOf(token)).status).toBe(status);
});

test.each([
  ["force-password-reset", "account.password_reset_forced"],
  ["end-sessions", "sessions.ended"],
])("OPS-5 %s is written down even where nobody was signed in", async (action, written) => {
  const who = await support();
  const account = await newAccount(env, "main", { type: "phone", value: aPhone() }, new Date());
  expect((await ops(`/customers/${account.id}/${action}`, { ...who, json: { reason: "asked" } })).status).toBe(204);
  const rows = await env.DB.prepare("SELECT reason FROM audit_log WHERE actor_id = ? AND action = ?")
    .bind(who.id, written)
    .all();
  expect(rows.results).toEqual([{ reason: "asked" }]);
});

test("OPS-5 what is masked is revealed with a reason, so many times a day, however fast one asks", async () => {
  const who = await support();
  const { account, phone } = await aPerson();
  const few = envWith({ LIMITS: JSON.stringify({ revealsPerDay: 3 }) });
  const ask = (json: object) => ops(`/customers/${account}/reveal`, { cookie: who.cookie, json, env: few });
  expect(await codeIn(await ask({ field: "phone" }))).toEqual([422, "reason_required"]);
  expect(await codeIn(await ask({ field: "email", reason: "x" }))).toEqual([404, "identifier_not_found"]);
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask({ field: "phone", reason: "call back" })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 429, 429, 429, 429, 429]);
  expect(await answers.find(({ ok }) => ok)!.json()).toEqual({ value: `+${phone}` });
  const rows = await env.DB.prepare(
    "SELECT reason, after FROM audit_log WHERE actor_id = ? AND action = 'customer.revealed'",
  )
    .bind(who.id)
    .all();
  expect(rows.results).toEqual(Array(3).fill({ reason: "call back", after: '{"field":"phone"}' }));
});

test("OPS-6 each role does what is its own, and no more", async () => {
  const { account } = await aPerson();
  await banAccount(env, "main", { id: account, reason: "x" }, SYSTEM);
  const viewer = await anAdmin({ roles: [{ role: "viewer", operator: "main" }] });
  expect((await ops(`/customers/${account}`, viewer)).status).toBe(200);
  expect(await codeIn(await ops(`/customers/${account}/unban`, { ...viewer, json: { reason: "x" } }))).toEqual([
    ...[403, "role_insufficient"],
  ]);
  const mixed = await anAdmin({
    roles: [
      { role: "viewer", operator: "main" },
      { role: "superadmin", operator: "elsewhere" },
    ],
  });
  expect(await codeIn(await ops(`/customers/${account}/unban`, { ...mixed, json: { reason: "x" } }))).toEqual([
    ...[403, "role_insufficient"],
  ]);
  expect((await ops(`/customers/${account}/unban`, { ...(await support()), json: { reason: "x" } })).status).toBe(200);
});
