import type { Env } from "#env.ts";
import { deleteAccount } from "#identity/accounts/accounts.ts";
import { accountById, raiseEpoch } from "#identity/accounts/queries.ts";
import { deleteDomain } from "#identity/domains/domains.ts";
import { domainsToHandOver, leaveAllDomains } from "#identity/domains/leaving.ts";
import { insertMember, memberOf, membershipsOf } from "#identity/domains/member-queries.ts";
import { changeRole } from "#identity/domains/members.ts";
import { endMembership } from "#identity/domains/membership.ts";
import { touchDomain } from "#identity/domains/queries.ts";
import { type Actor, journal, SYSTEM } from "#identity/journal/journal.ts";
import { unlockPasswords } from "#identity/login/password-login.ts";
import { codesFor } from "#identity/login/proof.ts";
import { endSessionsOf } from "#identity/sessions/queries.ts";
import { forgetTokens } from "#identity/sessions/sessions.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { type CustomerRow, demandNewPassword } from "./customer-queries.ts";

interface Deletion {
  reason: string;
  /** What becomes of domains that would lose their only owner; left out, such a customer is not deleted. */
  domains?: "delete" | "transfer" | undefined;
  /** The account that gets them. */
  to?: string | undefined;
}

/** Deletes a customer; returns when what is left of them goes. Throws `owner_must_transfer`, `account_not_found`. */
export async function deleteCustomer(
  env: Env,
  { operator, id, status }: CustomerRow,
  { reason, domains, to }: Deletion,
  actor: Actor,
  now = new Date(),
): Promise<Date> {
  if (status === "deleted") throw fail("account_not_found");
  if (domains === "delete") {
    for (const domain of await domainsToHandOver(env, operator, id, now))
      await deleteDomain(env, operator, { id: domain, detach: true, reason }, actor, now);
  }
  if (domains === "transfer") await handOver(env, operator, { from: id, to }, actor, now);
  await leaveAllDomains(env, operator, id, actor, now);
  return deleteAccount(env, operator, { id, reason }, actor, now);
}

/** Makes another customer owner of every domain that would be left without one. */
async function handOver(
  env: Env,
  operator: string,
  { from, to }: { from: string; to: string | undefined },
  actor: Actor,
  now: Date,
): Promise<void> {
  const db = database(env);
  const heir = to === undefined || to === from ? undefined : await accountById(db, operator, to);
  if (heir?.status !== "active")
    throw fail("validation_failed", { extra: { errors: [{ pointer: "/to", code: "unknown" }] } });
  const owned = (await membershipsOf(db, operator, from, now)).filter(
    ({ role, otherOwners }) => role === "owner" && otherOwners === 0,
  );
  for (const { domainId } of owned) {
    const member = { domainId, accountId: heir.id };
    if (await memberOf(db, operator, domainId, heir.id, now)) {
      await changeRole(env, operator, { ...member, own: "owner", change: { role: "owner" } }, actor, now);
      continue;
    }
    const data = { account: heir.id, role: "owner" };
    const entry = {
      ...{ action: "domain.member_added", target: { kind: "domain", id: domainId }, after: data },
      events: [{ type: "domain.member_added", id: domainId, data }],
    } as const;
    // What is left of a stay that ran out is told as ended first.
    await db.batch([
      ...endMembership(db, operator, { ...member, overAt: now }, "expired", SYSTEM, now),
      insertMember(db, { operator, ...member, role: "owner", joinedAt: now }),
      ...journal(db, operator, actor, entry, now),
      touchDomain(db, operator, domainId),
    ]);
  }
}

/** Ends every session, and every access token with them. */
export async function endCustomerSessions(
  env: Env,
  { operator, id }: CustomerRow,
  reason: string,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const entry = { action: "sessions.ended", target: { kind: "account", id }, reason };
  const [ended] = await db.batch([
    endSessionsOf(db, operator, { subjectId: id, at: now, reason }),
    raiseEpoch(db, operator, id),
    ...journal(db, operator, actor, entry, now, "always"),
  ]);
  await forgetTokens(env, ended);
}

/** The password opens nothing any more, until the customer has proven a phone or an address and chosen another. */
export async function forcePasswordReset(
  env: Env,
  row: CustomerRow,
  reason: string,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const entry = { action: "account.password_reset_forced", target: { kind: "account", id: row.id }, reason };
  const [ended] = await db.batch([
    endSessionsOf(db, row.operator, { subjectId: row.id, at: now, reason }),
    raiseEpoch(db, row.operator, row.id),
    demandNewPassword(db, row.operator, row.id),
    ...journal(db, row.operator, actor, entry, now, "always"),
  ]);
  await forgetTokens(env, ended);
}

/** Lifts what wrong passwords and wrong codes have closed. */
export async function unlockCustomer(
  env: Env,
  { operator, id, identifiers }: CustomerRow,
  reason: string,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const entry = { action: "account.unlocked", target: { kind: "account", id }, reason };
  await db.batch(journal(db, operator, actor, entry, now, "always"));
  await Promise.all([
    unlockPasswords(env, operator, id),
    ...identifiers.map((identifier) => codesFor(env, operator, identifier).unlock()),
  ]);
}
