import { type Env, settings } from "#env.ts";
import { networkOf } from "#identity/codes/budgets.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";

/** What a try is counted for. */
export interface Tried {
  name: string;
  /** So many wrong tries in a row close it until `forgetTries`. Without it only the pauses count. */
  locks?: boolean;
}

const NEVER_LOCKS = Number.MAX_SAFE_INTEGER;

/**
 * Counts one try for each of these before it is made, by the limits of passwords. Throws `too_many` with the seconds to wait, and
 * then counts for none. Returns what to call when the try was right.
 */
export async function takeTry(
  env: Env,
  tried: readonly Tried[],
  address: string,
  now = new Date(),
): Promise<() => Promise<unknown>> {
  const [network, at] = [networkOf(address), now.getTime()];
  const counters = tried.map(({ name, locks }) => ({ counter: counterOf(env, name), limits: limitsOf(env, locks) }));
  const verdicts = await Promise.all(counters.map(({ counter, limits }) => counter.take(network, limits, at)));
  const refused = verdicts.filter((verdict) => !verdict.allowed);
  if (refused.length > 0) {
    const taken = counters.filter((_, i) => verdicts[i]!.allowed);
    await Promise.all(taken.map(({ counter, limits }) => counter.giveBack(network, limits, at)));
    const retryAfter = Math.max(...refused.map((verdict) => verdict.retryAfter));
    throw new AppError("too_many", "Too many tries, wait a little", { retryAfter });
  }
  return () => Promise.all(counters.map(({ counter }) => counter.succeeded(network, at)));
}

/** Forgets every wrong try. */
export async function forgetTries(env: Env, name: string): Promise<void> {
  await counterOf(env, name).unlock();
}

function limitsOf(env: Env, locks = false) {
  const { LIMITS } = settings(env);
  return locks ? LIMITS : { ...LIMITS, passwordFailuresInARow: NEVER_LOCKS };
}

/** The object that counts. Its name tells nobody what. */
function counterOf(env: Env, name: string) {
  const { OPERATOR, PEPPERS } = settings(env);
  const key = keyFor(PEPPERS.current.key, "contract-attempts");
  return env.PASSWORD_ATTEMPTS.getByName(`${OPERATOR}:${shortMac(key, name, 32)}`);
}
