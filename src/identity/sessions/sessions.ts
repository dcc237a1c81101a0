import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { announce } from "#platform/signals.ts";
import { type Actor, journal } from "../journal/journal.ts";
import {
  endSessionById,
  endSessionsOf,
  endSurplusSessions,
  insertSession,
  liveSession,
  liveSessionsOf,
  sessionById,
  sessionsEndedAfter,
  touchSession,
} from "./queries.ts";
import type { Session } from "./tables.ts";

/** Who is asking, as far as a session tells. */
export interface Live {
  /** The session's id. */
  id: string;
  account: string;
  /** The account's short number. */
  n: number;
  /** Digits with country code. */
  phone: string;
  acr: Session["acr"];
}

/** `strict`: the D1 row is asked, an ended session is refused at once. `edge`: KV may say yes for another minute. */
export type Freshness = "strict" | "edge";

/** What KV holds under a token's hash: the session as D1 had it at `checkedAt`, or that there is none any more. */
interface Snapshot extends Live {
  seenAt: number;
  expiresAt: number;
  checkedAt: number;
}
type Entry = Snapshot | { ended: true };

const DAY = 86_400_000;
const KV_CACHE_S = 30;
// Should every tombstone be lost, a session that has ended is still found out after so long.
const SNAPSHOT_TRUSTED_MS = 600_000;
// Longer than any edge may still hold the living snapshot; after that the key is absent and D1 is asked.
const TOMBSTONE_S = 3600;

/** Where KV keeps what it knows of a session. */
export const keyOf = (tokenHash: string) => `session:${tokenHash}`;

/** Why a session ends that was one more than its owner may have, and what the audit says of it. */
export const TOO_MANY = "too many";
export const surplusEnded = (subject: string, kind: "account" | "device" = "account") => ({
  ...{ action: "sessions.ended", target: { kind, id: subject }, reason: TOO_MANY },
});

/**
 * Signs a device in and returns its token, which is shown once and stored only as a hash. A person may have many
 * devices; past the limit the one seen longest ago is signed out. `along` stands in the same batch.
 */
export async function openSession(
  env: Env,
  { account, acr, device }: { account: string; acr: Session["acr"]; device: string | null },
  now = new Date(),
  along: readonly Statement[] = [],
): Promise<string> {
  const { OPERATOR: operator, LIMITS } = settings(env);
  const db = database(env);
  const [id, token, actor] = [randomId(9), crypto.randomUUID(), { kind: "account", id: account } as const];
  const opened = { action: "session.opened", target: { kind: "session", id }, after: { acr } };
  const surplus = { subjectId: account, at: now, reason: TOO_MANY };
  const [ended] = await db.batch([
    endSurplusSessions(db, operator, surplus, LIMITS.sessionsPerAccount - 1),
    ...journal(db, operator, actor, surplusEnded(account), now),
    insertSession(db, {
      ...{ operator, id, subjectId: account, tokenHash: sha256(token), acr, device },
      ...{ createdAt: now, lastSeenAt: now, expiresAt: expiry(env, now) },
    }),
    ...journal(db, operator, actor, opened, now),
    ...along,
  ]);
  if (ended.length > 0) await forgetTokens(env, ended);
  return token;
}

/** The session behind a token; undefined for an unknown, ended or expired one. */
export async function sessionOf(
  env: Env,
  token: string,
  freshness: Freshness,
  later: After,
  now = new Date(),
): Promise<Live | undefined> {
  // Every token of ours is a UUID, so anything else is refused without a look anywhere.
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(token)) return undefined;
  const hash = sha256(token);
  if (freshness === "edge") {
    const entry = await env.TOKENS.get<Entry>(keyOf(hash), { type: "json", cacheTtl: KV_CACHE_S });
    if (entry && "ended" in entry) return undefined;
    if (entry && isTrusted(entry, now)) {
      const { checkedAt: _, ...snapshot } = entry;
      return kept(env, hash, snapshot, later, now);
    }
  }
  const row = await liveSession(database(env), settings(env).OPERATOR, hash, now);
  if (!row) return undefined;
  const snapshot = { ...row, seenAt: row.seenAt.getTime(), expiresAt: row.expiresAt.getTime() };
  if (freshness === "edge") later(() => remember(env, hash, { ...snapshot, checkedAt: now.getTime() }, now));
  return kept(env, hash, snapshot, later, now);
}

const isTrusted = ({ expiresAt, checkedAt }: Snapshot, now: Date): boolean =>
  expiresAt > now.getTime() && now.getTime() - checkedAt < SNAPSHOT_TRUSTED_MS;

/** The session, which lives on while it is used: noted once a day, after the answer. */
function kept(
  env: Env,
  hash: string,
  { seenAt, expiresAt: _, ...live }: Omit<Snapshot, "checkedAt">,
  later: After,
  now: Date,
): Live {
  if (now.getTime() - seenAt > DAY) later(() => prolong(env, hash, live, now));
  return live;
}

async function prolong(env: Env, hash: string, live: Live, now: Date): Promise<void> {
  const until = expiry(env, now);
  const { meta } = await touchSession(database(env), settings(env).OPERATOR, live.id, now, until);
  const times = { seenAt: now.getTime(), expiresAt: until.getTime(), checkedAt: now.getTime() };
  if (meta.changes > 0) await remember(env, hash, { ...live, ...times }, now);
}

/** Puts a session into KV; and if it ended meanwhile, which would have overwritten its tombstone, puts that back. */
async function remember(env: Env, hash: string, snapshot: Snapshot, now: Date): Promise<void> {
  const life = Math.max(60, Math.ceil((snapshot.expiresAt - now.getTime()) / 1000));
  await env.TOKENS.put(keyOf(hash), JSON.stringify(snapshot), { expirationTtl: life });
  const row = await liveSession(database(env), settings(env).OPERATOR, hash, now);
  if (!row) await entomb(env, [hash]);
}

const expiry = (env: Env, now: Date) => new Date(now.getTime() + settings(env).SESSION_DAYS * DAY);

/** Where the person is signed in, the most recently seen first. */
export function listSessions(env: Env, operator: string, subject: string, now = new Date()) {
  return liveSessionsOf(database(env), operator, subject, now);
}

/** Signs one device of the subject out. Another one's session is not found. */
export async function endSession(
  env: Env,
  operator: string,
  { subject, id, reason }: { subject: string; id: string; reason: string },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const [ended] = await db.batch([
    endSessionById(db, operator, id, { subjectId: subject, at: now, reason }),
    ...journal(db, operator, actor, { action: "session.ended", target: { kind: "session", id }, reason }, now),
  ]);
  if (ended.length === 0) throw fail("session_not_found");
  await forgetTokens(env, ended);
}

/** Signs the subject out everywhere, or everywhere else when `except` is the session that asks. */
export async function endAllSessions(
  env: Env,
  operator: string,
  { subject, reason, except = "" }: { subject: string; reason: string; except?: string },
  actor: Actor,
  now = new Date(),
): Promise<void> {
  const db = database(env);
  const entry = { action: "sessions.ended", target: { kind: "account", id: subject }, reason };
  const [ended] = await db.batch([
    endSessionsOf(db, operator, { subjectId: subject, at: now, reason }, except),
    ...journal(db, operator, actor, entry, now),
  ]);
  await forgetTokens(env, ended);
}

/**
 * Tells the edge that sessions have ended; D1 knows already. What fails here is made up for by the signal, which
 * is repeated until it succeeds, and which ends the sessions' camera tokens too.
 */
export async function forgetTokens(env: Env, ended: readonly { tokenHash: string }[]): Promise<void> {
  if (ended.length === 0) return;
  const tokenHashes = ended.map(({ tokenHash }) => tokenHash);
  await entomb(env, tokenHashes).catch((error: unknown) => logError("tombstones not written, the signal will", error));
  await announce(env, { type: "sessions.ended", tokenHashes });
}

/** What KV holds of a living session that has refresh tokens: whose it is, and below which epoch its tokens are dead. */
export interface Remembered {
  operator: string;
  subject: string;
  epoch: number;
  checkedAt: number;
}

/** Lets KV say yes for a session that has refresh tokens; and takes it back if the session ended meanwhile. */
export async function rememberAlive(
  env: Env,
  { id, operator, subject, epoch }: Omit<Remembered, "checkedAt"> & { id: string },
  now: Date,
): Promise<void> {
  const hash = sha256(id);
  const remembered: Remembered = { operator, subject, epoch, checkedAt: now.getTime() };
  const entry = JSON.stringify(remembered);
  await env.TOKENS.put(keyOf(hash), entry, { expirationTtl: SNAPSHOT_TRUSTED_MS / 1000 });
  const row = await sessionById(database(env), operator, id);
  if (!row || row.endedAt !== null) await entomb(env, [hash]);
}

/** Makes KV say no to tokens. */
export async function entomb(env: Env, tokenHashes: readonly string[]): Promise<void> {
  const tombstone = JSON.stringify({ ended: true });
  await Promise.all(tokenHashes.map((hash) => env.TOKENS.put(keyOf(hash), tombstone, { expirationTtl: TOMBSTONE_S })));
}

const REPAIR_MS = 3 * 60_000;

/** Every minute: the tombstones of sessions that ended lately, once more. KV refuses a second write within a second. */
export async function repairTombstones(env: Env, now = new Date()): Promise<void> {
  const ended = await sessionsEndedAfter(database(env), new Date(now.getTime() - REPAIR_MS));
  await entomb(
    env,
    ended.map(({ tokenHash }) => tokenHash),
  );
}
