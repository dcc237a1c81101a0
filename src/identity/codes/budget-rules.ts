import type { Limits } from "#platform/limits.ts";

// How many codes may leave from one client address, to one country, for one operator (after authgear's published
// fraud protection; figures in docs/settings.md). What counts is codes that were sent and never
// entered: an attacker's are, the customers behind one carrier's NAT mostly are not.

const STEP = 600_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DAYS_KEPT = 14;

interface Count {
  at: number;
  sent: number;
  verified: number;
}

export interface BudgetState {
  /** Ten-minute steps of the last day. */
  steps: Count[];
  /** Whole days before, for what is usual. */
  days: Count[];
  /** When each country was last sent to from here. */
  countries: Record<string, number>;
  /** Guesses of the last day that were wrong, or are not decided yet. */
  failures: number[];
}

export const emptyBudget = (): BudgetState => ({ steps: [], days: [], countries: {}, failures: [] });

export type BudgetKind = "address" | "country" | "operator";
export type BudgetVerdict = { allowed: true; alarm?: string } | { allowed: false; limit: string; retryAfter: number };

/** Whether one more code may leave. */
export function mayTake(
  state: BudgetState,
  kind: BudgetKind,
  country: string,
  limits: Limits,
  now: number,
): BudgetVerdict {
  const day = sum(state.steps, now - DAY);
  const hour = sum(state.steps, now - HOUR);
  const usual = Math.max(0, ...state.days.map((count) => count.verified));
  const openDay = Math.max(0, day.sent - day.verified);
  const openHour = Math.max(0, hour.sent - hour.verified);
  switch (kind) {
    case "address": {
      const others = Object.entries(state.countries).filter(([name, at]) => name !== country && at > now - DAY);
      if (openHour >= Math.max(limits.addressPerHour, (0.2 * day.verified) / 6)) return refused("address hour", 600);
      if (openDay >= Math.max(limits.addressPerDay, 0.2 * day.verified)) return refused("address day", 3600);
      if (others.length >= limits.addressCountriesPerDay) return refused("address countries", 3600);
      return { allowed: true };
    }
    case "country": {
      const daily = Math.max(limits.countryPerDay, 0.2 * usual, 0.2 * day.verified);
      if (openDay >= daily) return refused("country day", 3600);
      const hourly = Math.max(limits.countryPerHour, Math.min(daily, (0.2 * usual) / 6), 0.2 * hour.verified);
      if (openHour >= hourly) return refused("country hour", 600);
      return { allowed: true };
    }
    case "operator": {
      const most = Math.max(limits.operatorPerDay, 2 * Math.max(0, ...state.days.map((count) => count.sent)));
      if (day.sent >= most) return refused("operator day", 3600);
      return day.sent + 1 >= 0.7 * most
        ? { allowed: true, alarm: `${day.sent + 1} of ${most} messages today` }
        : { allowed: true };
    }
  }
}

const refused = (limit: string, retryAfter: number) => ({ allowed: false, limit, retryAfter }) as const;

function sum(counts: readonly Count[], since: number): { sent: number; verified: number } {
  const recent = counts.filter((count) => count.at > since - STEP);
  return {
    sent: recent.reduce((total, count) => total + count.sent, 0),
    verified: recent.reduce((total, count) => total + count.verified, 0),
  };
}

/** Counts a send (1), one taken back (-1), or a code that was entered. */
export function note(
  state: BudgetState,
  change: { sent?: number; verified?: number; country?: string },
  now: number,
): BudgetState {
  const { steps, days } = roll(state, now);
  const at = now - (now % STEP);
  // Not simply the last one: clocks differ, and a request may have begun before the newest step did.
  const current = steps.find((count) => count.at === at) ?? { at, sent: 0, verified: 0 };
  const next = {
    at,
    sent: Math.max(0, current.sent + (change.sent ?? 0)),
    verified: current.verified + (change.verified ?? 0),
  };
  const countries = Object.fromEntries(Object.entries(state.countries).filter(([, time]) => time > now - DAY));
  if (change.country) countries[change.country] = now;
  const others = steps.filter((count) => count.at !== at);
  return { ...state, steps: [...others, next].toSorted((a, b) => a.at - b.at), days, countries };
}

/** Whether this address may guess at all: failures are counted here whatever numbers they were made on. */
export const mayGuess = (state: BudgetState, limits: Limits, now: number): boolean =>
  state.failures.filter((time) => time > now - DAY).length < limits.addressFailuresPerDay;

export const noteGuess = (state: BudgetState, limits: Limits, now: number): BudgetState => ({
  ...state,
  failures: [...state.failures.filter((time) => time > now - DAY), now].slice(-limits.addressFailuresPerDay),
});

export function forgiveGuess(state: BudgetState, at: number): BudgetState {
  const found = state.failures.lastIndexOf(at);
  return found < 0 ? state : { ...state, failures: state.failures.toSpliced(found, 1) };
}

/** Moves what is older than a day into the days before, and forgets those that are too old to tell anything. */
function roll(state: BudgetState, now: number): Pick<BudgetState, "steps" | "days"> {
  const isRecent = (count: Count) => count.at > now - DAY - STEP;
  const days = new Map(
    state.days.filter((count) => count.at > now - DAYS_KEPT * DAY).map((count) => [count.at, count]),
  );
  for (const step of state.steps.filter((count) => !isRecent(count))) {
    const at = step.at - (step.at % DAY);
    const day = days.get(at) ?? { at, sent: 0, verified: 0 };
    days.set(at, { at, sent: day.sent + step.sent, verified: day.verified + step.verified });
  }
  return { steps: state.steps.filter(isRecent), days: [...days.values()] };
}

/** True when nothing is left worth keeping. */
export const isForgotten = (state: BudgetState, now: number): boolean =>
  [...state.steps, ...state.days].every((count) => count.at < now - DAYS_KEPT * DAY) &&
  state.failures.every((time) => time < now - DAY);
