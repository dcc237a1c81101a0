import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import type { Limits } from "#platform/limits.ts";
import { hashPassword, needsRehash, verifyAgainstNothing, verifyPassword } from "#platform/passwords.ts";
import { identifiersOf } from "../accounts/queries.ts";
import { forgiveGuess, networkOf, takeGuess } from "../codes/budgets.ts";
import { type Holder, holderOf, upgradePassword, type Which } from "./holder-queries.ts";

/**
 * The account whose password it is. Whoever calls decides whether that account may do what it wants: it may be banned. Throws
 * `password_login_locked` with the seconds to wait, `rate_limited` where the address has guessed wrong too often, at whatever
 * logins, and `invalid_credentials` for an unknown login, a wrong password, none at all and one that is to be replaced: the same
 * answer after the same work, which is two counts at once, one read and one hash. The counts come first, so that a flood of
 * guesses costs no hashes. `address` is the client's.
 */
export async function checkPassword(
  env: Env,
  operator: string,
  which: Which,
  { password, address }: { password: string; address: string },
  now = new Date(),
): Promise<Holder> {
  const tried = await takePasswordTry(env, operator, nameOf(which), { address }, now);
  const holder = await holderOf(database(env), operator, which);
  const { PEPPERS } = settings(env);
  const phc = holder?.phc ?? undefined;
  const isRight = await (phc === undefined
    ? verifyAgainstNothing(password, PEPPERS)
    : verifyPassword(password, phc, PEPPERS));
  if (!holder || phc === undefined || !isRight || holder.mustReset) throw fail("invalid_credentials");
  await tried.right();
  if (needsRehash(phc, PEPPERS))
    await upgradePassword(database(env), operator, holder.id, phc, await hashPassword(password, PEPPERS));
  return holder;
}

/** A try of a password that has been counted as a wrong one. */
export interface PasswordTry {
  /** It was right. */
  right(): Promise<void>;
  /** It was not made after all. */
  takeBack(): Promise<void>;
}

/**
 * Counts a try of the password of whatever `name` names, before it is made. Throws `password_login_locked` with the seconds to wait, and
 * `rate_limited` where the address has guessed wrong too often, at whatever names.
 */
export async function takePasswordTry(
  env: Env,
  operator: string,
  name: string,
  { address, limits = settings(env).LIMITS }: { address: string; limits?: Limits },
  now: Date,
): Promise<PasswordTry> {
  const attempts = attemptsOf(env, operator, name);
  const network = networkOf(address);
  const at = now.getTime();
  const [verdict, isTrusted] = await Promise.all([attempts.take(network, limits, at), takeGuess(env, address, now)]);
  // What one of the two refuses was no guess for the other.
  if (!verdict.allowed) {
    if (isTrusted) await forgiveGuess(env, address, now);
    throw fail("password_login_locked", { retryAfter: verdict.retryAfter });
  }
  const giveBack = () => attempts.giveBack(network, limits, at);
  if (!isTrusted) {
    await giveBack();
    throw fail("rate_limited", { retryAfter: 3600 });
  }
  const both = async (what: Promise<void>) => void (await Promise.all([what, forgiveGuess(env, address, now)]));
  return { right: () => both(attempts.succeeded(network, at)), takeBack: () => both(giveBack()) };
}

/** Forgets every wrong password that was tried on whatever `name` names: it has a new one. */
export const unlockPasswordOf = async (env: Env, operator: string, name: string): Promise<void> =>
  attemptsOf(env, operator, name).unlock();

/** Forgets every wrong password that was tried on the account: it has a new one, or Operations says so. */
export async function unlockPasswords(env: Env, operator: string, account: string): Promise<void> {
  const logins = await identifiersOf(database(env), operator, account);
  const all: Which[] = [
    { account },
    ...logins.filter(({ verifiedAt }) => verifiedAt !== null).map((login) => ({ login })),
  ];
  const counted = [
    ...all.map((which) => attemptsOf(env, operator, nameOf(which))),
    secondStepsOf(env, operator, account),
  ];
  await Promise.all(counted.map((attempts) => attempts.unlock()));
}

const nameOf = (which: Which): string =>
  "account" in which ? `account:${which.account}` : `${which.login.type}:${which.login.value}`;

/** The object that counts for a login or an account. Its name tells nobody which. */
function attemptsOf(env: Env, operator: string, name: string) {
  const key = keyFor(settings(env).PEPPERS.current.key, "password-attempts");
  return env.PASSWORD_ATTEMPTS.getByName(`${operator}:${shortMac(key, name, 32)}`);
}

const secondStepsOf = (env: Env, operator: string, account: string) =>
  env.PASSWORD_ATTEMPTS.getByName(`${operator}:second:${account}`);

/**
 * Counts a try of a code that no one-time code's limits count: an authenticator's, a recovery code. Whoever knows the password
 * could otherwise begin again and again. Throws `rate_limited`; returns what to call when the code was right.
 */
export async function takeSecondStepTry(
  env: Env,
  operator: string,
  { account, address }: { account: string; address: string },
  now = new Date(),
): Promise<() => Promise<void>> {
  const attempts = secondStepsOf(env, operator, account);
  const network = networkOf(address);
  const verdict = await attempts.take(network, settings(env).LIMITS, now.getTime());
  if (!verdict.allowed) throw fail("rate_limited", { retryAfter: verdict.retryAfter });
  return async () => attempts.succeeded(network, now.getTime());
}
