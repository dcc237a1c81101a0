import { sql } from "drizzle-orm";
import { type Db, ifChanged } from "#platform/db.ts";
import { resources } from "../policies/tables.ts";
import { type Domain, domainMembers, domains } from "./tables.ts";

const DAY = 86_400_000;

type NewDomain = Pick<Domain, "operator" | "id" | "name" | "addressRef" | "createdBy" | "createdAt">;

/**
 * Makes a domain, unless its maker is not active (any more) or has `most` by now: those they own, and those they made within a day,
 * whatever became of them. Then it returns no row.
 */
export function insertDomain(
  db: Db,
  { operator, id, name, addressRef, createdBy, createdAt }: NewDomain,
  { most }: { most: number },
) {
  const now = createdAt.getTime();
  const had = sql`SELECT m.domain_id FROM domain_members m WHERE m.operator = ${operator} AND m.account_id = ${createdBy} AND m.role = 'owner'
    UNION SELECT d.id FROM domains d WHERE d.operator = ${operator} AND d.created_by = ${createdBy} AND d.created_at > ${now - DAY}`;
  return db
    .insert(domains)
    .select(
      sql`SELECT ${operator}, ${id}, ${name}, ${addressRef}, 'active', 1, NULL, NULL, ${createdBy}, ${now}, 1
        WHERE (SELECT count(*) FROM (${had})) < ${most}
          AND EXISTS (SELECT 1 FROM accounts a WHERE a.operator = ${operator} AND a.id = ${createdBy} AND a.status = 'active')`,
    )
    .returning({ id: domains.id });
}

/** Behind `insertDomain`: its maker owns it. */
export function insertFirstOwner(db: Db, { operator, id, createdBy, createdAt }: NewDomain) {
  return db
    .insert(domainMembers)
    .select(
      sql`SELECT ${operator}, ${id}, ${createdBy}, 'owner', NULL, NULL, ${createdAt.getTime()} WHERE ${ifChanged}`,
    );
}

/** Behind that: what rights on the domain itself hang on. */
export function insertDomainResource(db: Db, { operator, id }: NewDomain) {
  return db
    .insert(resources)
    .select(sql`SELECT ${operator}, 'domain', ${id}, ${id}, NULL, NULL, NULL WHERE ${ifChanged}`);
}
