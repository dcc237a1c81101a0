import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database, isDuplicate } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { joinByInvitations } from "../domains/joining.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { type ChallengeAnswer, openChallenge, type Requester, redeemChallenge } from "../login/challenges.ts";
import { useChallenge } from "../login/queries.ts";
import { masked, type Target } from "../login/targets.ts";
import { claimIdentifier, deleteIdentifier, deleteUnprovenClaims, identifierById } from "./identifier-queries.ts";
import { removeInactive } from "./inactive.ts";
import { tellOwner } from "./notices.ts";
import { accountByIdentifier, identifiersOf } from "./queries.ts";
import { deleteOtherClaims, inactiveClaimants, proveIdentifier } from "./registration-queries.ts";
import type { AccountIdentifier } from "./tables.ts";

// Who owns a phone or an address is told nobody but its owner: whoever claims one gets the same answer and it gets the
// same code, whether or not another account has it.

/** More are not proven to one account; nobody has as many. */
const MOST = 10;

/** Sends a code to a phone or an address that the account wants as its own. Throws `already_in_state`, and as `openChallenge` does. */
export async function addIdentifier(
  env: Env,
  requester: Requester,
  { account, target }: { account: string; target: Target },
  actor: Actor,
  now = new Date(),
): Promise<ChallengeAnswer & { id: string }> {
  const db = database(env);
  const { operator } = requester;
  const own = await identifiersOf(db, operator.id, account);
  const proven = own.filter(({ verifiedAt }) => verifiedAt !== null);
  if (proven.some(({ type, value }) => type === target.type && value === target.value)) throw fail("already_in_state");
  if (proven.length >= MOST) throw fail("access_denied");
  const id = newId("idn");
  const { type, value } = target;
  const claimed = { ...changeOf(account, "account.identifier_claimed", target), events: [] };
  const along = () => [
    claimIdentifier(db, { operator: operator.id, id, accountId: account, type, value, now }),
    ...journal(db, operator.id, actor, claimed, now),
    deleteUnprovenClaims(db, operator.id, account, id),
  ];
  const opening = { purpose: "identifier", target, account, deliver: "code", along } as const;
  return { id, ...(await openChallenge(env, requester, opening, now)) };
}

/**
 * Makes a claimed identifier the account's own by the code that was sent to it, and tells the ones that the account had before.
 * Throws `identifier_not_found`, as `redeemChallenge` does, and only after that `identifier_taken`.
 */
export async function verifyIdentifier(
  env: Env,
  requester: Requester,
  { account, id, challengeId, code }: { account: string; id: string; challengeId: string; code: string },
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const operator = requester.operator.id;
  const claim = await identifierById(db, operator, account, id);
  if (!claim) throw fail("identifier_not_found");
  const target = { type: claim.type, value: claim.value, country: "" };
  const redeeming = { id: challengeId, code, target, purposes: ["identifier"] } as const;
  const challenge = await redeemChallenge(env, requester, redeeming, later, now);
  if (challenge.accountId !== account) throw fail("code_invalid", { extra: { tries_left: 0 } });
  const [others, before] = await Promise.all([
    inactiveClaimants(db, operator, claim, account),
    provenOf(env, operator, account),
  ]);
  const [proven] = await db
    .batch([
      proveIdentifier(db, operator, account, claim, now),
      ...journal(db, operator, actor, changeOf(account, "account.identifier_added", claim), now),
      useChallenge(db, operator, challenge.id, now),
      ...others.flatMap((other) => removeInactive(db, operator, other.id, "proven by another", actor, now)),
      deleteOtherClaims(db, operator, account, claim),
    ])
    .catch((error: unknown) => {
      if (isDuplicate(error)) return [[]];
      throw error;
    });
  if (proven.length === 0) {
    const owner = await accountByIdentifier(db, operator, claim.type, claim.value);
    if (owner?.id === account) return;
    throw fail(owner ? "identifier_taken" : "identifier_not_found");
  }
  later(() => tellOwner(env, operator, account, "identifier_changed", { to: before, now }));
  await joinByInvitations(env, operator, account, claim, now);
}

/** Takes a phone or an address from the account. Throws `identifier_not_found`, and `last_identifier` for the only proven one. */
export async function removeIdentifier(
  env: Env,
  operator: string,
  { account, id }: { account: string; id: string },
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const [identifier, before] = await Promise.all([
    identifierById(db, operator, account, id),
    provenOf(env, operator, account),
  ]);
  if (!identifier) throw fail("identifier_not_found");
  const [removed] = await db.batch([
    deleteIdentifier(db, operator, account, id),
    ...journal(db, operator, actor, changeOf(account, "account.identifier_removed", identifier), now),
  ]);
  if (removed.length === 0) {
    const isThere = await identifierById(db, operator, account, id);
    throw fail(isThere ? "last_identifier" : "identifier_not_found");
  }
  if (identifier.verifiedAt !== null)
    later(() => tellOwner(env, operator, account, "identifier_changed", { to: before, now }));
}

const provenOf = async (env: Env, operator: string, account: string) =>
  (await identifiersOf(database(env), operator, account)).filter(({ verifiedAt }) => verifiedAt !== null);

const changeOf = (account: string, action: string, identifier: Pick<AccountIdentifier, "type" | "value">) =>
  ({
    ...{ action, target: { kind: "account", id: account }, after: { [identifier.type]: masked(identifier) } },
    events: [{ type: "account.updated", id: account, data: { fields: ["identifiers"] } }],
  }) as const;
