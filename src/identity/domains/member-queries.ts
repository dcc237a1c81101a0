import { and, asc, eq, gt, inArray, isNotNull, isNull, lte, notExists, or, type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { accounts } from "../accounts/tables.ts";
import { policies } from "../policies/tables.ts";
import { domainMembers, invitations, type Role } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

/** A membership whose time is over is none, whether or not anybody has swept it away. */
export const isCurrent = (now: Date) => or(isNull(domainMembers.expiresAt), gt(domainMembers.expiresAt, now));

export const memberIs = (operator: string, domainId: string, accountId: string) =>
  and(
    eq(domainMembers.operator, operator),
    eq(domainMembers.domainId, domainId),
    eq(domainMembers.accountId, accountId),
  );

export function insertMember(db: Db, member: typeof domainMembers.$inferInsert) {
  return db.insert(domainMembers).values(member);
}

/** Who belongs to a domain, with the names they gave themselves. */
export function membersOf(
  db: Db,
  operator: string,
  domainId: string,
  { after, limit, now }: { after: string; limit: number; now: Date },
) {
  return db
    .select({ member: domainMembers, name: accounts.name })
    .from(domainMembers)
    .leftJoin(accounts, and(eq(accounts.operator, domainMembers.operator), eq(accounts.id, domainMembers.accountId)))
    .where(
      and(
        eq(domainMembers.operator, operator),
        eq(domainMembers.domainId, domainId),
        isCurrent(now),
        gt(domainMembers.accountId, after),
      ),
    )
    .orderBy(asc(domainMembers.accountId))
    .limit(limit)
    .all();
}

export function memberOf(db: Db, operator: string, domainId: string, accountId: string, now: Date) {
  return db
    .select({ member: domainMembers, name: accounts.name })
    .from(domainMembers)
    .leftJoin(accounts, and(eq(accounts.operator, domainMembers.operator), eq(accounts.id, domainMembers.accountId)))
    .where(and(memberIs(operator, domainId, accountId), isCurrent(now)))
    .get();
}

/** Where somebody belongs to, and how many others own or share it. For leaving everything behind. */
export function membershipsOf(db: Db, operator: string, accountId: string, now: Date) {
  const others = (role: SQL) => sql<number>`(SELECT count(*) FROM domain_members o WHERE o.operator = ${operator}
    AND o.domain_id = domain_members.domain_id AND o.account_id <> ${accountId}
    AND (o.expires_at IS NULL OR o.expires_at > ${now.getTime()}) ${role})`;
  return db
    .select({
      domainId: domainMembers.domainId,
      role: domainMembers.role,
      otherOwners: others(sql`AND o.role = 'owner'`),
      others: others(sql``),
    })
    .from(domainMembers)
    .where(and(eq(domainMembers.operator, operator), eq(domainMembers.accountId, accountId), isCurrent(now)))
    .all();
}

/** Who does something in a domain, and by which role they were allowed to. */
export interface By {
  accountId: string;
  role: Role;
}

/** They still have that role: who lost it in this moment does nothing more by it. */
export const stillHas = (operator: string, domainId: string, { accountId, role }: By, now: Date): SQL =>
  sql`EXISTS (SELECT 1 FROM domain_members b WHERE b.operator = ${operator} AND b.domain_id = ${domainId} AND b.account_id = ${accountId}
    AND b.role = ${role} AND (b.expires_at IS NULL OR b.expires_at > ${now.getTime()}))`;

/** Changes a current member whose role is one of `from`. */
export function changeMember(
  db: Db,
  operator: string,
  {
    domainId,
    accountId,
    from,
    by,
  }: { domainId: string; accountId: string; from: readonly Role[]; by?: By | undefined },
  change: { role: Role; expiresAt: Date | null },
  now: Date,
) {
  return db
    .update(domainMembers)
    .set(change)
    .where(
      and(
        memberIs(operator, domainId, accountId),
        isCurrent(now),
        inArray(domainMembers.role, [...from]),
        change.role === "owner" ? undefined : isOwnedByAnother(accountId),
        by && stillHas(operator, domainId, by, now),
      ),
    )
    .returning({ accountId: domainMembers.accountId });
}

/** Takes a member out whose role is one of `from`; with `overAt` only one whose time is over by then. */
export function deleteMember(
  db: Db,
  operator: string,
  {
    domainId,
    accountId,
    from,
    overAt,
    by,
  }: {
    domainId: string;
    accountId: string;
    from: readonly Role[];
    overAt?: Date | undefined;
    by?: By | undefined;
  },
  now: Date,
) {
  return db
    .delete(domainMembers)
    .where(
      and(
        memberIs(operator, domainId, accountId),
        inArray(domainMembers.role, [...from]),
        isOwnedByAnother(accountId),
        overAt && lte(domainMembers.expiresAt, overAt),
        by && stillHas(operator, domainId, by, now),
      ),
    )
    .returning({ accountId: domainMembers.accountId });
}

/** Behind `touchDomain`: the rights that were given to this person in this domain. */
export function deleteOwnPolicies(db: Db, operator: string, domainId: string, accountId: string) {
  return db
    .delete(policies)
    .where(
      and(
        eq(policies.operator, operator),
        eq(policies.domainId, domainId),
        eq(policies.subjType, "account"),
        eq(policies.subjId, accountId),
        ifChanged,
      ),
    );
}

/** Open invitations of somebody who may not invite (any more) are withdrawn. */
export function withdrawUncoveredInvitations(db: Db, operator: string, domainId: string, accountId: string, now: Date) {
  const mayInvite = db
    .select({ one: sql`1` })
    .from(domainMembers)
    .where(
      and(memberIs(operator, domainId, accountId), inArray(domainMembers.role, ["owner", "admin"]), isCurrent(now)),
    );
  return db
    .update(invitations)
    .set({ status: "withdrawn" })
    .where(
      and(
        eq(invitations.operator, operator),
        eq(invitations.domainId, domainId),
        eq(invitations.createdBy, accountId),
        eq(invitations.status, "open"),
        notExists(mayInvite),
      ),
    );
}

/** Memberships of all operators whose time is over, the oldest first. */
export function overdueMembers(db: Db, now: Date, limit: number) {
  return db
    .select({ operator: domainMembers.operator, domainId: domainMembers.domainId, accountId: domainMembers.accountId })
    .from(domainMembers)
    .where(and(isNotNull(domainMembers.expiresAt), lte(domainMembers.expiresAt, now)))
    .orderBy(asc(domainMembers.expiresAt))
    .limit(limit)
    .all();
}

/** A domain does not lose its last owner, however many go at once: what they do stands in line behind D1's one writer. */
const isOwnedByAnother = (accountId: string) =>
  sql`(${domainMembers.role} <> 'owner' OR EXISTS (SELECT 1 FROM domain_members o WHERE o.operator = ${domainMembers.operator}
    AND o.domain_id = ${domainMembers.domainId} AND o.role = 'owner' AND o.account_id <> ${accountId}))`;

/** The one to whom the domain is offered becomes an owner, as long as the one who offered it still is. */
export function takeOffer(db: Db, operator: string, domainId: string, accountId: string, now: Date) {
  const offered = sql`EXISTS (SELECT 1 FROM domains d JOIN domain_members o
      ON o.operator = d.operator AND o.domain_id = d.id AND o.account_id = d.offered_by AND o.role = 'owner'
    WHERE d.operator = ${operator} AND d.id = ${domainId} AND d.status = 'active' AND d.next_owner_id = ${accountId})`;
  return db
    .update(domainMembers)
    .set({ role: "owner", expiresAt: null })
    .where(and(memberIs(operator, domainId, accountId), isCurrent(now), offered))
    .returning({ accountId: domainMembers.accountId });
}

/** Behind `takeOffer`: whoever offered the domain goes on as an administrator. */
export function stepDown(db: Db, operator: string, domainId: string, from: string, to: string) {
  return db
    .update(domainMembers)
    .set({ role: "admin" })
    .where(and(memberIs(operator, domainId, from), eq(domainMembers.role, "owner"), isOwnedByAnother(from), taken(to)))
    .returning({ accountId: domainMembers.accountId });

  function taken(next: string) {
    return sql`EXISTS (SELECT 1 FROM domains d JOIN domain_members n
        ON n.operator = d.operator AND n.domain_id = d.id AND n.account_id = d.next_owner_id AND n.role = 'owner'
      WHERE d.operator = ${operator} AND d.id = ${domainId} AND d.next_owner_id = ${next} AND d.offered_by = ${from})`;
  }
}
