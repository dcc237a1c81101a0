import { and, asc, eq, exists, gt, isNull, type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { notifications } from "../journal/tables.ts";
import { policies, resources } from "../policies/tables.ts";
import { isCurrent, memberIs } from "./member-queries.ts";
import { type Domain, domainMembers, domains, invitations } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

const domainIs = (operator: string, id: string) =>
  and(eq(domains.operator, operator), eq(domains.id, id), eq(domains.status, "active"));

/** An active domain. */
export function domainById(db: Db, operator: string, id: string) {
  return db.select().from(domains).where(domainIs(operator, id)).get();
}

/** The domains somebody belongs to, oldest first. */
export function domainsOf(
  db: Db,
  operator: string,
  accountId: string,
  { after, limit, now }: { after: string; limit: number; now: Date },
) {
  return db
    .select({ domain: domains, role: domainMembers.role, expiresAt: domainMembers.expiresAt })
    .from(domainMembers)
    .innerJoin(domains, and(eq(domains.operator, domainMembers.operator), eq(domains.id, domainMembers.domainId)))
    .where(
      and(
        eq(domainMembers.operator, operator),
        eq(domainMembers.accountId, accountId),
        isCurrent(now),
        eq(domains.status, "active"),
        gt(domains.id, after),
      ),
    )
    .orderBy(asc(domains.id))
    .limit(limit)
    .all();
}

export function updateDomain(
  db: Db,
  operator: string,
  id: string,
  change: Partial<Pick<Domain, "name" | "addressRef" | "nextOwnerId" | "offeredBy">>,
  ver?: number,
) {
  return db
    .update(domains)
    .set({ ...change, ver: sql`${domains.ver} + 1` })
    .where(and(domainIs(operator, id), ver === undefined ? undefined : eq(domains.ver, ver)))
    .returning();
}

/** Offers a domain to a current member; whoever it was offered to before is forgotten. */
export function offerDomain(db: Db, operator: string, id: string, offer: { to: string; by: string }, now: Date) {
  const isMember = db
    .select({ one: sql`1` })
    .from(domainMembers)
    .where(and(memberIs(operator, id, offer.to), isCurrent(now)));
  return db
    .update(domains)
    .set({ nextOwnerId: offer.to, offeredBy: offer.by, ver: sql`${domains.ver} + 1` })
    .where(and(domainIs(operator, id), exists(isMember)))
    .returning({ id: domains.id });
}

/** Takes an offer back, or turns it down. */
export function dropOffer(db: Db, operator: string, id: string, accountId: string) {
  return db
    .update(domains)
    .set({ nextOwnerId: null, offeredBy: null, ver: sql`${domains.ver} + 1` })
    .where(and(domainIs(operator, id), eq(domains.nextOwnerId, accountId)))
    .returning({ id: domains.id });
}

/** Behind a change of who belongs to the domain: its rights have a new version, and what was offered to or by `leaving` is not. */
export function touchDomain(db: Db, operator: string, id: string, leaving: string | null = null) {
  const stays = sql`(${leaving} IS NULL OR (coalesce(next_owner_id, '') <> ${leaving} AND coalesce(offered_by, '') <> ${leaving}))`;
  return db
    .update(domains)
    .set({
      policyVersion: sql`${domains.policyVersion} + 1`,
      nextOwnerId: sql`CASE WHEN ${stays} THEN next_owner_id END`,
      offeredBy: sql`CASE WHEN ${stays} THEN offered_by END`,
    })
    .where(and(eq(domains.operator, operator), eq(domains.id, id), ifChanged));
}

/** Nobody else belongs to the domain at that time. */
export const isAlone = (operator: string, id: string, accountId: string, now: Date): SQL =>
  sql`NOT EXISTS (SELECT 1 FROM domain_members o WHERE o.operator = ${operator} AND o.domain_id = ${id} AND o.account_id <> ${accountId}
    AND (o.expires_at IS NULL OR o.expires_at > ${now.getTime()}))`;

/** Of a domain without controllers. Whatever hangs on it is deleted by `emptyDomain`. */
export function markDeleted(db: Db, operator: string, id: string, onlyIf?: SQL) {
  const attached = sql`EXISTS (SELECT 1 FROM controllers c WHERE c.operator = ${operator} AND c.domain_id = ${id})`;
  return db
    .update(domains)
    .set({
      status: "deleted",
      nextOwnerId: null,
      offeredBy: null,
      ver: sql`${domains.ver} + 1`,
      policyVersion: sql`${domains.policyVersion} + 1`,
    })
    .where(and(domainIs(operator, id), sql`NOT ${attached}`, onlyIf))
    .returning({ id: domains.id });
}

/** Before `emptyDomain`: the event of the deletion names everybody who belonged to the domain in that moment, also just over their time. */
export function nameThoseWhoLose(db: Db, operator: string, id: string) {
  const accountIds = sql`(SELECT json_group_array(m.account_id) FROM domain_members m WHERE m.operator = ${operator} AND m.domain_id = ${id})`;
  return db
    .update(notifications)
    .set({ data: sql`json_object('accounts', json(${accountIds}))` })
    .where(
      and(
        ...[eq(notifications.operator, operator), eq(notifications.aggKind, "domain"), eq(notifications.aggId, id)],
        ...[eq(notifications.type, "domain.deleted"), isNull(notifications.takenAt)],
      ),
    );
}

/** Ends what hangs on a deleted domain: its memberships first, which it returns, then open invitations, rights and the things they hang on. */
export function emptyDomain(db: Db, operator: string, id: string) {
  const deleted = sql`EXISTS (SELECT 1 FROM domains d WHERE d.operator = ${operator} AND d.id = ${id} AND d.status = 'deleted')`;
  return [
    db
      .delete(domainMembers)
      .where(and(eq(domainMembers.operator, operator), eq(domainMembers.domainId, id), deleted))
      .returning({ accountId: domainMembers.accountId }),
    db
      .update(invitations)
      .set({ status: "withdrawn" })
      .where(
        and(eq(invitations.operator, operator), eq(invitations.domainId, id), eq(invitations.status, "open"), deleted),
      ),
    db.delete(policies).where(and(eq(policies.operator, operator), eq(policies.domainId, id), deleted)),
    db.delete(resources).where(and(eq(resources.operator, operator), eq(resources.domainId, id), deleted)),
  ] as const;
}
