import type { Env } from "#env.ts";
import { type Db, database, type Statement } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { announce } from "#platform/signals.ts";
import { type Actor, journal, SYSTEM } from "../journal/journal.ts";
import { deleteInvitationsBefore } from "./invitation-queries.ts";
import {
  type By,
  deleteMember,
  deleteOwnPolicies,
  overdueMembers,
  withdrawUncoveredInvitations,
} from "./member-queries.ts";
import { touchDomain } from "./queries.ts";
import type { Role } from "./tables.ts";

interface Ending {
  domainId: string;
  accountId: string;
  /** Whose memberships may end this way: an administrator does not remove an owner. */
  from?: readonly Role[];
  /** Only if the membership's time is over by then. */
  overAt?: Date;
  /** Who ends it by a role of their own. */
  by?: By | undefined;
}

/** Why somebody no longer belongs to a domain. */
export type EndReason = "removed" | "left" | "expired" | "account_deleted";

const ANY: readonly Role[] = ["owner", "admin", "member", "guest"];

/**
 * The statements that end a membership and what hangs on it: rights given to the person in that domain, invitations they made, an
 * offer of the domain to them or by them. The first one returns a row if there was one to end; the last owner's does not end.
 */
export function endMembership(
  db: Db,
  operator: string,
  { domainId, accountId, from = ANY, overAt, by }: Ending,
  reason: EndReason,
  actor: Actor,
  now: Date,
) {
  const data = { account: accountId, reason };
  const entry = {
    ...{ action: "domain.member_removed", target: { kind: "domain", id: domainId }, before: data },
    events: [{ type: "domain.member_removed", id: domainId, data }],
  } as const;
  const rest: Statement[] = [
    ...journal(db, operator, actor, entry, now),
    touchDomain(db, operator, domainId, accountId),
    deleteOwnPolicies(db, operator, domainId, accountId),
    withdrawUncoveredInvitations(db, operator, domainId, accountId, now),
  ];
  return [deleteMember(db, operator, { domainId, accountId, from, overAt, by }, now), ...rest] as const;
}

const PER_SWEEP = 200;
const KEEP_INVITATIONS_MS = 90 * 86_400_000;

/**
 * Each minute: ends memberships whose time is over. They have counted as none since; this tells the operator's systems, and
 * deletes what hung on them; one that fails does not keep the others. Forgets invitations, and whom they were for, 90 days after their end. Returns how many memberships
 * ended.
 */
export async function endExpiredMemberships(env: Env, now = new Date()): Promise<number> {
  const db = database(env);
  await deleteInvitationsBefore(db, new Date(now.getTime() - KEEP_INVITATIONS_MS));
  let ended = 0;
  for (const { operator, ...member } of await overdueMembers(db, now, PER_SWEEP))
    try {
      if (await endExpired(env, operator, member, now)) ended++;
    } catch (error) {
      logError(`membership of ${member.accountId} in ${member.domainId} not ended`, error);
    }
  return ended;
}

async function endExpired(env: Env, operator: string, member: Ending, now: Date): Promise<boolean> {
  const db = database(env);
  const [rows] = await db.batch([
    ...endMembership(db, operator, { ...member, overAt: now }, "expired", SYSTEM, now),
  ] as [ReturnType<typeof deleteMember>, ...Statement[]]);
  if (rows.length > 0) await announce(env, { type: "domain.lost", operator, accounts: [member.accountId] });
  return rows.length > 0;
}
