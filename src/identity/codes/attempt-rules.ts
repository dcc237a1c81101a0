import type { Limits } from "#platform/limits.ts";

// How often a password may be tried on one login. Pure, so that the object around them holds nothing but the clock and the
// storage. A login that nobody has is counted like any other.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

export interface AttemptState {
  /** Wrong tries in a row of each network, until when it has to pause, and when it tried last. */
  networks: Record<string, { failures: number; until: number; at: number }>;
  /** Times of the wrong tries of the last hour, wherever they came from. */
  hour: number[];
  failuresInARow: number;
  lastAt: number;
}

export const emptyAttempts = (): AttemptState => ({ networks: {}, hour: [], failuresInARow: 0, lastAt: 0 });

/** `retryAfter` in seconds. */
export type AttemptVerdict = { allowed: true } | { allowed: false; retryAfter: number };

type AttemptLimits = Pick<Limits, "passwordFailures" | "passwordFailuresPerHour" | "passwordFailuresInARow">;

/** Whether one more password may be looked at. */
export function mayTry(state: AttemptState, network: string, limits: AttemptLimits, now: number): AttemptVerdict {
  // Only a new password, or Operations, opens it again: waiting does not help, and a client that waits for a day does no harm.
  if (state.failuresInARow >= limits.passwordFailuresInARow) return { allowed: false, retryAfter: DAY / 1000 };
  const paused = state.networks[network]?.until ?? 0;
  const full = (state.hour.at(-limits.passwordFailuresPerHour) ?? Number.NEGATIVE_INFINITY) + HOUR;
  const until = Math.max(paused, full);
  return until <= now ? { allowed: true } : { allowed: false, retryAfter: Math.ceil((until - now) / 1000) };
}

/** Counts a try as a wrong one: it is counted before it is made, so that many at once are no more than were allowed. */
export function noteTry(state: AttemptState, network: string, limits: AttemptLimits, now: number): AttemptState {
  const failures = (state.networks[network]?.failures ?? 0) + 1;
  return {
    networks: { ...state.networks, [network]: { failures, until: now + pauseAfter(failures, limits), at: now } },
    hour: [...state.hour.filter((time) => time > now - HOUR), now],
    failuresInARow: state.failuresInARow + 1,
    lastAt: now,
  };
}

/** A minute after so many wrong ones, twice that after each further one, an hour at most. */
function pauseAfter(failures: number, { passwordFailures }: AttemptLimits): number {
  const beyond = failures - passwordFailures;
  return beyond < 0 ? 0 : Math.min(HOUR, MINUTE * 2 ** Math.min(beyond, 6));
}

/** The try of that time was right: its network has nothing against it any more. What others failed at goes on counting for the hour. */
export function noteSuccess(state: AttemptState, network: string, at: number): AttemptState {
  const { [network]: _, ...networks } = state.networks;
  const found = state.hour.lastIndexOf(at);
  return { ...state, networks, hour: found < 0 ? state.hour : state.hour.toSpliced(found, 1), failuresInARow: 0 };
}

/** The try of that time was not made after all. It was counted, so it was allowed: there was no pause that it could cut short. */
export function takeBack(state: AttemptState, network: string, limits: AttemptLimits, at: number): AttemptState {
  const found = state.hour.lastIndexOf(at);
  const counted = state.networks[network];
  if (found < 0 || !counted) return state;
  const { [network]: _, ...others } = state.networks;
  const failures = counted.failures - 1;
  const until = counted.at + pauseAfter(failures, limits);
  return {
    ...state,
    networks: failures > 0 ? { ...others, [network]: { ...counted, failures, until } } : others,
    hour: state.hour.toSpliced(found, 1),
    failuresInARow: Math.max(0, state.failuresInARow - 1),
  };
}

/** What remains to be remembered, and when to look again; undefined when the login can be forgotten. */
export function pruneAttempts(state: AttemptState, now: number): { state: AttemptState; wakeAt: number } | undefined {
  const networks = Object.fromEntries(Object.entries(state.networks).filter(([, { at }]) => at > now - DAY));
  const hour = state.hour.filter((time) => time > now - HOUR);
  const ends = [...Object.values(networks).map(({ at }) => at + DAY), ...hour.map((time) => time + HOUR)];
  if (state.failuresInARow > 0) ends.push(state.lastAt + YEAR);
  const left = ends.filter((end) => end > now);
  return left.length > 0 ? { state: { ...state, networks, hour }, wakeAt: Math.min(...left) } : undefined;
}
