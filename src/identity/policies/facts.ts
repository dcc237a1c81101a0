import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { domainsAsked, membershipsOf, policiesAsked, resourcesOf, roleGrantsOf, subjectsOf } from "./facts-queries.ts";
import { versionIn } from "./policy-version.ts";
import { type Facts, OWN_TYPES, type Question } from "./question.ts";

/**
 * What the questions depend on, in their order and in one round trip, whatever the size of their domains. Throws
 * `policy_version_unreached` where a question wants to know of a change that has not happened, `maintenance` where the store does
 * not answer.
 */
export async function factsOf(
  env: Env,
  operator: string,
  questions: readonly Question[],
  everybodys = false,
): Promise<Facts[]> {
  if (questions.length === 0) return [];
  const [subjects, resources, domains, members, policies, roleGrants] = await read(
    env,
    operator,
    questions,
    everybodys,
  );
  const policiesOf = Map.groupBy(policies, ({ domainId }) => domainId);
  return questions.map((question): Facts => {
    const { subject, resource } = question;
    const wanted = versionIn(question.minVersion);
    if (wanted && !domains.some(({ id, version }) => id === wanted.domain && version >= wanted.version))
      throw fail("policy_version_unreached");
    const chain = resources.filter(({ ofType, ofId }) => ofType === resource.type && ofId === resource.id);
    const row = chain.find(({ depth }) => depth === 0);
    const domainId = domainOf(question, row);
    const domain = domains.find(({ id, status }) => id === domainId && status === "active");
    const who = subjects.find(({ type, id }) => type === subject.type && id === subject.id);
    const member =
      subject.type === "account" && members.find((each) => each.accountId === subject.id && each.domainId === domainId);
    return {
      subject: { active: who?.active === 1, domain: who?.domain ?? null },
      domain: domain ? { id: domain.id, version: domain.version } : null,
      registered: row !== undefined,
      // What hangs below something of another household has nothing from there.
      parents: chain
        .filter((each) => each.depth > 0 && each.domainId === domainId)
        .map(({ type, id }) => ({ type, id })),
      member: member ? { role: member.role, expiresAt: member.expiresAt } : null,
      policies: policiesOf.get(domainId ?? "") ?? [],
      roleGrants,
    };
  });
}

function read(env: Env, operator: string, questions: readonly Question[], everybodys: boolean) {
  const db = database(env);
  return db
    .batch([
      subjectsOf(db, operator, questions),
      resourcesOf(db, operator, questions),
      domainsAsked(db, operator, questions),
      membershipsOf(db, operator, questions),
      policiesAsked(db, operator, questions, everybodys),
      roleGrantsOf(db, operator),
    ])
    .catch((error: unknown): never => {
      logError("rights not read", error);
      throw fail("maintenance");
    });
}

function domainOf({ resource, domain }: Question, row: { domainId: string | null } | undefined): string | null {
  if (resource.id === "*") return domain ?? null;
  if (resource.type === "domain") return resource.id;
  if (row) return row.domainId;
  return OWN_TYPES.includes(resource.type) ? null : (domain ?? null);
}
