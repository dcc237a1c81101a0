// What the cookie of a user's session holds: its end and a signature. Nothing of it is stored.
import { type Env, settings } from "#env.ts";
import { keyFor, sameText, shortMac } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { type Platforms, platformsWith } from "./platforms.ts";
import { allowedUser, grantsOf } from "./queries.ts";
import { LOCKED, type OwnUser, verifyOwnUser } from "./verify.ts";

/** Seconds for which a session is good. */
export const SESSION_SECONDS = 600;

interface Caller {
  userId: string;
  userAgent: string;
}

/**
 * Opens a session for whoever knows the user's password: good for ten minutes, for this user and this User-Agent, and until the password
 * changes. Throws AppError `unauthenticated`, and `too_many` with the seconds to wait.
 */
export async function openUserSession(
  env: Env,
  { password, address, ...caller }: Caller & { password: string; address: string },
  now = new Date(),
): Promise<string> {
  const { phc } = await verifyOwnUser(env, caller.userId, password, address, now).catch(spoken);
  const { kid, key } = settings(env).SIGNING_KEYS.current;
  const end = Math.floor(now.getTime() / 1000) + SESSION_SECONDS;
  return [kid, end, signature(env, key, { ...caller, phc, end })].join(".");
}

function spoken(error: unknown): Promise<OwnUser> {
  if (!(error instanceof AppError) || error.code !== "unauthenticated") throw error;
  const { reason, retryAfter } = error;
  if (reason === LOCKED) throw new AppError("too_many", "Too many wrong passwords", { retryAfter });
  throw new AppError("unauthenticated", "The user or the password is wrong");
}

/** The platforms of the user whose session it is. Throws AppError `unauthenticated` when it is over, or somebody else's. */
export async function platformsOfSession(
  env: Env,
  { session, ...caller }: Caller & { session: string },
  now = new Date(),
): Promise<Platforms> {
  const [db, config] = [database(env), settings(env)];
  const [, kid = "", end = "0", mac = ""] = /^([\w-]{1,16})\.(\d{1,12})\.([\w-]+)$/.exec(session) ?? [];
  const key = config.SIGNING_KEYS.find(kid);
  if (!key || Number(end) * 1000 <= now.getTime()) throw over();
  const [[user], grants] = await db.batch([
    allowedUser(db, config.OPERATOR, caller.userId),
    grantsOf(db, config.OPERATOR, caller.userId),
  ]);
  const phc = user?.phc ?? "";
  if (!phc || !sameText(mac, signature(env, key, { ...caller, phc, end: Number(end) }))) throw over();
  return platformsWith(config, grants);
}

const over = () => new AppError("unauthenticated", "No session");

function signature(env: Env, key: Uint8Array, { userId, userAgent, phc, end }: Caller & { phc: string; end: number }) {
  const signed = JSON.stringify([settings(env).OPERATOR, userId, userAgent, phc, end]);
  return shortMac(keyFor(key, "gateway-user-session"), signed, 32);
}
