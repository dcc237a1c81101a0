import { ALWAYS, type Condition, type Unmet, unmet } from "./conditions.ts";
import type { Decision, Facts, Question, Reason, ResourceRef, Role } from "./question.ts";
import { roleAllows } from "./roles.ts";
import type { Policy } from "./tables.ts";

/** One thing that was looked at, and what came of it. */
export interface LookedAt {
  kind: "subject" | "domain" | "role" | "policy";
  /** The policy's id, the role, the domain. */
  id: string;
  effect: "allow" | "deny";
  matched: boolean;
  why: "matches" | "not_active" | "active" | "member" | "attached" | "direct_grant" | "outside" | "unknown" | Mismatch;
}

type Mismatch = "other_subject" | "other_resource" | "other_action" | "owner_is_exempt" | Unmet;

export interface Verdict extends Decision {
  /** In the order in which it was looked at. */
  rules: LookedAt[];
  /** Under which conditions it is allowed: one for each role or policy that allows it. */
  grounds: Condition[];
}

/**
 * Answers a question from what is known. In this order: a subject that is not active may nothing; what is in none of its
 * domains and was not granted to it directly stays closed; a prohibition whose conditions hold beats every right; a right whose
 * conditions hold opens; else it stays closed.
 */
export function evaluate(question: Question, facts: Facts, now: Date): Verdict {
  const { domain, subject } = facts;
  const role = roleOf(facts, now);
  const rules: LookedAt[] = [];
  const answer = (reason: Reason, grounds: Condition[] = []): Verdict => ({
    decision: grounds.length > 0,
    reason,
    policyVersion: domain && `${domain.id}:${domain.version}`,
    role,
    domain: domain?.id ?? null,
    rules,
    grounds,
  });
  const look = (kind: LookedAt["kind"], id: string, matched: boolean, why: LookedAt["why"]) =>
    rules.push({ kind, id, effect: matched ? "allow" : "deny", matched, why });

  look("subject", question.subject.id, subject.active, subject.active ? "active" : "not_active");
  if (!subject.active) return answer("subject_not_active");
  look("domain", domain?.id ?? "-", domain !== null, domain ? whyInside(facts, role) : "unknown");
  if (!domain) return answer("resource_unknown");

  const looked = facts.policies.map((policy) => ({ policy, mismatch: mismatchOf(policy, question, facts, role, now) }));
  for (const { policy, mismatch } of looked) {
    const { id, effect } = policy;
    rules.push({ kind: "policy", id, effect, matched: !mismatch, why: mismatch ?? "matches" });
  }
  // Whose stay is over has nothing left of it, also not what was granted to it by name.
  const stayIsOver = facts.member !== null && role === null;
  const hasOwn = !stayIsOver && looked.some(({ policy }) => isDirectGrant(policy, question, facts, now));
  if (!belongs(facts, role) && !hasOwn) return answer("outside_domain");
  const effective = looked.filter(({ mismatch }) => !mismatch).map(({ policy }) => policy);
  if (effective.some(({ effect }) => effect === "deny")) return answer("denied_by_policy");

  const until = facts.member?.expiresAt ?? null;
  const grounds: Condition[] = effective.map((policy) => ({ ...policy, expiresAt: earlier(policy.expiresAt, until) }));
  const byRole = role !== null && roleAllows(role, question.resource.type, question.action, facts.roleGrants);
  if (role !== null) look("role", role, byRole, byRole ? "matches" : "other_action");
  if (byRole) return answer("allowed_by_role", [...grounds, { ...ALWAYS, expiresAt: until }]);
  if (grounds.length > 0) return answer("allowed_by_policy", grounds);
  const stale = looked.some(
    ({ mismatch, policy }) => mismatch === "authentication_too_old" && policy.effect === "allow",
  );
  return answer(stale ? "authentication_too_old" : "no_matching_policy");
}

const earlier = (one: Date | null, other: Date | null) => (one && other && other < one ? other : (one ?? other));

/** A guest whose time is over is nobody any more. */
const roleOf = ({ member }: Facts, now: Date): Role | null =>
  member && !(member.expiresAt && now >= member.expiresAt) ? member.role : null;

const belongs = ({ subject, domain }: Facts, role: Role | null): boolean =>
  role !== null || (domain !== null && subject.domain === domain.id);

const whyInside = (facts: Facts, role: Role | null) =>
  role !== null ? "member" : belongs(facts, role) ? "attached" : "outside";

/** Something of this resource was given to this very subject, whatever it may do with it: it knows of the resource. */
function isDirectGrant(
  policy: Policy,
  { subject, resource, authAt }: Question,
  { parents }: Facts,
  now: Date,
): boolean {
  if (policy.effect !== "allow" || policy.subjType !== subject.type) return false;
  if (policy.subjId !== subject.id && !(subject.type === "service" && policy.subjId === "*")) return false;
  const condition = unmet(policy, authAt, now);
  return isOn(policy, resource, parents) && condition !== "expired" && condition !== "not_yet";
}

function mismatchOf(
  policy: Policy,
  { subject, action, resource, authAt }: Question,
  facts: Facts,
  role: Role | null,
  now: Date,
): Mismatch | undefined {
  const denies = policy.effect === "deny";
  if (!isAbout(policy, subject, facts, role)) return "other_subject";
  if (!isOn(policy, resource, facts.parents) && !(denies && overlaps(policy, resource))) return "other_resource";
  if (!policy.actions.includes(action) && !policy.actions.includes("*") && !(denies && action === "*"))
    return "other_action";
  // Nobody in a household shuts its owner out; the operator can.
  if (denies && role === "owner" && policy.origin !== "operator") return "owner_is_exempt";
  // How long ago somebody proved who they are can open a door, not keep it shut.
  return unmet(denies ? { ...policy, maxAuthAge: null } : policy, authAt, now);
}

/** `*` means whoever belongs to the domain where it allows, and anybody where it forbids. */
function isAbout(policy: Policy, subject: Question["subject"], facts: Facts, role: Role | null): boolean {
  const { subjType, subjId, domainId, effect } = policy;
  if (subjType === "role")
    return role !== null && (subjId === "*" || subjId === `${domainId}#*` || subjId === `${domainId}#${role}`);
  if (subjType !== subject.type) return false;
  if (subjId !== "*") return subjId === subject.id;
  return effect === "deny" || subject.type === "service" || belongs(facts, role);
}

/** A right on what the resource hangs below counts for it too. */
const isOn = (policy: Policy, resource: ResourceRef, parents: readonly ResourceRef[]): boolean =>
  [resource, ...parents].some(
    ({ type, id }) =>
      (policy.resType === "*" || policy.resType === type) && (policy.resId === "*" || policy.resId === id),
  );

/** Whoever asks for all of them is stopped by a prohibition on any. */
const overlaps = (policy: Policy, { type, id }: ResourceRef): boolean =>
  id === "*" && (type === "*" || policy.resType === "*" || policy.resType === type);
