import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { demandGrantor, demandKeeper, type Publisher } from "./grantor.ts";
import { type Draft, policyInvalid, policyView } from "./policy-wire.ts";
import { deletePolicy, insertPolicy, policyById, raisePolicyVersionIfChanged, updatePolicy } from "./queries.ts";
import type { Policy } from "./tables.ts";

export interface Written {
  policy: Policy;
  /** The version of the domain's rights from which the rule counts. */
  version: number;
}

const TRIES = 10;

/**
 * Publishes a rule. Throws `grantor_lacks_right`, `policy_invalid`, `domain_full` where there are too many rules. The rule, its
 * audit row and the domain's new version are one batch, which writes nothing if the publisher's right has changed meanwhile.
 */
export async function publishPolicy(
  env: Env,
  publisher: Publisher,
  draft: Draft,
  actor: Actor,
  now = new Date(),
): Promise<Written> {
  const db = database(env);
  const { operator } = publisher;
  const policy: Policy = {
    ...{ ...draft, operator, id: newId("pol"), origin: originOf(publisher) },
    ...{ createdBy: publisher.id, createdAt: now, ver: 1 },
  };
  const most = settings(env).LIMITS.domainPolicies;
  const version = await repeatedly(async (isLast) => {
    const guard = await demandGrantor(env, publisher, draft, now);
    const [, , raised] = await db.batch([
      insertPolicy(db, policy, guard, most),
      audit(db, operator, actor, "policy.published", policy.id, { after: policyView(policy) }, now),
      raisePolicyVersionIfChanged(db, operator, policy.domainId),
    ]);
    if (raised.length === 0 && (isLast || guard.version === undefined)) throw fail("domain_full");
    return raised[0]?.version;
  });
  return { policy, version };
}

/**
 * Replaces a rule of the same domain. Throws what `publishPolicy` throws, `policy_not_found`, and `precondition_failed` where the
 * rule is no longer the version `expected`.
 */
export async function replacePolicy(
  env: Env,
  publisher: Publisher,
  { id, expected, draft }: { id: string; expected: number | undefined; draft: Draft },
  actor: Actor,
  now = new Date(),
): Promise<Written> {
  const db = database(env);
  const { operator } = publisher;
  return repeatedly(async (isLast) => {
    const { policy } = await mine(env, publisher, id, expected, now);
    const { domainId, ...change } = { ...draft, origin: originOf(publisher) };
    if (domainId !== policy.domainId)
      throw policyInvalid({ pointer: "/domain", code: "fixed", message: "stays as it is" });
    const guard = await demandGrantor(env, publisher, draft, now);
    const next: Policy = { ...policy, ...change, ver: policy.ver + 1 };
    const [, , raised] = await db.batch([
      updatePolicy(db, operator, id, policy.ver, change, guard),
      audit(db, operator, actor, "policy.replaced", id, { before: policyView(policy), after: policyView(next) }, now),
      raisePolicyVersionIfChanged(db, operator, policy.domainId),
    ]);
    if (raised.length === 0 && isLast) throw fail("precondition_failed");
    return raised[0] && { policy: next, version: raised[0].version };
  });
}

/** Withdraws a rule; it counts for nothing from the next question on. Throws as `replacePolicy` does. */
export async function withdrawPolicy(
  env: Env,
  publisher: Publisher,
  { id, expected }: { id: string; expected: number | undefined },
  actor: Actor,
  now = new Date(),
): Promise<number> {
  const db = database(env);
  const { operator } = publisher;
  return repeatedly(async (isLast) => {
    const { policy, guard } = await mine(env, publisher, id, expected, now);
    const [, , raised] = await db.batch([
      deletePolicy(db, operator, id, policy.ver, guard),
      audit(db, operator, actor, "policy.withdrawn", id, { before: policyView(policy) }, now),
      raisePolicyVersionIfChanged(db, operator, policy.domainId),
    ]);
    if (raised.length === 0 && isLast) throw fail("precondition_failed");
    return raised[0]?.version;
  });
}

async function mine(env: Env, publisher: Publisher, id: string, expected: number | undefined, now: Date) {
  const [policy] = await policyById(database(env), publisher.operator, id);
  if (!policy) throw fail("policy_not_found");
  const guard = await demandKeeper(env, publisher, policy, now);
  if (expected !== undefined && expected !== policy.ver) throw fail("precondition_failed");
  return { policy, guard };
}

const originOf = ({ kind }: Publisher): Policy["origin"] => (kind === "service" ? "operator" : "grant");

function audit(
  db: ReturnType<typeof database>,
  operator: string,
  actor: Actor,
  action: string,
  id: string,
  change: { before?: Record<string, unknown>; after?: Record<string, unknown> },
  now: Date,
) {
  const [row] = journal(db, operator, actor, { action, target: { kind: "policy", id }, ...change }, now);
  return row;
}

/** Looks and writes anew while somebody else was quicker. */
async function repeatedly<T>(attempt: (isLast: boolean) => Promise<T | undefined>): Promise<T> {
  for (let left = TRIES; left > 0; left--) {
    const result = await attempt(left === 1);
    if (result !== undefined) return result;
  }
  throw fail("maintenance", { retryAfter: 1 });
}
