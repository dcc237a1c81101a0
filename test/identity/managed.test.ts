import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { banAccount, deleteAccount, newAccount } from "#identity/accounts/accounts.ts";
import { changeDomain, createDomain, deleteDomain } from "#identity/domains/domains.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { randomId } from "#platform/crypto.ts";
import { aController, aDomain, aMember, eventsOf } from "../support/domains.ts";
import { anOperator } from "../support/ops.ts";
import { aPerson, shield } from "../support/shield.ts";
import { aPhone, outside } from "../support/world.ts";

// What the manager of accounts, domains and controllers does with a call: hand it to the owning room, give its result back, and
// write down what the operator's systems are to be told.

outside();

const as = (token: string) => (path: string, method: string, json?: unknown, headers?: Record<string, string>) =>
  shield(path, { token, method, json, ...(headers && { headers }) });

const stored = (table: string, id: string) =>
  env.DB.prepare(`SELECT name, ver FROM ${table} WHERE id = ?`).bind(id).first<{ name: string; ver: number }>();

interface Told {
  type: string;
  agg_kind: string;
  agg_seq: number;
  drm: number;
  taken_at: number | null;
}

const toldOf = async (id: string): Promise<Told[]> =>
  (
    await env.DB.prepare(
      "SELECT type, agg_kind, agg_seq, drm, taken_at FROM notifications WHERE agg_id = ? ORDER BY agg_seq",
    )
      .bind(id)
      .all<Told>()
  ).results;

test("IDP-4 each change is made by the room that owns it, whose result and whose refusal the caller gets", async () => {
  const { id: domain, owner } = await aDomain();
  const device = await aController({ domainId: domain, ownerAccountId: owner.account });
  const call = as(owner.token);
  const cases = [
    ["accounts", "/me", owner.account],
    ["domains", `/domains/${domain}`, domain],
    ["controllers", `/devices/${device}`, device],
  ] as const;
  for (const [table, path, id] of cases) {
    const name = `Имя ${randomId(6)}`;
    const before = (await stored(table, id))!.ver;
    const answer = await call(path, "PATCH", { name }, { "if-match": `"${before}"` });
    expect([path, answer.status]).toEqual([path, 200]);
    expect(await answer.json()).toMatchObject({ id, name });
    expect(await stored(table, id)).toEqual({ name, ver: before + 1 });
    const late = await call(path, "PATCH", { name: "too late" }, { "if-match": `"${before}"` });
    expect([path, late.status, (await late.json<{ code: string }>()).code]).toEqual([path, 412, "precondition_failed"]);
    expect(await stored(table, id)).toEqual({ name, ver: before + 1 });
  }
});

test("IDP-5 with everything down that could be told, each change waits to be told, once and in its order", async () => {
  const down = () => Promise.reject(new Error("down"));
  const alone = { ...env, SIGNALS: { send: down }, MESSAGES: { send: down, sendBatch: down } } as unknown as Env;
  const { account, token } = await aPerson();
  const call = (path: string, method: string, json?: unknown) => shield(path, { token, method, json, env: alone });
  const { id: domain } = await (await call("/domains", "POST", { name: "Дом" })).json<{ id: string }>();
  const device = await aController({ ownerAccountId: account });
  expect((await call(`/domains/${domain}/devices/${device}`, "PUT")).ok).toBe(true);
  expect((await call(`/devices/${device}`, "PATCH", { name: "Hall" })).status).toBe(200);
  expect((await call(`/domains/${domain}`, "PATCH", { name: "Дача" })).status).toBe(200);
  expect((await call("/me", "PATCH", { name: "Анна" })).status).toBe(200);
  expect((await call(`/domains/${domain}/devices/${device}`, "DELETE")).status).toBe(204);
  expect((await call(`/domains/${domain}`, "DELETE")).status).toBe(202);

  const waiting = (kind: string, types: string[]) =>
    types.map((type, i) => ({ type, agg_kind: kind, agg_seq: i + 1, taken_at: null }));
  expect(await toldOf(domain)).toMatchObject(
    waiting("domain", [
      ...["domain.created", "domain.device_added", "domain.updated", "domain.device_removed", "domain.deleted"],
    ]),
  );
  expect(await toldOf(device)).toMatchObject(waiting("device", ["device.updated"]));
  expect((await toldOf(account)).map(({ type }) => type)).toEqual([
    "account.created",
    "account.activated",
    "account.updated",
  ]);
});

/** The life of an account and a domain at an operator; which of their events DRM is to mirror. */
async function mirroredAt(operator: string): Promise<{ told: string[]; mirrored: string[] }> {
  const now = new Date();
  const login = () => ({ type: "phone", value: aPhone() }) as const;
  const { id: accountId } = await newAccount(env, operator, login(), now);
  const { id } = await createDomain(env, operator, { accountId, name: "Дом", addressRef: null }, SYSTEM);
  await changeDomain(env, operator, { id, change: { name: "Дача" } }, SYSTEM);
  await deleteDomain(env, operator, { id, detach: true }, SYSTEM);
  await banAccount(env, operator, { id: accountId, reason: "x" }, SYSTEM);
  await deleteAccount(env, operator, { id: accountId, reason: "x" }, SYSTEM);
  const events = [...(await toldOf(accountId)), ...(await toldOf(id))];
  return {
    told: events.map(({ type }) => type),
    mirrored: events.filter(({ drm }) => drm === 1).map(({ type }) => type),
  };
}

test("IDP-6 DRM is called for an operator that monetises, and never for another", async () => {
  const plain = await mirroredAt(await anOperator({ drm: { url: "https://drm.example.net", monetization: false } }));
  expect(plain.mirrored).toEqual([]);
  const paid = await mirroredAt(await anOperator({ drm: { url: "https://drm.example.net", monetization: true } }));
  expect(paid.told).toEqual(plain.told);
  expect(paid.mirrored).toEqual(["account.created", "account.deleted", "domain.created", "domain.deleted"]);
  expect((await mirroredAt(await anOperator())).mirrored).toEqual([]);
});

test("DOM-6 DRM mirrors that a domain is made and deleted, and BSS hears of all that happens in it", async () => {
  const operator = await anOperator({ drm: { monetization: true } });
  expect((await mirroredAt(operator)).mirrored).toEqual(expect.arrayContaining(["domain.created", "domain.deleted"]));
  const { id, owner } = await aDomain();
  const member = await aMember(id);
  const device = await aController({ ownerAccountId: owner.account });
  const call = as(owner.token);
  const done = async (answer: Promise<Response>) => expect((await answer).ok).toBe(true);
  await done(call(`/domains/${id}/members/${member.account}`, "PATCH", { role: "admin" }));
  await done(call(`/domains/${id}/devices/${device}`, "PUT"));
  await done(call(`/domains/${id}/invitations`, "POST", { to: null, role: "member", expires_in: 3600 }));
  await done(call(`/domains/${id}/devices/${device}`, "DELETE"));
  await done(call(`/domains/${id}/members/${member.account}`, "DELETE"));
  await done(call(`/domains/${id}`, "PATCH", { name: "Дача" }));
  await done(call(`/domains/${id}`, "DELETE"));
  expect((await eventsOf(id)).map(({ type }) => type)).toEqual([
    ...["domain.created", "domain.member_role_changed", "domain.device_added", "invitation.created"],
    ...["domain.device_removed", "domain.member_removed", "domain.updated", "domain.deleted"],
  ]);
});
