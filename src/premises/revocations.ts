import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import {
  deleteGrantsEndedBy,
  deleteRevocationsBefore,
  lastOpaqueExpiry,
  revocationsSince,
  sessionsEndedSince,
} from "./revocation-queries.ts";
import { revokeCamerasOfLosses } from "./rights-queries.ts";

/*
 * Which camera tokens are refused though their signature and their time are good. The truth is in D1; one
 * small document in KV tells every isolate, which keeps it in memory and fetches it again in the background.
 * A revocation so counts at every location 30 s (memory) + 30 s (KV's cache) + KV's own spreading later.
 */

export interface RevocationList {
  /** When it was read from D1, ms. */
  at: number;
  /** How far back it reaches, ms. What was issued before and could have been revoked is refused. */
  since: number;
  /** When the session ended, ms. */
  sessions: ReadonlyMap<string, number>;
  /** When the contract lost a right, ms. */
  contracts: ReadonlyMap<number, number>;
  /** When the person, by their number, lost something that is no contract's: a domain, ms. */
  accounts: ReadonlyMap<number, number>;
  /** Until then, ms, a token that was made elsewhere may be alive and is worth a look into KV. */
  opaqueUntil: number;
}

const KEY = "camera-revocations";
const KV_CACHE_SECONDS = 30;
const REFRESH_AFTER_MS = 30_000;
/** An isolate that slept longer than this waits for the list before it answers. */
const WAIT_AFTER_MS = 60_000;
const RETRY_AFTER_MS = 5_000;
const LOAD_LIMIT_MS = 1_000;
/** So long after its end a session may still have been given tokens, by an edge that had not heard of it. */
const LATE_TOKENS_MS = 15 * 60_000;
/** How far back events are looked through for lost domains whose signal never came. */
const LOSSES_MS = 15 * 60_000;
/** Without a new list for so long nothing can be decided. */
const STALE_AFTER_MS = 10 * 60_000;

const NOTHING: RevocationList = {
  at: 0,
  since: 0,
  sessions: new Map(),
  contracts: new Map(),
  accounts: new Map(),
  opaqueUntil: 0,
};

/**
 * True when the token's session has ended, or one of its contracts or its person lost a right after it was issued. A session that
 * ended does not come back, so a token that was minted on a stale "yes" just after its end is refused as well.
 */
export function isRevoked(
  list: RevocationList,
  token: { session: string; account?: number; contracts: readonly number[]; issuedAt: number },
): boolean {
  const { session, account = 0, contracts, issuedAt } = token;
  if (issuedAt <= (list.accounts.get(account) ?? Number.NEGATIVE_INFINITY)) return true;
  if (session !== "" && (list.sessions.has(session) || issuedAt < list.since)) return true;
  for (const uid of contracts) if (issuedAt <= (list.contracts.get(uid) ?? list.since - 1)) return true;
  return false;
}

interface Held {
  list: RevocationList;
  /** ms: when a load succeeded last, failed last, was begun last, was begun first. */
  loadedAt: number;
  failedAt: number;
  triedAt: number;
  since: number;
}

const held = new WeakMap<object, Held>();
const NEVER = Number.NEGATIVE_INFINITY;

/**
 * The list, at once when this isolate has it. `background` is the request's waitUntil. A list that cannot be
 * renewed counts for ten minutes more (none at all counts as an empty one), then the answer is undefined:
 * nobody knows who is still welcome. Each request waits only for a load of its own, because workerd does
 * not let one request wait for another's I/O.
 */
export function revocationList(
  env: Env,
  background: After,
  now = Date.now(),
): RevocationList | undefined | Promise<RevocationList | undefined> {
  const mine = heldBy(env, now);
  const age = now - mine.loadedAt;
  if (age > REFRESH_AFTER_MS) {
    if (age > WAIT_AFTER_MS && now - mine.failedAt > RETRY_AFTER_MS) {
      return load(env, mine, now).then(() => usable(mine, now));
    }
    if (now - mine.triedAt > RETRY_AFTER_MS) {
      mine.triedAt = now; // before it begins, or every request of this moment would begin one
      background(() => load(env, mine, now));
    }
  }
  return usable(mine, now);
}

const usable = ({ list, loadedAt, since }: Held, now: number) =>
  now - Math.max(loadedAt, since) <= STALE_AFTER_MS ? list : undefined;

function heldBy(env: Env, now: number): Held {
  let mine = held.get(env);
  if (!mine) {
    mine = { list: NOTHING, loadedAt: NEVER, failedAt: NEVER, triedAt: NEVER, since: now };
    held.set(env, mine);
  }
  return mine;
}

async function load({ TOKENS }: Env, mine: Held, now: number): Promise<void> {
  mine.triedAt = now;
  try {
    const text = await withinLimit(TOKENS.get(KEY, { cacheTtl: KV_CACHE_SECONDS }));
    keep(mine, text === null ? NOTHING : read(text), now);
  } catch (error) {
    mine.failedAt = now;
    logError("revocation list not loaded", error);
  }
}

// KV's cache may answer with a list older than the one that this isolate published itself.
function keep(mine: Held, list: RevocationList, now: number): void {
  if (list.at >= mine.list.at) mine.list = list;
  mine.loadedAt = now;
}

async function withinLimit<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`KV was slower than ${LOAD_LIMIT_MS} ms`)), LOAD_LIMIT_MS);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

const Document = z.object({
  at: z.number(),
  since: z.number(),
  sessions: z.record(z.string(), z.number()),
  contracts: z.record(z.string(), z.number()),
  accounts: z.record(z.string(), z.number()).default({}),
  opaqueUntil: z.number(),
});

function read(text: string): RevocationList {
  const { sessions, contracts, accounts, ...rest } = Document.parse(JSON.parse(text));
  return {
    ...rest,
    sessions: new Map(Object.entries(sessions)),
    contracts: numbered(contracts),
    accounts: numbered(accounts),
  };
}

const numbered = (entries: Record<string, number>) =>
  new Map(Object.entries(entries).map(([number, ms]) => [Number(number), ms]));

/**
 * Writes the list anew from D1, to KV and into this isolate's memory, and forgets what is past. Domains that were lost without
 * a signal are found here. It reaches
 * back EXPIRE minutes, which is how long a token lives. Two publishers at once may leave the older of two
 * lists in KV; the minute's cron repairs that.
 */
export async function publishRevocations(env: Env, now = new Date()): Promise<void> {
  const { OPERATOR, EXPIRE } = settings(env);
  const db = database(env);
  const since = new Date(now.getTime() - EXPIRE * 60_000);
  const [, ended, revoked, [opaque]] = await db.batch([
    revokeCamerasOfLosses(db, OPERATOR, new Date(now.getTime() - LOSSES_MS), now),
    sessionsEndedSince(db, OPERATOR, new Date(since.getTime() - LATE_TOKENS_MS)),
    revocationsSince(db, OPERATOR, since),
    lastOpaqueExpiry(db, OPERATOR),
    deleteGrantsEndedBy(db, OPERATOR, now),
    deleteRevocationsBefore(db, OPERATOR, since),
  ]);
  const list: RevocationList = {
    at: now.getTime(),
    since: since.getTime(),
    sessions: new Map(ended.map(({ id, endedAt }) => [id, endedAt?.getTime() ?? 0])),
    contracts: revokedOf("c", revoked),
    accounts: revokedOf("a", revoked),
    opaqueUntil: opaque?.until?.getTime() ?? 0,
  };
  Object.assign(heldBy(env, list.at), { list, loadedAt: list.at });
  await env.TOKENS.put(KEY, write(list));
}

/** Subjects are a letter for their kind and a number. */
const revokedOf = (kind: "a" | "c", rows: readonly { subject: string; revokedAt: Date }[]) =>
  new Map(
    rows
      .filter(({ subject }) => subject.startsWith(kind))
      .map(({ subject, revokedAt }) => [Number(subject.slice(1)), revokedAt.getTime()]),
  );

const write = ({ sessions, contracts, accounts, ...rest }: RevocationList): string =>
  JSON.stringify({
    ...rest,
    sessions: Object.fromEntries(sessions),
    contracts: Object.fromEntries(contracts),
    accounts: Object.fromEntries(accounts),
  });
