// What is remembered about the one-time codes of one phone number. Pure, as are the rules that decide by it, so that the
// Durable Object around them holds nothing but the clock and the storage. What holds whatever
// the figures are: docs/contracts.md, "One-time codes".

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
  /** What the code is for beside signing in to the resident's app: only a guess that names the same counts. */
  binding?: string;
  /** HMAC of the code; for an awaited call there is none. */
  mac?: string;
  /** The number of ours that the person has to call. */
  number?: string;
  /** Which client asked, and from where: an awaited call is handed to nobody else. */
  client?: string;
  called?: boolean;
  issuedAt: number;
  expiresAt: number;
  tries: number;
}

/** One quota with its own live code, so that a stranger's request does not kill the owner's code. */
export interface Pool {
  challenge?: Challenge | undefined;
  /** What the latest challenge replaced; it comes back if that one was not sent after all. */
  replaced?: Challenge | undefined;
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
  lastFailureAt: number;
  /** The last call that the PBX reported, so that a report counts once. */
  lastCall?: { at: number; number: string | undefined };
}

export const emptyState = (): CodeState => ({
  installs: {},
  open: { sends: [], failures: [], streak: 0 },
  known: { sends: [], failures: [], streak: 0 },
  failuresInARow: 0,
  lastFailureAt: 0,
});

export type PoolName = "open" | "known";
export const POOLS: readonly PoolName[] = ["known", "open"];

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
const INSTALL_LIFE = 365 * DAY;
const INSTALLS_KEPT = 10;
/** Longer than a report of a call is accepted. */
const CALL_REPORT_LIFE = 300_000;

export const within = (times: readonly number[], span: number, now: number) =>
  times.filter((time) => time > now - span);

export const isLive = (challenge: Challenge | undefined, now: number): challenge is Challenge =>
  challenge !== undefined && now < challenge.expiresAt;

/** Whether the install has signed in with this number before. */
export const isKnown = ({ installs }: CodeState, install: string | undefined, now: number) =>
  install !== undefined && (installs[install] ?? Number.NEGATIVE_INFINITY) > now - INSTALL_LIFE;

/** So many wrong guesses in a row stop strangers; the owner's own installs, and a call from the phone itself, still pass. */
export const isLocked = (state: CodeState, policy: CodePolicy) => state.failuresInARow >= policy.failuresInARow;

/** Notes that the person has proven to hold the phone: everything that was counted against them is over. */
export function noteSuccess(state: CodeState, pool: PoolName, install: string | undefined, now: number): CodeState {
  return {
    ...state,
    failuresInARow: 0,
    installs: install ? rememberInstall(state.installs, install, now) : state.installs,
    // Whatever else was sent has served its purpose, and must not sign anybody in any more.
    open: { ...state.open, challenge: undefined, replaced: undefined, ...(pool === "open" && { streak: 0 }) },
    known: { ...state.known, challenge: undefined, replaced: undefined, streak: 0 },
  };
}

function rememberInstall(installs: CodeState["installs"], install: string, now: number): CodeState["installs"] {
  const newest = Object.entries({ ...installs, [install]: now }).toSorted(([, a], [, b]) => b - a);
  return Object.fromEntries(newest.slice(0, INSTALLS_KEPT));
}

/** What remains to be remembered after `now`, and when to look again; undefined when the number can be forgotten. */
export function prune(state: CodeState, now: number): { state: CodeState; wakeAt: number } | undefined {
  const tidy = (pool: Pool): Pool => ({
    ...pool,
    challenge: isLive(pool.challenge, now) ? pool.challenge : undefined,
    replaced: isLive(pool.replaced, now) ? pool.replaced : undefined,
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
  if (next.lastCall) ends.push(next.lastCall.at + CALL_REPORT_LIFE);
  if (next.failuresInARow > 0) ends.push(next.lastFailureAt + INSTALL_LIFE);
  return Math.max(...ends) > now ? { state: next, wakeAt: Math.min(...ends.filter((end) => end > now)) } : undefined;
}
