import type { Env } from "#env.ts";
import { controllersAround } from "#identity/controllers/queries.ts";
import { membershipsOf } from "#identity/domains/member-queries.ts";
import { listAudit } from "#identity/journal/audit.ts";
import { type Actor, journal } from "#identity/journal/journal.ts";
import { listSessions } from "#identity/sessions/sessions.ts";
import { totpState } from "#identity/totp/totp.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { database } from "#platform/db.ts";
import { type CustomerRow, countsOf } from "./customer-queries.ts";
import { customerView } from "./customer-search.ts";
import { deviceView } from "./device-search.ts";
import { messageView } from "./messages-view.ts";

/** Everything on one page that support needs, and nothing that opens anything. */
export async function customerCard(env: Env, row: CustomerRow, now = new Date()) {
  const { operator, id, patronymic, lang, note, twoStep, activatedAt, deletedAt, eraseAt, ver: version } = row;
  const [{ password, ...counts }, totp] = await Promise.all([
    countsOf(database(env), operator, id, now),
    totpState(env, operator, id),
  ]);
  const ban = row.status === "banned" ? { reason: row.banReason, until: row.banUntil } : null;
  return {
    ...customerView(row),
    ...{ patronymic, lang, note, ban, two_step: twoStep, totp: totp === "confirmed" },
    ...{ password: password === null ? "none" : password ? "must_reset" : "set" },
    ...{ activated_at: activatedAt, deleted_at: deletedAt, erase_at: eraseAt, counts, version },
  };
}

/** That an administrator looked at a customer, and at what of them. */
export function recordLook(env: Env, { operator, id }: CustomerRow, what: string, actor: Actor, now = new Date()) {
  const db = database(env);
  const entry = { action: "customer.viewed", target: { kind: "account", id }, after: { what } };
  return db.batch(journal(db, operator, actor, entry, now, "always"));
}

const MOST = 100;

/** What hangs on a customer, by what it is called in the path. */
export const RELATED = {
  sessions: async (env: Env, { operator, id }: CustomerRow) =>
    (await listSessions(env, operator, id)).slice(0, MOST).map((session) => ({
      ...{ id: session.id, client_id: session.clientId, device: session.device, platform: session.platform },
      ...{ city: session.city, ip_prefix: session.ipPrefix, amr: session.amr, acr: session.acr },
      ...{ created_at: session.createdAt, last_seen_at: session.lastSeenAt, expires_at: session.expiresAt },
    })),
  devices: async (env: Env, { operator, id }: CustomerRow, now = new Date()) =>
    (await controllersAround(database(env), operator, id, { after: "", limit: MOST }, now)).map(deviceView),
  domains: async (env: Env, { operator, id }: CustomerRow, now = new Date()) =>
    (await membershipsOf(database(env), operator, id, now)).map(({ domainId, role, others }) => ({
      ...{ id: domainId, role, other_members: others },
    })),
  messages: async (env: Env, { operator, id }: CustomerRow) =>
    (await messagesOfAccount(database(env), operator, id, MOST)).map(messageView),
  audit: async (env: Env, { operator, id }: CustomerRow) =>
    (await listAudit(env, { operators: [operator], target: { kind: "account", id } }, { limit: MOST })).items,
} as const;
