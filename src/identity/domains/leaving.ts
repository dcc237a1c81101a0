import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import type { Actor } from "../journal/journal.ts";
import { deleteDomain } from "./domains.ts";
import { endMember } from "./members.ts";
import { membershipsOf } from "./queries.ts";

/** The domains whose only owner the account is although others belong to them: they would be left without one. */
export async function domainsToHandOver(env: Env, operator: string, accountId: string, now = new Date()) {
  return (await membershipsOf(database(env), operator, accountId, now))
    .filter(({ role, otherOwners, others }) => role === "owner" && otherOwners === 0 && others > 0)
    .map(({ domainId }) => domainId);
}

/**
 * For the deletion of an account, before it: ends its memberships, and with them the domains that nobody else belongs to. Throws
 * `owner_must_transfer` where `domainsToHandOver` has any, and then has changed nothing.
 */
export async function leaveAllDomains(
  env: Env,
  operator: string,
  accountId: string,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const memberships = await membershipsOf(database(env), operator, accountId, now);
  if ((await domainsToHandOver(env, operator, accountId, now)).length > 0) throw fail("owner_must_transfer");
  for (const { domainId, others } of memberships) {
    if (others === 0) await deleteDomain(env, operator, { id: domainId, detach: true }, actor, now);
    else await endMember(env, operator, { domainId, accountId, own: "self", reason: "account_deleted" }, actor, now);
  }
}
