import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { type SessionState, sessionState } from "../sessions/queries.ts";
import { type Freshness, keyOf, type Remembered, rememberAlive } from "../sessions/sessions.ts";
import { type Claims, readAccessToken, subjectOf } from "./access-token.ts";
import { clientName, revokedAtEdge } from "./signing-keys.ts";
import type { Subject } from "./subject.ts";

interface Asked {
  kinds: readonly Subject["kind"][];
  freshness: Freshness;
}

/** What KV holds under a session's hash. */
type Entry = Remembered | { ended: true };

const KV_CACHE_S = 30;
const TRUSTED_MS = 600_000;

/**
 * Who a bearer token speaks for. `strict` asks D1, in one trip, whether session, subject, client and key are alive; `edge` asks
 * KV, in one read, and D1 only where KV knows nothing. Throws `token_invalid`, `token_expired`, `session_revoked`.
 */
export async function validate(
  env: Env,
  token: string,
  { kinds, freshness }: Asked,
  later: After,
  now = new Date(),
): Promise<Subject> {
  const { claims, kid } = await readAccessToken(env, token, kinds, now);
  const subject = subjectOf(claims);
  if (freshness === "edge") {
    const [entry, revoked] = await Promise.all([
      env.TOKENS.get<Entry>(keyOf(sha256(claims.sid)), { type: "json", cacheTtl: KV_CACHE_S }),
      revokedAtEdge(env, later, now),
    ]);
    if (revoked.has(kid)) throw fail("token_invalid");
    if (revoked.has(clientName(claims.client_id))) throw fail("session_revoked");
    if (entry && "ended" in entry) throw fail("session_revoked");
    if (entry && speaksOf(entry, claims) && now.getTime() - entry.checkedAt < TRUSTED_MS) return subject;
  }
  const [state] = await sessionState(database(env), claims.op, claims.sid, kid);
  demandGood(claims, state, now);
  const { sid: id, op: operator, sub } = claims;
  if (freshness === "edge") later(() => rememberAlive(env, { id, operator, subject: sub, epoch: epochOf(state) }, now));
  return { ...subject, ...(claims.knd === "device" && { domain: state.domainId }) };
}

/** Whether the edge knows this very token's session. Where it does not, D1 decides. */
const speaksOf = ({ operator, subject, epoch }: Remembered, { op, sub, ep }: Claims): boolean =>
  operator === op && subject === sub && ep >= epoch;

/**
 * Whether what a token opened may stay open: asks D1 in one trip. The token itself may have expired since it was read, at `readAt`.
 * Throws as `validate` does.
 */
export async function stillAlive(
  env: Env,
  token: string,
  { kinds, readAt }: { kinds: Asked["kinds"]; readAt: Date },
  now = new Date(),
): Promise<void> {
  const { claims, kid } = await readAccessToken(env, token, kinds, readAt);
  const [state] = await sessionState(database(env), claims.op, claims.sid, kid);
  demandGood(claims, state, now);
}

/** Throws unless everything that the token depends on is alive. */
function demandGood(claims: Claims, state: SessionState | undefined, now: Date): asserts state is SessionState {
  if (state && state.keyRevokedAt !== null) throw fail("token_invalid");
  if (!state || !isStillGood(claims, state, now)) throw fail("session_revoked");
}

/** Whether everything that an access token depends on is alive: its key, its session, its subject, its epoch. */
export function isStillGood({ op, sub, knd, ep }: Claims, state: SessionState, now: Date): boolean {
  const { operator, subjectId, kind } = state.session;
  if (state.keyRevokedAt !== null || operator !== op || subjectId !== sub || kind !== knd) return false;
  return sessionIsAlive(state, now) && ep >= epochOf(state);
}

/** Whether a session, and whoever holds it, may go on. */
export function sessionIsAlive(state: SessionState, now: Date): boolean {
  const { endedAt, expiresAt } = state.session;
  return endedAt === null && expiresAt > now && subjectIsAlive(state);
}

/** Whether whoever holds the session may have it. */
function subjectIsAlive({ session, accountStatus, deviceStatus, clientStatus }: SessionState): boolean {
  // Of a client without a row there is nothing to switch off: the deployment's own app.
  if (clientStatus === "disabled") return false;
  if (session.kind === "account") return accountStatus === "active";
  if (session.kind === "device") return deviceStatus === "enrolled" || deviceStatus === "claimed";
  return clientStatus === "active";
}

export const epochOf = ({ session, accountEpoch, deviceEpoch }: SessionState): number =>
  (session.kind === "account" ? accountEpoch : session.kind === "device" ? deviceEpoch : 1) ?? 1;
