import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database, type Statement } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { type By, changeMember, type deleteMember, memberOf, withdrawUncoveredInvitations } from "./member-queries.ts";
import { type EndReason, endMembership } from "./membership.ts";
import { touchDomain } from "./queries.ts";
import { rolesUpTo } from "./roles.ts";
import type { Role } from "./tables.ts";

interface Member {
  domainId: string;
  accountId: string;
}

/** What a member is to become. Without a role it stays; a new role has no end unless one is given with it. */
export interface RoleChange {
  role?: Role | undefined;
  expiresAt?: Date | null | undefined;
}

/**
 * Gives a member another role, or another end. `own` is the role of whoever does it, and `by` they, where it is to hold until then: nobody changes those above, or makes anybody
 * more than they are. Throws `member_not_found`, `role_insufficient`, `last_owner`, and `validation_failed` for a guest without an
 * end, an owner with one, or an end that is past.
 */
export async function changeRole(
  env: Env,
  operator: string,
  { domainId, accountId, own, change, by }: Member & { own: Role | null; change: RoleChange; by?: string },
  actor: Actor,
  now = new Date(),
) {
  const db = database(env);
  const { member } = await demandMember(env, operator, { domainId, accountId }, now);
  const may = rolesUpTo(own);
  const role = change.role ?? member.role;
  const expiresAt =
    change.expiresAt === undefined && role === member.role ? member.expiresAt : (change.expiresAt ?? null);
  if (!may.includes(member.role) || !may.includes(role)) throw fail("role_insufficient");
  demandEnd(role, expiresAt, now);

  const data = { account: accountId, role, expires_at: expiresAt };
  const entry = {
    ...{ action: "domain.member_role_changed", target: { kind: "domain", id: domainId } },
    ...{ before: { account: accountId, role: member.role, expires_at: member.expiresAt }, after: data },
    events: [{ type: "domain.member_role_changed", id: domainId, data }],
  } as const;
  const [changed] = await db.batch([
    // Only from the role that was looked at: who became an owner meanwhile is not made a guest by an administrator.
    changeMember(
      db,
      operator,
      { domainId, accountId, from: [member.role], by: byRole(by, own) },
      { role, expiresAt },
      now,
    ),
    ...journal(db, operator, actor, entry, now),
    touchDomain(db, operator, domainId, [role, member.role].includes("owner") ? accountId : null),
    withdrawUncoveredInvitations(db, operator, domainId, accountId, now),
  ]);
  if (changed.length === 0) {
    await demandStill(env, operator, domainId, byRole(by, own), now);
    await explain(env, operator, { domainId, accountId }, member.role, now);
  }
  return demandMember(env, operator, { domainId, accountId }, now);
}

const byRole = (accountId: string | undefined, role: Role | null): By | undefined =>
  accountId !== undefined && role !== null ? { accountId, role } : undefined;

/** Throws `role_insufficient` where whoever does it has lost, in this moment, the role by which they may. */
async function demandStill(env: Env, operator: string, domainId: string, by: By | undefined, now: Date): Promise<void> {
  if (!by) return;
  const found = await memberOf(database(env), operator, domainId, by.accountId, now);
  if (found?.member.role !== by.role) throw fail("role_insufficient");
}

/** A guest's stay has an end that is still to come, an owner's has none. Throws `validation_failed`. */
export function demandEnd(role: Role, expiresAt: Date | null, now: Date, pointer = "/expires_at"): void {
  const wrong = (code: string) => fail("validation_failed", { extra: { errors: [{ pointer, code }] } });
  if (role === "guest" && expiresAt === null) throw wrong("required_for_guest");
  if (role === "owner" && expiresAt !== null) throw wrong("not_for_owner");
  if (expiresAt !== null && expiresAt <= now) throw wrong("past");
}

async function demandMember(env: Env, operator: string, { domainId, accountId }: Member, now: Date) {
  const found = await memberOf(database(env), operator, domainId, accountId, now);
  if (!found) throw fail("member_not_found");
  return found;
}

/** Why nothing changed: the member went or became something else meanwhile, or is the last owner. */
async function explain(env: Env, operator: string, pair: Member, was: Role, now: Date): Promise<never> {
  const { member } = await demandMember(env, operator, pair, now);
  throw member.role === "owner" && was === "owner" ? fail("last_owner") : fail("precondition_failed");
}

/**
 * Takes a member out of the domain. `own` is the role of whoever does it, and `by` they, where it is to hold until then; the member itself needs none. Throws
 * `member_not_found`, `role_insufficient`, `last_owner`.
 */
export async function endMember(
  env: Env,
  operator: string,
  { domainId, accountId, own, reason, by }: Member & { own: Role | "self" | null; reason: EndReason; by?: string },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const from = rolesUpTo(own === "self" ? "owner" : own);
  const holder = byRole(by, own === "self" ? null : own);
  const { member } = await demandMember(env, operator, { domainId, accountId }, now);
  if (!from.includes(member.role)) throw fail("role_insufficient");
  const [ended] = await db.batch([
    ...endMembership(db, operator, { domainId, accountId, from, by: holder }, reason, actor, now),
  ] as unknown as [ReturnType<typeof deleteMember>, ...Statement[]]);
  if (ended.length === 0) {
    await demandStill(env, operator, domainId, holder, now);
    await explain(env, operator, { domainId, accountId }, member.role, now);
  }
  await announce(env, { type: "domain.lost", operator, accounts: [accountId] });
}
