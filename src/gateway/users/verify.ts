import { type Env, settings } from "#env.ts";
import { type PasswordTry, takePasswordTry } from "#identity/login/password-login.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { hashPassword, needsRehash, verifyAgainstNothing, verifyPassword } from "#platform/passwords.ts";
import { askBackEnd } from "./back-end.ts";
import { type Platforms, platformsWith } from "./platforms.ts";
import { allowedUser, grantsOf, upgradeHash } from "./queries.ts";
import type { GatewayUser } from "./tables.ts";

export interface Verified {
  userId: string;
  /** Null where an outside back end does not tell. */
  msisdnHash: string | null;
  platforms: Platforms;
}

/** Why somebody is not let in who is locked for now; `AppError.retryAfter` says for how long. */
export const LOCKED = "locked";

/** Tries are counted by this name; a new password forgets them. */
export const triesOf = (userId: string): string => `gateway:${userId}`;

/**
 * The user whose password it is. Throws AppError `unauthenticated` for a wrong password, an unknown user, one who is shut out, and one at whom or from
 * whose network too much was guessed: that one with the reason `locked`. All but the last after the same work: two counts, one read, one hash.
 * Throws `unavailable` where an outside back end does not answer, and counts no try then. `address` is the client's.
 */
export async function verifyUser(
  env: Env,
  userId: string,
  password: string,
  address: string,
  now = new Date(),
): Promise<Verified> {
  const isOutside = settings(env).GATEWAY_USERS === "http";
  const tried = await takeTry(env, userId, address, isOutside, now);
  if (isOutside) return counted(tried, () => askOutside(env, userId, password));
  const { user, platforms } = await counted(tried, () => checkOwn(env, userId, password));
  return { userId, msisdnHash: user.msisdnHash, platforms };
}

async function takeTry(env: Env, userId: string, address: string, isOutside: boolean, now: Date): Promise<PasswordTry> {
  const { OPERATOR, LIMITS } = settings(env);
  const limits = {
    ...LIMITS,
    // A sync ends by itself after five wrong ones, and whoever begins another must still have some.
    passwordFailures: 2 * LIMITS.passwordFailures,
    // A lock that only a new password lifts would be for good: an outside back end does not tell us of those.
    ...(isOutside && { passwordFailuresInARow: Number.MAX_SAFE_INTEGER }),
  };
  try {
    return await takePasswordTry(env, OPERATOR, triesOf(userId), { address, limits }, now);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw locked(cause.retryAfter, cause);
  }
}

const locked = (retryAfter: number | undefined, cause?: unknown) =>
  new AppError("unauthenticated", "", { reason: LOCKED, retryAfter: retryAfter ?? 60, cause });

const refused = () => new AppError("unauthenticated", "");

/** Makes the try. One that was right, and one to which nobody could say anything, counts no longer. */
async function counted<T>(tried: PasswordTry, check: () => Promise<T>): Promise<T> {
  let user: T;
  try {
    user = await check();
  } catch (error) {
    if (!(error instanceof AppError && error.code === "unauthenticated")) await tried.takeBack();
    throw error;
  }
  await tried.right();
  return user;
}

async function askOutside(env: Env, userId: string, password: string): Promise<Verified> {
  const answer = await askBackEnd(env, userId, password);
  if ("refused" in answer) throw answer.retryAfter === undefined ? refused() : locked(answer.retryAfter);
  return { userId, ...answer };
}

/** A user of ours who has just said their password, with its hash. */
export interface OwnUser {
  user: GatewayUser;
  phc: string;
  platforms: Platforms;
}

/** The same for a user of our own. Throws as `verifyUser` does. */
export async function verifyOwnUser(
  env: Env,
  userId: string,
  password: string,
  address: string,
  now = new Date(),
): Promise<OwnUser> {
  return counted(await takeTry(env, userId, address, false, now), () => checkOwn(env, userId, password));
}

async function checkOwn(env: Env, userId: string, password: string): Promise<OwnUser> {
  const [db, config] = [database(env), settings(env)];
  const { OPERATOR, PEPPERS } = config;
  const [[user], grants] = await db.batch([allowedUser(db, OPERATOR, userId), grantsOf(db, OPERATOR, userId)]);
  const phc = user?.phc ?? undefined;
  const isRight = await (phc === undefined
    ? verifyAgainstNothing(password, PEPPERS)
    : verifyPassword(password, phc, PEPPERS));
  if (!user || phc === undefined || !isRight) throw refused();
  return { user, phc: await withTodaysHash(env, user.id, password, phc), platforms: platformsWith(config, grants) };
}

async function withTodaysHash(env: Env, userId: string, password: string, phc: string): Promise<string> {
  const { OPERATOR, PEPPERS } = settings(env);
  if (!needsRehash(phc, PEPPERS)) return phc;
  const fresh = await hashPassword(password, PEPPERS);
  const [changed] = await upgradeHash(database(env), OPERATOR, userId, { from: phc, to: fresh });
  return changed ? fresh : phc;
}
