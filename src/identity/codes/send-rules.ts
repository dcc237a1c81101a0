import {
  type Challenge,
  type CodePolicy,
  type CodeState,
  DAY,
  HOUR,
  isKnown,
  isLive,
  isLocked,
  POOLS,
  type Pool,
  type PoolName,
  within,
} from "./code-state.ts";

export type SendVerdict =
  | { allowed: true; pool: PoolName }
  | { allowed: false; reason: "gap" | "hour" | "day" | "failures" | "locked"; retryAfter: number };

/**
 * Whether a code may be sent now, and from which quota. A known install takes from its reserve first, and from the open quota
 * when the reserve is used up; it never has two codes within one gap.
 */
export function maySend(state: CodeState, policy: CodePolicy, install: string | undefined, now: number): SendVerdict {
  if (!isKnown(state, install, now)) {
    if (isLocked(state, policy)) return { allowed: false, reason: "locked", retryAfter: DAY / 1000 };
    return openRefusal(state.open, policy, now) ?? { allowed: true, pool: "open" };
  }
  const gap = knownGapEnd(state, policy, now);
  if (now < gap) return refuse("gap", gap, now);
  if (!reserveIsSpent(state.known, policy, now)) return { allowed: true, pool: "known" };
  return openRefusal(state.open, policy, now) ?? { allowed: true, pool: "open" };
}

function openRefusal(
  pool: Pool,
  policy: CodePolicy,
  now: number,
): Extract<SendVerdict, { allowed: false }> | undefined {
  const gap = Math.max(gapEnd(pool, policy), awaitedUntil(pool, now));
  if (now < gap) return refuse("gap", gap, now);
  if (within(pool.failures, DAY, now).length >= policy.failuresPerDay) {
    return refuse("failures", nth(pool.failures, policy.failuresPerDay) + DAY, now);
  }
  if (within(pool.failures, HOUR, now).length >= policy.failuresPerHour) {
    return refuse("failures", nth(pool.failures, policy.failuresPerHour) + HOUR, now);
  }
  if (within(pool.sends, DAY, now).length >= policy.sendsPerDay)
    return refuse("day", nth(pool.sends, policy.sendsPerDay) + DAY, now);
  if (within(pool.sends, HOUR, now).length >= policy.sendsPerHour)
    return refuse("hour", nth(pool.sends, policy.sendsPerHour) + HOUR, now);
  return undefined;
}

// A stranger's sends hold the owner up for the shortest gap at most, their own as long as they grow.
function knownGapEnd({ open, known }: CodeState, policy: CodePolicy, now: number): number {
  const afterOpen = open.streak > 0 ? (open.sends.at(-1) ?? 0) + (policy.gapsMs[0] ?? 0) : 0;
  return Math.max(afterOpen, gapEnd(known, policy), awaitedUntil(known, now));
}

const reserveIsSpent = ({ sends, failures }: Pool, { reserve }: CodePolicy, now: number): boolean =>
  within(sends, DAY, now).length >= reserve.sendsPerDay || within(failures, DAY, now).length >= reserve.triesPerDay;

// While a call is awaited nothing takes its place, or a stranger could be served by the owner's call.
const awaitedUntil = ({ challenge }: Pool, now: number): number =>
  challenge?.number !== undefined && isLive(challenge, now) ? challenge.expiresAt : 0;

// A used code leaves no gap behind: the person may sign in on a second device at once.
function gapEnd(pool: Pool, policy: CodePolicy): number {
  return pool.streak === 0 ? 0 : (pool.sends.at(-1) ?? 0) + nextGap(pool, policy);
}

/** How many ms must lie between the latest send and the next one. */
export const nextGap = ({ streak }: Pool, { gapsMs }: CodePolicy): number =>
  gapsMs[Math.min(Math.max(streak, 1), gapsMs.length) - 1] ?? 0;

const refuse = (reason: "gap" | "hour" | "day" | "failures", until: number, now: number) =>
  ({ allowed: false, reason, retryAfter: Math.max(1, Math.ceil((until - now) / 1000)) }) as const;

/** The time of the n-th latest entry: when it leaves the window, the count falls below n. */
const nth = (times: readonly number[], n: number) => times.at(-n) ?? 0;

/** Notes a send. A new challenge of the same quota replaces the old one. */
export function noteSend(state: CodeState, pool: PoolName, challenge: Challenge, now: number): CodeState {
  const old = state[pool];
  const sends = [...within(old.sends, DAY, now), now];
  return { ...state, [pool]: { ...old, challenge, replaced: old.challenge, sends, streak: old.streak + 1 } };
}

/** Takes a send back that did not happen, because a budget further on refused it: the code before it is good again. */
export function withdrawSend(state: CodeState, id: string): CodeState {
  const pool = POOLS.find((name) => state[name].challenge?.id === id);
  if (!pool) return state;
  const { replaced, sends, streak, ...old } = state[pool];
  const restored = { ...old, challenge: replaced, sends: sends.slice(0, -1), streak: Math.max(0, streak - 1) };
  return { ...state, [pool]: restored };
}
