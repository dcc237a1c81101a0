import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { SYSTEM } from "#identity/journal/journal.ts";
import { openTokens } from "#identity/tokens/issue.ts";
import { newId } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { aPerson, type Signed, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";
import { aHousehold, aRight, aRule, aService, type Household, joins, publish, rules } from "./policies-support.ts";

interface Answer {
  decision: boolean;
  context: { reason: string; policy_version: string | null };
}

const asks = async (basic: { user: string; password: string }, path: string, json: unknown) => {
  const answer = await shield(`/access/v1/${path}`, { basic, json });
  return { status: answer.status, body: await answer.json<Answer & Record<string, never>>() };
};

const evaluation = (home: Household, who: Signed, name = "control") => ({
  subject: { type: "account", id: who.account },
  action: { name },
  resource: { type: "door", id: home.door },
});

test("POL-6 an evaluation is answered with its reason and the version that it knows of", async () => {
  const home = await aHousehold();
  const [member, guest] = [await joins(home, "member"), await joins(home, "guest")];
  const { basic } = await aService();
  expect(await asks(basic, "evaluation", evaluation(home, member))).toEqual({
    status: 200,
    body: { decision: true, context: { reason: "allowed_by_role", policy_version: `${home.domain}:1` } },
  });
  expect(await asks(basic, "evaluation", evaluation(home, guest))).toEqual({
    status: 200,
    body: { decision: false, context: { reason: "no_matching_policy", policy_version: `${home.domain}:1` } },
  });
});

test("POL-6 a service asks by the token that it got for itself too, and within its scopes", async () => {
  const home = await aHousehold();
  const { id } = await aService();
  const tokens = (scopes: string[]) =>
    openTokens(
      env,
      {
        ...{ operator: "main", kind: "service", subject: id, epoch: 1, client: id, scopes, amr: [], acr: "normal" },
        ...{ device: {}, address: "203.0.113.7" },
      } as never,
      SYSTEM,
      () => {},
    );
  const ask = async (scopes: string[]) =>
    (
      await shield("/access/v1/evaluation", {
        token: (await tokens(scopes)).access_token,
        json: evaluation(home, home.owner),
      })
    ).status;
  expect(await ask(["access"])).toBe(200);
  expect(await ask(["introspect"])).toBe(403);
});

test.each<[string, (home: Household, who: Signed) => unknown, string]>([
  [
    "a subject that is not there",
    (home, who) => evaluation(home, { ...who, account: newId("acc") }),
    "subject_not_active",
  ],
  [
    "a type of subject that we do not have",
    (home, who) => ({ ...evaluation(home, who), subject: { type: "user", id: who.account } }),
    "subject_not_active",
  ],
  [
    "a resource that is not there",
    (home, who) => ({ ...evaluation(home, who), resource: { type: "door", id: "nowhere" } }),
    "resource_unknown",
  ],
  [
    "a controller that is not there, whatever domain is said",
    (home, who) => ({
      ...evaluation(home, who),
      resource: { type: "controller", id: newId("dev"), properties: { domain: home.domain } },
    }),
    "resource_unknown",
  ],
])("POL-6 the answer is no for %s", async (_, body, reason) => {
  const home = await aHousehold();
  const { basic } = await aService();
  const answer = await asks(basic, "evaluation", body(home, home.owner));
  expect(answer).toMatchObject({ status: 200, body: { decision: false, context: { reason } } });
});

test("POL-6 a resource that is not registered is in the domain that the service says, a registered one in its own", async () => {
  const [home, other] = [await aHousehold(), await aHousehold()];
  const { basic } = await aService();
  const ask = async (id: string, domain: string) => {
    const resource = { type: "door", id, properties: { domain } };
    return (await asks(basic, "evaluation", { ...evaluation(home, home.owner), resource })).body.decision;
  };
  expect(await ask("unregistered", home.domain)).toBe(true);
  expect(await ask("unregistered", other.domain)).toBe(false);
  expect(await ask(home.door, other.domain)).toBe(true);
  expect(await ask(other.door, home.domain)).toBe(false);
});

test("POL-6 a client of another operator is told nothing about this one", async () => {
  const home = await aHousehold();
  const { basic } = await aService(["access"], "elsewhere");
  expect(await asks(basic, "evaluation", evaluation(home, home.owner))).toMatchObject({
    body: { decision: false, context: { reason: "subject_not_active", policy_version: null } },
  });
});

test("POL-5 a version that has been reached is answered, a later one is a conflict", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const published = await publish(home.owner, aRight(home, guest));
  const { policy_version: version } = await published.json<{ policy_version: string }>();
  const { basic } = await aService();
  const ask = (min_version: string) =>
    asks(basic, "evaluation", { ...evaluation(home, guest), context: { min_version } });
  expect(await ask(version)).toMatchObject({ status: 200, body: { decision: true } });
  expect(await ask(`${home.domain}:3`)).toMatchObject({
    status: 409,
    body: { code: "policy_version_unreached", num: 5004 },
  });
  expect(await ask(`${newId("dom")}:1`)).toMatchObject({ status: 409 });
  expect(await ask("latest")).toMatchObject({ status: 422, body: { code: "validation_failed" } });
});

test("POL-4 how long ago the subject proved who it is comes with the question", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  await publish(home.owner, aRight(home, guest, { condition: { max_auth_age: 60 } }));
  const { basic } = await aService();
  const ask = async (context?: unknown) => {
    const { body } = await asks(basic, "evaluation", { ...evaluation(home, guest), context });
    return [body.decision, body.context.reason];
  };
  const seconds = Date.now() / 1000;
  expect(await ask({ auth_time: seconds - 10 })).toEqual([true, "allowed_by_policy"]);
  expect(await ask({ auth_time: new Date().toISOString() })).toEqual([true, "allowed_by_policy"]);
  expect(await ask({ auth_time: seconds - 100 })).toEqual([false, "authentication_too_old"]);
  expect(await ask({ ip: "203.0.113.7", class: "strict" })).toEqual([false, "authentication_too_old"]);
});

test("POL-6 many questions are answered in their order, with what stands at the top filled in", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const { basic } = await aService();
  const { subject, action, resource } = evaluation(home, home.owner);
  const { body } = await asks(basic, "evaluations", {
    ...{ subject, action },
    evaluations: [
      { resource },
      { resource: { type: "door", id: "nowhere" } },
      { resource, subject: { type: "account", id: guest.account } },
      { resource: { type: "controller", id: home.controller }, action: { name: "delete" } },
    ],
  });
  const { evaluations } = body as unknown as { evaluations: Answer[] };
  expect(evaluations.map(({ decision, context }) => [decision, context.reason])).toEqual([
    [true, "allowed_by_role"],
    [false, "resource_unknown"],
    [false, "no_matching_policy"],
    [true, "allowed_by_role"],
  ]);
});

test("POL-6 without evaluations it is one question", async () => {
  const home = await aHousehold();
  const { basic } = await aService();
  expect(await asks(basic, "evaluations", evaluation(home, home.owner))).toMatchObject({ body: { decision: true } });
});

test.each([
  ["execute_all", [true, false, true]],
  ["deny_on_first_deny", [true, false]],
  ["permit_on_first_permit", [true]],
])("POL-6 %s answers as far as it must", async (semantic, expected) => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  const { basic } = await aService();
  const { body } = await asks(basic, "evaluations", {
    options: { evaluations_semantic: semantic },
    evaluations: [evaluation(home, home.owner), evaluation(home, guest), evaluation(home, home.owner)],
  });
  const { evaluations } = body as unknown as { evaluations: Answer[] };
  expect(evaluations.map(({ decision }) => decision)).toEqual(expected);
});

test.each<[string, string, unknown]>([
  ["no action", "evaluation", { subject: { type: "account", id: "a" }, resource: { type: "door", id: "d" } }],
  ["an array", "evaluation", []],
  [
    "a subject that is a text",
    "evaluation",
    { subject: "acc_1", action: { name: "view" }, resource: { type: "door", id: "d" } },
  ],
  ["a question that stays without subject", "evaluations", { evaluations: [{ action: { name: "view" } }] }],
  ["a semantic that is none", "evaluations", { evaluations: [], options: { evaluations_semantic: "guess" } }],
  ["a hundred and one questions", "evaluations", { evaluations: Array.from({ length: 101 }, () => ({})) }],
  [
    "a page of none",
    "search/action",
    { subject: { type: "account", id: "a" }, resource: { type: "door", id: "d" }, page: { limit: 0 } },
  ],
])("POL-6 is not answered: %s", async (_, path, body) => {
  const { basic } = await aService();
  expect(await asks(basic, path, body)).toMatchObject({ status: 422, body: { code: "validation_failed" } });
});

test("POL-6 what a subject may reach is found, page by page", async () => {
  const [home, other] = [await aHousehold(), await aHousehold()];
  const { basic } = await aService();
  const [member, guest, friend] = [await joins(home, "member"), await joins(home, "guest"), await aPerson()];
  for (const id of ["a1", "a2", "a3"].map((name) => `${name}-${home.door}`))
    await shield(`/resources/gate/${id}`, { method: "PUT", basic, json: { domain: home.domain } });
  await publish(home.owner, aRight(home, guest, { resource: { type: "gate", id: `a2-${home.door}` } }));
  await publish(home.owner, aRight(home, friend, { resource: { type: "gate", id: `a3-${home.door}` } }));
  const search = async (who: Signed) => {
    const found: string[] = [];
    for (let token: string | undefined = ""; token !== undefined; ) {
      const { body } = await asks(basic, "search/resource", {
        ...{ subject: { type: "account", id: who.account }, action: { name: "control" }, resource: { type: "gate" } },
        page: { token, limit: 2 },
      });
      const page = body as unknown as { results: { type: string; id: string }[]; page: { next_token: string } };
      found.push(...page.results.map(({ type, id }) => `${type} ${id.split("-")[0]}`));
      token = page.page.next_token || undefined;
    }
    return found;
  };
  expect(await search(member)).toEqual(["gate a1", "gate a2", "gate a3"]);
  expect(await search(guest)).toEqual(["gate a2"]);
  expect(await search(friend)).toEqual(["gate a3"]);
  expect(await search(other.owner)).toEqual([]);
});

test("POL-6 who may reach a resource is found", async () => {
  const home = await aHousehold();
  const { id: client, basic } = await aService();
  const [member, guest, friend] = [await joins(home, "member"), await joins(home, "guest"), await aPerson()];
  await publish(home.owner, aRight(home, friend));
  await publish(home.owner, aRight(home, member, { effect: "deny" }));
  await publish(home.owner, aRight(home, guest, { subject: { type: "device", id: home.controller } }));
  await publish(home.owner, aRight(home, guest, { subject: { type: "service", id: client } }));
  const search = async (type: string) => {
    const { action, resource } = evaluation(home, member);
    const { body } = await asks(basic, "search/subject", { subject: { type }, action, resource });
    return (body as unknown as { results: { type: string; id: string }[] }).results;
  };
  expect((await search("account")).map(({ id }) => id)).toEqual([home.owner.account, friend.account].sort());
  expect(await search("device")).toEqual([{ type: "device", id: home.controller }]);
  expect(await search("service")).toEqual([{ type: "service", id: client }]);
  expect(await search("user")).toEqual([]);
});

test("POL-6 what a subject may do to a resource is found", async () => {
  const home = await aHousehold();
  const { basic } = await aService();
  const [member, guest] = [await joins(home, "member"), await joins(home, "guest")];
  await publish(home.owner, aRight(home, guest, { actions: ["ring"] }));
  await publish(home.owner, aRight(home, member, { actions: ["control"], effect: "deny" }));
  const search = async (who: Signed) => {
    const { subject, resource } = evaluation(home, who);
    const { body } = await asks(basic, "search/action", { subject, resource });
    return (body as unknown as { results: { name: string }[] }).results.map(({ name }) => name);
  };
  expect(await search(guest)).toEqual(["ring"]);
  expect(await search(member)).toEqual(["view"]);
  expect(await search(home.owner)).toEqual(expect.arrayContaining(["ring", "control", "delete", "share", "transfer"]));
});

test("POL-6 anybody may read where the questions are asked", async () => {
  const answer = await shield("/.well-known/authzen-configuration");
  const { policy_decision_point: base, ...endpoints } = await answer.json<Record<string, string>>();
  expect(base).toMatch(/\/shield\/v1$/);
  expect(endpoints).toEqual({
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
  });
});

test("POL-6 a rule that only operators write, and the table of roles, count in answers", async () => {
  const home = await aHousehold();
  const member = await joins(home, "member");
  const { basic } = await aService();
  await rules(
    aRule({
      domainId: home.domain,
      subjType: "role",
      subjId: `${home.domain}#member`,
      resId: home.door,
      effect: "deny",
    }),
  );
  expect(await asks(basic, "evaluation", evaluation(home, member, "view"))).toMatchObject({
    body: { decision: false, context: { reason: "denied_by_policy" } },
  });
});

test.each(["constructor", "__proto__", "toString"])(
  "POL-2 a resource of the type %s is unknown like any",
  async (type) => {
    const home = await aHousehold();
    const { basic } = await aService();
    const asked = {
      ...evaluation(home, home.owner),
      resource: { type, id: "x", properties: { domain: home.domain } },
    };
    expect(await asks(basic, "evaluation", asked)).toMatchObject({ status: 200 });
  },
);

test("POL-2 who asks and the answer are one round trip together", async () => {
  const home = await aHousehold();
  const member = await joins(home, "member");
  const { basic } = await aService();
  const { env: counted, trips } = countedEnv();
  for (const [path, json] of [
    ["evaluation", evaluation(home, member)],
    ["evaluations", { evaluations: [evaluation(home, member), evaluation(home, member, "share")] }],
  ] as const) {
    trips.d1 = 0;
    expect((await shield(`/access/v1/${path}`, { basic, json, env: counted })).status).toBe(200);
    expect([path, trips.d1]).toEqual([path, 1]);
  }
});

test.each(["evaluation", "evaluations"])(
  "POL-3 POST /access/v1/%s answers nobody who does not show who they are",
  async (path) => {
    const home = await aHousehold();
    const member = await joins(home, "member");
    const { basic, id } = await aService();
    const { basic: foreign } = await aService(["access"], `op_${id}`);
    const question = evaluation(home, member);
    const json = path === "evaluation" ? question : { evaluations: [question] };
    const told = async (user: string, password: string, body: unknown = json, environment = env) => {
      const answer = await shield(`/access/v1/${path}`, { basic: { user, password }, json: body, env: environment });
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    expect(await told(basic.user, `${basic.password}x`)).toEqual([401, "invalid_client"]);
    expect(await told("cli_nobody", basic.password)).toEqual([401, "invalid_client"]);
    expect(await told(basic.user, "wrong", { subject: 1 })).toEqual([401, "invalid_client"]);
    expect(await told(basic.user, basic.password, { subject: 1 })).toEqual([422, "validation_failed"]);
    const { basic: other } = await aService(["introspect"]);
    expect(await told(other.user, other.password)).toEqual([403, "insufficient_scope"]);
    const down = envWith({
      DB: { prepare: env.DB.prepare.bind(env.DB), batch: () => Promise.reject(new Error("down")) },
    });
    expect(await told(basic.user, basic.password, json, down as typeof env)).toEqual([503, "maintenance"]);
    // Another operator's service asks about its own operator, where nobody of this household is known.
    const answer = await asks(foreign, path, json);
    expect(answer.status).toBe(200);
    expect(JSON.stringify(answer.body)).not.toContain('"decision":true');
    await env.DB.prepare("UPDATE clients SET status = 'disabled' WHERE id = ?").bind(id).run();
    expect(await told(basic.user, basic.password)).toEqual([401, "invalid_client"]);
  },
);
