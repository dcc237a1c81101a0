import { AppError } from "#platform/errors.ts";
import { folded } from "./folded.ts";

/** The words of a query by which gateway clients are found, as they were given. */
export type FilterWords = Partial<Record<(typeof NAMES)[number], string>>;

const NAMES = ["country", "operator", "protocols", "last_published_date"] as const;

/** What they mean. What is left out does not matter. */
export interface Filters {
  /** Equal, folded. */
  country?: string;
  /** A part of the operator's name, folded. */
  operator?: string;
  /** Each must be a part of what the client speaks. */
  protocols?: string[];
  /** When it last published. */
  day?: { from: Date; until: Date };
}

/** Those words of a query that say something. */
export const wordsOf = (query: Record<string, string>): FilterWords =>
  Object.fromEntries(NAMES.flatMap((name) => (query[name] ? [[name, query[name]]] : [])));

/** Throws AppError `invalid` for a date that is none. */
export function filtersOf(words: FilterWords): Filters {
  const { country, operator, protocols, last_published_date: date } = words;
  return {
    ...(country && { country: folded(country) }),
    ...(operator && { operator: folded(operator) }),
    ...(protocols && { protocols: wordsIn(protocols.toLowerCase()) }),
    ...(date && { day: dayOf(date) }),
  };
}

/** The words of a list with commas. */
export const wordsIn = (list: string): string[] =>
  list
    .split(",")
    .map((word) => word.trim())
    .filter(Boolean);

const DAY_MS = 86_400_000;
/** ISO 8601; the `+` of a zone may have become a space on its way through a URL. */
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+ -]\d\d:?\d\d)?)?$/i;

/** The whole UTC day in which a date or a moment lies; without a zone it is UTC. */
function dayOf(written: string): { from: Date; until: Date } {
  const [, date = "", time = "00:00", zone = "Z"] = ISO.exec(written.trim()) ?? [];
  const moment = Date.parse(`${date}T${time}${zone.replace(" ", "+").replace(/^(.\d\d)(\d\d)$/, "$1:$2")}`);
  if (Number.isNaN(moment) || !isInCalendar(date)) {
    const complaint = "Invalid last_published_date. Please provide a valid ISO format datetime (YYYY-MM-DD).";
    throw new AppError("invalid", complaint);
  }
  const from = Math.floor(moment / DAY_MS) * DAY_MS;
  return { from: new Date(from), until: new Date(from + DAY_MS) };
}

// Dates such as the 31st of February are taken for a day of March when they are parsed.
const isInCalendar = (date: string) => new Date(`${date}T00:00:00Z`).toISOString().startsWith(date);
