import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { memberOf, stepDown, takeOffer } from "./member-queries.ts";
import { domainById, dropOffer, offerDomain, touchDomain } from "./queries.ts";

// A domain changes hands when both have said so: its owner offers it, the next one accepts. Until then nothing changes.

interface Offer {
  domainId: string;
  to: string;
  by: string;
}

const aboutDomain = (id: string) => ({ kind: "domain", id });

/** Offers the domain to a member; an earlier offer is void. Throws `member_not_found`, `already_in_state`. */
export async function offer(env: Env, operator: string, { domainId, to, by }: Offer, actor: Actor, now = new Date()) {
  const db = database(env);
  const next = await memberOf(db, operator, domainId, to, now);
  if (!next) throw fail("member_not_found");
  if (next.member.role === "owner") throw fail("already_in_state");
  const entry = { action: "domain.offered", target: aboutDomain(domainId), after: { account: to } };
  const [offered] = await db.batch([
    offerDomain(db, operator, domainId, { to, by }, now),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (offered.length === 0) throw fail("member_not_found");
}

/**
 * The one to whom the domain was offered becomes its owner, and the one who offered it an administrator, at once. Throws
 * `role_insufficient` where there is no such offer (any more).
 */
export async function takeOver(
  env: Env,
  operator: string,
  domainId: string,
  to: string,
  actor: Actor,
  now = new Date(),
) {
  const db = database(env);
  const by = await offererTo(env, operator, domainId, to);
  const changed = (account: string, role: string) =>
    ({ type: "domain.member_role_changed", id: domainId, data: { account, role } }) as const;
  const entry = (account: string, role: string) => ({
    ...{ action: "domain.member_role_changed", target: aboutDomain(domainId), after: { account, role } },
    events: [changed(account, role)],
  });
  const [taken] = await db.batch([
    takeOffer(db, operator, domainId, to, now),
    ...journal(db, operator, actor, entry(to, "owner"), now),
    stepDown(db, operator, domainId, by, to),
    ...journal(db, operator, actor, entry(by, "admin"), now),
    touchDomain(db, operator, domainId, to),
  ]);
  const owner = taken.length > 0 && (await memberOf(db, operator, domainId, to, now));
  if (!owner) throw fail("role_insufficient");
  return owner;
}

/** The owner takes the offer back; no offer is the same to them. */
export async function takeBack(env: Env, operator: string, domainId: string, actor: Actor, now = new Date()) {
  const db = database(env);
  const domain = await domainById(db, operator, domainId);
  if (!domain?.nextOwnerId) return;
  const entry = { action: "domain.offer_taken_back", target: aboutDomain(domainId) };
  await db.batch([dropOffer(db, operator, domainId, domain.nextOwnerId), ...journal(db, operator, actor, entry, now)]);
}

/** Turns the domain down. Throws as `takeOver` does. */
export async function turnDown(
  env: Env,
  operator: string,
  domainId: string,
  to: string,
  actor: Actor,
  now = new Date(),
) {
  const db = database(env);
  await offererTo(env, operator, domainId, to);
  await db.batch([
    dropOffer(db, operator, domainId, to),
    ...journal(db, operator, actor, { action: "domain.offer_declined", target: aboutDomain(domainId) }, now),
  ]);
}

async function offererTo(env: Env, operator: string, domainId: string, to: string): Promise<string> {
  const domain = await domainById(database(env), operator, domainId);
  if (domain?.nextOwnerId !== to || domain.offeredBy === null) throw fail("role_insufficient");
  return domain.offeredBy;
}
