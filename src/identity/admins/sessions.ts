import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { changeAdminSession, endAdminSessions, insertAdminSession, sessionByHash } from "./queries.ts";
import { EVERYWHERE, type Grant, holds, type Role } from "./roles.ts";

/** An administrator who is signed in. */
export interface SignedInAdmin {
  /** `adm_…`. */
  id: string;
  login: string;
  name: string;
  roles: Grant[];
  /** Every operator of the deployment, whether or not the roles reach there. */
  operators: string[];
  /** When password and code were last shown. */
  authAt: Date;
  /** Of the session. */
  hash: string;
}

/** Why the last seen time is not written at each request: a write costs more than the minute matters. */
const NOTED_EVERY_MS = 60_000;

/**
 * Who is behind a cookie of Operations. Asks D1 each time, in one trip. Throws `token_missing`, `session_revoked` for an
 * ended or idle session or a banned administrator, `admin_totp_required` while no second step is set up.
 */
export async function adminOf(
  env: Env,
  cookie: string | undefined,
  later: After,
  now = new Date(),
): Promise<SignedInAdmin> {
  if (!cookie) throw fail("token_missing");
  const { LIMITS, OPERATOR } = settings(env);
  const db = database(env);
  const hash = sha256(cookie);
  const [row] = await sessionByHash(db, hash);
  if (!row) throw fail("token_invalid");
  const { session, admin, totpConfirmedAt } = row;
  const idleSince = now.getTime() - session.lastSeenAt.getTime();
  const isOver = session.endedAt !== null || session.absoluteAt <= now || idleSince > LIMITS.adminIdleMinutes * 60_000;
  if (isOver || admin.status !== "active") throw fail("session_revoked");
  if (totpConfirmedAt === null) throw fail("admin_totp_required");
  if (idleSince > NOTED_EVERY_MS) later(async () => changeAdminSession(db, hash, { lastSeenAt: now }));
  const operators = [...new Set([OPERATOR, ...row.operators])];
  const { id, login, name, roles } = admin;
  return { id, login, name, roles, operators, authAt: session.authAt, hash };
}

/** The operators where the administrator has that role, or more. */
export const operatorsOf = ({ roles, operators }: SignedInAdmin, role: Role): string[] =>
  operators.filter((operator) => holds(roles, role, operator));

/** The same with `*` for what belongs to no operator, where the role holds everywhere. */
export const scopesOf = (admin: SignedInAdmin, role: Role): string[] =>
  holds(admin.roles, role, EVERYWHERE) ? [EVERYWHERE, ...admin.operators] : operatorsOf(admin, role);

/** Where somebody signs in from. */
export interface Browser {
  ip: string;
  agent: string | undefined;
}

/** A new session and its statements. Past LIMITS.adminSessions the oldest one ends. The cookie is shown once and stored as its hash. */
export function newAdminSession(
  env: Env,
  adminId: string,
  { ip, agent }: Browser,
  now: Date,
): { cookie: string; statements: Statement[] } {
  const { LIMITS } = settings(env);
  const db = database(env);
  const cookie = randomId(32);
  const absoluteAt = new Date(now.getTime() + LIMITS.adminHours * 3_600_000);
  const session = { hash: sha256(cookie), adminId, authAt: now, createdAt: now, lastSeenAt: now, absoluteAt };
  return {
    cookie,
    statements: [
      insertAdminSession(db, { ...session, ip, agent: agent?.slice(0, 200) ?? null }),
      endAdminSessions(db, adminId, now, LIMITS.adminSessions),
    ],
  };
}

/** Signs out. */
export async function endAdminSession(env: Env, admin: SignedInAdmin, actor: Actor, now = new Date()): Promise<void> {
  const db = database(env);
  const entry = { action: "admin.signed_out", target: { kind: "admin", id: admin.id } };
  await db.batch([changeAdminSession(db, admin.hash, { endedAt: now }), ...journal(db, EVERYWHERE, actor, entry, now)]);
}
