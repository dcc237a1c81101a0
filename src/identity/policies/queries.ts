import { and, asc, eq, gt, inArray, type SQL, sql } from "drizzle-orm";
import { compared, type Db, ifChanged } from "#platform/db.ts";
import { domains } from "../domains/tables.ts";
import { resourcesOf } from "./facts-queries.ts";
import type { ResourceRef } from "./question.ts";
import { type Policy, policies, type Resource, resources } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

/** Counts a change of a domain's rights: for the same batch, behind what changed. */
export function raisePolicyVersion(db: Db, operator: string, domain: string) {
  return db
    .update(domains)
    .set({ policyVersion: sql`policy_version + 1` })
    .where(and(eq(domains.operator, operator), eq(domains.id, domain)))
    .returning({ version: domains.policyVersion });
}

/** The same directly behind a statement that may have changed nothing: then it counts nothing either, and returns no row. */
export function raisePolicyVersionIfChanged(db: Db, operator: string, domain: string) {
  return db
    .update(domains)
    .set({ policyVersion: sql`policy_version + 1` })
    .where(and(eq(domains.operator, operator), eq(domains.id, domain), ifChanged))
    .returning({ version: domains.policyVersion });
}

/** What must still be so when a rule is written, because it was so when the writer's right was looked at. */
export interface Guard {
  domain: string;
  /** The version that was looked at; undefined where no other change can have taken the right away. */
  version?: number | undefined;
  /** The writer and its role; null for one whose right is no role's. */
  writer?: { account: string; role: string | null } | undefined;
}

function still(operator: string, { domain, version, writer }: Guard): SQL {
  const asOf = version === undefined ? sql`` : sql`AND d.policy_version = ${version}`;
  const member = writer?.role
    ? sql`AND EXISTS (SELECT 1 FROM domain_members m WHERE m.operator = ${operator} AND m.domain_id = ${domain}
        AND m.account_id = ${writer.account} AND m.role = ${writer.role})`
    : sql``;
  return sql`EXISTS (SELECT 1 FROM domains d WHERE d.operator = ${operator} AND d.id = ${domain} AND d.status = 'active' ${asOf}) ${member}`;
}

/** Writes nothing where the guard fails, or where the domain has `most` rules already. */
export function insertPolicy(db: Db, policy: Policy, guard: Guard, most: number) {
  const { operator, domainId } = policy;
  const time = (at: Date | null) => at?.getTime() ?? null;
  const list = (value: unknown) => (value === null ? null : JSON.stringify(value));
  return db
    .insert(policies)
    .select(sql`SELECT ${operator}, ${policy.id}, ${domainId}, ${policy.subjType}, ${policy.subjId},
    ${policy.resType}, ${policy.resId}, ${list(policy.actions)}, ${policy.effect}, ${list(policy.weekly)}, ${policy.maxAuthAge},
    ${time(policy.notBefore)}, ${time(policy.expiresAt)}, ${policy.origin}, ${policy.createdBy}, ${time(policy.createdAt)}, ${policy.ver}
    WHERE ${still(operator, guard)}
      AND (SELECT count(*) FROM policies WHERE operator = ${operator} AND domain_id = ${domainId}) < ${most}`);
}

type Change = Omit<Policy, "operator" | "id" | "domainId" | "createdBy" | "createdAt" | "ver">;

/** Replaces the version `ver` of a rule, and no other. */
export function updatePolicy(db: Db, operator: string, id: string, ver: number, change: Change, guard: Guard) {
  return db
    .update(policies)
    .set({ ...change, ver: sql`ver + 1` })
    .where(and(eq(policies.operator, operator), eq(policies.id, id), eq(policies.ver, ver), still(operator, guard)));
}

export function deletePolicy(db: Db, operator: string, id: string, ver: number, guard: Guard) {
  return db
    .delete(policies)
    .where(and(eq(policies.operator, operator), eq(policies.id, id), eq(policies.ver, ver), still(operator, guard)));
}

/** Forgets the rules about one resource: when it leaves its domain, so that they do not come back with it. */
export function dropPoliciesOn(db: Db, operator: string, domain: string, { type, id }: ResourceRef) {
  return db
    .delete(policies)
    .where(
      and(
        eq(policies.operator, operator),
        eq(policies.domainId, domain),
        eq(policies.resType, type),
        eq(policies.resId, id),
      ),
    );
}

/** Registers a resource, or says anew where it belongs. */
export function putResource(db: Db, resource: Resource) {
  return db
    .insert(resources)
    .values(resource)
    .onConflictDoUpdate({
      target: [resources.operator, resources.type, resources.id],
      set: {
        domainId: resource.domainId,
        owner: resource.owner,
        parentType: resource.parentType,
        parentId: resource.parentId,
      },
    });
}

export function policyById(db: Db, operator: string, id: string) {
  return db
    .select()
    .from(policies)
    .where(and(eq(policies.operator, operator), eq(policies.id, id)))
    .limit(1);
}

export interface PolicyFilter {
  domain?: string | undefined;
  subject?: { type?: Policy["subjType"] | undefined; id: string } | undefined;
  resource?: { type?: string | undefined; id: string } | undefined;
}

/** Rules by their id, beginning behind `after`. Of a resource without a domain, those of its own domain: others do not count. */
export function policiesWhere(db: Db, operator: string, filter: PolicyFilter, after: string, limit: number) {
  const { domain, subject, resource } = filter;
  // By the domain or the subject, where there is one, and not through all rules in their order.
  const id: SQL = (domain ?? subject ?? resource) ? compared(policies.id) : sql`${policies.id}`;
  const ofType = resource?.type === undefined ? undefined : eq(resources.type, resource.type);
  const home =
    resource &&
    db
      .select({ id: resources.domainId })
      .from(resources)
      .where(and(eq(resources.operator, operator), ofType, eq(resources.id, resource.id)));
  return db
    .select()
    .from(policies)
    .where(
      and(
        eq(policies.operator, operator),
        domain === undefined ? home && inArray(policies.domainId, home) : eq(policies.domainId, domain),
        subject?.type && eq(policies.subjType, subject.type),
        subject && eq(policies.subjId, subject.id),
        resource?.type === undefined ? undefined : eq(policies.resType, resource.type),
        resource && eq(policies.resId, resource.id),
        gt(id, after),
      ),
    )
    .orderBy(asc(id))
    .limit(limit);
}

/** What a registration depends on: domain, owner and earlier row; and the parent with all that it hangs below. One round trip. */
export function resourceFacts(
  db: Db,
  operator: string,
  { type, id }: ResourceRef,
  { domain, owner, parent }: { domain: string; owner: string | null; parent: ResourceRef | null },
) {
  const asked = { subject: { type: "account" as const, id: "" }, resource: parent ?? { type: "", id: "" } };
  return db.batch([
    db
      .select({
        domain: sql<
          string | null
        >`(SELECT id FROM domains WHERE operator = ${operator} AND id = ${domain} AND status = 'active')`.as("d"),
        owner: sql<
          string | null
        >`(SELECT id FROM accounts WHERE operator = ${operator} AND id = ${owner} AND status <> 'deleted')`.as("o"),
        before: sql<string | null>`(SELECT json_object('domain', domain_id, 'owner', owner, 'parent',
          iif(parent_type IS NULL, NULL, json_object('type', parent_type, 'id', parent_id)))
          FROM resources WHERE operator = ${operator} AND type = ${type} AND id = ${id})`.as("b"),
      })
      .from(sql`(SELECT 1)`),
    resourcesOf(db, operator, [asked]),
  ]);
}
