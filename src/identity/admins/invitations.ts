import { type Env, settings } from "#env.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { acceptMail } from "#messaging/outbox.ts";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { ADMINS, makeTotp, type NewTotp } from "../totp/totp.ts";
import { demandGuess, newPassword } from "./passwords.ts";
import { adminBySetup, endAdminSessions, replaceAdminTotp, updateAdmin } from "./queries.ts";

const LINK_LIFE_MS = 24 * 3_600_000;

/** A new set-up link's token, and what of it stands in the row. */
export function newSetup(now: Date) {
  const token = randomId(32);
  return { token, setup: { setupHash: sha256(token), setupUntil: new Date(now.getTime() + LINK_LIFE_MS) } };
}

/** Where no mail leaves, nobody can be invited: throws `channel_unavailable`. */
export function demandMail(env: Env): void {
  if (!mailIsAvailable(settings(env))) throw fail("channel_unavailable");
}

/** Sends the link by which somebody chooses their own password: nobody sets another's. */
export async function sendSetupLink(
  env: Env,
  { email, login, token }: { email: string; login: string; token: string },
  now: Date,
): Promise<void> {
  const link = `${settings(env).PUBLIC_URL}/operations/setup?token=${token}`;
  const text = [
    `Учётная запись администратора ${login}: задайте пароль и подключите приложение-аутентификатор по ссылке.`,
    `Your administrator account ${login}: choose a password and set up an authenticator app here.`,
    "",
    link,
    "",
    "Ссылка действует 24 часа и один раз. / The link is good for 24 hours and one use.",
  ].join("\n");
  const expiresAt = new Date(now.getTime() + LINK_LIFE_MS);
  await acceptMail(env, { to: email, subject: "Yardgate Operations", text, purpose: "admin_setup", expiresAt }, now);
}

/** Uses a set-up link up: password and authenticator are new, sessions that were open end. Throws `setup_link_invalid`, `password_too_weak`. */
export async function setUp(
  env: Env,
  { token, password }: { token: string; password: string },
  origin: Pick<Actor, "ip" | "requestId">,
  now = new Date(),
): Promise<NewTotp> {
  const db = database(env);
  const setupHash = sha256(token);
  const [admin] = await adminBySetup(db, setupHash, now);
  if (!admin || !["invited", "active"].includes(admin.status)) {
    await demandGuess(env, origin.ip ?? "0.0.0.0", now);
    throw fail("setup_link_invalid");
  }
  const phc = await newPassword(env, password, admin.login);
  const { sealed, ...totp } = await makeTotp(env, ADMINS, admin.id, admin.login);
  const change = { phc, status: "active", setupHash: null, setupUntil: null } as const;
  const actor: Actor = { kind: "admin", id: admin.id, ...origin };
  const entry = { action: "admin.set_up", target: { kind: "admin", id: admin.id } };
  const [used] = await db.batch([
    updateAdmin(db, admin.id, change, { status: ["invited", "active"], setupHash }),
    ...journal(db, ADMINS, actor, entry, now),
    replaceAdminTotp(db, admin.id, sealed, now),
    endAdminSessions(db, admin.id, now),
  ]);
  if (used.length === 0) throw fail("setup_link_invalid");
  return totp;
}
