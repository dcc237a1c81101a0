import { renderSVG } from "uqr";
import { type Env, settings } from "#env.ts";
import { acceptMail, acceptSms } from "#messaging/outbox.ts";
import { fail } from "#operator/error-catalogue.ts";
import { type Operator, operatorOf } from "#operator/operators.ts";
import { newId, randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { budgetsOf, takeSend } from "../codes/budgets.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { demandChannel, masked, type Target, targetOf } from "../login/targets.ts";
import { closeInvitation, insertInvitation, invitationTimes } from "./invitation-queries.ts";
import { invitationMail, invitationSms } from "./invitation-texts.ts";
import { codeHashOf } from "./joining.ts";
import { memberOf } from "./member-queries.ts";
import { domainById } from "./queries.ts";
import type { Invitation, Role } from "./tables.ts";

export interface NewInvitation {
  domainId: string;
  /** Whom it is sent to; null for a link, which the inviter passes on. */
  to: { type: "phone" | "email"; value: string } | null;
  role: Invitation["role"];
  expiresAt: Date;
  /** When the membership ends. */
  memberExpiresAt: Date | null;
  note: string | null;
  /** Of a link; what is sent to one person is for one. */
  maxUses: number;
}

interface Invited {
  id: string;
  /** Where it was not sent to anybody: the link that opens it. It is shown this once. */
  link?: string;
}

const DAY = 86_400_000;

/**
 * Makes an invitation and sends it, where it is for somebody. What it answers, and when, does not depend on whether the phone or the
 * address has an account. `by` is the role by which the actor may invite, at that moment still. Throws `role_insufficient`, `identifier_invalid`, `channel_unavailable`, `invitation_limit` with the seconds to wait,
 * `rate_limited` where the budgets of sending are used up.
 */
export async function invite(
  env: Env,
  operatorId: string,
  wanted: NewInvitation,
  { actor, by, address }: { actor: Actor & { id: string }; by: Role | null; address: string },
  now = new Date(),
): Promise<Invited> {
  const db = database(env);
  const operator = await operatorOf(env, operatorId);
  if (!operator) throw fail("config_unavailable");
  const target = wanted.to && targetOf(operator, wanted.to);
  if (target) demandChannel(settings(env), operator, target);
  await demandRoom(env, operatorId, wanted.domainId, target, now);
  const giveBack = target ? await takeBudget(env, operator, target, address, now) : undefined;

  const code = randomId(16);
  const row = rowOf(operatorId, wanted, target, { code, by: actor.id, now });
  const { LIMITS } = settings(env);
  const limits = { perDomain: LIMITS.invitationsPerDay, perTarget: LIMITS.invitationsPerTarget };
  const [made] = await db.batch([
    insertInvitation(db, row, limits, by),
    ...journal(db, operatorId, actor, entryOf(row, target), now),
  ]);
  if (made.length === 0) {
    await giveBack?.();
    await demandRoom(env, operatorId, wanted.domainId, target, now);
    const inviter = await memberOf(db, operatorId, wanted.domainId, actor.id, now);
    if (by !== null && inviter?.member.role !== by) throw fail("role_insufficient");
    throw (await domainById(db, operatorId, wanted.domainId)) ? fail("invitation_limit") : fail("domain_not_found");
  }
  const link = `${settings(env).PUBLIC_URL}/i/${code}`;
  if (!target) return { id: row.id, link };
  await send(env, operator, target, link, row.expiresAt, now);
  return { id: row.id };
}

/** A link as a picture to scan: an SVG data URL. */
export const qrOf = (link: string): string =>
  `data:image/svg+xml,${encodeURIComponent(renderSVG(link, { border: 4, pixelSize: 4 }))}`;

function rowOf(
  operator: string,
  { domainId, role, expiresAt, memberExpiresAt, note, maxUses }: NewInvitation,
  target: Target | null,
  { code, by, now }: { code: string; by: string; now: Date },
) {
  return {
    ...{ operator, id: newId("inv"), domainId, codeHash: codeHashOf(code), role, memberExpiresAt, note },
    ...{ toType: target?.type ?? null, toValue: target?.value ?? null, maxUses: target ? 1 : maxUses },
    ...{ createdBy: by, createdAt: now, expiresAt },
  };
}

function entryOf({ id, domainId, role }: Pick<Invitation, "id" | "domainId" | "role">, target: Target | null) {
  const data = { invitation: id, role };
  return {
    ...{ action: "invitation.created", target: { kind: "domain", id: domainId } },
    after: { ...data, to: target && masked(target) },
    events: [{ type: "invitation.created", id: domainId, data }],
  } as const;
}

/** The day's invitations of the domain, and to this target by anybody. The insert counts again, exactly. */
async function demandRoom(env: Env, operator: string, domainId: string, target: Target | null, now: Date) {
  const db = database(env);
  const { invitationsPerDay, invitationsPerTarget } = settings(env).LIMITS;
  const [ofDomain, toTarget] = await Promise.all([
    invitationTimes(db, operator, { domainId }, now, invitationsPerDay),
    target
      ? invitationTimes(db, operator, { toType: target.type, toValue: target.value }, now, invitationsPerTarget)
      : [],
  ]);
  const waits = [waitFor(ofDomain, invitationsPerDay, now), target ? waitFor(toTarget, invitationsPerTarget, now) : 0];
  const retryAfter = Math.max(...waits);
  if (retryAfter > 0) throw fail("invitation_limit", { retryAfter });
}

/** Seconds until one more fits; 0 for now. `times` are the newest `limit` of the last day. */
function waitFor(times: readonly { createdAt: Date }[], limit: number, now: Date): number {
  const oldest = times[limit - 1];
  return oldest ? Math.max(1, Math.ceil((oldest.createdAt.getTime() + DAY - now.getTime()) / 1000)) : 0;
}

/** Takes one message out of the budgets that codes leave from too, and returns how to give it back. */
async function takeBudget(env: Env, { id }: Operator, { type, country }: Target, address: string, now: Date) {
  const kinds = type === "phone" ? (["address", "country", "operator"] as const) : (["address"] as const);
  const budgets = budgetsOf(env, address, country, kinds, id);
  const refused = await takeSend(env, budgets, country, now);
  if (refused) throw fail("rate_limited", { retryAfter: refused.retryAfter });
  return () => Promise.all(budgets.map(({ budget }) => budget.release(now.getTime())));
}

async function send(env: Env, operator: Operator, { type, value }: Target, link: string, expiresAt: Date, now: Date) {
  const message = { to: value, purpose: "invitation", expiresAt: soonest(expiresAt, now), operator: operator.id };
  if (type === "phone") await acceptSms(env, { ...message, text: invitationSms(operator, link) }, now);
  else await acceptMail(env, { ...message, ...invitationMail(operator, link) }, now);
}

/** Nobody is woken by an invitation that a gateway has kept for days. */
const soonest = (expiresAt: Date, now: Date) => new Date(Math.min(expiresAt.getTime(), now.getTime() + DAY));

/** Takes an invitation back; throws `invitation_invalid` for one that is not open, or another domain's. */
export async function withdrawInvitation(
  env: Env,
  operator: string,
  { id, domainId }: { id: string; domainId: string },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const entry = {
    action: "invitation.withdrawn",
    target: { kind: "domain", id: domainId },
    before: { invitation: id },
  };
  const [withdrawn] = await db.batch([
    closeInvitation(db, operator, { id, domainId }, "withdrawn"),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (withdrawn.length === 0) throw fail("invitation_invalid");
}
