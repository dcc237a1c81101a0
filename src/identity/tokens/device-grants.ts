import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database, isDuplicate } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { tellOwner } from "../accounts/notices.ts";
import type { Client } from "../clients/tables.ts";
import { forgiveGuess, takeGrant, takeGuess } from "../codes/budgets.ts";
import { type Actor, journal } from "../journal/journal.ts";
import type { DeviceInfo } from "../sessions/tables.ts";
import { issuer } from "./access-token.ts";
import { decideGrant, grantById, insertGrant, notePoll, openGrant, slowDown, useGrant } from "./grant-queries.ts";
import { type NewSession, openTokens, type TokenAnswer } from "./issue.ts";
import type { Subject } from "./subject.ts";
import type { DeviceGrant } from "./tables.ts";
import { randomUserCode, userCodeHash } from "./user-code.ts";

// A television shows a code, somebody who is signed in approves it elsewhere, and the television, which asks every few seconds,
// gets a session of that person (RFC 8628).

const INTERVAL_S = 5;
/** A television's clock and the network are not exact to the second. */
const JITTER_MS = 500;

/** RFC 8628 §3.2. Seconds. */
export interface DeviceAuthorization {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

/**
 * Begins a grant. Throws `method_not_allowed_for_client` for a client that is not the operator's own, `invalid_scope`, and
 * `rate_limited` where LIMITS.deviceGrantsPerAddress were begun from the address within a day.
 */
export async function openDeviceGrant(
  env: Env,
  client: Client,
  { scope = "account", device, address }: { scope?: string | undefined; device: DeviceInfo; address: string },
  now = new Date(),
): Promise<DeviceAuthorization> {
  if (!client.firstParty) throw fail("method_not_allowed_for_client");
  if (scope !== "account") throw fail("invalid_scope");
  if (!(await takeGrant(env, address, now))) throw fail("rate_limited", { retryAfter: 3600 });
  const deviceCode = randomId(32);
  const seconds = settings(env).LIMITS.deviceGrantSeconds;
  const grant: Omit<NewGrant, "userCodeHash"> = {
    ...{ operator: client.operator, id: sha256(deviceCode), clientId: client.id, scope, device },
    status: "pending",
    ...{ intervalS: INTERVAL_S, createdAt: now, expiresAt: new Date(now.getTime() + seconds * 1000) },
  };
  const userCode = await insertWithFreeCode(env, grant);
  const page = `${issuer(env)}/device`;
  return {
    ...{ device_code: deviceCode, user_code: userCode, verification_uri: page },
    ...{ verification_uri_complete: `${page}?user_code=${userCode}`, expires_in: seconds, interval: INTERVAL_S },
  };
}

type NewGrant = Parameters<typeof insertGrant>[1];

/** Two screens hardly ever show the same code; then the second one takes another. */
async function insertWithFreeCode(env: Env, grant: Omit<NewGrant, "userCodeHash">, tries = 3) {
  const userCode = randomUserCode();
  try {
    await insertGrant(database(env), { ...grant, userCodeHash: userCodeHash(env, userCode)! });
    return userCode;
  } catch (error) {
    if (!isDuplicate(error) || tries <= 1) throw error;
    return insertWithFreeCode(env, grant, tries - 1);
  }
}

export interface Guest {
  caller: Subject;
  /** Client address, as Cloudflare saw it. */
  address: string;
}

/** What is about to be approved, so that nobody approves blindly. Throws `user_code_invalid`, `rate_limited`. */
export async function previewDeviceGrant(env: Env, guest: Guest, userCode: string, later: After, now = new Date()) {
  const { operator } = guest.caller;
  const hash = await guessed(env, guest, userCode, now);
  const found = hash === undefined ? undefined : await openGrant(database(env), operator, hash, now);
  if (!found) throw fail("user_code_invalid");
  later(() => forgiven(env, guest, now));
  const { device, createdAt, expiresAt } = found.grant;
  return {
    client: { name: found.clientName },
    device: { name: device?.name ?? null, platform: device?.platform ?? null },
    ...{ created_at: createdAt.toISOString(), expires_at: expiresAt.toISOString() },
  };
}

/** Lets the television behind the code in as the caller, or turns it away. Throws `user_code_invalid`, `rate_limited`. */
export async function decideDeviceGrant(
  env: Env,
  guest: Guest,
  { userCode, approve }: { userCode: string; approve: boolean },
  actor: Actor,
  later: After,
  now = new Date(),
): Promise<void> {
  const { operator, id: accountId, amr, authAt } = guest.caller;
  const hash = await guessed(env, guest, userCode, now);
  if (hash === undefined) throw fail("user_code_invalid");
  const db = database(env);
  const status = approve ? "approved" : "denied";
  const entry = { action: `device_login.${status}`, target: { kind: "account", id: accountId } };
  const [decided] = await db.batch([
    decideGrant(db, operator, hash, { status, accountId, amr, authAt }, now),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (decided.length === 0) throw fail("user_code_invalid");
  later(() => forgiven(env, guest, now));
}

/** A code is short: it may be guessed at so often from one address, and so often by one account, a day. */
async function guessed(env: Env, { caller, address }: Guest, userCode: string, now: Date) {
  const taken = await Promise.all([takeGuess(env, address, now), takeGuess(env, caller.id, now)]);
  if (taken.includes(false)) throw fail("rate_limited", { retryAfter: 3600 });
  return userCodeHash(env, userCode);
}

const forgiven = (env: Env, { caller, address }: Guest, now: Date) =>
  Promise.all([forgiveGuess(env, address, now), forgiveGuess(env, caller.id, now)]);

interface Polling {
  deviceCode: string;
  address: string;
  city?: string | undefined;
}

/**
 * What a television is told that asks for its tokens: them, once, or what RFC 8628 §3.5 has for the rest: `authorization_pending`,
 * `slow_down`, `access_denied`, `expired_token`; `invalid_grant` for a code that is unknown, another client's or used.
 */
export async function redeemDeviceGrant(
  env: Env,
  client: Client,
  polling: Polling,
  actorFor: (account: string) => Actor,
  later: After,
  now = new Date(),
): Promise<TokenAnswer> {
  const db = database(env);
  const id = sha256(polling.deviceCode);
  const grant = await grantById(db, client.operator, id);
  if (!grant || grant.clientId !== client.id || grant.status === "used") throw fail("invalid_grant");
  if (grant.status === "denied") throw fail("access_denied");
  if (grant.expiresAt <= now) throw fail("expired_token");
  if (grant.status === "pending") throw await pending(env, grant, now);
  const [taken] = await useGrant(db, client.operator, id);
  if (!taken) throw fail("invalid_grant");
  const account = grant.accountId!;
  const opened: NewSession = {
    ...{ operator: grant.operator, kind: "account", subject: account, epoch: grant.epoch ?? 0, client: client.id },
    ...{ scopes: grant.scope.split(" "), amr: grant.amr ?? [], acr: "normal", authAt: grant.authAt ?? now },
    ...{ device: grant.device ?? undefined, address: polling.address, city: polling.city },
  };
  const tokens = await openTokens(env, opened, actorFor(account), later, now);
  later(() => tellOwner(env, grant.operator, account, "new_login"));
  return tokens;
}

async function pending(env: Env, { operator, id, intervalS }: DeviceGrant, now: Date) {
  const db = database(env);
  const before = new Date(now.getTime() - intervalS * 1000 + JITTER_MS);
  const [inTime] = await notePoll(db, operator, id, before, now);
  if (inTime) return fail("authorization_pending");
  await slowDown(db, operator, id, INTERVAL_S, now);
  return fail("slow_down");
}
