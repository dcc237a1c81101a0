import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { messages } from "#messaging/tables.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aController, aDomain } from "../support/domains.ts";
import { anAdmin, anOperator, ops, type SignedAdmin } from "../support/ops.ts";
import { aClient, aPerson } from "../support/shield.ts";
import { aPhone, outside } from "../support/world.ts";

// A day at the desk: what the pages show and do, by the calls behind them.

outside();

interface Item {
  id?: string;
  kid?: string;
  status?: string;
  name?: string | null;
}
interface List {
  items: Item[];
  next_cursor: string | null;
}

const at =
  ({ cookie }: SignedAdmin) =>
  (path: string, json?: unknown, more: { method?: string; headers?: Record<string, string> } = {}) =>
    ops(path, { cookie, json, ...more });

type Desk = ReturnType<typeof at>;

const listOf = async (desk: Desk, path: string): Promise<List> => {
  const answer = await desk(path);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json<List>();
};

/** The item with that id, on whichever page it stands. */
async function foundIn(desk: Desk, path: string, id: string): Promise<Item | undefined> {
  for (let cursor = ""; ; ) {
    const { items, next_cursor } = await listOf(desk, `${path}${path.includes("?") ? "&" : "?"}limit=100${cursor}`);
    const found = items.find((item) => item.id === id || item.kid === id);
    if (found || next_cursor === null) return found;
    cursor = `&cursor=${encodeURIComponent(next_cursor)}`;
  }
}

/** Edits what a card shows, as the version that it shows. */
async function edit(desk: Desk, path: string, change: object) {
  const card = await desk(path);
  const answer = await desk(path, change, { method: "PATCH", headers: { "if-match": card.headers.get("etag")! } });
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json<Item>();
}

const codeIn = async (answer: Response) => [answer.status, (await answer.json<{ code: string }>()).code];

test("OPS-3 a customer is made, found, looked at, edited, shut out, let in again and deleted", async () => {
  const desk = at(await anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] }));
  const [phone, name] = [aPhone(), `Анна ${randomId(6)}`];
  const make = (login: string) =>
    desk("/customers", { operator: "main", login, name }, { headers: { "idempotency-key": phone } });
  const made = await make(`+${phone}`);
  expect(made.status).toBe(201);
  const { id } = await made.json<{ id: string }>();
  const again = await make(`+${phone}`);
  expect([again.headers.get("idempotency-replayed"), (await again.json<Item>()).id]).toEqual(["true", id]);
  expect(await codeIn(await make(`+${aPhone()}`))).toEqual([409, "idempotency_conflict"]);

  expect((await listOf(desk, `/customers?q=${encodeURIComponent(name)}`)).items.map((item) => item.id)).toEqual([id]);
  const card = `/customers/${id}`;
  expect(await (await desk(card)).json()).toMatchObject({ id, status: "inactive", name, counts: { sessions: 0 } });
  expect(await edit(desk, card, { name: `${name} Ёлкина` })).toMatchObject({ name: `${name} Ёлкина` });

  await env.DB.prepare("UPDATE accounts SET status = 'active' WHERE id = ?").bind(id).run();
  expect(await codeIn(await desk(`${card}/ban`, {}))).toEqual([422, "reason_required"]);
  expect(await (await desk(`${card}/ban`, { reason: "fraud" })).json()).toMatchObject({
    status: "banned",
    effective: "now",
  });
  expect(await (await desk(card)).json()).toMatchObject({ status: "banned", ban: { reason: "fraud", until: null } });
  expect(await (await desk(`${card}/unban`, { reason: "appeal" })).json()).toMatchObject({ status: "active" });

  const gone = await desk(card, { reason: "asked", confirm: id }, { method: "DELETE" });
  expect([gone.status, await gone.json()]).toEqual([202, { delete_at: expect.stringMatching(/^\d{4}-.*Z$/) }]);
  expect((await listOf(desk, `/customers?id=${id}`)).items).toEqual([]);
  expect((await listOf(desk, `/customers?id=${id}&status=deleted`)).items).toMatchObject([{ id, phone: null }]);
});

test("OPS-3 an administrator is invited, found, looked at, edited, shut out, let in again and deleted", async () => {
  const desk = at(await anAdmin());
  const login = `desk-${randomId(6).toLowerCase()}@staff.example.net`;
  const roles = [{ role: "support", operator: "main" }];
  const made = await desk("/admins", { login, email: login, name: "Newcomer", roles });
  expect(made.status).toBe(201);
  const { id } = await made.json<{ id: string }>();
  expect(await foundIn(desk, "/admins", id)).toMatchObject({ login, status: "invited" });
  const card = `/admins/${id}`;
  expect(await edit(desk, card, { name: "Night shift" })).toMatchObject({ name: "Night shift", roles });
  const viewer = [{ role: "viewer", operator: "main" }];
  expect(await (await desk(`${card}/roles`, { roles: viewer }, { method: "PUT" })).json()).toMatchObject({
    roles: viewer,
  });
  expect(await codeIn(await desk(`${card}/ban`, {}))).toEqual([422, "reason_required"]);
  expect((await desk(`${card}/ban`, { reason: "left" })).status).toBe(200);
  expect(await (await desk(card)).json()).toMatchObject({ status: "banned", ban_reason: "left" });
  expect((await desk(`${card}/unban`, { reason: "came back" })).status).toBe(200);
  expect((await desk(card, { reason: "left" }, { method: "DELETE" })).status).toBe(204);
  expect(await codeIn(await desk(card))).toEqual([404, "admin_not_found"]);
  expect(await foundIn(desk, "/admins", id)).toBeUndefined();
});

test("a push shows no more of its token than tells two apps apart", async () => {
  const desk = at(await anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] }));
  const person = await aPerson();
  const [token, now] = [`token-${randomId()}-wxyz`, new Date()];
  await database(env)
    .insert(messages)
    .values({
      ...{ operator: "main", id: `msg-${randomId(6)}`, channel: "push", recipient: token, accountId: person.account },
      ...{ purpose: "inbox", parts: 0, state: "sent", sealed: null, attempts: 1 },
      ...{ createdAt: now, updatedAt: now, expiresAt: now, nextAttemptAt: now },
    });
  const { items } = await listOf(desk, `/messages?account=${person.account}`);
  expect(items).toMatchObject([{ channel: "push", to: "***wxyz", purpose: "inbox" }]);
});

test("OPS-8 everything that support looks up about a customer is there, and nothing that opens anything", async () => {
  const desk = at(await anAdmin({ roles: [{ role: "operator_admin", operator: "main" }] }));
  const person = await aPerson();
  const { id: domain } = await aDomain(person);
  const device = await aController({ domainId: domain, ownerAccountId: person.account });
  const message = `msg-${randomId(6)}`;
  const now = new Date();
  await database(env)
    .insert(messages)
    .values({
      ...{ operator: "main", id: message, channel: "sms", recipient: person.phone, accountId: person.account },
      ...{ purpose: "login", parts: 1, state: "sent", sealed: "", attempts: 1 },
      ...{ createdAt: now, updatedAt: now, expiresAt: now, nextAttemptAt: now },
    });
  const of = async (what: string) =>
    (await listOf(desk, `/customers/${person.account}/${what}`)).items.map(({ id }) => id);
  expect(await of("sessions")).toEqual([person.tokens.session_id]);
  expect(await of("devices")).toContain(device);
  expect(await of("domains")).toEqual([domain]);
  expect(await of("messages")).toEqual([message]);
  expect((await of("audit")).length).toBeGreaterThan(0);
  expect((await listOf(desk, `/messages?account=${person.account}`)).items.map(({ id }) => id)).toEqual([message]);

  const question = { subject: { type: "account", id: person.account }, resource: { type: "controller", id: device } };
  const explained = await desk("/policies:explain", { ...question, action: { name: "view" } });
  expect(await explained.json()).toMatchObject({ decision: expect.any(Boolean), rules: expect.any(Array) });
  const shown = await Promise.all(
    ["", "/sessions", "/devices", "/domains", "/messages", "/audit"].map(async (what) =>
      (await desk(`/customers/${person.account}${what}`)).text(),
    ),
  );
  for (const secret of [person.phone, person.tokens.refresh_token!, "refreshSecret", "token_hash", "phc"])
    expect(shown.join("\n")).not.toContain(secret);
});

test("OPS-8 what runs the house is listed: controllers, homes, events, operators, clients, routes, keys, the audit", async () => {
  const desk = at(await anAdmin());
  const operator = await anOperator();
  const { id: client } = await aClient({ operator });
  const { id: domain, owner } = await aDomain();
  const device = await aController({ serial: `SN-${randomId(9)}` });
  const route = await desk("/gateway/routes", {
    ...{ operator, method: "GET", pattern: `/r${randomId(6)}/*`, provider: "https://bars.example.net" },
  });
  const { id: routeId } = await route.json<{ id: string }>();
  const event = await env.DB.prepare("SELECT id FROM notifications WHERE agg_id = ?").bind(domain).first<string>("id");

  expect(await foundIn(desk, "/devices?operator=main", device)).toMatchObject({ id: device });
  expect(await foundIn(desk, `/domains?q=${domain}`, domain)).toMatchObject({ name: "Дом" });
  expect(await foundIn(desk, "/notifications?state=open&operator=main", event!)).toMatchObject({
    type: "domain.created",
  });
  expect(await foundIn(desk, "/operators", operator)).toMatchObject({ name: "Other" });
  expect(await foundIn(desk, `/clients?operator=${operator}`, client)).toMatchObject({ name: "Test app" });
  expect(await foundIn(desk, "/gateway/routes", routeId)).toMatchObject({ pattern: expect.stringMatching(/^\/r/) });
  const { items: keys } = await listOf(desk, "/keys");
  expect(keys.filter((key) => (key as { state?: string }).state === "active")).toHaveLength(1);
  const { items: rows } = await listOf(desk, `/audit?target=${domain}&action=domain.created`);
  expect(rows).toMatchObject([{ actor: { kind: "account", id: owner.account }, operator: "main" }]);
});
