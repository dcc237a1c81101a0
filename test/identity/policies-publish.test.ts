import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { newId } from "#platform/crypto.ts";
import { type Signed, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";
import {
  aHousehold,
  aRight,
  aService,
  joins,
  may,
  type Published,
  publish,
  type Setting,
  settingOf,
  versionOf,
} from "./policies-support.ts";

test("POL-4 a right whose time is over is taken, and gives nothing", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const answer = await publish(home.owner, aRight(home, guest, { condition: { expires_at: "2020-01-01T00:00:00Z" } }));
  expect([answer.status, await may(home, guest)]).toEqual([201, false]);
});

test("POL-1 an owner gives a guest a right, and the answer says from which version on", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const answer = await publish(home.owner, aRight(home, guest, { actions: ["control", "view"] }));
  expect(answer.status).toBe(201);
  expect(await answer.json()).toEqual({
    id: expect.stringMatching(/^pol_/),
    domain: home.domain,
    subject: { type: "account", id: guest.account },
    resource: { type: "door", id: home.door },
    actions: ["control", "view"],
    effect: "allow",
    condition: { not_before: null, expires_at: null, weekly: null, max_auth_age: null },
    origin: "grant",
    created_by: home.owner.account,
    created_at: expect.any(String),
    version: 1,
    policy_version: `${home.domain}:2`,
  });
  expect(await may(home, guest)).toBe(true);
});

test("POL-1 a rule keeps the conditions that it was published with", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const condition = {
    not_before: "2030-01-01T00:00:00.000Z",
    expires_at: "2031-01-01T00:00:00.000Z",
    weekly: [{ days: [1, 2], from: "08:00", to: "20:00", tz: "Europe/Moscow" }],
    max_auth_age: 300,
  };
  const answer = await publish(home.owner, aRight(home, guest, { condition }));
  expect(await answer.json()).toMatchObject({ condition });
});

test("POL-1 publishing is repeated without a second rule", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const headers = { "idempotency-key": newId("key") };
  const post = () => shield("/policies", { token: home.owner.token, json: aRight(home, guest), headers });
  const [one, two] = [await (await post()).json<Published>(), await (await post()).json<Published>()];
  expect(two).toEqual(one);
  expect(await versionOf(home)).toBe(2);
});

test("POL-1 a domain has room for so many rules and no more", async () => {
  const home = await aHousehold();
  const [admin, guest] = [await joins(home, "admin"), await joins(home, "guest")];
  const limited = envWith({ LIMITS: JSON.stringify({ domainPolicies: 1 }) });
  const post = (token: string) => shield("/policies", { token, json: aRight(home, guest), env: limited });
  expect((await post(home.owner.token)).status).toBe(201);
  for (const { token } of [home.owner, admin]) {
    const answer = await post(token);
    expect([answer.status, await answer.json()]).toMatchObject([409, { code: "domain_full" }]);
  }
  expect(await versionOf(home)).toBe(2);
});

test("POL-5 a decision right after publishing and right after withdrawing knows of it", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  expect(await may(home, guest)).toBe(false);
  for (let round = 0; round < 3; round++) {
    const { id } = await (await publish(home.owner, aRight(home, guest))).json<Published>();
    expect(await may(home, guest)).toBe(true);
    expect((await shield(`/policies/${id}`, { method: "DELETE", token: home.owner.token })).status).toBe(204);
    expect(await may(home, guest)).toBe(false);
  }
  expect(await versionOf(home)).toBe(7);
});

test("POL-5 fifty rules published at once are all there, each with a version of its own", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => publish(home.owner, aRight(home, guest, { actions: [`act${i}`] }))),
  );
  const published = await Promise.all(answers.map((answer) => answer.json<Published>()));
  expect(new Set(published.map(({ policy_version }) => policy_version)).size).toBe(50);
  expect(await versionOf(home)).toBe(51);
});

test("POL-5 administrators publishing at once lose nothing either", async () => {
  const home = await aHousehold();
  const [admin, guest] = [await joins(home, "admin"), await joins(home, "guest")];
  const answers = await Promise.all(Array.from({ length: 4 }, () => publish(admin, aRight(home, guest))));
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(await versionOf(home)).toBe(5);
});

test("POL-2 a prohibition published later closes what was open, until it is withdrawn", async () => {
  const home = await aHousehold();
  const member = await joins(home, "member");
  expect(await may(home, member)).toBe(true);
  const { id } = await (await publish(home.owner, aRight(home, member, { effect: "deny" }))).json<Published>();
  expect(await may(home, member)).toBe(false);
  await shield(`/policies/${id}`, { method: "DELETE", token: home.owner.token });
  expect(await may(home, member)).toBe(true);
});

test("POL-1 what is published, replaced and withdrawn is in the audit, and a refused attempt is not", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  await publish(guest, aRight(home, guest));
  const { id } = await (await publish(home.owner, aRight(home, guest))).json<Published>();
  const { token } = home.owner;
  await shield(`/policies/${id}`, { method: "PUT", token, json: aRight(home, guest, { actions: ["view"] }) });
  await shield(`/policies/${id}`, { method: "DELETE", token });
  const { results } = await env.DB.prepare(
    "SELECT action, actor_id FROM audit_log WHERE actor_id IN (?, ?) AND target_kind = 'policy' ORDER BY n",
  )
    .bind(home.owner.account, guest.account)
    .all();
  expect(results.map(({ action }) => action)).toEqual(["policy.published", "policy.replaced", "policy.withdrawn"]);
});

const weekly = (window: Record<string, unknown>) => ({
  condition: { weekly: [{ days: [1], from: "08:00", to: "20:00", tz: "Europe/Moscow", ...window }] },
});

test.each<[string, (s: Setting) => Record<string, unknown>, string]>([
  ["a subject that is not there", () => ({ subject: { type: "account", id: newId("acc") } }), "/subject"],
  ["no subject", () => ({ subject: undefined }), "/subject"],
  ["a subject of no type", () => ({ subject: { type: "team", id: "x" } }), "/subject/type"],
  ["a service that is not there", () => ({ subject: { type: "service", id: "cli_none" } }), "/subject"],
  ["a foreign controller", (s) => ({ subject: { type: "device", id: s.other.controller } }), "/subject"],
  ["a foreign domain's role", (s) => ({ subject: { type: "role", id: `${s.other.domain}#guest` } }), "/subject"],
  ["a role that is none", (s) => ({ subject: { type: "role", id: `${s.home.domain}#king` } }), "/subject"],
  ["a resource of another domain", (s) => ({ resource: { type: "door", id: s.other.door } }), "/resource"],
  [
    "a foreign controller as resource",
    (s) => ({ resource: { type: "controller", id: s.other.controller } }),
    "/resource",
  ],
  ["a resource that is not there", () => ({ resource: { type: "door", id: "nowhere" } }), "/resource"],
  ["one id of every type", () => ({ resource: { type: "*", id: "d1" } }), "/resource/id"],
  ["no action", () => ({ actions: [] }), "/actions"],
  ["an action that is no name", () => ({ actions: ["!view"] }), "/actions/0"],
  ["another effect", () => ({ effect: "maybe" }), "/effect"],
  ["day 0", () => weekly({ days: [0] }), "/condition/weekly/0/days/0"],
  ["day 8", () => weekly({ days: [8] }), "/condition/weekly/0/days/0"],
  ["no day", () => weekly({ days: [] }), "/condition/weekly/0/days"],
  ["hour 25", () => weekly({ from: "25:00" }), "/condition/weekly/0/from"],
  ["an empty window", () => weekly({ to: "08:00" }), "/condition/weekly/0/to"],
  ["no such zone", () => weekly({ tz: "Europe/Atlantis" }), "/condition/weekly/0/tz"],
  [
    "an end before the start",
    () => ({ condition: { not_before: "2031-01-01T00:00:00Z", expires_at: "2030-01-01T00:00:00Z" } }),
    "/condition/expires_at",
  ],
  ["a time that is none", () => ({ condition: { expires_at: "tomorrow" } }), "/condition/expires_at"],
  [
    "a prohibition that hangs on a proof",
    () => ({ effect: "deny", condition: { max_auth_age: 60 } }),
    "/condition/max_auth_age",
  ],
])("POL-1 a rule is not valid with %s", async (_, fields, pointer) => {
  const setting = await settingOf();
  const { home, guest } = setting;
  const answer = await publish(home.owner, aRight(home, guest, fields(setting)));
  expect([answer.status, await answer.json()]).toMatchObject([
    422,
    { code: "policy_invalid", num: 5002, errors: [{ pointer }] },
  ]);
});

test("POL-1 a service publishes for its operator, even against an owner, and no household takes that back", async () => {
  const home = await aHousehold();
  const { id: client, basic } = await aService();
  const body = aRight(home, home.owner, { effect: "deny" });
  const answer = await shield("/policies", { basic, json: body });
  expect(answer.status).toBe(201);
  const policy = await answer.json<Published>();
  expect(policy).toMatchObject({ origin: "operator", created_by: client });
  expect(await may(home, home.owner)).toBe(false);
  const { token } = home.owner;
  const attempt = await shield(`/policies/${policy.id}`, { method: "DELETE", token });
  expect([attempt.status, await attempt.json()]).toMatchObject([403, { code: "grantor_lacks_right" }]);
  expect((await shield(`/policies/${policy.id}`, { method: "DELETE", basic })).status).toBe(204);
  expect(await may(home, home.owner)).toBe(true);
});

test("POL-1 a service of another operator finds neither domain nor rule", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const { basic } = await aService(["policies", "resources"], "elsewhere");
  const answer = await shield("/policies", { basic, json: aRight(home, guest) });
  expect([answer.status, await answer.json()]).toMatchObject([422, { code: "policy_invalid" }]);
  const { id } = await (await publish(home.owner, aRight(home, guest))).json<Published>();
  const deletion = await shield(`/policies/${id}`, { method: "DELETE", basic });
  expect([deletion.status, await deletion.json()]).toMatchObject([404, { code: "policy_not_found" }]);
  const moved = await shield(`/resources/door/${home.door}`, { method: "PUT", basic, json: { domain: home.domain } });
  expect([moved.status, await moved.json()]).toMatchObject([404, { code: "domain_not_found" }]);
  const list = await shield(`/policies?domain=${home.domain}`, { basic });
  expect(await list.json()).toEqual({ items: [], next_cursor: null });
});

test("POL-1 a rule is replaced by the version that was seen, and raises both versions", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const { id } = await (await publish(home.owner, aRight(home, guest))).json<Published>();
  const put = (body: unknown, seen?: string) =>
    shield(`/policies/${id}`, {
      ...{ method: "PUT", token: home.owner.token, json: body },
      ...(seen && { headers: { "if-match": seen } }),
    });
  const replaced = await put(aRight(home, guest, { actions: ["view"] }), '"1"');
  expect([replaced.status, await replaced.json()]).toMatchObject([
    200,
    { id, version: 2, actions: ["view"], policy_version: `${home.domain}:3` },
  ]);
  expect([await may(home, guest, "view"), await may(home, guest, "control")]).toEqual([true, false]);
  const late = await put(aRight(home, guest), '"1"');
  expect([late.status, await late.json()]).toMatchObject([412, { code: "precondition_failed" }]);
  const other = await aHousehold();
  const moved = await put({ ...aRight(home, guest), domain: other.domain });
  expect([moved.status, await moved.json()]).toMatchObject([422, { errors: [{ pointer: "/domain" }] }]);
  expect((await put(aRight(home, guest))).status).toBe(200);
  const headers = { "if-match": '"2"' };
  const gone = await shield(`/policies/${id}`, { method: "DELETE", token: home.owner.token, headers });
  expect(gone.status).toBe(412);
});

test.each<[string, (s: Setting) => Signed, number, string]>([
  ["a stranger", (s) => s.stranger, 404, "policy_not_found"],
  ["an owner of another domain", (s) => s.other.owner, 404, "policy_not_found"],
  ["a member without share", (s) => s.member, 403, "grantor_lacks_right"],
  ["a guest", (s) => s.guest, 403, "grantor_lacks_right"],
])("POL-3 a foreign rule is not changed: %s", async (_, of, status, code) => {
  const setting = await settingOf();
  const { home, guest } = setting;
  const { id } = await (await publish(home.owner, aRight(home, guest))).json<Published>();
  const { token } = of(setting);
  const changed = await shield(`/policies/${id}`, { method: "PUT", token, json: aRight(home, guest) });
  expect([changed.status, await changed.json()]).toMatchObject([status, { code }]);
  const deleted = await shield(`/policies/${id}`, { method: "DELETE", token });
  expect([deleted.status, await deleted.json()]).toMatchObject([status, { code }]);
  expect(await may(home, guest)).toBe(true);
});

test("POL-3 a member who may share withdraws nothing that is about somebody above", async () => {
  const { home, sharer, admin } = await settingOf();
  const { id } = await (await publish(home.owner, aRight(home, admin, { effect: "deny" }))).json<Published>();
  expect((await shield(`/policies/${id}`, { method: "DELETE", token: sharer.token })).status).toBe(403);
});
