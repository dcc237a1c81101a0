import fc from "fast-check";
import { expect, test } from "vitest";
import { isInside } from "#identity/policies/conditions.ts";
import { evaluate } from "#identity/policies/evaluate.ts";
import type { Facts, Question, Role } from "#identity/policies/question.ts";
import type { Policy } from "#identity/policies/tables.ts";
import { aRule } from "./policies-support.ts";

const NOW = new Date("2026-03-04T12:00:00Z"); // a Wednesday
const at = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);

const facts = (fields: Partial<Facts> = {}): Facts => ({
  subject: { active: true, domain: null },
  domain: { id: "dom_1", version: 7 },
  registered: true,
  parents: [],
  member: null,
  policies: [],
  roleGrants: [],
  ...fields,
});
const as = (role: Role, expiresAt: Date | null = null): Partial<Facts> => ({ member: { role, expiresAt } });
const question = (fields: Partial<Question> = {}): Question => ({
  subject: { type: "account", id: "acc_1" },
  action: "control",
  resource: { type: "door", id: "d1" },
  ...fields,
});
const allow = (fields: Partial<Policy> = {}) => aRule({ actions: ["control"], ...fields });
const deny = (fields: Partial<Policy> = {}) => allow({ effect: "deny", ...fields });
const answer = (about: Facts, of: Question = question()) => {
  const { decision, reason } = evaluate(of, about, NOW);
  return [decision, reason];
};

test.each<[Role, string, string, boolean]>([
  ["owner", "door", "control", true],
  ["owner", "domain", "delete", true],
  ["owner", "domain", "transfer", true],
  ["owner", "domain", "anything", true],
  ["admin", "door", "share", true],
  ["admin", "domain", "manage_members", true],
  ["admin", "domain", "delete", false],
  ["admin", "domain", "transfer", false],
  ["admin", "domain", "*", false],
  ["member", "door", "view", true],
  ["member", "door", "control", true],
  ["member", "door", "share", false],
  ["member", "domain", "view", true],
  ["member", "domain", "update", false],
  ["guest", "door", "view", false],
  ["guest", "domain", "view", true],
  ["guest", "domain", "update", false],
])("POL-2 as %s: on a %s, %s", (role, type, action, expected) => {
  const of = question({ action, resource: { type, id: "x" } });
  expect(evaluate(of, facts(as(role)), NOW).decision).toBe(expected);
});

test.each<[string, Facts, Question, boolean, string]>([
  ["nothing is said", facts(as("guest")), question(), false, "no_matching_policy"],
  ["a stranger asks", facts(), question(), false, "outside_domain"],
  ["the resource is in no domain", facts({ ...as("owner"), domain: null }), question(), false, "resource_unknown"],
  [
    "the subject is not active",
    facts({ ...as("owner"), subject: { active: false, domain: null } }),
    question(),
    false,
    "subject_not_active",
  ],
  ["a guest's time is over", facts({ ...as("guest", NOW), policies: [] }), question(), false, "outside_domain"],
  [
    "a guest's time is over and its right was its own",
    facts({ ...as("guest", at(-1)), policies: [allow()] }),
    question(),
    false,
    "outside_domain",
  ],
  [
    "a guest's time is over and its right was the role's",
    facts({ ...as("guest", at(-1)), policies: [allow({ subjType: "role", subjId: "dom_1#guest" })] }),
    question(),
    false,
    "outside_domain",
  ],
  ["a direct grant to a stranger", facts({ policies: [allow()] }), question(), true, "allowed_by_policy"],
  [
    "a direct grant of something else on the resource",
    facts({ policies: [allow({ actions: ["view"] })] }),
    question(),
    false,
    "no_matching_policy",
  ],
  [
    "a grant to everybody, to a stranger",
    facts({ policies: [allow({ subjId: "*" })] }),
    question(),
    false,
    "outside_domain",
  ],
  [
    "a grant to everybody, to a guest",
    facts({ ...as("guest"), policies: [allow({ subjId: "*" })] }),
    question(),
    true,
    "allowed_by_policy",
  ],
  [
    "a prohibition to everybody, to a stranger with a direct grant",
    facts({ policies: [allow(), deny({ subjId: "*" })] }),
    question(),
    false,
    "denied_by_policy",
  ],
  [
    "a right on what it hangs below",
    facts({
      ...{ parents: [{ type: "controller", id: "dev_1" }] },
      policies: [allow({ resType: "controller", resId: "dev_1" })],
    }),
    question(),
    true,
    "allowed_by_policy",
  ],
  [
    "a prohibition on what it hangs below",
    facts({
      ...as("member"),
      parents: [{ type: "controller", id: "dev_1" }],
      policies: [deny({ resType: "controller", resId: "dev_1" })],
    }),
    question(),
    false,
    "denied_by_policy",
  ],
  [
    "a right on every door",
    facts({ ...as("guest"), policies: [allow({ resId: "*" })] }),
    question(),
    true,
    "allowed_by_policy",
  ],
  [
    "a right on everything",
    facts({ ...as("guest"), policies: [allow({ resType: "*", resId: "*", actions: ["*"] })] }),
    question(),
    true,
    "allowed_by_policy",
  ],
  [
    "a right on every camera",
    facts({ ...as("guest"), policies: [allow({ resType: "camera", resId: "*" })] }),
    question(),
    false,
    "no_matching_policy",
  ],
  [
    "a household's prohibition against its owner",
    facts({ ...as("owner"), policies: [deny({ subjId: "*" })] }),
    question(),
    true,
    "allowed_by_role",
  ],
  [
    "an operator's prohibition against an owner",
    facts({ ...as("owner"), policies: [deny({ origin: "operator" })] }),
    question(),
    false,
    "denied_by_policy",
  ],
  [
    "all doors, one of which is forbidden",
    facts({ ...as("admin"), policies: [deny()] }),
    question({ resource: { type: "door", id: "*" } }),
    false,
    "denied_by_policy",
  ],
  [
    "all doors, with a right on one",
    facts({ ...as("guest"), policies: [allow()] }),
    question({ resource: { type: "door", id: "*" } }),
    false,
    "no_matching_policy",
  ],
  [
    "everything, of which something is forbidden",
    facts({ ...as("admin"), policies: [deny({ actions: ["share"] })] }),
    question({ action: "*" }),
    false,
    "denied_by_policy",
  ],
  [
    "a controller in the domain, with a right",
    facts({
      subject: { active: true, domain: "dom_1" },
      policies: [allow({ subjType: "device", subjId: "*" })],
    }),
    question({ subject: { type: "device", id: "dev_1" } }),
    true,
    "allowed_by_policy",
  ],
  [
    "a controller in another domain",
    facts({
      subject: { active: true, domain: "dom_2" },
      policies: [allow({ subjType: "device", subjId: "*" })],
    }),
    question({ subject: { type: "device", id: "dev_1" } }),
    false,
    "outside_domain",
  ],
  [
    "a service, as all services",
    facts({ policies: [allow({ subjType: "service", subjId: "*" })] }),
    question({ subject: { type: "service", id: "cli_1" } }),
    true,
    "allowed_by_policy",
  ],
  [
    "an account whose id is a controller's rule",
    facts({ policies: [allow({ subjType: "device", subjId: "acc_1" })] }),
    question(),
    false,
    "outside_domain",
  ],
  [
    "a prohibition is not weakened by an old proof",
    facts({ ...as("member"), policies: [deny({ maxAuthAge: 60 })] }),
    question(),
    false,
    "denied_by_policy",
  ],
])("POL-2 %s", (_, about, of, decision, reason) => {
  expect(answer(about, of)).toEqual([decision, reason]);
});

test.each<[string, Facts["roleGrants"], boolean]>([
  ["the built-in table", [], true],
  ["less on doors", [{ role: "member", resType: "door", actions: ["view"] }], false],
  ["less on everything", [{ role: "member", resType: "*", actions: ["view"] }], false],
  ["less on cameras", [{ role: "member", resType: "camera", actions: [] }], true],
  ["all but this", [{ role: "member", resType: "door", actions: ["*", "!control"] }], false],
  ["less for guests", [{ role: "guest", resType: "*", actions: [] }], true],
])("POL-2 an operator's table of roles replaces ours where it has a row: %s", (_, roleGrants, expected) => {
  expect(evaluate(question(), facts({ ...as("member"), roleGrants }), NOW).decision).toBe(expected);
});

test.each<[string, Partial<Policy>, boolean]>([
  ["from now on", { notBefore: NOW }, true],
  ["from a minute on", { notBefore: at(1) }, false],
  ["until in a minute", { expiresAt: at(1) }, true],
  ["until now", { expiresAt: NOW }, false],
  ["inside a window", { weekly: [{ days: [3], from: "15:00", to: "15:01", tz: "Europe/Moscow" }] }, true],
  ["at its end", { weekly: [{ days: [3], from: "14:00", to: "15:00", tz: "Europe/Moscow" }] }, false],
  ["on another day", { weekly: [{ days: [1, 2, 4, 5, 6, 7], from: "00:00", to: "24:00", tz: "UTC" }] }, false],
  [
    "inside the second window",
    {
      weekly: [
        { days: [1], from: "00:00", to: "24:00", tz: "UTC" },
        { days: [3], from: "12:00", to: "12:01", tz: "UTC" },
      ],
    },
    true,
  ],
  ["with a proof young enough", { maxAuthAge: 600 }, true],
  ["with a proof too old", { maxAuthAge: 599 }, false],
])("POL-4 a right holds %s", (_, condition, expected) => {
  const about = facts({ policies: [allow(condition)] });
  expect(evaluate(question({ authAt: at(-10) }), about, NOW).decision).toBe(expected);
});

test.each<[string, Parameters<typeof isInside>[0], string, boolean]>([
  // Over midnight: Friday's night belongs to Friday.
  ["Friday evening", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-06T22:00:00Z", true],
  ["Saturday before six", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-07T05:59:59Z", true],
  ["Saturday at six", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-07T06:00:00Z", false],
  ["Friday before six", { days: [5], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-06T05:00:00Z", false],
  ["Sunday's night on Monday", { days: [7], from: "22:00", to: "06:00", tz: "UTC" }, "2026-03-09T01:00:00Z", true],
  // Berlin goes from 2:00 to 3:00 on 29 March 2026 and from 3:00 to 2:00 on 25 October.
  ["before the leap", { days: [7], from: "01:30", to: "03:30", tz: "Europe/Berlin" }, "2026-03-29T00:45:00Z", true],
  ["after the leap", { days: [7], from: "01:30", to: "03:30", tz: "Europe/Berlin" }, "2026-03-29T01:15:00Z", true],
  ["past the end", { days: [7], from: "01:30", to: "03:30", tz: "Europe/Berlin" }, "2026-03-29T01:30:00Z", false],
  ["in winter", { days: [1], from: "08:00", to: "09:00", tz: "Europe/Berlin" }, "2026-01-05T07:30:00Z", true],
  ["in summer", { days: [1], from: "08:00", to: "09:00", tz: "Europe/Berlin" }, "2026-07-06T06:30:00Z", true],
  [
    "an hour too late in summer",
    { days: [1], from: "08:00", to: "09:00", tz: "Europe/Berlin" },
    "2026-07-06T07:30:00Z",
    false,
  ],
  [
    "the hour that comes twice, first",
    { days: [7], from: "02:00", to: "03:00", tz: "Europe/Berlin" },
    "2026-10-25T00:30:00Z",
    true,
  ],
  [
    "the hour that comes twice, again",
    { days: [7], from: "02:00", to: "03:00", tz: "Europe/Berlin" },
    "2026-10-25T01:30:00Z",
    true,
  ],
  [
    "midnight there, not here",
    { days: [1], from: "00:00", to: "00:30", tz: "Asia/Vladivostok" },
    "2026-03-08T14:10:00Z",
    true,
  ],
])("POL-4 a window counts by the clock on the wall: %s", (_, window, time, expected) => {
  expect(isInside(window, new Date(time))).toBe(expected);
});

// Rules of a small world, so that many of them match.
const someRule = fc
  .record({
    subj: fc.constantFrom(
      ["account", "acc_1"],
      ["account", "*"],
      ["account", "acc_2"],
      ["role", "dom_1#member"],
      ["role", "dom_1#guest"],
      ["role", "*"],
      ["device", "*"],
    ),
    res: fc.constantFrom(["door", "d1"], ["door", "*"], ["*", "*"], ["door", "d2"], ["controller", "dev_1"]),
    actions: fc.subarray(["view", "control", "share", "*"], { minLength: 1 }),
    effect: fc.constantFrom("allow" as const, "deny" as const),
    origin: fc.constantFrom("grant" as const, "operator" as const),
    notBefore: fc.option(fc.integer({ min: -5, max: 5 }).map(at)),
    expiresAt: fc.option(fc.integer({ min: -5, max: 5 }).map(at)),
    maxAuthAge: fc.option(fc.integer({ min: 1, max: 900 })),
  })
  .map(({ subj, res, ...rest }) =>
    aRule({ subjType: subj[0] as Policy["subjType"], subjId: subj[1]!, resType: res[0]!, resId: res[1]!, ...rest }),
  );
const someRole = fc.option(fc.constantFrom<Role[]>("owner", "admin", "member", "guest"));
const someFacts = fc
  .record({ role: someRole, policies: fc.array(someRule, { maxLength: 12 }), below: fc.boolean() })
  .map(({ role, policies, below }) =>
    facts({ ...(role && as(role)), policies, parents: below ? [{ type: "controller", id: "dev_1" }] : [] }),
  );
const someQuestion = fc
  .record({
    action: fc.constantFrom("view", "control", "share", "delete", "*"),
    id: fc.constantFrom("d1", "d2", "*"),
    authAt: fc.option(fc.integer({ min: -20, max: 0 }).map(at), { nil: undefined }),
  })
  .map(({ action, id, authAt }) => question({ action, resource: { type: "door", id }, authAt }));

test("POL-2 a prohibition that matches beats whatever allows", () => {
  fc.assert(
    fc.property(someFacts, someQuestion, fc.nat(12), (about, of, place) => {
      const rule = aRule({ effect: "deny", origin: "operator", resId: of.resource.id, actions: [of.action] });
      const policies = about.policies.toSpliced(place, 0, rule);
      expect(evaluate(of, { ...about, policies }, NOW).decision).toBe(false);
    }),
  );
});

test("POL-2 without a role and without a rule that matches the answer is no", () => {
  fc.assert(
    fc.property(someFacts, someQuestion, (about, of) => {
      const { decision, rules } = evaluate(of, { ...about, member: null }, NOW);
      const matches = rules.some(({ kind, effect, matched }) => kind === "policy" && effect === "allow" && matched);
      expect(decision && !matches).toBe(false);
    }),
  );
});

test("POL-2 a subject that is not active may nothing, whatever the rules say", () => {
  fc.assert(
    fc.property(someFacts, someQuestion, (about, of) => {
      expect(evaluate(of, { ...about, subject: { active: false, domain: "dom_1" } }, NOW).decision).toBe(false);
    }),
  );
});

test("POL-4 an expired right never allows: without all of them the answer is the same", () => {
  fc.assert(
    fc.property(someFacts, someQuestion, (about, of) => {
      const expired = ({ expiresAt }: Policy) => expiresAt !== null && expiresAt <= NOW;
      const without = { ...about, policies: about.policies.filter((rule) => !expired(rule)) };
      const [one, other] = [evaluate(of, about, NOW), evaluate(of, without, NOW)];
      expect([one.decision, one.reason]).toEqual([other.decision, other.reason]);
    }),
  );
});

test("POL-2 a further right opens and never closes, a further prohibition the other way round", () => {
  fc.assert(
    fc.property(someFacts, someQuestion, someRule, (about, of, rule) => {
      const before = evaluate(of, about, NOW).decision;
      const after = evaluate(of, { ...about, policies: [...about.policies, rule] }, NOW).decision;
      if (rule.effect === "allow") expect(before && !after).toBe(false);
      else expect(!before && after).toBe(false);
    }),
  );
});

test("POL-7 every rule is looked at, and those that match decide", () => {
  fc.assert(
    fc.property(someFacts, someQuestion, (about, of) => {
      const { decision, rules, reason } = evaluate(of, about, NOW);
      const looked = rules.filter(({ kind }) => kind === "policy");
      expect(looked.map(({ id }) => id)).toEqual(about.policies.map(({ id }) => id));
      expect(looked.every(({ matched, why }) => matched === (why === "matches"))).toBe(true);
      if (reason === "denied_by_policy")
        expect(looked.some((rule) => rule.matched && rule.effect === "deny")).toBe(true);
      if (decision) expect(rules.some((rule) => rule.matched && rule.effect === "allow")).toBe(true);
    }),
  );
});
