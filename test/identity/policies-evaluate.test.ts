import { expect, test } from "vitest";
import { evaluate } from "#identity/policies/evaluate.ts";
import type { Facts, Question, Role } from "#identity/policies/question.ts";
import { allow, as, at, deny, facts, NOW, question } from "./policies-facts.ts";

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
