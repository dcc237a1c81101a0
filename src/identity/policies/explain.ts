import type { Env } from "#env.ts";
import { evaluate, type LookedAt } from "./evaluate.ts";
import { factsOf } from "./facts.ts";
import { policyView } from "./policy-wire.ts";
import type { Decision, Question } from "./question.ts";

export interface Explained extends LookedAt {
  /** The rule itself, where it is one. */
  policy?: ReturnType<typeof policyView>;
}

export interface Explanation {
  decision: boolean;
  reason: Decision["reason"];
  policy_version: string | null;
  role: Decision["role"];
  domain: string | null;
  /** What made the answer: the prohibition, the rights, the role. */
  decided_by: Explained[];
  /** Everything that was looked at, also of other subjects in the domain. */
  rules: Explained[];
}

/** The answer that `decide` would give, and every rule looked at with why it counted or did not. */
export async function explain(env: Env, operator: string, question: Question, now = new Date()): Promise<Explanation> {
  const [facts] = await factsOf(env, operator, [question], true);
  const { decision, reason, policyVersion, role, domain, rules } = evaluate(question, facts!, now);
  const policies = new Map(facts!.policies.map((policy) => [policy.id, policyView(policy)]));
  const looked = rules.map((rule): Explained => {
    const policy = rule.kind === "policy" ? policies.get(rule.id) : undefined;
    return policy ? { ...rule, policy } : rule;
  });
  const decided = looked.filter((rule) => decides(rule, reason));
  return { decision, reason, policy_version: policyVersion, role, domain, decided_by: decided, rules: looked };
}

function decides({ kind, effect, matched }: LookedAt, reason: Decision["reason"]): boolean {
  if (reason === "subject_not_active") return kind === "subject";
  if (reason === "resource_unknown" || reason === "outside_domain") return kind === "domain";
  if (reason === "denied_by_policy") return kind === "policy" && matched && effect === "deny";
  if (reason === "allowed_by_role") return kind === "role" && matched;
  return kind === "policy" && matched && effect === "allow";
}
