import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { isNarrower } from "./conditions.ts";
import { evaluate, type Verdict } from "./evaluate.ts";
import { factsOf } from "./facts.ts";
import { type Draft, type PolicyProblem, policyInvalid } from "./policy-wire.ts";
import type { Guard } from "./queries.ts";
import type { Facts, Question, Role } from "./question.ts";
import { isAbove, ROLES } from "./roles.ts";
import type { Policy } from "./tables.ts";

/** Who writes rules: a person for its household, or a service for the operator. */
export interface Publisher {
  kind: "account" | "service";
  id: string;
  operator: string;
  authAt?: Date | undefined;
}

/**
 * Throws unless the publisher may write that rule, and unless the rule makes sense: `grantor_lacks_right` to whom is a stranger in
 * the domain, lacks `share` or one of the actions on that very resource, would give more than it has, or writes about somebody
 * above; `policy_invalid`. Returns what must still be so when the rule is written. One round trip.
 */
export async function demandGrantor(env: Env, publisher: Publisher, draft: Draft, now: Date): Promise<Guard> {
  const asked = questionsAbout(publisher, draft);
  const facts = await factsOf(env, publisher.operator, asked);
  const verdicts = asked.map((question, i) => evaluate(question, facts[i]!, now));
  const [ofResource, ofDomain, ofSubject] = facts as [Facts, Facts, Facts];
  const [share, home, subject] = verdicts as [Verdict, Verdict, Verdict];
  const stranger = home.role === null && !(share.decision && share.domain === draft.domainId);
  if (publisher.kind === "account" && stranger) throw fail("grantor_lacks_right");

  const problems = problemsOf(draft, ofResource, ofDomain, ofSubject);
  if (problems.length > 0) throw policyInvalid(...problems);
  const { domainId: domain } = draft;
  if (publisher.kind === "service") return { domain };

  const [, , , ...held] = verdicts;
  if (![share, ...held].every(({ grounds }) => grounds.some((ground) => isNarrower(draft, ground))))
    throw fail("grantor_lacks_right");
  if (reachesTooHigh(draft, home.role, subject.role)) throw fail("grantor_lacks_right");
  return guardOf(publisher, home.role, domain, ofDomain.domain!.version);
}

/** Throws unless the publisher may change or withdraw what a rule says: `policy_not_found` for strangers, `grantor_lacks_right`. */
export async function demandKeeper(env: Env, publisher: Publisher, policy: Policy, now: Date): Promise<Guard> {
  const { domainId: domain } = policy;
  if (publisher.kind === "service") return { domain };
  const asked = questionsAbout(publisher, policy);
  const facts = await factsOf(env, publisher.operator, asked);
  const [share, home, subject, ...held] = asked.map((question, i) => evaluate(question, facts[i]!, now));
  const mayShare = share!.decision && share!.domain === domain;
  // A rule about what has left the domain since is its owner's and administrators' to clear away.
  const mayClear = home!.role === "owner" || home!.role === "admin";
  if (home!.role === null && !mayShare) throw fail("policy_not_found");
  const holdsAll = mayShare && held.every(({ decision }) => decision);
  if (policy.origin === "operator" || !(holdsAll || mayClear)) throw fail("grantor_lacks_right");
  if (isAbove(highest(policy, subject!.role), home!.role)) throw fail("grantor_lacks_right");
  return guardOf(publisher, home!.role, domain, facts[1]!.domain!.version);
}

// An owner's right is its role alone, which the guard looks at by itself; anybody else's may hang on rules that change.
const guardOf = ({ id }: Publisher, role: Role | null, domain: string, version: number): Guard => ({
  domain,
  version: role === "owner" ? undefined : version,
  writer: { account: id, role },
});

/** The right to share, the place in the domain, the subject's own place; then one question for each action. */
function questionsAbout(publisher: Publisher, draft: Draft): Question[] {
  const writer = { type: publisher.kind, id: publisher.id };
  const resource = { type: draft.resType, id: draft.resId };
  const { domainId: domain, subjType, subjId } = draft;
  const { authAt } = publisher;
  const ask = (action: string): Question => ({ subject: writer, action, resource, domain, authAt });
  const home = { type: "domain", id: domain };
  return [
    ask("share"),
    { subject: writer, action: "view", resource: home, authAt },
    { subject: { type: subjType === "role" ? "account" : subjType, id: subjId }, action: "view", resource: home },
    ...draft.actions.map(ask),
  ];
}

function problemsOf(draft: Draft, ofResource: Facts, ofDomain: Facts, ofSubject: Facts): PolicyProblem[] {
  const { domainId, subjType, subjId, resType, resId } = draft;
  const problem = (pointer: string, message: string) => [{ pointer, code: "unknown", message }];
  if (!ofDomain.domain) return problem("/domain", "there is no such domain");
  // A domain is its own resource, whether or not it is registered as one.
  const known = resId === "*" || resType === "domain" || ofResource.registered;
  return [
    ...(known && ofResource.domain?.id === domainId ? [] : problem("/resource", "the domain has no such resource")),
    ...(isSubject(subjType, subjId, domainId, ofSubject) ? [] : problem("/subject", "there is no such subject")),
  ];
}

function isSubject(type: Policy["subjType"], id: string, domain: string, { subject }: Facts): boolean {
  if (id === "*") return true;
  if (type === "role") return [...ROLES, "*"].some((role) => id === `${domain}#${role}`);
  return subject.active && (type !== "device" || subject.domain === domain);
}

/** Nobody writes about somebody above; and nobody forbids an owner anything. */
function reachesTooHigh(draft: Draft, own: Role | null, subject: Role | null): boolean {
  const target = highest(draft, subject);
  return isAbove(target, own) || (draft.effect === "deny" && target === "owner");
}

/** The highest role that the rule is about. What opens something to everybody is about nobody in particular. */
function highest({ subjType, subjId, effect, domainId }: Draft, role: Role | null): Role | null {
  const everybody = subjId === "*" || subjId === `${domainId}#*`;
  if (everybody) return effect === "deny" && subjType !== "device" && subjType !== "service" ? "admin" : null;
  if (subjType !== "role") return role;
  return ROLES.find((each) => subjId === `${domainId}#${each}`) ?? null;
}
