import fc from "fast-check";
import { expect, test } from "vitest";
import { evaluate } from "#identity/policies/evaluate.ts";
import type { Role } from "#identity/policies/question.ts";
import type { Policy } from "#identity/policies/tables.ts";
import { as, at, facts, NOW, question } from "./policies-facts.ts";
import { aRule } from "./policies-support.ts";

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
