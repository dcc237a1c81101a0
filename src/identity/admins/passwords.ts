import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { passwordProblems } from "#platform/password-rules.ts";
import { hashPassword, needsRehash, verifyAgainstNothing, verifyPassword } from "#platform/passwords.ts";
import { forgiveGuess, networkOf, takeGuess } from "../codes/budgets.ts";
import type { Admin } from "./tables.ts";

/** The hash of a new password; throws `password_too_weak`. The second step is always required, so the shorter minimum holds. */
export async function newPassword(env: Env, password: string, login: string): Promise<string> {
  const { LIMITS, PEPPERS } = settings(env);
  const rules = { minLength: LIMITS.passwordMinLengthWithSecondStep, maxLength: LIMITS.passwordMaxLength };
  const reasons = passwordProblems(password, { ...rules, words: [login, "yardgate", "operations", "administrator"] });
  if (reasons.length > 0) throw fail("password_too_weak", { extra: { reasons } });
  return hashPassword(password, PEPPERS);
}

/**
 * Whether it is the administrator's password; a login that nobody has takes as long. The limits come before the hash: per
 * address, and per login and network. Throws `rate_limited`, `password_login_locked`.
 */
export async function checkPassword(
  env: Env,
  { login, password, address }: { login: string; password: string; address: string },
  admin: Admin | undefined,
  now: Date,
): Promise<boolean> {
  const { PEPPERS } = settings(env);
  await demandGuess(env, address, now);
  const attempts = env.PASSWORD_ATTEMPTS.getByName(`*:${login}`);
  const network = networkOf(address);
  const verdict = await attempts.take(network, adminLimits(env), now.getTime());
  if (!verdict.allowed) throw fail("password_login_locked", { retryAfter: verdict.retryAfter });
  const isRight = admin?.phc
    ? await verifyPassword(password, admin.phc, PEPPERS)
    : await verifyAgainstNothing(password, PEPPERS);
  if (!isRight || admin?.status !== "active") return false;
  await Promise.all([attempts.succeeded(network, now.getTime()), forgiveGuess(env, address, now)]);
  return true;
}

/** A better hash of the password that has just been right; undefined where the stored one is as good. */
export const betterHash = async (env: Env, password: string, phc: string): Promise<string | undefined> =>
  needsRehash(phc, settings(env).PEPPERS) ? hashPassword(password, settings(env).PEPPERS) : undefined;

/** Takes a guess out of what the address has for the day; throws `rate_limited`. What was right is given back: `forgiveGuess`. */
export async function demandGuess(env: Env, address: string, now: Date): Promise<void> {
  if (!(await takeGuess(env, address, now))) throw fail("rate_limited", { retryAfter: 3600 });
}

// Wrong passwords in a row never close an administrator's login for good, or strangers could shut the operator out of its own
// house: the second step stands behind the password, and the limits per network and hour remain.
const adminLimits = (env: Env) => ({ ...settings(env).LIMITS, passwordFailuresInARow: Number.MAX_SAFE_INTEGER });
