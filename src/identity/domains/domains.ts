import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { accountById } from "../accounts/queries.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { controllersIn } from "./controller-queries.ts";
import { detachStatements } from "./controllers-of-domain.ts";
import { insertDomain, insertDomainResource, insertFirstOwner } from "./creation-queries.ts";
import { membersOf } from "./member-queries.ts";
import { domainById, emptyDomain, isAlone, markDeleted, nameThoseWhoLose, updateDomain } from "./queries.ts";
import type { Domain } from "./tables.ts";

const aboutDomain = (id: string) => ({ kind: "domain", id });

/** Makes a domain whose owner is the account. Throws `domain_limit_reached` and, where the account has gone meanwhile, `session_revoked`. */
export async function createDomain(
  env: Env,
  operator: string,
  { accountId, name, addressRef }: { accountId: string; name: string; addressRef: string | null },
  actor: Actor,
  now = new Date(),
): Promise<Domain> {
  const db = database(env);
  const id = newId("dom");
  const row = { operator, id, name, addressRef, status: "active", createdBy: accountId, createdAt: now } as const;
  const data = { owner: accountId };
  const entry = {
    ...{ action: "domain.created", target: aboutDomain(id), after: data },
    events: [{ type: "domain.created", id, data }],
  } as const;
  const [made] = await db.batch([
    insertDomain(db, row, { most: settings(env).LIMITS.domainsPerAccount }),
    ...journal(db, operator, actor, entry, now),
    insertFirstOwner(db, row),
    insertDomainResource(db, row),
  ]);
  if (made.length === 0) {
    const maker = await accountById(db, operator, accountId);
    throw fail(maker?.status === "active" ? "domain_limit_reached" : "session_revoked");
  }
  return { ...row, policyVersion: 1, nextOwnerId: null, offeredBy: null, ver: 1 };
}

/** Changes what a domain is called; throws `precondition_failed` where it is no longer at the version that the caller saw. */
export async function changeDomain(
  env: Env,
  operator: string,
  { id, change, ver }: { id: string; change: Partial<Pick<Domain, "name" | "addressRef">>; ver?: number | undefined },
  actor: Actor,
  now = new Date(),
): Promise<Domain> {
  const db = database(env);
  const entry = {
    ...{ action: "domain.updated", target: aboutDomain(id), after: { fields: Object.keys(change) } },
    events: [{ type: "domain.updated", id }],
  } as const;
  const [[changed]] = await db.batch([
    updateDomain(db, operator, id, change, ver),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (changed) return changed;
  throw (await domainById(db, operator, id)) ? fail("precondition_failed") : fail("domain_not_found");
}

/** Controllers that one batch detaches; a domain with more takes several. */
const PER_BATCH = 20;
/** A message of the queue has 128 KB. */
const PER_SIGNAL = 1000;

/**
 * Deletes a domain, and with it its memberships, open invitations, rights and resources. Throws `domain_not_empty` while controllers
 * are attached, unless they shall be detached; `owner_must_transfer` where it is to go only with its one member, and there is another.
 * Returns the accounts that belonged to it in that moment.
 */
export async function deleteDomain(
  env: Env,
  operator: string,
  {
    id,
    detach,
    reason,
    onlyMember,
  }: { id: string; detach: boolean; reason?: string | undefined; onlyMember?: string | undefined },
  actor: Actor,
  now = new Date(),
): Promise<string[]> {
  const db = database(env);
  const entry = {
    ...{ action: "domain.deleted", target: aboutDomain(id), reason },
    events: [{ type: "domain.deleted", id }],
  } as const;
  const onlyIf = onlyMember === undefined ? undefined : isAlone(operator, id, onlyMember, now);
  for (;;) {
    const attached = detach ? await controllersIn(db, operator, id, PER_BATCH) : [];
    const detaching = attached.flatMap((controller) => [
      ...detachStatements(db, operator, { domainId: id, deviceId: controller.id }, actor, now, onlyIf),
    ]);
    const deciding = [
      ...detaching,
      markDeleted(db, operator, id, onlyIf),
      ...journal(db, operator, actor, entry, now),
      // By this event it is found out whose camera tokens end, should the signal get lost.
      nameThoseWhoLose(db, operator, id),
    ];
    const results: unknown[] = await db.batch([...deciding, ...emptyDomain(db, operator, id)] as unknown as [
      Statement,
    ]);
    const [deleted] = results[detaching.length] as { id: string }[];
    if (deleted) {
      const accounts = (results[deciding.length] as { accountId: string }[]).map(({ accountId }) => accountId);
      for (let start = 0; start < accounts.length; start += PER_SIGNAL)
        await announce(env, { type: "domain.lost", operator, accounts: accounts.slice(start, start + PER_SIGNAL) });
      return accounts;
    }
    if (!(await domainById(db, operator, id))) throw fail("domain_not_found");
    if (!detach) throw fail("domain_not_empty");
    const current = await membersOf(db, operator, id, { after: "", limit: 2, now });
    if (onlyMember !== undefined && current.some(({ member }) => member.accountId !== onlyMember))
      throw fail("owner_must_transfer");
  }
}
