import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { controllers } from "#identity/controllers/tables.ts";
import { decide, decideAll } from "#identity/policies/check.ts";
import { demand } from "#identity/policies/demand.ts";
import { explain } from "#identity/policies/explain.ts";
import type { Question } from "#identity/policies/question.ts";
import { resources, roleGrants } from "#identity/policies/tables.ts";
import type { Subject } from "#identity/tokens/subject.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { countedEnv } from "../support/counted.ts";
import { aPerson, type Signed, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";
import { aHousehold, aRight, aRule, aService, type Household, joins, leaves, rules } from "./policies-support.ts";

const about = (home: Household, who: Signed, fields: Partial<Question> = {}): Question => ({
  subject: { type: "account", id: who.account },
  action: "control",
  resource: { type: "door", id: home.door },
  ...fields,
});
const answer = async (question: Question, operator = "main") => {
  const { decision, reason } = await decide(env, operator, question);
  return [decision, reason];
};

/** A store that never answers. */
const broken = envWith({
  DB: {
    prepare: () => ({ bind: () => ({}) }),
    batch: async () => {
      throw new Error("no store");
    },
  },
}) as Env;

async function aFullHousehold() {
  const home = await aHousehold();
  const db = database(env);
  const people = Array.from({ length: 50 }, () => newId("acc"));
  const hubs = Array.from({ length: 19 }, () => newId("dev"));
  const insert = (sql: string, ids: string[], ...more: string[]) =>
    env.DB.prepare(sql)
      .bind(JSON.stringify(ids), home.domain, ...more)
      .run();
  await insert(
    `INSERT INTO domain_members (operator, domain_id, account_id, role, joined_at)
      SELECT 'main', ?2, value, 'guest', 0 FROM json_each(?1)`,
    people,
  );
  await db.batch([
    db.insert(controllers).values(
      hubs.slice(0, 9).map((id) => ({
        ...{ operator: "main", id, serial: id, model: "hub", status: "claimed" as const, createdAt: new Date() },
        domainId: home.domain,
      })),
    ),
    db
      .insert(resources)
      .values(hubs.map((id) => ({ operator: "main", type: "controller", id, domainId: home.domain }))),
  ]);
  await insert(
    `INSERT INTO policies SELECT 'main', 'pol_' || ?3 || n.value, ?2, 'account', json_extract(?1, '$[' || (n.value % 50) || ']'),
      'controller', 'dev_' || n.value, '["view"]', 'allow', NULL, NULL, NULL, NULL, 'grant', 'acc_0', 0, 1
      FROM generate_series(1, 500) n`.replace(
      "FROM generate_series(1, 500) n",
      `FROM (WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < 500) SELECT value FROM c) n`,
    ),
    people,
    home.domain,
  );
  return { home, people, hubs };
}

test("POL-2 a domain of 50 members, 20 controllers and 500 rules is decided in one round trip", async () => {
  const { home } = await aFullHousehold();
  const guest = await joins(home, "guest");
  await rules(aRule({ domainId: home.domain, subjId: guest.account, resId: home.door, actions: ["control"] }));
  const { env: counted, trips } = countedEnv();
  expect((await decide(counted, "main", about(home, guest))).decision).toBe(true);
  expect(trips).toMatchObject({ d1: 1, d1Writes: 0, kvReads: 0, objects: 0 });
  expect((await decide(counted, "main", about(home, guest, { action: "view" }))).decision).toBe(false);
  expect(trips.d1).toBe(2);
});

test("POL-6 a hundred questions about such a domain are one round trip as well", async () => {
  const { home, people, hubs } = await aFullHousehold();
  const { env: counted, trips } = countedEnv();
  const questions = Array.from({ length: 100 }, (_, i) =>
    about(home, home.owner, {
      subject: { type: "account", id: i % 2 ? home.owner.account : people[i % 50]! },
      resource: { type: "controller", id: hubs[i % 19]! },
    }),
  );
  const decisions = await decideAll(counted, "main", questions);
  expect(decisions.map(({ decision }) => decision)).toEqual(questions.map((_, i) => i % 2 === 1));
  expect(trips.d1).toBe(1);
});

test("IDP-3 a store that does not answer means no, and 503 to whoever demands", async () => {
  const home = await aHousehold();
  const { owner } = home;
  expect(await decide(broken, "main", about(home, owner))).toEqual({
    ...{ decision: false, reason: "unavailable", policyVersion: null, role: null, domain: null },
  });
  await expect(demand(broken, callerOf(owner), "view", { type: "domain", id: home.domain })).rejects.toMatchObject({
    reason: "maintenance",
    status: 503,
  });
});

const callerOf = ({ account, client }: Signed, fields: Partial<Subject> = {}): Subject => ({
  ...{ kind: "account", id: account, operator: "main", session: "ses_1", client, scopes: [], amr: ["pwd"] },
  ...{ acr: "normal", authAt: new Date(), expiresAt: new Date(Date.now() + 60_000) },
  ...fields,
});

test("IDP-3 DOM-7 what is denied to an outsider is not there, to a member it is refused", async () => {
  const home = await aHousehold();
  const [guest, stranger] = [await joins(home, "guest"), await aPerson()];
  const outcome = (who: Signed, type: string, id: string, action = "update") =>
    demand(env, callerOf(who), action, { type, id }).then(
      ({ role }) => role,
      (error) => error.reason,
    );
  expect(await outcome(home.owner, "domain", home.domain)).toBe("owner");
  expect(await outcome(guest, "domain", home.domain, "view")).toBe("guest");
  expect(await outcome(guest, "domain", home.domain)).toBe("role_insufficient");
  expect(await outcome(guest, "controller", home.controller)).toBe("access_denied");
  expect(await outcome(guest, "door", home.door)).toBe("access_denied");
  expect(await outcome(stranger, "domain", home.domain)).toBe("domain_not_found");
  expect(await outcome(stranger, "domain", newId("dom"))).toBe("domain_not_found");
  expect(await outcome(stranger, "controller", home.controller)).toBe("device_not_found");
  expect(await outcome(stranger, "controller", newId("dev"))).toBe("device_not_found");
  expect(await outcome(stranger, "door", home.door)).toBe("access_denied");
});

test("IDP-3 where only the proof is too old it is asked for", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  await rules(
    aRule({ domainId: home.domain, subjId: guest.account, resId: home.door, actions: ["control"], maxAuthAge: 60 }),
  );
  const door = { type: "door", id: home.door };
  const old = callerOf(guest, { authAt: new Date(Date.now() - 120_000) });
  await expect(demand(env, old, "control", door)).rejects.toMatchObject({ reason: "reauthentication_required" });
  await expect(demand(env, callerOf(guest), "control", door)).resolves.toMatchObject({ decision: true });
});

test("POL-5 removal and a new role count at the next question", async () => {
  const home = await aHousehold();
  const member = await joins(home, "member");
  expect(await answer(about(home, member))).toEqual([true, "allowed_by_role"]);
  await env.DB.prepare("UPDATE domain_members SET role = 'guest' WHERE account_id = ?").bind(member.account).run();
  expect(await answer(about(home, member))).toEqual([false, "no_matching_policy"]);
  await leaves(home, member);
  expect(await answer(about(home, member))).toEqual([false, "outside_domain"]);
});

test.each<[string, string]>([
  ["a banned account", "UPDATE accounts SET status = 'banned' WHERE id = ?1"],
  ["a deleted account", "UPDATE accounts SET status = 'deleted' WHERE id = ?1"],
  ["a deleted domain", "UPDATE domains SET status = 'deleted' WHERE created_by = ?1"],
  [
    "a resource without domain",
    "UPDATE resources SET domain_id = NULL WHERE domain_id IN (SELECT id FROM domains WHERE created_by = ?1)",
  ],
])("POL-2 nothing is allowed any more with %s", async (_, sql) => {
  const home = await aHousehold();
  expect((await answer(about(home, home.owner)))[0]).toBe(true);
  await env.DB.prepare(sql).bind(home.owner.account).run();
  expect((await answer(about(home, home.owner)))[0]).toBe(false);
});

test("POL-4 an expired right denies with nobody having cleaned up", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const expiresAt = new Date(Date.now() + 60_000);
  await rules(
    aRule({ domainId: home.domain, subjId: guest.account, resId: home.door, actions: ["control"], expiresAt }),
  );
  const before = await decide(env, "main", about(home, guest));
  const after = await decide(env, "main", about(home, guest), expiresAt);
  expect([before.decision, after.decision]).toEqual([true, false]);
  const row = await env.DB.prepare("SELECT count(*) AS n FROM policies WHERE domain_id = ?")
    .bind(home.domain)
    .first("n");
  expect(row).toBe(1);
});

test("DOM-3 POL-4 a guest's rights by role end with the guest's time", async () => {
  const home = await aHousehold();
  const expiresAt = new Date(Date.now() + 60_000);
  const guest = await joins(home, "guest", { expiresAt });
  await rules(aRule({ domainId: home.domain, subjType: "role", subjId: `${home.domain}#guest`, resId: home.door }));
  const question = about(home, guest, { action: "view" });
  expect((await decide(env, "main", question)).role).toBe("guest");
  expect(await decide(env, "main", question, expiresAt)).toMatchObject({ decision: false, role: null });
});

test("POL-2 rows of one operator count for nothing at another", async () => {
  const home = await aHousehold();
  expect(await answer(about(home, home.owner), "elsewhere")).toEqual([false, "subject_not_active"]);
});

test("POL-2 rights of a role in one domain are none in another, nor on what hangs below a stranger's resource", async () => {
  const [home, other] = [await aHousehold(), await aHousehold()];
  expect(await answer(about(other, home.owner))).toEqual([false, "outside_domain"]);
  await env.DB.prepare("UPDATE resources SET parent_id = ? WHERE type = 'door' AND id = ?")
    .bind(home.controller, other.door)
    .run();
  const grant = { subjId: home.owner.account, resType: "controller", resId: home.controller, actions: ["*"] };
  await rules(aRule({ domainId: home.domain, ...grant }), aRule({ domainId: other.domain, ...grant }));
  expect(await answer(about(other, home.owner))).toEqual([false, "outside_domain"]);
});

test("POL-2 a right on a controller counts for the doors below it", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  await rules(
    aRule({
      ...{ domainId: home.domain, subjId: guest.account, actions: ["control"] },
      ...{ resType: "controller", resId: home.controller },
    }),
  );
  expect(await answer(about(home, guest))).toEqual([true, "allowed_by_policy"]);
});

test("POL-2 an operator's own table of roles replaces the built-in one", async () => {
  const home = await aHousehold();
  const member = await joins(home, "member");
  const type = `lamp${home.door}`;
  const question = about(home, member, { resource: { type, id: "l1" }, domain: home.domain });
  expect((await answer(question))[0]).toBe(true);
  await database(env)
    .insert(roleGrants)
    .values({ operator: "main", role: "member", resType: type, actions: ["view"] });
  expect((await answer(question))[0]).toBe(false);
});

test("POL-2 controllers and services are subjects as people are", async () => {
  const [home, other] = [await aHousehold(), await aHousehold()];
  const { id: client } = await aService();
  const device: Question["subject"] = { type: "device", id: home.controller };
  const service: Question["subject"] = { type: "service", id: client };
  const ask = (subject: Question["subject"]) => answer(about(home, home.owner, { subject }));
  expect(await ask(device)).toEqual([false, "no_matching_policy"]);
  expect(await ask({ type: "device", id: other.controller })).toEqual([false, "outside_domain"]);
  expect(await ask(service)).toEqual([false, "outside_domain"]);
  const right = { domainId: home.domain, resId: home.door, actions: ["control"] };
  await rules(
    aRule({ ...right, subjType: "device", subjId: "*" }),
    aRule({ ...right, subjType: "service", subjId: client }),
  );
  expect((await ask(device))[0]).toBe(true);
  expect((await ask(service))[0]).toBe(true);
  expect((await ask({ type: "device", id: other.controller }))[0]).toBe(false);
  await env.DB.prepare("UPDATE controllers SET status = 'banned' WHERE id = ?").bind(home.controller).run();
  expect(await ask(device)).toEqual([false, "subject_not_active"]);
});

test("POL-7 an explanation names what decided, and every rule with why it counted or did not", async () => {
  const home = await aHousehold();
  const [member, guest] = [await joins(home, "member"), await joins(home, "guest")];
  const on = { domainId: home.domain, resId: home.door, actions: ["control"] };
  const [no, others, late, elsewhere] = [
    aRule({ ...on, id: newId("pol"), subjId: member.account, effect: "deny" }),
    aRule({ ...on, id: newId("pol"), subjId: guest.account }),
    aRule({ ...on, id: newId("pol"), subjId: member.account, expiresAt: new Date(1) }),
    aRule({ ...on, id: newId("pol"), subjId: member.account, resId: "another" }),
  ];
  await rules(no, others, late, elsewhere);
  const explained = await explain(env, "main", about(home, member));
  expect(explained).toMatchObject({
    ...{ decision: false, reason: "denied_by_policy", role: "member", domain: home.domain },
    policy_version: `${home.domain}:1`,
    decided_by: [{ kind: "policy", id: no.id, policy: { id: no.id, effect: "deny", actions: ["control"] } }],
  });
  const why = Object.fromEntries(explained.rules.map((rule) => [rule.id, rule.why]));
  expect(why).toEqual({
    ...{ [member.account]: "active", [home.domain]: "member" },
    ...{ [no.id]: "matches", [others.id]: "other_subject", [late.id]: "expired", [elsewhere.id]: "other_resource" },
  });
  expect((await explain(env, "main", about(home, guest))).decided_by).toMatchObject([{ id: others.id }]);
  expect((await explain(env, "main", about(home, home.owner))).decided_by).toMatchObject([
    { kind: "role", id: "owner" },
  ]);
});

test("POL-7 what is explained is what is decided", async () => {
  const home = await aHousehold();
  const people = [home.owner, await joins(home, "admin"), await joins(home, "guest"), await aPerson()];
  for (const who of people)
    for (const action of ["view", "control", "delete"]) {
      const [told, decided] = await Promise.all([
        explain(env, "main", about(home, who, { action })),
        decide(env, "main", about(home, who, { action })),
      ]);
      expect([told.decision, told.reason]).toEqual([decided.decision, decided.reason]);
    }
});

test("IDP-3 nobody publishes, withdraws or lists while the rights cannot be read", async () => {
  const home = await aHousehold();
  const rule = aRule({ domainId: home.domain, resId: home.door });
  await rules(rule);
  const { token } = home.owner;
  const halfBroken = envWith({ DB: { prepare: (sql: string) => env.DB.prepare(sql), batch: broken.DB.batch } });
  const answers = await Promise.all([
    shield("/policies", { token, json: aRight(home, home.owner), env: halfBroken }),
    shield(`/policies/${rule.id}`, { method: "DELETE", token, env: halfBroken }),
    shield(`/policies?domain=${home.domain}`, { token, env: halfBroken }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
});
