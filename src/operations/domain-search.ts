import type { Env } from "#env.ts";
import type { Domain } from "#identity/domains/tables.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { domainAmong, domainsWhere } from "./place-queries.ts";

/** What is told of a domain. */
export function domainView(domain: Domain) {
  const { id, operator, name, status } = domain;
  return {
    ...{ id, operator, name, address_ref: domain.addressRef, status, offered_to: domain.nextOwnerId },
    ...{
      policy_version: domain.policyVersion,
      created_by: domain.createdBy,
      created_at: domain.createdAt,
      version: domain.ver,
    },
  };
}

export async function searchDomains(
  env: Env,
  operators: readonly string[],
  q: string | undefined,
  { cursor = "", limit }: { cursor?: string | undefined; limit: number },
) {
  const rows = await domainsWhere(database(env), operators, q, cursor, limit);
  return { items: rows.map(domainView), next_cursor: rows.length === limit ? rows.at(-1)!.id : null };
}

/** A domain of one of the operators; throws `domain_not_found`. */
export async function findDomain(env: Env, operators: readonly string[], id: string): Promise<Domain> {
  const [row] = await domainAmong(database(env), operators, id);
  if (!row) throw fail("domain_not_found");
  return row;
}
