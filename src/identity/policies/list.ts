import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { decideAll } from "./check.ts";
import type { Publisher } from "./grantor.ts";
import { type PolicyFilter, policiesWhere } from "./queries.ts";
import type { Question } from "./question.ts";
import type { Policy } from "./tables.ts";

/**
 * Rules by their id. A service sees its operator's, a person those about what it may share, and those about itself. Throws
 * `domain_not_found` to whom the domain is foreign, `validation_failed` where a person names neither a domain, nor a resource, nor
 * itself, `maintenance` where the rights cannot be read. A page may hold less than `limit` and still have a next one.
 */
export async function listPolicies(
  env: Env,
  reader: Publisher,
  filter: PolicyFilter,
  { limit, cursor = "" }: { limit: number; cursor?: string | undefined },
  now = new Date(),
): Promise<{ items: Policy[]; next: string | null }> {
  const { type = reader.kind, id } = filter.subject ?? {};
  const aboutSelf = type === reader.kind && id === reader.id;
  if (reader.kind === "account" && !filter.domain && !filter.resource && !aboutSelf)
    throw fail("validation_failed", { extra: { errors: [{ pointer: "/domain", code: "required" }] } });
  const rows = await policiesWhere(database(env), reader.operator, filter, cursor, limit + 1);
  const page = rows.slice(0, limit);
  const next = rows.length > limit ? page.at(-1)!.id : null;
  if (reader.kind === "service") return { items: page, next };
  return { items: await visibleTo(env, reader, filter.domain, page, now), next };
}

async function visibleTo(env: Env, reader: Publisher, domain: string | undefined, page: Policy[], now: Date) {
  const subject = { type: reader.kind, id: reader.id };
  const { authAt } = reader;
  const isOwn = ({ subjType, subjId }: Policy) => subjType === reader.kind && subjId === reader.id;
  const questions = page.map(({ resType: type, resId: id, domainId }): Question => {
    return { subject, action: "share", resource: { type, id }, domain: domainId, authAt };
  });
  const home: Question[] = domain
    ? [{ subject, action: "view", resource: { type: "domain", id: domain }, authAt }]
    : [];
  const decisions = await decideAll(env, reader.operator, [...questions, ...home], now);
  if (decisions.some(({ reason }) => reason === "unavailable")) throw fail("maintenance");
  const items = page.filter((policy, i) => {
    const { decision, domain: where, role } = decisions[i]!;
    return isOwn(policy) || (decision && where === policy.domainId) || (role === "owner" && where === policy.domainId);
  });
  if (domain && items.length === 0 && decisions.at(-1)!.role === null) throw fail("domain_not_found");
  return items;
}
