import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { disabledClients } from "../clients/queries.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { activateSigningKey, revokeKey, signingKeyStates } from "./queries.ts";
import { clientName, type KeyStates, publishRevoked, revokedInKv, signingKey } from "./signing-keys.ts";

export interface KeyView {
  kid: string;
  /** `next`: never signed yet. `retired`: signs no more, what it signed is good until it expires. */
  state: "next" | "active" | "retired" | "revoked";
  /** When it was put to use; null for the first key of a deployment, which was never put to use by hand. */
  active_at: string | null;
  revoked_at: string | null;
  reason: string | null;
}

/** The signing keys as SIGNING_KEYS orders them, then those that are gone from there. Never the keys themselves. */
export async function listKeys(env: Env): Promise<KeyView[]> {
  const states = await signingKeyStates(database(env));
  const active = signingKey(env, states).kid;
  const { kids } = settings(env).SIGNING_KEYS;
  const all = new Set([...kids, ...states.map(({ kid }) => kid), active]);
  // A key that is in no secret any more can neither sign nor verify: of interest only if it was revoked.
  const known = (kid: string) => kids.includes(kid) || kid === active || stateOf(states, kid)?.revokedAt;
  return [...all].filter(known).map((kid) => {
    const state = stateOf(states, kid);
    return {
      kid,
      state: kid === active ? "active" : state?.revokedAt ? "revoked" : state?.activeAt ? "retired" : "next",
      active_at: state?.activeAt?.toISOString() ?? null,
      revoked_at: state?.revokedAt?.toISOString() ?? null,
      reason: state?.reason ?? null,
    };
  });
}

/**
 * Lets the next key of SIGNING_KEYS sign: the one that never did, else the one not used for longest. What the old one signed stays
 * good until it expires, and nobody is signed out. The new key has to be deployed before. Throws `no_other_key`.
 */
export async function rotateSigningKey(env: Env, actor: Actor, now = new Date()): Promise<{ kid: string }> {
  const db = database(env);
  const states = await signingKeyStates(db);
  const old = signingKey(env, states).kid;
  const since = (kid: string) => stateOf(states, kid)?.activeAt?.getTime() ?? 0;
  const [kid] = settings(env)
    .SIGNING_KEYS.kids.filter((each) => each !== old && !stateOf(states, each)?.revokedAt)
    .toSorted((a, b) => since(a) - since(b));
  if (kid === undefined) throw fail("no_other_key");
  const entry = {
    ...{ action: "key.rotated", target: { kind: "key", id: kid } },
    ...{ before: { active: old }, after: { active: kid } },
  };
  // The old one is noted as used, so that it does not look like a new one; a moment earlier, so that it is not the latest.
  const wasUsed = stateOf(states, old)?.activeAt ? [] : [activateSigningKey(db, old, new Date(now.getTime() - 1))];
  const [activated] = await db.batch([
    activateSigningKey(db, kid, now),
    ...journal(db, "*", actor, entry, now),
    ...wasUsed,
  ]);
  if (activated.length === 0) throw fail("no_other_key");
  return { kid };
}

/**
 * Emergency: every access token that the key signed is dead, at once where D1 is asked and within a minute at the edge. Refresh
 * tokens are made with another key, so everybody gets a new access token under the next key, which the answer names; if it was the
 * only one, under a spare that is derived from MASTER_KEY. Throws `key_not_found`, `already_in_state`.
 */
export async function revokeSigningKey(
  env: Env,
  kid: string,
  reason: string,
  actor: Actor,
  now = new Date(),
): Promise<{ kid: string; active: string }> {
  const db = database(env);
  const known = await signingKeyStates(db);
  const isOurs = settings(env).SIGNING_KEYS.kids.includes(kid) || signingKey(env, known).kid === kid;
  if (!isOurs && !stateOf(known, kid)) throw fail("key_not_found");
  const entry = { action: "key.revoked", target: { kind: "key", id: kid }, reason };
  const [revoked, ...rest] = await db.batch([
    revokeKey(db, kid, reason, now),
    ...journal(db, "*", actor, entry, now),
    signingKeyStates(db),
  ]);
  const states = rest.at(-1) as KeyStates;
  await tellRefused(env, now);
  if (revoked.length === 0) throw fail("already_in_state");
  return { kid, active: signingKey(env, states).kid };
}

/** Tells the edge which keys and clients are refused: to be called behind every change of these. */
export async function tellRefused(env: Env, now: Date): Promise<void> {
  await publishRevoked(env, await refusedNames(env), now);
}

async function refusedNames(env: Env): Promise<string[]> {
  const db = database(env);
  const [states, clients] = await db.batch([signingKeyStates(db), disabledClients(db)]);
  return [...revokedIn(states), ...clients.map(({ id }) => clientName(id))];
}

/** Every minute: tells the edge which keys and clients are refused, should the first telling have been lost. */
export async function republishRevoked(env: Env, now = new Date()): Promise<void> {
  const kids = await refusedNames(env);
  const told = await revokedInKv(env);
  if (kids.length !== told.length || kids.some((kid) => !told.includes(kid))) await publishRevoked(env, kids, now);
}

const stateOf = (states: KeyStates, kid: string) => states.find((state) => state.kid === kid);

const revokedIn = (states: KeyStates): string[] =>
  states.filter(({ revokedAt }) => revokedAt !== null).map(({ kid }) => kid);
