import { instantOf, localText } from "#platform/time.ts";

/** From this instant until just before that one. */
export interface Span {
  from: Date;
  to: Date;
}

/** A day of the operator's zone: 23 or 25 hours long where the clocks change. */
export interface Day extends Span {
  /** `YYYY-MM-DD` */
  day: string;
}

const DAY_MS = 86_400_000;

/** The day of this `YYYY-MM-DD` in the zone; undefined for any other text. */
export function dayOf(text: string, zone: string): Day | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const from = instantOf(text, zone);
  const to = from && instantOf(shifted(text, 1), zone);
  return from && to && { day: text, from, to };
}

// Dates without a zone: UTC counts them without gaps.
const shifted = (day: string, days: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** Reckoned once a day in each isolate: a thousand days take a thousand looks at the zone's rules. */
let reckoned: { key: string; days: Day[] } = { key: "", days: [] };

/** Today in the zone and the days before it, `count` in all, newest first. */
export function recentDays(zone: string, count: number, now: Date): Day[] {
  const today = localText(now, zone).slice(0, 10);
  const key = `${zone} ${today} ${count}`;
  if (reckoned.key !== key) reckoned = { key, days: reckon(today, zone, count) };
  return reckoned.days;
}

function reckon(today: string, zone: string, count: number): Day[] {
  const days: Day[] = [];
  let to = instantOf(shifted(today, 1), zone)!;
  for (let ago = 0; ago < count; ago++) {
    const day = shifted(today, -ago);
    const from = instantOf(day, zone)!;
    days.push({ day, from, to });
    to = from;
  }
  return days;
}
