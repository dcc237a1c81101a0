import { type SQL, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Asked, domainsOf } from "./facts-queries.ts";
import type { SubjectType } from "./question.ts";

// Who, what and which actions may be an answer at all; each is then decided like any question. By name, beginning behind `after`.
// The pluses and the named indexes keep SQLite to a domain's own rows: it would rather walk through an operator's in their order.

export interface Slice {
  after: string;
  limit: number;
}

const names = (db: Db, candidates: SQL, { after, limit }: Slice) =>
  db
    .select({ name: sql<string>`c.name`.as("name") })
    .from(sql`(SELECT DISTINCT name FROM (${candidates}) WHERE name > ${after} ORDER BY name LIMIT ${limit}) AS c`);

/** Resources of a type in the domains that the subject belongs to or was given something in. */
export function candidateResources(
  db: Db,
  operator: string,
  { subject, type, domain }: { subject: { type: SubjectType; id: string }; type: string; domain?: string | undefined },
  slice: Slice,
) {
  const { id } = subject;
  const reached = sql`
    SELECT domain_id FROM domain_members INDEXED BY domain_members_account WHERE operator = ${operator} AND account_id = ${id} AND ${subject.type} = 'account'
    UNION ALL SELECT domain_id FROM controllers WHERE operator = ${operator} AND id = ${id} AND ${subject.type} = 'device'
    UNION ALL SELECT domain_id FROM policies WHERE operator = ${operator} AND subj_type = ${subject.type}
      AND subj_id IN (${id}, iif(${subject.type} = 'service', '*', ${id}))`;
  const within = domain === undefined ? sql`` : sql`AND domain_id = ${domain}`;
  // By the domain, not by the type: of a type there may be as many as the operator has homes.
  return names(
    db,
    sql`SELECT id AS name FROM resources WHERE operator = ${operator} AND +type = ${type} AND domain_id IN (${reached}) ${within}`,
    slice,
  );
}

/** Who belongs to the resource's domain or is named by one of its rules. */
export function candidateSubjects(db: Db, operator: string, type: SubjectType, asked: Asked, slice: Slice) {
  const domain = domainsOf(operator, [asked]);
  const belonging = {
    account: sql`SELECT +account_id AS name FROM domain_members WHERE operator = ${operator} AND domain_id IN ${domain}`,
    device: sql`SELECT +id AS name FROM controllers WHERE operator = ${operator} AND domain_id IN ${domain}`,
    service: sql`SELECT id AS name FROM clients WHERE operator = ${operator} AND kind = 'confidential' AND EXISTS (
      SELECT 1 FROM policies INDEXED BY policies_domain WHERE operator = ${operator} AND domain_id IN ${domain} AND subj_type = 'service' AND subj_id = '*')`,
  };
  return names(
    db,
    sql`${belonging[type]} UNION SELECT +subj_id FROM policies INDEXED BY policies_domain
      WHERE operator = ${operator} AND domain_id IN ${domain} AND subj_type = ${type} AND subj_id <> '*'`,
    slice,
  );
}

/** Actions that a rule of the resource's domain or a role of the operator names, and the given ones. */
export function candidateActions(db: Db, operator: string, known: readonly string[], asked: Asked, slice: Slice) {
  return names(
    db,
    sql`SELECT value AS name FROM json_each(${JSON.stringify(known)})
      UNION SELECT a.value FROM policies p, json_each(p.actions) a
        WHERE p.operator = ${operator} AND p.domain_id IN ${domainsOf(operator, [asked])} AND a.value <> '*'
      UNION SELECT a.value FROM role_grants g, json_each(g.actions) a
        WHERE g.operator = ${operator} AND a.value <> '*' AND substr(a.value, 1, 1) <> '!'`,
    slice,
  );
}
