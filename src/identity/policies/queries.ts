import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { domains } from "../domains/tables.ts";
import type { ResourceRef } from "./question.ts";
import { type Policy, policies, type Resource, resources } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

/**
 * Counts a change of a domain's rights: for the same batch, behind what changed. Whoever changes a membership or what belongs to
 * the domain does it too, so that `min_version` covers that as well.
 */
export function raisePolicyVersion(db: Db, operator: string, domain: string) {
  return db
    .update(domains)
    .set({ policyVersion: sql`policy_version + 1` })
    .where(and(eq(domains.operator, operator), eq(domains.id, domain)))
    .returning({ version: domains.policyVersion });
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

/** Forgets what a domain's people granted or forbade an account: when it leaves, so that nothing outlives the membership. */
export function dropPoliciesOf(db: Db, operator: string, domain: string, account: string) {
  return db
    .delete(policies)
    .where(
      and(
        eq(policies.operator, operator),
        eq(policies.domainId, domain),
        eq(policies.subjType, "account"),
        eq(policies.subjId, account),
        eq(policies.origin, "grant"),
      ),
    );
}

/** Forgets all of a domain's rules: when it is deleted. */
export const dropPoliciesOfDomain = (db: Db, operator: string, domain: string) =>
  db.delete(policies).where(and(eq(policies.operator, operator), eq(policies.domainId, domain)));

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

export function dropResource(db: Db, operator: string, { type, id }: ResourceRef) {
  return db
    .delete(resources)
    .where(and(eq(resources.operator, operator), eq(resources.type, type), eq(resources.id, id)));
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
  subject?: { type: Policy["subjType"]; id: string } | undefined;
  resource?: ResourceRef | undefined;
}

/** Rules by their id, beginning behind `after`. */
export function policiesWhere(db: Db, operator: string, filter: PolicyFilter, after: string, limit: number) {
  const { domain, subject, resource } = filter;
  return db
    .select()
    .from(policies)
    .where(
      and(
        eq(policies.operator, operator),
        domain === undefined ? undefined : eq(policies.domainId, domain),
        subject && and(eq(policies.subjType, subject.type), eq(policies.subjId, subject.id)),
        resource && and(eq(policies.resType, resource.type), eq(policies.resId, resource.id)),
        gt(policies.id, after),
      ),
    )
    .orderBy(asc(policies.id))
    .limit(limit);
}
