import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import {
  dropPoliciesOn,
  putResource,
  raisePolicyVersion,
  raisePolicyVersionIfChanged,
  resourceFacts,
} from "./queries.ts";
import { OWN_TYPES, type ResourceRef } from "./question.ts";

export interface Registration {
  domain: string;
  /** An account of the operator; says whose it is and gives no right. */
  owner?: string | null | undefined;
  parent?: ResourceRef | null | undefined;
}

/**
 * Registers what rights can hang on, or says anew where it belongs; rules of the domain that it leaves are forgotten. Throws
 * `domain_not_found` for one that is not this operator's, `validation_failed` for our own types, a foreign owner, and a parent
 * that is in another domain or hangs below the resource itself.
 */
export async function registerResource(
  env: Env,
  operator: string,
  { type, id }: ResourceRef,
  { domain, owner = null, parent = null }: Registration,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  if (OWN_TYPES.includes(type) || type === "*" || id === "*") throw refused("/type", "is ours to register");
  const db = database(env);
  const [[facts], chain] = await resourceFacts(db, operator, { type, id }, { domain, owner, parent });
  if (!facts?.domain) throw fail("domain_not_found");
  if (owner !== null && !facts.owner) throw refused("/owner", "there is no such account");
  if (parent && !chain.some((each) => each.depth === 0 && each.domainId === domain))
    throw refused("/parent", "the domain has no such resource");
  if (parent && chain.some((each) => each.type === type && each.id === id))
    throw refused("/parent", "goes in a circle");
  const before = facts.before ? (JSON.parse(facts.before) as { domain: string | null }) : undefined;
  const left = before?.domain && before.domain !== domain ? before.domain : undefined;
  const row = { operator, type, id, domainId: domain, owner };
  const [audit] = journal(
    db,
    operator,
    actor,
    { action: "resource.registered", target: { kind: type, id }, before, after: { domain, owner, parent } },
    now,
  );
  await db.batch([
    putResource(db, { ...row, parentType: parent?.type ?? null, parentId: parent?.id ?? null }),
    audit,
    raisePolicyVersionIfChanged(db, operator, domain),
    ...(left ? [dropPoliciesOn(db, operator, left, { type, id }), raisePolicyVersion(db, operator, left)] : []),
  ]);
}

const refused = (pointer: string, message: string) =>
  fail("validation_failed", { extra: { errors: [{ pointer, code: "invalid", message }] } });
