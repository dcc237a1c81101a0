import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { newId } from "#platform/crypto.ts";
import { database, isDuplicate, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { hashPassword } from "#platform/passwords.ts";
import { joinByInvitations } from "../domains/joining.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { type ChallengeAnswer, openChallenge, type Requester, redeemChallenge } from "../login/challenges.ts";
import { useChallenge } from "../login/queries.ts";
import type { Target } from "../login/targets.ts";
import { demandGoodPassword } from "./good-passwords.ts";
import { insertInactive, removeInactive } from "./inactive.ts";
import { accountByIdentifier, setPassword } from "./queries.ts";
import {
  activateAccount,
  deleteOtherClaims,
  dropUnboundPassword,
  inactiveClaimants,
  proveIdentifier,
} from "./registration-queries.ts";

// Whoever registers an identifier gets nothing by it until they have proven that it is theirs: their account is inactive, a
// password given with it is bound to the very challenge that was sent, and the next registration takes its place.

/** The actor of what somebody does who is not signed in. */
type ActorFor = (accountId: string) => Actor;

interface Registration {
  target: Target;
  password?: string | undefined;
  name?: string | undefined;
  lang?: string | undefined;
}

/** Throws `access_denied` where the operator makes its customers' accounts itself. */
export function demandSelfRegistration(operator: Operator): void {
  if (!operator.params.self_registration) throw fail("access_denied");
}

/**
 * Stores somebody as inactive and sends the code that activates them. What has an account already is told so by message, and
 * answered in the same way, after the same work. Throws `access_denied`, `password_too_weak`, and as `openChallenge` does.
 */
export async function register(
  env: Env,
  requester: Requester,
  { target, password, name, lang }: Registration,
  actorFor: ActorFor,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const { operator } = requester;
  demandSelfRegistration(operator);
  if (password !== undefined) demandGoodPassword(env, operator, password, [target.value]);
  const db = database(env);
  const [known, earlier] = await Promise.all([
    accountByIdentifier(db, operator.id, target.type, target.value),
    inactiveClaimants(db, operator.id, target),
  ]);
  const id = newId("acc");
  const actor = actorFor(id);
  const identifier = { id: newId("idn"), type: target.type, value: target.value };

  const along = async (challengeId: string): Promise<Statement[]> => {
    const phc = password === undefined ? undefined : await hashPassword(password, settings(env).PEPPERS);
    if (known) return [];
    return [
      ...earlier.flatMap((old) => removeInactive(db, operator.id, old.id, "registered anew", actor, now)),
      ...insertInactive(db, operator.id, { id, identifier, name, lang, challengeId }, actor, now),
      ...(phc === undefined ? [] : [setPassword(db, operator.id, id, phc, now)]),
    ];
  };
  const hint = known?.status === "active" ? "exists" : "nothing";
  return openChallenge(
    env,
    requester,
    { purpose: "activation", target, account: known ? null : id, deliver: known ? hint : "code", along },
    now,
  );
}

interface Activation {
  target: Target;
  /** Left out where Operations sent the code. */
  challengeId: string | undefined;
  code: string;
  password?: string | undefined;
}

/** Who has just become active, and how they proved it. */
export interface Activated {
  id: string;
  epoch: number;
  channel: "phone" | "email";
  digits: number;
}

/**
 * Makes an account active by the code that was sent to its identifier. Throws `password_too_weak` before the code is spent, and as
 * `redeemChallenge` does; `code_invalid` too where somebody else has proven the identifier meanwhile.
 */
export async function activate(
  env: Env,
  requester: Requester,
  { target, challengeId, code, password }: Activation,
  actorFor: ActorFor,
  later: After,
  now = new Date(),
): Promise<Activated> {
  const { operator } = requester;
  if (password !== undefined) demandGoodPassword(env, operator, password, [target.value]);
  const redeeming = { id: challengeId, code, target, purposes: ["activation"] } as const;
  const challenge = await redeemChallenge(env, requester, redeeming, later, now);
  const id = challenge.accountId!;
  const actor = actorFor(id);
  const db = database(env);
  const [phc, others] = await Promise.all([
    password === undefined ? undefined : hashPassword(password, settings(env).PEPPERS),
    inactiveClaimants(db, operator.id, target, id),
  ]);
  const entry = {
    ...{ action: "account.activated", target: { kind: "account", id } },
    events: [{ type: "account.activated", id }],
  } as const;
  const [, activated] = await db
    .batch([
      phc === undefined
        ? dropUnboundPassword(db, operator.id, id, challenge.id)
        : setPassword(db, operator.id, id, phc, now, "inactive"),
      activateAccount(db, operator.id, id, target, now),
      ...journal(db, operator.id, actor, entry, now),
      proveIdentifier(db, operator.id, id, target, now),
      useChallenge(db, operator.id, challenge.id, now),
      ...others.flatMap((other) => removeInactive(db, operator.id, other.id, "proven by another", actor, now)),
      deleteOtherClaims(db, operator.id, id, target),
    ])
    .catch((error: unknown) => {
      if (isDuplicate(error)) throw taken();
      throw error;
    });
  const [account] = activated;
  if (!account) throw taken();
  await joinByInvitations(env, operator.id, id, target, now);
  return { id, epoch: account.epoch, channel: target.type, digits: challenge.length };
}

/** The code was right, and yet there is nothing to activate: nobody learns why. */
const taken = () => fail("code_invalid", { extra: { tries_left: 0 } });
