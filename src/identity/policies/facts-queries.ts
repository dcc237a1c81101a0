import { and, eq, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { domainMembers, domains } from "../domains/tables.ts";
import { versionIn } from "./policy-version.ts";
import type { Question } from "./question.ts";
import { policies, roleGrants } from "./tables.ts";

// What many questions depend on, each kind of row in one statement: the questions travel as one JSON array, so that neither their
// number nor the size of the domain changes how often the database is asked. The array leads (CROSS JOIN), or SQLite walks through
// everything an operator has.

const PARENTS = 8;

export type Asked = Pick<Question, "subject" | "resource" | "domain" | "minVersion">;

/** Whose rows are read: an operator's by its id, or those of whatever operator `operatorOfClient` finds. */
export type Whose = string | SQL;

/** The operator of an active service that shows this secret; no operator at all for anybody else. */
export const operatorOfClient = (id: string, secretHash: string): SQL => sql`(SELECT operator FROM clients
  WHERE id = ${id} AND secret_hash = ${secretHash} AND kind = 'confidential' AND status = 'active')`;

const rowsOf = (questions: readonly Asked[]): SQL =>
  sql`json_each(${JSON.stringify(
    questions.map(({ subject, resource, domain, minVersion }) => ({
      ...{ subject: subject.type, who: subject.id, type: resource.type, id: resource.id },
      ...{ domain: domain ?? null, version: versionIn(minVersion)?.domain ?? null },
    })),
  )}) AS q`;

const field = (name: string): SQL => sql`json_extract(q.value, ${sql.raw(`'$.${name}'`)})`;

/** Every domain that one of the questions may be about. */
export const domainsOf = (operator: Whose, questions: readonly Asked[]): SQL => sql`(
  SELECT r.domain_id FROM ${rowsOf(questions)} CROSS JOIN resources r
    ON r.operator = ${operator} AND r.type = ${field("type")} AND r.id = ${field("id")} WHERE r.domain_id IS NOT NULL
  UNION ALL SELECT ${field("domain")} FROM ${rowsOf(questions)} WHERE ${field("domain")} IS NOT NULL
  UNION ALL SELECT ${field("version")} FROM ${rowsOf(questions)} WHERE ${field("version")} IS NOT NULL
  UNION ALL SELECT ${field("id")} FROM ${rowsOf(questions)} WHERE ${field("type")} = 'domain')`;

/** Whether the subjects are active; of controllers the domain too. Who is not found is not there. */
export function subjectsOf(db: Db, operator: Whose, questions: readonly Asked[]) {
  const join = (table: string, type: string, columns: SQL) => sql`
    SELECT ${sql.raw(`'${type}'`)} AS type, s.id AS id, ${columns} FROM ${rowsOf(questions)} CROSS JOIN ${sql.raw(table)} s
      ON s.operator = ${operator} AND s.id = ${field("who")} WHERE ${field("subject")} = ${sql.raw(`'${type}'`)}`;
  return db
    .select({
      type: sql<string>`s.type`.as("type"),
      id: sql<string>`s.id`.as("id"),
      active: sql<number>`s.active`.as("active"),
      domain: sql<string | null>`s.domain`.as("domain"),
    })
    .from(
      sql`(${join("accounts", "account", sql`s.status = 'active' AS active, NULL AS domain`)}
        UNION ${join("controllers", "device", sql`s.status IN ('enrolled', 'claimed') AS active, s.domain_id AS domain`)}
        UNION ${join("clients", "service", sql`s.status = 'active' AS active, NULL AS domain`)}) AS s`,
    );
}

/** The resources with everything that they hang below: `ofType`, `ofId` is what was asked for. */
export function resourcesOf(db: Db, operator: Whose, questions: readonly Asked[]) {
  return db
    .select({
      ofType: sql<string>`c.of_type`.as("of_type"),
      ofId: sql<string>`c.of_id`.as("of_id"),
      type: sql<string>`c.type`.as("type"),
      id: sql<string>`c.id`.as("id"),
      domainId: sql<string | null>`c.domain_id`.as("domain_id"),
      depth: sql<number>`c.depth`.as("depth"),
    })
    .from(
      sql`(WITH RECURSIVE chain(of_type, of_id, type, id, domain_id, parent_type, parent_id, depth) AS (
        SELECT DISTINCT r.type, r.id, r.type, r.id, r.domain_id, r.parent_type, r.parent_id, 0 FROM ${rowsOf(questions)}
          CROSS JOIN resources r ON r.operator = ${operator} AND r.type = ${field("type")} AND r.id = ${field("id")}
        UNION ALL SELECT c.of_type, c.of_id, r.type, r.id, r.domain_id, r.parent_type, r.parent_id, c.depth + 1 FROM chain c
          JOIN resources r ON r.operator = ${operator} AND r.type = c.parent_type AND r.id = c.parent_id
          WHERE c.depth < ${PARENTS}
      ) SELECT * FROM chain) AS c`,
    );
}

export function domainsAsked(db: Db, operator: Whose, questions: readonly Asked[]) {
  return db
    .select({ id: domains.id, status: domains.status, version: domains.policyVersion })
    .from(domains)
    .where(and(eq(domains.operator, operator), sql`${domains.id} IN ${domainsOf(operator, questions)}`));
}

export function membershipsOf(db: Db, operator: Whose, questions: readonly Asked[]) {
  return db
    .select()
    .from(domainMembers)
    .where(
      and(
        eq(domainMembers.operator, operator),
        sql`${domainMembers.domainId} IN ${domainsOf(operator, questions)}`,
        sql`${domainMembers.accountId} IN (SELECT ${field("who")} FROM ${rowsOf(questions)})`,
      ),
    );
}

/** The rules that may concern the subjects; `everybodys` reads the others too, for an explanation. */
export function policiesAsked(db: Db, operator: Whose, questions: readonly Asked[], everybodys: boolean) {
  const theirs = sql`(subj_type = 'role' OR ${compared(policies.subjId)} IN (
    SELECT '*' UNION ALL SELECT ${field("who")} FROM ${rowsOf(questions)}))`;
  return db
    .select()
    .from(policies)
    .where(
      and(
        eq(policies.operator, operator),
        sql`${policies.domainId} IN ${domainsOf(operator, questions)}`,
        everybodys ? undefined : theirs,
      ),
    )
    .orderBy(compared(policies.id));
}

/** What the operator has changed in the table of roles. */
export function roleGrantsOf(db: Db, operator: Whose) {
  return db
    .select({ role: roleGrants.role, resType: roleGrants.resType, actions: roleGrants.actions })
    .from(roleGrants)
    .where(eq(roleGrants.operator, operator));
}
