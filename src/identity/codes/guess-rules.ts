import {
  type Challenge,
  type CodePolicy,
  type CodeState,
  DAY,
  HOUR,
  isKnown,
  isLive,
  isLocked,
  noteSuccess,
  POOLS,
  type Pool,
  type PoolName,
  within,
} from "./code-state.ts";
import { maySend } from "./send-rules.ts";

export type GuessVerdict =
  | { ok: true }
  | {
      ok: false;
      reason: "none" | "wrong" | "exhausted" | "failures" | "locked";
      triesLeft: number;
      retryAfter: number;
    };

/** Who guesses. `isTrusted` is false for an address that has guessed wrong too often: then only a known install may. */
export interface Guesser {
  install?: string | undefined;
  /** The challenge that the code was sent for; none for the resident's app. A code for another one is not looked at. */
  binding?: string | undefined;
  isTrusted?: boolean | undefined;
}

/**
 * Decides one guess. `matches` compares in constant time; it is asked only if the guess counts. A known install may have two
 * codes, its own and one that was sent when its reserve was spent: a guess is one try at both.
 */
export function guess(
  state: CodeState,
  policy: CodePolicy,
  { install, binding, isTrusted = true }: Guesser,
  matches: (challenge: Challenge) => boolean,
  now: number,
): { verdict: GuessVerdict; state: CodeState } {
  const refusal = (reason: Exclude<GuessVerdict, { ok: true }>["reason"], until = now + DAY) => ({
    verdict: { ok: false, reason, triesLeft: 0, retryAfter: Math.ceil((until - now) / 1000) } as const,
    state,
  });
  const knows = isKnown(state, install, now);
  if (!knows && isLocked(state, policy)) return refusal("locked");
  if (!knows && !isTrusted) return refusal("failures");

  const live = POOLS.filter((name) => (knows || name === "open") && isCode(state[name].challenge, binding, now));
  if (live.length === 0) return refusal("none");
  const fresh = live.filter((name) => state[name].challenge!.tries < policy.tries);
  // Only a new code helps.
  if (fresh.length === 0) return refusal("exhausted", now + 1000 * secondsToNextSend(state, policy, install, now));
  const usable = fresh.filter((name) => failuresEnd(state[name], name, policy) <= now);
  if (usable.length === 0)
    return refusal("failures", Math.min(...fresh.map((name) => failuresEnd(state[name], name, policy))));

  const hit = usable.find((name) => matches(state[name].challenge!));
  if (hit) return { verdict: { ok: true }, state: noteSuccess(state, hit, install, now) };
  const failed = Object.fromEntries(usable.map((name) => [name, noteFailure(state[name], now)]));
  const triesLeft = policy.tries - Math.min(...usable.map((name) => state[name].challenge!.tries)) - 1;
  const next = { ...state, ...failed, failuresInARow: state.failuresInARow + 1, lastFailureAt: now };
  return { verdict: { ok: false, reason: "wrong", triesLeft, retryAfter: 0 }, state: next };
}

function secondsToNextSend(state: CodeState, policy: CodePolicy, install: string | undefined, now: number): number {
  const next = maySend(state, policy, install, now);
  return next.allowed ? 1 : next.retryAfter;
}

const isCode = (challenge: Challenge | undefined, binding: string | undefined, now: number) =>
  isLive(challenge, now) && challenge.mac !== undefined && challenge.binding === binding;

/** When the next guess counts again; in the past while there are guesses left. */
function failuresEnd({ failures }: Pool, name: PoolName, policy: CodePolicy): number {
  const end = (allowed: number, span: number) => (failures.at(-allowed) ?? Number.NEGATIVE_INFINITY) + span;
  if (name === "known") return end(policy.reserve.triesPerDay, DAY);
  return Math.max(end(policy.failuresPerDay, DAY), end(policy.failuresPerHour, HOUR));
}

const noteFailure = (pool: Pool, now: number): Pool => ({
  ...pool,
  challenge: { ...pool.challenge!, tries: pool.challenge!.tries + 1 },
  failures: [...within(pool.failures, DAY, now), now],
});

/** The PBX's clock is not ours. */
const CLOCK_TOLERANCE_MS = 30_000;

/**
 * Notes that the phone called one of our numbers at `at`. Only a challenge that waited for that number by then is served, and
 * each report once: a repeated one must not serve whoever asked next.
 */
export function noteCall(
  state: CodeState,
  number: string | undefined,
  at: number,
  now: number,
): { seen: boolean; state: CodeState } {
  const { at: last = Number.NEGATIVE_INFINITY, number: lastNumber } = state.lastCall ?? {};
  if (at < last || (at === last && number === lastNumber)) return { seen: false, state };
  // A report that nobody waits for is noted as well, or its repetition could serve whoever asks in between.
  const noted = { ...state, lastCall: { at, number } };
  const pool = POOLS.find((name) => {
    const challenge = state[name].challenge;
    if (!isLive(challenge, now) || challenge.number === undefined) return false;
    return (number === undefined || challenge.number === number) && at >= challenge.issuedAt - CLOCK_TOLERANCE_MS;
  });
  if (!pool) return { seen: false, state: noted };
  const challenge = { ...state[pool].challenge!, called: true };
  return { seen: true, state: { ...noted, [pool]: { ...state[pool], challenge } } };
}

/** Redeems a call that was seen, once, for the client that asked for it. */
export function redeemCall(
  state: CodeState,
  client: string,
  install: string | undefined,
  now: number,
): { ok: boolean; state: CodeState } {
  const pool = POOLS.find((name) => {
    const challenge = state[name].challenge;
    return isLive(challenge, now) && challenge.called === true && challenge.client === client;
  });
  return pool ? { ok: true, state: noteSuccess(state, pool, install, now) } : { ok: false, state };
}
