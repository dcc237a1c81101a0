import { type Env, settings } from "#env.ts";
import { keyFor } from "#platform/crypto.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import type { signingKeyStates } from "./queries.ts";

// The keys themselves are the secret SIGNING_KEYS; D1 only knows which of them signs and which are refused. KV tells the edge
// which are refused, so that no ordinary check has to ask D1.

export type KeyStates = Awaited<ReturnType<typeof signingKeyStates>>;

export interface SigningKey {
  kid: string;
  key: Uint8Array;
}

const SPARE = /^spare-(\d{1,4})$/;
const REVOKED = "signing-keys:revoked";
const TRUSTED_MS = 30_000;

/**
 * The key that signs now: the one put to use last, else the first of SIGNING_KEYS. Where every key of the secret is revoked, one
 * derived from MASTER_KEY takes its place until the operator adds another, so that an emergency leaves nobody without a key.
 */
export function signingKey(env: Env, states: KeyStates): SigningKey {
  const { SIGNING_KEYS } = settings(env);
  const isRevoked = (kid: string) => states.some((state) => state.kid === kid && state.revokedAt !== null);
  const since = (kid: string) => states.find((state) => state.kid === kid)?.activeAt?.getTime() ?? 0;
  const spares = states.filter(({ kid }) => SPARE.test(kid)).map(({ kid }) => kid);
  const usable = SIGNING_KEYS.kids.filter((kid) => !isRevoked(kid));
  const kid =
    usable.toSorted((a, b) => since(b) - since(a))[0] ??
    spares.find((spare) => !isRevoked(spare)) ??
    `spare-${spares.length + 1}`;
  return { kid, key: verificationKey(env, kid)! };
}

/** The key of that name, whatever became of it; undefined for a name that was never ours. */
export function verificationKey(env: Env, kid: string): Uint8Array | undefined {
  const { SIGNING_KEYS, MASTER_KEY } = settings(env);
  if (SPARE.test(kid)) return keyFor(MASTER_KEY.current.key, `signing/${kid}`);
  return SIGNING_KEYS.find(kid);
}

/** How a client that is switched off stands among the names that the edge refuses. */
export const clientName = (id: string): string => `client:${id}`;

interface Memo {
  kids: ReadonlySet<string>;
  at: number;
}
const memos = new WeakMap<KVNamespace, Memo>();

/**
 * The revoked keys as the edge knows them, and the clients that are switched off, by `clientName`. They are asked for again behind an answer, and before one where nobody asked for
 * TRUSTED_MS: with KV's own copy, which is as old at most, a revoked key is found out within the minute.
 */
export async function revokedAtEdge(env: Env, later: After, now: Date): Promise<ReadonlySet<string>> {
  const memo = memos.get(env.TOKENS);
  const age = memo ? now.getTime() - memo.at : Number.POSITIVE_INFINITY;
  if (!memo || age > TRUSTED_MS) return readRevoked(env, now);
  if (age > TRUSTED_MS / 2) later(() => readRevoked(env, now));
  return memo.kids;
}

async function readRevoked(env: Env, now: Date): Promise<ReadonlySet<string>> {
  const kids = new Set(await revokedInKv(env));
  memos.set(env.TOKENS, { kids, at: now.getTime() });
  return kids;
}

/** What KV was last told. */
export async function revokedInKv(env: Env): Promise<string[]> {
  return (await env.TOKENS.get<string[]>(REVOKED, { type: "json", cacheTtl: TRUSTED_MS / 1000 })) ?? [];
}

/** Tells the edge which keys are refused. D1 knows already, and the cron tells it again. */
export async function publishRevoked(env: Env, kids: readonly string[], now = new Date()): Promise<void> {
  memos.set(env.TOKENS, { kids: new Set(kids), at: now.getTime() });
  await env.TOKENS.put(REVOKED, JSON.stringify(kids)).catch((error: unknown) =>
    logError("revoked keys not published, the cron will", error),
  );
}
