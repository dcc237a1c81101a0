import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId } from "#platform/crypto.ts";
import { database, isDuplicate, type Statement } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { ADMINS, dropTotp } from "../totp/totp.ts";
import { demandMail, newSetup, sendSetupLink } from "./invitations.ts";
import {
  type AdminRow,
  adminById,
  adminsAfter,
  dropGrantsOfDeleted,
  endAdminSessions,
  insertAdmin,
  replaceGrants,
  updateAdmin,
} from "./queries.ts";
import { type Grant, holds } from "./roles.ts";
import type { SignedInAdmin } from "./sessions.ts";
import { loginOf } from "./sign-in.ts";

/** What is told of an administrator. */
export function adminView({ id, login, email, name, status, roles, createdAt, lastLoginAt, banReason, ver }: AdminRow) {
  const banned = status === "banned" ? { ban_reason: banReason } : {};
  return {
    id,
    login,
    email,
    name,
    status,
    roles,
    created_at: createdAt,
    last_login_at: lastLoginAt,
    ...banned,
    version: ver,
  };
}

/** Whether somebody may look after these roles: as a superadmin of all the places where they hold. */
const covers = (by: SignedInAdmin, roles: readonly Grant[]): boolean =>
  holds(by.roles, "superadmin", "*") ||
  (roles.length > 0 && roles.every(({ operator }) => holds(by.roles, "superadmin", operator)));

/** The administrators whom `by` looks after, in the order of their ids. */
export async function listAdmins(
  env: Env,
  by: SignedInAdmin,
  { cursor = "", limit }: { cursor?: string | undefined; limit: number },
) {
  const rows = await adminsAfter(database(env), cursor, limit);
  const items = rows.filter(({ roles }) => covers(by, roles)).map(adminView);
  return { items, next_cursor: rows.length === limit ? rows.at(-1)!.id : null };
}

/** One of them; throws `admin_not_found`, also for one whose roles reach further than those of `by`. */
export async function findAdmin(env: Env, by: SignedInAdmin, id: string): Promise<AdminRow> {
  const [row] = await adminById(database(env), id);
  if (!row || !covers(by, row.roles)) throw fail("admin_not_found");
  return row;
}

/** Roles at places that `by` does not look after, or that are not there: throws `operator_not_found`. */
function demandPlaces(by: SignedInAdmin, roles: readonly Grant[]): void {
  const isKnown = ({ operator }: Grant) => operator === "*" || by.operators.includes(operator);
  if (!roles.every(isKnown) || !covers(by, roles)) throw fail("operator_not_found");
}

/** Invites somebody: they get a link by mail, and choose their password themselves. Throws `login_taken`, `channel_unavailable`. */
export async function inviteAdmin(
  env: Env,
  by: SignedInAdmin,
  { login: text, email, name, roles }: { login: string; email: string; name: string; roles: Grant[] },
  actor: Actor,
  now = new Date(),
): Promise<AdminRow> {
  demandMail(env);
  demandPlaces(by, roles);
  const db = database(env);
  const [id, login] = [newId("adm"), loginOf(text)];
  const { token, setup } = newSetup(now);
  const entry = { action: "admin.invited", target: { kind: "admin", id }, after: { login, roles } };
  try {
    await db.batch([
      insertAdmin(db, { id, login, email, name, createdBy: by.id, createdAt: now, ...setup }),
      ...journal(db, ADMINS, actor, entry, now),
      ...replaceGrants(db, id, roles, 1),
    ]);
  } catch (error) {
    if (isDuplicate(error)) throw fail("login_taken");
    throw error;
  }
  await sendSetupLink(env, { email, login, token }, now);
  return findAdmin(env, by, id);
}

/** Changes name or address. Throws `precondition_failed` when `ver` is not the row's. */
export async function editAdmin(
  env: Env,
  row: AdminRow,
  change: { name?: string; email?: string },
  ver: number | undefined,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const entry = {
    action: "admin.updated",
    target: { kind: "admin", id: row.id },
    after: { fields: Object.keys(change) },
  };
  await decide(env, updateAdmin(database(env), row.id, change, { ver }), entry, actor, now, "precondition_failed");
}

/** Shuts an administrator out at once. Throws `self_action_forbidden`, `already_in_state`, `last_superadmin`. */
export async function banAdmin(
  env: Env,
  by: SignedInAdmin,
  row: AdminRow,
  reason: string,
  actor: Actor,
  now = new Date(),
) {
  demandOther(by, row);
  if (row.status === "banned") throw fail("already_in_state");
  const db = database(env);
  const update = updateAdmin(db, row.id, { status: "banned", banReason: reason }, { unlessLast: true });
  const entry = { action: "admin.banned", target: { kind: "admin", id: row.id }, reason };
  await decide(env, update, entry, actor, now, "last_superadmin");
  await endAdminSessions(db, row.id, now);
}

export async function unbanAdmin(env: Env, row: AdminRow, reason: string, actor: Actor, now = new Date()) {
  const change = { status: row.phc === null ? "invited" : "active", banReason: null } as const;
  const entry = { action: "admin.unbanned", target: { kind: "admin", id: row.id }, reason };
  const update = updateAdmin(database(env), row.id, change, { status: ["banned"] });
  await decide(env, update, entry, actor, now, "already_in_state");
}

/** Removes an administrator; the row stays for the audit, without login, address and password. */
export async function deleteAdmin(
  env: Env,
  by: SignedInAdmin,
  row: AdminRow,
  reason: string,
  actor: Actor,
  now = new Date(),
) {
  demandOther(by, row);
  const db = database(env);
  const blank = { login: row.id, email: null, phc: null, setupHash: null, setupUntil: null };
  const update = updateAdmin(db, row.id, { status: "deleted", ...blank }, { unlessLast: true });
  const entry = {
    action: "admin.deleted",
    target: { kind: "admin", id: row.id },
    reason,
    before: { login: row.login },
  };
  await decide(env, update, entry, actor, now, "last_superadmin", [dropGrantsOfDeleted(db, row.id)]);
  await forgetSecondStep(env, row, now);
}

/** The phone with the authenticator is lost: sessions end, and a new set-up link is sent. */
export async function resetTotp(env: Env, row: AdminRow, reason: string, actor: Actor, now = new Date()) {
  demandMail(env);
  if (row.email === null) throw fail("channel_unavailable");
  const { token, setup } = newSetup(now);
  const entry = { action: "admin.totp_reset", target: { kind: "admin", id: row.id }, reason };
  const update = updateAdmin(database(env), row.id, setup, { status: ["invited", "active"] });
  await decide(env, update, entry, actor, now, "already_in_state");
  await forgetSecondStep(env, row, now);
  await sendSetupLink(env, { email: row.email, login: row.login, token }, now);
}

/** Gives exactly these roles. Nobody changes their own. Throws `self_action_forbidden`, `last_superadmin`, `precondition_failed`. */
export async function giveRoles(
  env: Env,
  by: SignedInAdmin,
  row: AdminRow,
  roles: Grant[],
  ver: number | undefined,
  actor: Actor,
  now = new Date(),
): Promise<void> {
  demandOther(by, row);
  demandPlaces(by, roles);
  if (ver !== undefined && ver !== row.ver) throw fail("precondition_failed");
  const db = database(env);
  const staysSuperadmin = roles.some(({ role, operator }) => role === "superadmin" && operator === "*");
  const update = updateAdmin(db, row.id, {}, { ver: row.ver, unlessLast: !staysSuperadmin });
  const target = { kind: "admin", id: row.id };
  const entry = { action: "admin.roles_changed", target, before: { roles: row.roles }, after: { roles } };
  const refusal = staysSuperadmin ? "precondition_failed" : "last_superadmin";
  await decide(env, update, entry, actor, now, refusal, replaceGrants(db, row.id, roles, row.ver + 1));
}

function demandOther(by: SignedInAdmin, { id }: AdminRow): void {
  if (by.id === id) throw fail("self_action_forbidden");
}

const forgetSecondStep = (env: Env, { id }: AdminRow, now: Date) =>
  database(env).batch([endAdminSessions(database(env), id, now), ...dropTotp(env, ADMINS, id)]);

/** The deciding statement with its audit row and what follows from it; throws `refusal` where it changed nothing. */
async function decide(
  env: Env,
  update: ReturnType<typeof updateAdmin>,
  entry: Parameters<typeof journal>[3],
  actor: Actor,
  now: Date,
  refusal: "precondition_failed" | "last_superadmin" | "already_in_state",
  also: readonly Statement[] = [],
): Promise<void> {
  const db = database(env);
  const [changed] = await db.batch([update, ...journal(db, ADMINS, actor, entry, now), ...also]);
  if (changed.length === 0) throw fail(refusal);
}
