import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { hashPassword } from "#platform/passwords.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { type ChallengeAnswer, openChallenge, type Requester, redeemChallenge } from "../login/challenges.ts";
import { holderOf } from "../login/holder-queries.ts";
import { checkPassword, unlockPasswords } from "../login/password-login.ts";
import { openChallengeRow, useChallenge } from "../login/queries.ts";
import type { Target } from "../login/targets.ts";
import { isDormant } from "../login/ways-in.ts";
import { endSessionsOf } from "../sessions/queries.ts";
import { forgetTokens } from "../sessions/sessions.ts";
import type { Subject } from "../tokens/subject.ts";
import { demandGoodPassword } from "./good-passwords.ts";
import { tellOwner } from "./notices.ts";
import { identifiersOf, passwordOf, raiseEpoch, setPassword, updateAccount } from "./queries.ts";

/**
 * Sends a code that allows a new password; answers the same where nobody has that login. A phone alone opens no account that was
 * not used for long: its number may have a new owner. Throws as `openChallenge` does.
 */
export async function forgotPassword(
  env: Env,
  requester: Requester,
  target: Target,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const holder = await holderOf(database(env), requester.operator.id, { login: target });
  const mayReset = holder?.status === "active" && !(target.type === "phone" && isDormant(env, holder, now));
  const id = mayReset ? holder.id : null;
  const opening = { purpose: "reset", target, account: id, deliver: id === null ? "nothing" : "code" } as const;
  return openChallenge(env, requester, opening, now);
}

/**
 * Sets a new password by the code that was sent for it, and signs the person out everywhere. Whose password it is says the
 * challenge, never the request. Throws `password_too_weak` before the code is spent, and as `redeemChallenge` does.
 */
export async function resetPassword(
  env: Env,
  requester: Requester,
  { challengeId, code, password }: { challengeId: string; code: string; password: string },
  actorFor: (accountId: string) => Actor,
  later: After,
  now = new Date(),
): Promise<void> {
  const { operator } = requester;
  const asked = await openChallengeRow(database(env), operator.id, challengeId, now);
  demandGoodPassword(env, operator, password, asked ? [asked.value] : []);
  const redeeming = { id: challengeId, code, purposes: ["reset"] } as const;
  const challenge = await redeemChallenge(env, requester, redeeming, later, now);
  const account = challenge.accountId!;
  const change = { account, password, challengeId: challenge.id };
  const isDone = await replacePassword(env, operator.id, change, actorFor(account), later, now);
  if (!isDone) throw fail("code_invalid", { extra: { tries_left: 0 } });
}

/**
 * Changes the caller's own password; the present one is asked for where there is one. `keep` leaves the session that asks open,
 * otherwise every session ends. Throws `password_too_weak`, `invalid_credentials`, `password_login_locked`, and `acr_too_low` for a
 * first password in a session that four digits have opened: it would open what four digits may not.
 */
export async function changePassword(
  env: Env,
  caller: Subject,
  operator: Operator,
  {
    current,
    password,
    keep,
    address,
  }: { current?: string | undefined; password: string; keep: boolean; address: string },
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const { id: account } = caller;
  const [known, logins] = await Promise.all([
    passwordOf(db, operator.id, account),
    identifiersOf(db, operator.id, account),
  ]);
  demandGoodPassword(env, operator, password, logins.map(({ value }) => value)); // biome-ignore format: one thought
  if (known) await checkPassword(env, operator.id, { account }, { password: current ?? "", address }, now);
  else if (caller.acr === "low") throw fail("acr_too_low");
  const change = { account, password, ...(keep && { keep: caller.session }) };
  const isDone = await replacePassword(env, operator.id, change, actor, later, now);
  if (!isDone) throw fail("account_not_found");
}

interface Replacement {
  account: string;
  password: string;
  /** The session that stays open. */
  keep?: string;
  challengeId?: string;
}

/** False where the account is not active any more. */
async function replacePassword(
  env: Env,
  operator: string,
  { account, password, keep, challengeId = "" }: Replacement,
  actor: Actor,
  later: After,
  now: Date,
): Promise<boolean> {
  const db = database(env);
  const phc = await hashPassword(password, settings(env).PEPPERS);
  const entry = {
    ...{ action: "account.password_changed", target: { kind: "account", id: account } },
    events: [{ type: "account.updated", id: account, data: { fields: ["password"] } }],
  } as const;
  const ending = { subjectId: account, at: now, reason: "password changed" };
  const [changed, ...rest] = await db.batch([
    updateAccount(db, operator, account, {}, { status: "active" }),
    ...journal(db, operator, actor, entry, now),
    setPassword(db, operator, account, phc, now, "active"),
    useChallenge(db, operator, challengeId, now),
    ...(keep === undefined ? [raiseEpoch(db, operator, account)] : []),
    endSessionsOf(db, operator, ending, keep),
  ]);
  await forgetTokens(env, rest.at(-1) as { tokenHash: string }[]);
  if (changed.length === 0) return false;
  later(() => unlockPasswords(env, operator, account));
  later(() => tellOwner(env, operator, account, "password_changed"));
  return true;
}
