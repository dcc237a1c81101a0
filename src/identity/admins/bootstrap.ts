import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId, sameText, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { forgiveGuess } from "../codes/budgets.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { ADMINS, makeTotp } from "../totp/totp.ts";
import { demandGuess, newPassword } from "./passwords.ts";
import { insertFirstAdmin, replaceAdminTotp, superadmins } from "./queries.ts";
import { loginOf } from "./sign-in.ts";

/** Throws `route_not_found` once there is a superadmin, and where no secret is set. */
export async function demandBootstrap(env: Env): Promise<string> {
  const { BOOTSTRAP_TOKEN } = settings(env);
  if (BOOTSTRAP_TOKEN === undefined || (await superadmins(database(env))).length > 0) throw fail("route_not_found");
  return BOOTSTRAP_TOKEN;
}

/**
 * The first superadmin, by the secret BOOTSTRAP_TOKEN. Once there is one, and where there is no secret, nothing is here:
 * `route_not_found`. Of several calls at once one makes an administrator. Throws `invalid_credentials`, `password_too_weak`.
 */
export async function bootstrap(
  env: Env,
  given: { bootstrap_secret: string; login: string; password: string },
  actor: Actor,
  now = new Date(),
) {
  const secret = await demandBootstrap(env);
  const db = database(env);
  const address = actor.ip ?? "0.0.0.0";
  await demandGuess(env, address, now);
  // Of their hashes, so that not even the length shows.
  if (!sameText(sha256(given.bootstrap_secret), sha256(secret))) throw fail("invalid_credentials");
  await forgiveGuess(env, address, now);

  const [id, login] = [newId("adm"), loginOf(given.login)];
  const phc = await newPassword(env, given.password, login);
  const { sealed, ...totp } = await makeTotp(env, ADMINS, id, login);
  const roles = [{ role: "superadmin", operator: "*" }];
  const entry = { action: "admin.bootstrapped", target: { kind: "admin", id }, after: { login, roles } };
  const [written] = await db.batch([
    ...insertFirstAdmin(db, { id, login, name: login, phc, createdAt: now }),
    ...journal(db, ADMINS, { ...actor, kind: "admin", id }, entry, now),
    replaceAdminTotp(db, id, sealed, now),
  ]);
  if (written.length === 0) throw fail("route_not_found");
  return { admin: { id, login }, totp };
}
