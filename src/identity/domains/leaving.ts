import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { Actor } from "../journal/journal.ts";
import { deleteDomain } from "./domains.ts";
import { membershipsOf } from "./member-queries.ts";
import { endMember } from "./members.ts";

/** The domains whose only owner the account is although others belong to them: they would be left without one. */
export async function domainsToHandOver(env: Env, operator: string, accountId: string, now = new Date()) {
  return (await membershipsOf(database(env), operator, accountId, now))
    .filter(({ role, otherOwners, others }) => role === "owner" && otherOwners === 0 && others > 0)
    .map(({ domainId }) => domainId);
}

const ATTEMPTS = 5;

/** What somebody else has changed in the moment between looking and leaving: another look tells what is to be done now. */
const MOVED: readonly string[] = ["owner_must_transfer", "last_owner", "member_not_found", "domain_not_found"];

/**
 * For the deletion of an account, before it: ends its memberships, and with them the domains that nobody else belongs to. Throws
 * `owner_must_transfer` where `domainsToHandOver` has any; unless somebody joined in this very moment, nothing has changed then.
 */
export async function leaveAllDomains(
  env: Env,
  operator: string,
  accountId: string,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const memberships = await membershipsOf(database(env), operator, accountId, now);
    if (memberships.length === 0) return;
    if ((await domainsToHandOver(env, operator, accountId, now)).length > 0) break;
    for (const { domainId, others } of memberships)
      await leave(env, operator, { domainId, accountId, others }, actor, now).catch((error: unknown) => {
        if (!(error instanceof AppError && MOVED.includes(error.reason))) throw error;
      });
  }
  throw fail("owner_must_transfer");
}

const leave = (
  env: Env,
  operator: string,
  { domainId, accountId, others }: { domainId: string; accountId: string; others: number },
  actor: Actor,
  now: Date,
): Promise<unknown> =>
  others === 0
    ? deleteDomain(env, operator, { id: domainId, detach: true, onlyMember: accountId }, actor, now)
    : endMember(env, operator, { domainId, accountId, own: "self", reason: "account_deleted" }, actor, now);
