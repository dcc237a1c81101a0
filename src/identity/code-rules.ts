// The decisions about one-time codes of one phone number: when one may be sent, how often it may be
// guessed. Pure, so that the Durable Object around it holds nothing but the clock and the storage.
// Figures: shield §3.1–3.3.

export interface CodePolicy {
  /** Decimal digits. */
  length: number;
  lifeMs: number;
  /** Guesses per code. */
  tries: number;
  /** What must lie between two sends: the first gap, the second, and so on; the last one repeats. */
  gapsMs: readonly number[];
  sendsPerHour: number;
  sendsPerDay: number;
  failuresPerHour: number;
  failuresPerDay: number;
  /** So many failures without a success between lock the number until Operations unlocks it. */
  failuresInARow: number;
  /** What installs that have signed in before may send and try beside the public quota. */
  reserve: { sendsPerDay: number; triesPerDay: number };
}

/** A code that was sent, or a call that is awaited, and not used yet. */
export interface Challenge {
  id: string;
  /** HMAC of the code; for an awaited call there is none. */
  mac?: string;
  /** The number of ours that the person has to call. */
  number?: string;
  /** Which client asked: an awaited call is handed to nobody else. */
  client?: string;
  called?: boolean;
  expiresAt: number;
  tries: number;
}

/** One quota with its own live code, so that a stranger's request does not kill the owner's code. */
export interface Pool {
  challenge?: Challenge | undefined;
  /** Times of sends and of wrong guesses during the last day, and how many sends since the last success. */
  sends: number[];
  failures: number[];
  streak: number;
}

export interface CodeState {
  /** Installs that signed in before, by MAC, with the time of their last sign-in. */
  installs: Record<string, number>;
  open: Pool;
  known: Pool;
  failuresInARow: number;
}

export const emptyState = (): CodeState => ({
  installs: {},
  open: { sends: [], failures: [], streak: 0 },
  known: { sends: [], failures: [], streak: 0 },
  failuresInARow: 0,
});

export type PoolName = "open" | "known";
export type SendVerdict =
  | { allowed: true; pool: PoolName }
  | { allowed: false; reason: "gap" | "hour" | "day" | "failures" | "locked"; retryAfter: number };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const INSTALL_LIFE = 365 * DAY;
const INSTALLS_KEPT = 10;

/** Whether a code may be sent now, and from which quota. A known install takes from its reserve first. */
export function maySend(state: CodeState, policy: CodePolicy, install: string | undefined, now: number): SendVerdict {
  if (state.failuresInARow >= policy.failuresInARow)
    return { allowed: false, reason: "locked", retryAfter: DAY / 1000 };
  if (isKnown(state, install, now) && reserveRefusal(state, policy, now) === undefined)
    return { allowed: true, pool: "known" };
  const refusal = openRefusal(state.open, policy, now);
  return refusal ?? { allowed: true, pool: "open" };
}

function openRefusal(
  pool: Pool,
  policy: CodePolicy,
  now: number,
): Extract<SendVerdict, { allowed: false }> | undefined {
  const gap = gapEnd(pool, policy);
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

function reserveRefusal({ open, known }: CodeState, policy: CodePolicy, now: number): true | undefined {
  if (within(known.sends, DAY, now).length >= policy.reserve.sendsPerDay) return true;
  if (within(known.failures, DAY, now).length >= policy.reserve.triesPerDay) return true;
  // Repeated presses are not for the reserve: one shortest gap after anybody's send, a growing one after its own.
  const latest = open.streak > 0 ? (open.sends.at(-1) ?? 0) + (policy.gapsMs[0] ?? 0) : 0;
  return now < Math.max(latest, gapEnd(known, policy)) ? true : undefined;
}

// A used code leaves no gap behind: the person may sign in on a second device at once.
function gapEnd({ sends, streak }: Pool, { gapsMs }: CodePolicy): number {
  if (streak === 0) return 0;
  return (sends.at(-1) ?? 0) + (gapsMs[Math.min(streak, gapsMs.length) - 1] ?? 0);
}

const refuse = (reason: "gap" | "hour" | "day" | "failures", until: number, now: number) =>
  ({ allowed: false, reason, retryAfter: Math.max(1, Math.ceil((until - now) / 1000)) }) as const;

const within = (times: readonly number[], span: number, now: number) => times.filter((time) => time > now - span);

/** The time of the n-th latest entry: when it leaves the window, the count falls below n. */
const nth = (times: readonly number[], n: number) => times.at(-n) ?? 0;

/** Notes a send. A new challenge of the same quota replaces the old one. */
export function noteSend(state: CodeState, pool: PoolName, challenge: Challenge, now: number): CodeState {
  const old = state[pool];
  return {
    ...state,
    [pool]: { ...old, challenge, sends: [...within(old.sends, DAY, now), now], streak: old.streak + 1 },
  };
}

/** Takes a send back that did not happen: a budget further on refused it. */
export function withdrawSend(state: CodeState, id: string): CodeState {
  const pool = poolWith(state, id);
  if (!pool) return state;
  const old = state[pool];
  return {
    ...state,
    [pool]: { ...old, challenge: undefined, sends: old.sends.slice(0, -1), streak: Math.max(0, old.streak - 1) },
  };
}

export type GuessVerdict =
  | { ok: true }
  | { ok: false; reason: "none" | "wrong" | "exhausted" | "failures" | "locked"; triesLeft: number };

/** Decides one guess. `matches` compares in constant time; it is asked only if the guess counts. */
export function guess(
  state: CodeState,
  policy: CodePolicy,
  install: string | undefined,
  matches: (challenge: Challenge) => boolean,
  now: number,
): { verdict: GuessVerdict; state: CodeState } {
  const no = (reason: Exclude<GuessVerdict, { ok: true }>["reason"]) => ({
    verdict: { ok: false, reason, triesLeft: 0 } as const,
    state,
  });
  if (state.failuresInARow >= policy.failuresInARow) return no("locked");
  const pool: PoolName = isKnown(state, install, now) && isLive(state.known.challenge, now) ? "known" : "open";
  const old = state[pool];
  const challenge = old.challenge;
  if (!challenge?.mac || !isLive(challenge, now)) return no("none");
  if (challenge.tries >= policy.tries) return no("exhausted");
  const [perHour, perDay] =
    pool === "open"
      ? [policy.failuresPerHour, policy.failuresPerDay]
      : [Number.POSITIVE_INFINITY, policy.reserve.triesPerDay];
  if (within(old.failures, DAY, now).length >= perDay || within(old.failures, HOUR, now).length >= perHour)
    return no("failures");

  if (matches(challenge)) return { verdict: { ok: true }, state: noteSuccess(state, pool, install, now) };
  const tries = challenge.tries + 1;
  const failures = [...within(old.failures, DAY, now), now];
  return {
    verdict: { ok: false, reason: "wrong", triesLeft: policy.tries - tries },
    state: {
      ...state,
      failuresInARow: state.failuresInARow + 1,
      [pool]: { ...old, challenge: { ...challenge, tries }, failures },
    },
  };
}

/** Notes that the phone called one of our numbers. Only the challenge that waits for that number is served. */
export function noteCall(
  state: CodeState,
  number: string | undefined,
  now: number,
): { seen: boolean; state: CodeState } {
  const pool = (["known", "open"] as const).find((name) => {
    const challenge = state[name].challenge;
    return (
      isLive(challenge, now) && challenge.number !== undefined && (number === undefined || challenge.number === number)
    );
  });
  if (!pool) return { seen: false, state };
  const old = state[pool];
  return { seen: true, state: { ...state, [pool]: { ...old, challenge: { ...old.challenge!, called: true } } } };
}

/** Redeems a call that was seen, once, for the client that asked for it. */
export function redeemCall(
  state: CodeState,
  client: string,
  install: string | undefined,
  now: number,
): { ok: boolean; state: CodeState } {
  const pool = (["known", "open"] as const).find((name) => {
    const challenge = state[name].challenge;
    return isLive(challenge, now) && challenge.called === true && challenge.client === client;
  });
  return pool ? { ok: true, state: noteSuccess(state, pool, install, now) } : { ok: false, state };
}

function noteSuccess(state: CodeState, pool: PoolName, install: string | undefined, now: number): CodeState {
  return {
    ...state,
    failuresInARow: 0,
    installs: install ? rememberInstall(state.installs, install, now) : state.installs,
    [pool]: { ...state[pool], challenge: undefined, streak: 0 },
  };
}

function rememberInstall(installs: CodeState["installs"], install: string, now: number): CodeState["installs"] {
  const newest = Object.entries({ ...installs, [install]: now }).toSorted(([, a], [, b]) => b - a);
  return Object.fromEntries(newest.slice(0, INSTALLS_KEPT));
}

const isKnown = ({ installs }: CodeState, install: string | undefined, now: number) =>
  install !== undefined && (installs[install] ?? Number.NEGATIVE_INFINITY) > now - INSTALL_LIFE;

const isLive = (challenge: Challenge | undefined, now: number): challenge is Challenge =>
  challenge !== undefined && now < challenge.expiresAt;

const poolWith = (state: CodeState, id: string): PoolName | undefined =>
  (["known", "open"] as const).find((name) => state[name].challenge?.id === id);

/** What remains to be remembered after `now`, and when to look again; undefined when the number can be forgotten. */
export function prune(state: CodeState, now: number): { state: CodeState; wakeAt: number } | undefined {
  const tidy = (pool: Pool): Pool => ({
    ...pool,
    challenge: isLive(pool.challenge, now) ? pool.challenge : undefined,
    sends: within(pool.sends, DAY, now),
    failures: within(pool.failures, DAY, now),
  });
  const installs = Object.fromEntries(Object.entries(state.installs).filter(([, at]) => at > now - INSTALL_LIFE));
  const next: CodeState = { ...state, installs, open: tidy(state.open), known: tidy(state.known) };
  const ends = [next.open, next.known].flatMap(({ challenge, sends, failures }) => [
    ...(challenge ? [challenge.expiresAt] : []),
    ...[...sends, ...failures].map((time) => time + DAY),
  ]);
  ends.push(...Object.values(installs).map((time) => time + INSTALL_LIFE));
  // A lock is remembered for as long as it lasts: until somebody unlocks it.
  if (ends.length === 0) return next.failuresInARow > 0 ? { state: next, wakeAt: now + INSTALL_LIFE } : undefined;
  return { state: next, wakeAt: Math.min(...ends) };
}
