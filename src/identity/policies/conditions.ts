import type { Policy, WeeklyWindow } from "./tables.ts";

/** When a rule holds; what is null does not matter. */
export type Condition = Pick<Policy, "notBefore" | "expiresAt" | "weekly" | "maxAuthAge">;

export const ALWAYS: Condition = { notBefore: null, expiresAt: null, weekly: null, maxAuthAge: null };

export type Unmet = "not_yet" | "expired" | "outside_window" | "authentication_too_old";

/** What of the condition does not hold; undefined where it all holds. `expiresAt` is the first moment that is too late. */
export function unmet(condition: Condition, authAt: Date | undefined, now: Date): Unmet | undefined {
  if (condition.notBefore && now < condition.notBefore) return "not_yet";
  if (condition.expiresAt && now >= condition.expiresAt) return "expired";
  if (condition.weekly && !condition.weekly.some((window) => isInside(window, now))) return "outside_window";
  const { maxAuthAge } = condition;
  if (maxAuthAge !== null && !(authAt && now.getTime() - authAt.getTime() <= maxAuthAge * 1000))
    return "authentication_too_old";
  return undefined;
}

/** Whether whoever holds something under `held` may pass it on under `given`: never for longer, never with less to prove. */
export function isNarrower(given: Condition, held: Condition): boolean {
  if (held.expiresAt && !(given.expiresAt && given.expiresAt <= held.expiresAt)) return false;
  if (held.weekly && JSON.stringify(given.weekly) !== JSON.stringify(held.weekly)) return false;
  return held.maxAuthAge === null || (given.maxAuthAge !== null && given.maxAuthAge <= held.maxAuthAge);
}

/** By the clock on the wall there, so that a window keeps its hours when the clocks change. */
export function isInside({ days, from, to, tz }: WeeklyWindow, now: Date): boolean {
  const { day, time } = onTheWall(now, tz);
  if (from < to) return days.includes(day) && from <= time && time < to;
  const dayBefore = day === 1 ? 7 : day - 1;
  return (days.includes(day) && time >= from) || (days.includes(dayBefore) && time < to);
}

const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const clocks = new Map<string, Intl.DateTimeFormat>();

/** Day of the week, 1 is Monday, and HH:MM. */
function onTheWall(now: Date, timeZone: string): { day: number; time: string } {
  let clock = clocks.get(timeZone);
  if (!clock) {
    const format = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    clock = new Intl.DateTimeFormat("en-GB", { timeZone, ...format });
    clocks.set(timeZone, clock);
  }
  const parts = Object.fromEntries(clock.formatToParts(now).map(({ type, value }) => [type, value]));
  return { day: DAYS.indexOf(parts.weekday ?? "") + 1, time: `${parts.hour}:${parts.minute}` };
}
