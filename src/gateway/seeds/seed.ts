import { AppError } from "#platform/errors.ts";

/** What a phone says of itself. */
export interface Ping {
  imsi: string;
  msisdn: string;
  /** Undefined where the form of the wire has none: a seed keeps its own, and a new one is a `seed`. */
  seedType: string | undefined;
}

const LONGEST_MSISDN = 32;
const LONGEST_TYPE = 16;

/** Letters, digits and `_` only: an IMSI stands in paths and logs. */
export const isImsi = (text: string): boolean => /^[A-Za-z0-9_]{1,32}$/.test(text);

/** Throws AppError `invalid` for what no IMSI is. */
export function demandImsi(text: string): string {
  if (!isImsi(text)) throw new AppError("invalid", "invalid IMSI");
  return text;
}

/** What a ping says, if it can be so. Throws AppError `invalid`. */
export function demandPing({ imsi, msisdn, seedType }: Ping): Ping {
  demandImsi(imsi);
  if (!isLine(msisdn, LONGEST_MSISDN)) throw new AppError("invalid", "invalid MSISDN");
  if (seedType !== undefined && !isLine(seedType, LONGEST_TYPE)) throw new AppError("invalid", "invalid seeder state");
  return { imsi, msisdn, seedType };
}

const isLine = (text: string, longest: number): boolean => text.length <= longest && !/\p{C}/u.test(text);

const SHOWN = 5;

/** An IMSI names a subscriber. What stands for country and mobile operator is shown to all: clients compare it with their own. */
export const masked = (imsi: string): string => imsi.slice(0, SHOWN) + "*".repeat(Math.max(0, imsi.length - SHOWN));
