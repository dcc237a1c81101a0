import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { decide } from "#identity/policies/check.ts";
import { newId } from "#platform/crypto.ts";
import { aPerson, type Signed, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";
import {
  aHousehold,
  aRight,
  aRule,
  aService,
  type Household,
  joins,
  leaves,
  publish,
  rules,
} from "./policies-support.ts";

const may = async (home: Household, who: Signed, action = "control") =>
  (
    await decide(env, "main", {
      subject: { type: "account", id: who.account },
      action,
      resource: { type: "door", id: home.door },
    })
  ).decision;

const versionOf = async ({ domain }: Household) =>
  (await env.DB.prepare("SELECT policy_version FROM domains WHERE id = ?")
    .bind(domain)
    .first<number>("policy_version"))!;

interface Published {
  id: string;
  version: number;
  policy_version: string;
}

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

type Setting = Awaited<ReturnType<typeof settingOf>>;
async function settingOf() {
  const home = await aHousehold();
  const [admin, member, guest] = [await joins(home, "admin"), await joins(home, "member"), await joins(home, "guest")];
  const sharer = await joins(home, "member");
  const until = new Date(Date.now() + 3_600_000);
  await rules(
    aRule({ domainId: home.domain, subjId: sharer.account, resId: home.door, actions: ["share"], expiresAt: until }),
  );
  return { home, admin, member, guest, sharer, until, stranger: await aPerson(), other: await aHousehold() };
}

test.each<[string, (s: Setting) => [Signed, Record<string, unknown>]]>([
  ["a member without share", (s) => [s.member, aRight(s.home, s.guest)]],
  ["a guest, to itself", (s) => [s.guest, aRight(s.home, s.guest)]],
  ["a stranger", (s) => [s.stranger, aRight(s.home, s.stranger)]],
  [
    "a stranger, in a domain that is not there",
    (s) => [s.stranger, aRight({ ...s.home, domain: newId("dom") }, s.guest)],
  ],
  ["an administrator an action that it lacks", (s) => [s.admin, aRight(s.home, s.guest, { actions: ["delete"] })]],
  ["an administrator every action", (s) => [s.admin, aRight(s.home, s.guest, { actions: ["*"] })]],
  ["an administrator about the owner", (s) => [s.admin, aRight(s.home, s.home.owner)]],
  ["an administrator against the owner", (s) => [s.admin, aRight(s.home, s.home.owner, { effect: "deny" })]],
  ["the owner against itself", (s) => [s.home.owner, aRight(s.home, s.home.owner, { effect: "deny" })]],
  [
    "the owner against the role of owners",
    (s) => [
      s.home.owner,
      aRight(s.home, s.guest, { effect: "deny", subject: { type: "role", id: `${s.home.domain}#owner` } }),
    ],
  ],
  ["a member what it may share, for longer than it has it", (s) => [s.sharer, aRight(s.home, s.guest)]],
  [
    "a member what it may share, on another resource",
    (s) => [s.sharer, aRight(s.home, s.guest, { resource: { type: "controller", id: s.home.controller } })],
  ],
  [
    "a member what it may share, on all of the type",
    (s) => [s.sharer, aRight(s.home, s.guest, { resource: { type: "door", id: "*" } })],
  ],
  [
    "a member against an administrator",
    (s) => [s.sharer, aRight(s.home, s.admin, { effect: "deny", condition: { expires_at: s.until.toISOString() } })],
  ],
])("POL-3 may not grant: %s", async (_, given) => {
  const setting = await settingOf();
  const before = await versionOf(setting.home);
  const answer = await publish(...given(setting));
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: "grantor_lacks_right", num: 5003 }]);
  expect(await versionOf(setting.home)).toBe(before);
});

test("POL-3 a member with the right to share passes on what it holds, no longer than it holds it", async () => {
  const { home, sharer, guest, until } = await settingOf();
  const answer = await publish(sharer, aRight(home, guest, { condition: { expires_at: until.toISOString() } }));
  expect(answer.status).toBe(201);
  expect(await may(home, guest)).toBe(true);
});

test("POL-3 DOM-3 a guest passes nothing on beyond its own stay", async () => {
  const home = await aHousehold();
  const until = new Date(Date.now() + 3_600_000);
  const [guest, friend] = [await joins(home, "guest", { expiresAt: until }), await aPerson()];
  await publish(home.owner, aRight(home, guest, { actions: ["control", "share"] }));
  expect((await publish(guest, aRight(home, friend))).status).toBe(403);
  const bounded = aRight(home, friend, { condition: { expires_at: until.toISOString() } });
  expect((await publish(guest, bounded)).status).toBe(201);
});

test("POL-3 an outsider with a direct grant shares that very resource and nothing else", async () => {
  const home = await aHousehold();
  const [outsider, friend] = [await aPerson(), await aPerson()];
  await publish(home.owner, aRight(home, outsider, { actions: ["control", "share"] }));
  expect((await publish(outsider, aRight(home, friend))).status).toBe(201);
  expect(await may(home, friend)).toBe(true);
  const wider = aRight(home, friend, { resource: { type: "controller", id: home.controller } });
  expect((await publish(outsider, wider)).status).toBe(403);
});

test("POL-3 who was removed publishes nothing any more", async () => {
  const home = await aHousehold();
  const [admin, guest] = [await joins(home, "admin"), await joins(home, "guest")];
  expect((await publish(admin, aRight(home, guest))).status).toBe(201);
  await leaves(home, admin);
  expect((await publish(admin, aRight(home, guest))).status).toBe(403);
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
  ["an end that has passed", () => ({ condition: { expires_at: "2020-01-01T00:00:00Z" } }), "/condition/expires_at"],
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

test("POL-1 a domain's rules are listed to who may share, a guest sees its own, a stranger nothing", async () => {
  const { home, admin, guest, member, stranger } = await settingOf();
  await publish(home.owner, aRight(home, guest));
  await publish(home.owner, aRight(home, member, { resource: { type: "door", id: "*" } }));
  const list = async (who: Signed, search = `domain=${home.domain}`) => {
    const answer = await shield(`/policies?${search}`, { token: who.token });
    const { items, code } = await answer.json<{ items?: { subject: { id: string } }[]; code?: string }>();
    return items ? items.map(({ subject }) => subject.id) : code;
  };
  expect(await list(home.owner)).toHaveLength(3);
  expect(await list(admin)).toHaveLength(3);
  expect(await list(guest)).toEqual([guest.account]);
  expect(await list(stranger)).toBe("domain_not_found");
  expect(await list(stranger, `resource=door:${home.door}`)).toEqual([]);
  expect(await list(home.owner, `domain=${home.domain}&subject=account:${guest.account}`)).toEqual([guest.account]);
  expect(await list(home.owner, `domain=${home.domain}&resource=door:*`)).toEqual([member.account]);
  expect(await list(guest, `subject=account:${guest.account}`)).toEqual([guest.account]);
  expect(await list(guest, `subject=account:${member.account}`)).toBe("validation_failed");
});

test("POL-1 a list goes on where it stopped", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  for (let i = 0; i < 3; i++) await publish(home.owner, aRight(home, guest, { actions: [`act${i}`] }));
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const answer = await shield(`/policies?domain=${home.domain}&limit=2&cursor=${cursor}`, {
      token: home.owner.token,
    });
    const page: { items: { actions: string[] }[]; next_cursor: string | null } = await answer.json();
    seen.push(...page.items.flatMap(({ actions }) => actions));
    cursor = page.next_cursor;
  }
  expect(seen).toEqual(["act0", "act1", "act2"]);
});

test("POL-1 a resource that moves to another household leaves its old rules behind for good", async () => {
  const [home, next] = [await aHousehold(), await aHousehold()];
  const guest = await joins(home, "guest");
  const { basic } = await aService();
  const move = (domain: string) => shield(`/resources/door/${home.door}`, { method: "PUT", basic, json: { domain } });
  await publish(home.owner, aRight(home, guest));
  expect((await move(next.domain)).status).toBe(200);
  expect([await may(home, guest), await may(home, home.owner), await may(home, next.owner)]).toEqual([
    false,
    false,
    true,
  ]);
  expect([await versionOf(home), await versionOf(next)]).toEqual([3, 2]);
  await move(home.domain);
  expect([await may(home, guest), await may(home, home.owner)]).toEqual([false, true]);
});

test.each<[string, string, (s: Setting) => Record<string, unknown>, number, string]>([
  ["a controller", "controller/dev_1", (s) => ({ domain: s.home.domain }), 422, "validation_failed"],
  ["a domain", "domain/dom_1", (s) => ({ domain: s.home.domain }), 422, "validation_failed"],
  ["every door", "door/*", (s) => ({ domain: s.home.domain }), 422, "validation_failed"],
  ["no domain", "door/d1", () => ({}), 422, "validation_failed"],
  ["a domain that is not there", "door/d1", () => ({ domain: newId("dom") }), 404, "domain_not_found"],
  [
    "an owner that is not there",
    "door/d1",
    (s) => ({ domain: s.home.domain, owner: "acc_0" }),
    422,
    "validation_failed",
  ],
  [
    "a parent in another domain",
    "door/d1",
    (s) => ({ domain: s.home.domain, parent: { type: "door", id: s.other.door } }),
    422,
    "validation_failed",
  ],
])("POL-1 a resource is not registered as or with %s", async (_, path, body, status, code) => {
  const setting = await settingOf();
  const { basic } = await aService();
  const answer = await shield(`/resources/${path}`, { method: "PUT", basic, json: body(setting) });
  expect([answer.status, await answer.json()]).toMatchObject([status, { code }]);
});

test("POL-1 no resource hangs below itself", async () => {
  const home = await aHousehold();
  const { basic } = await aService();
  const put = (id: string, parent?: string) =>
    shield(`/resources/box/${id}`, {
      ...{ method: "PUT", basic },
      json: { domain: home.domain, ...(parent && { parent: { type: "box", id: parent } }) },
    });
  const [one, two] = [newId("box"), newId("box")];
  expect((await put(one)).status).toBe(200);
  expect((await put(two, one)).status).toBe(200);
  expect((await put(one, two)).status).toBe(422);
  expect((await put(one, one)).status).toBe(422);
});

test.each<[string, string]>([
  ["PUT", "/resources/door/d1"],
  ["POST", "/policies"],
  ["POST", "/access/v1/evaluation"],
])("POL-3 %s %s is not for a service without the scope, nor for nobody", async (method, path) => {
  const { basic } = await aService(["introspect"]);
  const answer = await shield(path, { method, basic, json: {} });
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: "insufficient_scope" }]);
  const nobody = await shield(path, { method, json: {} });
  expect([nobody.status, await nobody.json()]).toMatchObject([401, { code: "token_missing" }]);
});
