import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { controllersIn } from "./controller-queries.ts";
import { detachStatements } from "./controllers-of-domain.ts";
import {
  domainById,
  emptyDomain,
  insertDomain,
  insertMember,
  insertResource,
  markDeleted,
  membersOf,
  updateDomain,
} from "./queries.ts";
import type { Domain } from "./tables.ts";

const aboutDomain = (id: string) => ({ kind: "domain", id });

/** Makes a domain whose owner is the account. */
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
  await db.batch([
    insertDomain(db, row),
    ...journal(db, operator, actor, entry, now),
    insertMember(db, { operator, domainId: id, accountId, role: "owner", joinedAt: now }),
    insertResource(db, { operator, type: "domain", id, domainId: id }),
  ]);
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

/**
 * Deletes a domain, and with it its memberships, open invitations, rights and resources. Throws `domain_not_empty` while controllers
 * are attached, unless they shall be detached. Returns the accounts that belonged to it.
 */
export async function deleteDomain(
  env: Env,
  operator: string,
  { id, detach, reason }: { id: string; detach: boolean; reason?: string | undefined },
  actor: Actor,
  now = new Date(),
): Promise<string[]> {
  const db = database(env);
  const members = await membersOf(db, operator, id, { after: "", limit: 1000, now });
  const entry = {
    ...{ action: "domain.deleted", target: aboutDomain(id), reason },
    events: [{ type: "domain.deleted", id }],
  } as const;
  for (;;) {
    const attached = detach ? await controllersIn(db, operator, id, PER_BATCH) : [];
    const detaching = attached.flatMap((controller) => [
      ...detachStatements(db, operator, { domainId: id, deviceId: controller.id }, actor, now),
    ]);
    const results: unknown[] = await db.batch([
      ...detaching,
      markDeleted(db, operator, id),
      ...journal(db, operator, actor, entry, now),
      ...emptyDomain(db, operator, id),
    ] as unknown as [Statement]);
    const [deleted] = results[detaching.length] as { id: string }[];
    if (deleted) {
      const accounts = members.map(({ member }) => member.accountId);
      await announce(env, { type: "domain.lost", operator, accounts });
      return accounts;
    }
    if (!(await domainById(db, operator, id))) throw fail("domain_not_found");
    if (!detach) throw fail("domain_not_empty");
  }
}
