import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { forgiveGuess } from "../codes/budgets.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { useRecoveryCode } from "../totp/recovery-codes.ts";
import { ADMINS, checkTotp, confirmTotp, totpState } from "../totp/totp.ts";
import { betterHash, checkPassword, demandGuess } from "./passwords.ts";
import {
  adminById,
  adminByLogin,
  changeAdminSession,
  insertMfaToken,
  takeMfaTry,
  updateAdmin,
  useMfaToken,
} from "./queries.ts";
import { type Browser, newAdminSession, type SignedInAdmin } from "./sessions.ts";

/** Wrong codes that one token of the first step survives. */
const TRIES = 5;
/** Second steps per administrator and hour: whoever has the password gets as many tokens as they like. */
const TRIES_PER_HOUR = 20;

/** As logins are stored and compared. */
export const loginOf = (text: string): string => text.trim().normalize("NFC").toLowerCase();

/**
 * The first step: a token for the second one, good for LIMITS.mfaSeconds and one use. Throws `invalid_credentials`, whether the
 * login or the password is wrong; `admin_totp_required` where no second step is set up; and what `checkPassword` throws.
 */
export async function enterPassword(
  env: Env,
  { login: text, password }: { login: string; password: string },
  address: string,
  now = new Date(),
): Promise<{ mfa_token: string; expires_in: number }> {
  const db = database(env);
  const login = loginOf(text);
  const [admin] = await adminByLogin(db, login);
  const isRight = await checkPassword(env, { login, password, address }, admin, now);
  if (!isRight || !admin?.phc) throw fail("invalid_credentials");
  if ((await totpState(env, ADMINS, admin.id)) === "none") throw fail("admin_totp_required");
  const phc = await betterHash(env, password, admin.phc);
  if (phc !== undefined) await updateAdmin(db, admin.id, { phc });
  const { mfaSeconds } = settings(env).LIMITS;
  const token = randomId(32);
  await insertMfaToken(db, sha256(token), admin.id, new Date(now.getTime() + mfaSeconds * 1000));
  return { mfa_token: token, expires_in: mfaSeconds };
}

export type SecondStep = { code: string } | { recovery_code: string };

/**
 * The second step: the cookie of a new session. The first code ever confirms the authenticator. Throws `mfa_token_invalid`,
 * `admin_totp_invalid`, `rate_limited`.
 */
export async function enterCode(
  env: Env,
  mfaToken: string,
  step: SecondStep,
  browser: Browser,
  requestId: string,
  now = new Date(),
): Promise<string> {
  const db = database(env);
  const hash = sha256(mfaToken);
  await demandGuess(env, browser.ip, now);
  const lifeMs = settings(env).LIMITS.mfaSeconds * 1000;
  const [tried] = await takeMfaTry(db, hash, { now, tries: TRIES, perHour: TRIES_PER_HOUR, lifeMs });
  if (!tried) throw fail("mfa_token_invalid");
  const actor: Actor = { kind: "admin", id: tried.adminId, ip: browser.ip, requestId };
  const [admin] = await adminById(db, tried.adminId);
  if (admin?.status !== "active") throw fail("mfa_token_invalid");
  if (!(await isSecondStep(env, admin.id, step, actor, now)))
    throw fail("admin_totp_invalid", { extra: { tries_left: TRIES - tried.tries } });
  const [used] = await Promise.all([useMfaToken(db, hash, now), forgiveGuess(env, browser.ip, now)]);
  if (used.length === 0) throw fail("mfa_token_invalid");
  const { cookie, statements } = newAdminSession(env, admin.id, browser, now);
  const method = "code" in step ? "totp" : "recovery_code";
  const entry = { action: "admin.signed_in", target: { kind: "admin", id: admin.id }, after: { method } };
  await db.batch([
    updateAdmin(db, admin.id, { lastLoginAt: now }, { status: ["active"] }),
    ...journal(db, ADMINS, actor, entry, now),
    ...statements,
  ]);
  return cookie;
}

async function isSecondStep(env: Env, adminId: string, step: SecondStep, actor: Actor, now: Date): Promise<boolean> {
  const owner = { ownerId: adminId, kind: "admin" } as const;
  if ("recovery_code" in step) return useRecoveryCode(env, ADMINS, { ...owner, code: step.recovery_code }, actor, now);
  if ((await totpState(env, ADMINS, adminId)) === "confirmed") return checkTotp(env, ADMINS, adminId, step.code, now);
  return (await confirmTotp(env, ADMINS, { ...owner, code: step.code }, actor, now)) !== undefined;
}

/** Password and code once more, for what is not done on an old proof. Throws `invalid_credentials`, `admin_totp_invalid`. */
export async function proveAgain(
  env: Env,
  admin: SignedInAdmin,
  { password, code }: { password: string; code: string },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const [row] = await adminByLogin(db, admin.login);
  const address = actor.ip ?? "0.0.0.0";
  if (!(await checkPassword(env, { login: admin.login, password, address }, row, now)))
    throw fail("invalid_credentials");
  await demandGuess(env, address, now);
  if (!(await checkTotp(env, ADMINS, admin.id, code, now))) throw fail("admin_totp_invalid");
  await forgiveGuess(env, address, now);
  const entry = { action: "admin.reauthenticated", target: { kind: "admin", id: admin.id } };
  await db.batch([
    changeAdminSession(db, admin.hash, { authAt: now, lastSeenAt: now }),
    ...journal(db, ADMINS, actor, entry, now),
  ]);
}
