import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { proven } from "../clients/clients.ts";
import { clientById } from "../clients/queries.ts";
import {
  domainsAsked,
  membershipsOf,
  operatorOfClient,
  policiesAsked,
  resourcesOf,
  roleGrantsOf,
  subjectsOf,
} from "./facts-queries.ts";
import { versionIn } from "./policy-version.ts";
import { type Facts, OWN_TYPES, type Question } from "./question.ts";

/** A service that shows its secret with the question, which is looked at in the same trip as the rights. */
export interface ShownClient {
  id: string;
  secret: string;
  /** What it must be allowed to do. */
  scope: string;
}

/** For whom it is asked: an operator that is known, or whatever operator the client turns out to belong to. */
export type Asker = string | ShownClient;

/**
 * What the questions depend on, in their order and in one round trip, whatever the size of their domains. Throws
 * `policy_version_unreached` where a question wants to know of a change that has not happened, `maintenance` where the store does
 * not answer; and of a client that is none `invalid_client` and `insufficient_scope`, before anything else.
 */
export async function factsOf(
  env: Env,
  asker: Asker,
  questions: readonly Question[],
  everybodys = false,
): Promise<Facts[]> {
  if (questions.length === 0) return [];
  const [subjects, resources, domains, members, policies, roleGrants] = await read(env, asker, questions, everybodys);
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

async function read(env: Env, asker: Asker, questions: readonly Question[], everybodys: boolean) {
  const db = database(env);
  const shown = typeof asker === "string" ? undefined : asker;
  const operator = shown ? operatorOfClient(shown.id, sha256(shown.secret)) : (asker as string);
  const [clients, ...facts] = await db
    .batch([
      clientById(db, shown?.id ?? ""),
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
  if (shown && !proven(clients[0], shown.secret).scopes.includes(shown.scope)) throw fail("insufficient_scope");
  return facts;
}

function domainOf({ resource, domain }: Question, row: { domainId: string | null } | undefined): string | null {
  if (resource.id === "*") return domain ?? null;
  if (resource.type === "domain") return resource.id;
  if (row) return row.domainId;
  return OWN_TYPES.includes(resource.type) ? null : (domain ?? null);
}
