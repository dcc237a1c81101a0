import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { sha256 } from "#platform/crypto.ts";
import { type Db, database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { type Actor, journal, SYSTEM } from "../journal/journal.ts";
import {
  closeInvitation,
  type InvitationKey,
  insertInvited,
  invitationFor,
  openInvitationsTo,
  takeUse,
} from "./invitation-queries.ts";
import { memberOf } from "./member-queries.ts";
import { endMembership } from "./membership.ts";
import { touchDomain } from "./queries.ts";
import type { Invitation } from "./tables.ts";

/** Who asks: an account of an operator. */
interface Invited {
  operator: string;
  id: string;
}

type Found = NonNullable<Awaited<ReturnType<typeof invitationFor>>>;

/** The code of an invitation, 128 random bits, is stored only as this. */
export const codeHashOf = (code: string) => sha256(`invitation/${code}`);

/**
 * The invitation that is meant, by its code or, where it is addressed to the caller, by its id; as good as it may be. Throws
 * `invitation_invalid`, `invitation_target_mismatch`, and `invitation_expired` for one that is over, used up or withdrawn.
 */
export async function findInvitation(env: Env, caller: Invited, codeOrId: string, now: Date): Promise<Found> {
  const found = await lookUp(database(env), caller, codeOrId, now);
  demandGood(found.invitation, now);
  return found;
}

async function lookUp(db: Db, { operator, id }: Invited, codeOrId: string, now: Date): Promise<Found> {
  const byId = codeOrId.startsWith("inv_");
  const key: InvitationKey = byId ? { id: codeOrId } : { codeHash: codeHashOf(codeOrId) };
  const found = await invitationFor(db, operator, key, id, now);
  // An id is no secret: it opens nothing for those to whom the invitation is not addressed.
  if (!found || (byId && found.addressed !== 1)) throw fail("invitation_invalid");
  if (found.addressed === 0) throw fail("invitation_target_mismatch");
  return found;
}

function demandGood({ status, expiresAt, memberExpiresAt }: Invitation, now: Date): void {
  const isOver = expiresAt <= now || (memberExpiresAt !== null && memberExpiresAt <= now);
  if (status !== "open" || isOver) throw fail("invitation_expired");
}

/**
 * Joins a domain by an invitation and returns the membership. Throws as `findInvitation` does, and `already_member` and
 * `domain_full`.
 */
export async function acceptInvitation(env: Env, caller: Invited, codeOrId: string, actor: Actor, now: Date) {
  const db = database(env);
  const found = await lookUp(db, caller, codeOrId, now);
  if (found.member > 0) throw fail("already_member");
  demandGood(found.invitation, now);
  if (!(await join(env, caller, found.invitation, actor, now))) await explain(env, caller, codeOrId, now);
  const joined = await memberOf(db, caller.operator, found.invitation.domainId, caller.id, now);
  // Joined, and removed in the moment between: then it is as if it had not been.
  if (!joined) throw fail("invitation_expired");
  return { ...joined, domainName: found.domainName };
}

/** What somebody else has changed in the moment between looking and joining. */
async function explain(env: Env, caller: Invited, codeOrId: string, now: Date): Promise<never> {
  const { invitation, member, members } = await lookUp(database(env), caller, codeOrId, now);
  if (member > 0) throw fail("already_member");
  demandGood(invitation, now);
  throw members >= settings(env).LIMITS.domainMembers ? fail("domain_full") : fail("invitation_expired");
}

async function join(
  env: Env,
  { operator, id: accountId }: Invited,
  { id, domainId, role }: Pick<Invitation, "id" | "domainId" | "role">,
  actor: Actor,
  now: Date,
): Promise<boolean> {
  const db = database(env);
  const room = settings(env).LIMITS.domainMembers;
  const data = { account: accountId, role, invitation: id };
  const entry = {
    ...{ action: "domain.member_added", target: { kind: "domain", id: domainId }, after: data },
    events: [
      { type: "domain.member_added", id: domainId, data },
      { type: "invitation.accepted", id: domainId, data: { invitation: id, account: accountId } },
    ],
  } as const;
  // A membership that ran out is told as ended before the new one begins.
  const results = await db.batch([
    ...endMembership(db, operator, { domainId, accountId, overAt: now }, "expired", SYSTEM, now),
    takeUse(db, operator, id, { accountId, room, now }),
    insertInvited(db, operator, id, accountId, now),
    ...journal(db, operator, actor, entry, now),
    touchDomain(db, operator, domainId),
  ] as never);
  return (results as unknown[][]).some((rows) => isUse(rows, id));
}

const isUse = (rows: unknown, id: string) => Array.isArray(rows) && (rows[0] as { id?: string } | undefined)?.id === id;

/** Turns an invitation down: one that is addressed to the caller ends, a link stays good for others. Throws as `findInvitation` does. */
export async function declineInvitation(env: Env, caller: Invited, codeOrId: string, actor: Actor, now: Date) {
  const db = database(env);
  const { invitation } = await findInvitation(env, caller, codeOrId, now);
  if (invitation.toType === null) return;
  const { id, domainId } = invitation;
  const entry = { action: "invitation.declined", target: { kind: "domain", id: domainId }, after: { invitation: id } };
  await db.batch([
    closeInvitation(db, caller.operator, { id, domainId }, "declined"),
    ...journal(db, caller.operator, actor, entry, now),
  ]);
}

/** More than anybody has at a time; the rest stays in the person's list. */
const MOST_AT_ONCE = 20;

/**
 * To be called once an account has just proven, for the first time, that a phone or an address is its own: the open invitations to
 * it become memberships, each journalled on its own. Returns the ids of the domains joined. Never throws: an
 * invitation that fails (the domain is full) stays in the person's list.
 */
export async function joinByInvitations(
  env: Env,
  operator: string,
  accountId: string,
  identifier: { type: "phone" | "email"; value: string },
  now = new Date(),
): Promise<string[]> {
  const joined: string[] = [];
  try {
    const actor = { kind: "account", id: accountId } as const;
    for (const invitation of await openInvitationsTo(database(env), operator, identifier, now, MOST_AT_ONCE)) {
      if (await join(env, { operator, id: accountId }, invitation, actor, now)) joined.push(invitation.domainId);
    }
  } catch (error) {
    logError("invitations not taken up, they stay in the list", error);
  }
  return joined;
}
