import { aliasedTable, and, asc, desc, eq, gt, lt, type SQL, sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { accountIdentifiers, accounts } from "../accounts/tables.ts";
import { stillHas } from "./member-queries.ts";
import { domainMembers, domains, type Invitation, invitations, type Role } from "./tables.ts";

// Reads return rows. Writes return unawaited statements, so that one of them can be
// awaited alone and several can go to D1 as one atomic `db.batch([...])`.

const DAY = 86_400_000;

/** Which invitation is meant: by the hash of its code, or by its id. */
export type InvitationKey = { codeHash: string } | { id: string };

const invitationIs = (operator: string, key: InvitationKey) =>
  and(
    eq(invitations.operator, operator),
    "id" in key ? eq(invitations.id, key.id) : eq(invitations.codeHash, key.codeHash),
  );

/** Whether the account has proven that it owns what the invitation is addressed to; null where it is addressed to nobody. */
const isAddressedTo = (operator: string, accountId: string) => sql<
  number | null
>`CASE WHEN ${invitations.toType} IS NOT NULL THEN EXISTS (
  SELECT 1 FROM account_identifiers i WHERE i.operator = ${operator} AND i.type = ${invitations.toType} AND i.value = ${invitations.toValue}
    AND i.account_id = ${accountId} AND i.verified_at IS NOT NULL) END`;

const currentMembers = (operator: string, now: Date, more: SQL = sql``) => sql`SELECT count(*) FROM domain_members m
  WHERE m.operator = ${operator} AND m.domain_id = ${invitations.domainId} AND (m.expires_at IS NULL OR m.expires_at > ${now.getTime()}) ${more}`;

const isMember = (operator: string, accountId: string, now: Date) =>
  sql<number>`(${currentMembers(operator, now, sql`AND m.account_id = ${accountId}`)})`;

/** An invitation, its active domain, and how it stands to this account. */
export function invitationFor(db: Db, operator: string, key: InvitationKey, accountId: string, now: Date) {
  const inviter = aliasedTable(accounts, "inviter");
  return db
    .select({
      invitation: invitations,
      domainName: domains.name,
      inviterName: inviter.name,
      addressed: isAddressedTo(operator, accountId),
      member: isMember(operator, accountId, now),
      members: sql<number>`(${currentMembers(operator, now)})`,
    })
    .from(invitations)
    .leftJoin(
      domains,
      and(
        eq(domains.operator, invitations.operator),
        eq(domains.id, invitations.domainId),
        eq(domains.status, "active"),
      ),
    )
    .leftJoin(inviter, and(eq(inviter.operator, invitations.operator), eq(inviter.id, invitations.createdBy)))
    .where(invitationIs(operator, key))
    .get();
}

/** Open invitations to what the account has proven to own, the newest first. */
export function invitationsTo(
  db: Db,
  operator: string,
  accountId: string,
  { before, limit, now }: { before: string; limit: number; now: Date },
) {
  const inviter = aliasedTable(accounts, "inviter");
  return db
    .select({ invitation: invitations, domainName: domains.name, inviterName: inviter.name })
    .from(accountIdentifiers)
    .innerJoin(
      invitations,
      and(
        eq(invitations.operator, accountIdentifiers.operator),
        eq(invitations.toType, accountIdentifiers.type),
        eq(invitations.toValue, accountIdentifiers.value),
        eq(invitations.status, "open"),
      ),
    )
    .innerJoin(
      domains,
      and(
        eq(domains.operator, invitations.operator),
        eq(domains.id, invitations.domainId),
        eq(domains.status, "active"),
      ),
    )
    .leftJoin(inviter, and(eq(inviter.operator, invitations.operator), eq(inviter.id, invitations.createdBy)))
    .where(
      and(
        eq(accountIdentifiers.operator, operator),
        eq(accountIdentifiers.accountId, accountId),
        sql`${accountIdentifiers.verifiedAt} IS NOT NULL`,
        gt(invitations.expiresAt, now),
        lt(invitations.id, before),
      ),
    )
    .orderBy(desc(invitations.id))
    .limit(limit)
    .all();
}

/** Open invitations to one phone or address, the oldest first. */
export function openInvitationsTo(
  db: Db,
  operator: string,
  { type, value }: { type: "phone" | "email"; value: string },
  now: Date,
  limit: number,
) {
  return db
    .select({ id: invitations.id, domainId: invitations.domainId, role: invitations.role })
    .from(invitations)
    .where(
      and(
        eq(invitations.operator, operator),
        eq(invitations.toType, type),
        eq(invitations.toValue, value),
        eq(invitations.status, "open"),
        gt(invitations.expiresAt, now),
      ),
    )
    .orderBy(asc(invitations.createdAt))
    .limit(limit)
    .all();
}

/** What a domain has offered lately and is still good, the newest first. */
export function invitationsOf(
  db: Db,
  operator: string,
  domainId: string,
  { before, limit, now }: { before: string; limit: number; now: Date },
) {
  return db
    .select()
    .from(invitations)
    .where(
      and(
        eq(invitations.operator, operator),
        eq(invitations.domainId, domainId),
        eq(invitations.status, "open"),
        gt(invitations.expiresAt, now),
        lt(invitations.id, before),
      ),
    )
    .orderBy(desc(invitations.id))
    .limit(limit)
    .all();
}

type Counted = { domainId: string } | { toType: "phone" | "email"; toValue: string };

const countedOf = (operator: string, counted: Counted, now: Date) => {
  const of =
    "domainId" in counted
      ? sql`domain_id = ${counted.domainId}`
      : sql`to_type = ${counted.toType} AND to_value = ${counted.toValue}`;
  return sql`operator = ${operator} AND ${of} AND created_at > ${now.getTime() - DAY}`;
};

/** When the invitations of the last 24 hours were made, the newest first. Withdrawn ones count. */
export function invitationTimes(db: Db, operator: string, counted: Counted, now: Date, limit: number) {
  return db
    .select({ createdAt: invitations.createdAt })
    .from(invitations)
    .where(countedOf(operator, counted, now))
    .orderBy(desc(invitations.createdAt))
    .limit(limit)
    .all();
}

/** Writes an invitation unless the day's are used up, of its domain or of whom it is for, or its inviter is no longer what they were: then it returns no row. */
export function insertInvitation(
  db: Db,
  row: Omit<Invitation, "uses" | "status">,
  limits: { perDomain: number; perTarget: number },
  inviter: Role | null,
) {
  const { operator, domainId, toType, toValue, createdAt: now } = row;
  const count = (counted: Counted) =>
    sql`(SELECT count(*) FROM invitations WHERE ${countedOf(operator, counted, now)})`;
  const target =
    toType === null || toValue === null ? sql`1` : sql`${count({ toType, toValue })} < ${limits.perTarget}`;
  return db
    .insert(invitations)
    .select(
      sql`SELECT ${operator}, ${row.id}, ${domainId}, ${row.codeHash}, ${toType}, ${toValue}, ${row.role}, ${ms(row.memberExpiresAt)},
        ${row.note}, ${row.maxUses}, 0, 'open', ${row.createdBy}, ${now.getTime()}, ${row.expiresAt.getTime()}
        WHERE ${count({ domainId })} < ${limits.perDomain} AND ${target}
          AND EXISTS (SELECT 1 FROM domains d WHERE d.operator = ${operator} AND d.id = ${domainId} AND d.status = 'active')
          AND ${inviter === null ? sql`1` : stillHas(operator, domainId, { accountId: row.createdBy, role: inviter }, now)}`,
    )
    .returning({ id: invitations.id });
}

const ms = (at: Date | null) => at?.getTime() ?? null;

/**
 * Takes one use of an open invitation for an account that is no member yet, while the domain has room. No row: one of that does
 * not hold (any more). Two on the last use, or on the last place, come one after the other, and only the first finds it.
 */
export function takeUse(
  db: Db,
  operator: string,
  id: string,
  { accountId, room, now }: { accountId: string; room: number; now: Date },
) {
  return db
    .update(invitations)
    .set({
      uses: sql`${invitations.uses} + 1`,
      status: sql`CASE WHEN ${invitations.uses} + 1 >= ${invitations.maxUses} THEN 'accepted' ELSE 'open' END`,
    })
    .where(
      and(
        eq(invitations.operator, operator),
        eq(invitations.id, id),
        eq(invitations.status, "open"),
        gt(invitations.expiresAt, now),
        sql`(${invitations.memberExpiresAt} IS NULL OR ${invitations.memberExpiresAt} > ${now.getTime()})`,
        sql`coalesce(${isAddressedTo(operator, accountId)}, 1)`,
        sql`${isMember(operator, accountId, now)} = 0`,
        sql`EXISTS (SELECT 1 FROM accounts a WHERE a.operator = ${operator} AND a.id = ${accountId} AND a.status = 'active')`,
        sql`(${currentMembers(operator, now)}) < ${room}`,
        sql`EXISTS (SELECT 1 FROM domains d WHERE d.operator = ${operator} AND d.id = ${invitations.domainId} AND d.status = 'active')`,
      ),
    )
    .returning({ id: invitations.id });
}

/** Behind `takeUse`: the membership that was offered. */
export function insertInvited(db: Db, operator: string, invitationId: string, accountId: string, now: Date) {
  return db.insert(domainMembers).select(
    sql`SELECT operator, domain_id, ${accountId}, role, member_expires_at, created_by, ${now.getTime()}
      FROM invitations WHERE operator = ${operator} AND id = ${invitationId} AND ${ifChanged}`,
  );
}

/** An open invitation ends: turned down by whom it is for, or withdrawn by the domain. */
export function closeInvitation(
  db: Db,
  operator: string,
  { id, domainId }: { id: string; domainId: string },
  status: "declined" | "withdrawn",
) {
  return db
    .update(invitations)
    .set({ status })
    .where(
      and(
        eq(invitations.operator, operator),
        eq(invitations.id, id),
        eq(invitations.domainId, domainId),
        eq(invitations.status, "open"),
      ),
    )
    .returning({ id: invitations.id });
}

/** Invitations that ended before: with them go the phones and addresses they were for. */
export function deleteInvitationsBefore(db: Db, time: Date) {
  return db.delete(invitations).where(lt(invitations.expiresAt, time));
}
