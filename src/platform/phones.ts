import { type CountryCode, parsePhoneNumberFromString } from "libphonenumber-js/mobile";

export interface Phone {
  /** E.164 without the plus: `79161230001`. How phones are stored, compared and sent. */
  digits: string;
  /** ISO 3166 country, for the sending budgets. */
  country: string;
}

/**
 * Reads a mobile number as people and the apps write it: `+7 916…`, `8916…`, `7916…`. Undefined when it is
 * none: too short, a landline, a premium number. The metadata is libphonenumber's own for mobile numbers.
 */
export function parsePhone(text: string, country: string): Phone | undefined {
  const compact = text.trim();
  if (compact.length > 32) return undefined;
  const own = parsePhoneNumberFromString(compact, country as CountryCode);
  // With a length that fits at home it is a number of this country, good or bad: 8495… is Moscow, not Vietnam.
  const number = own?.isPossible() ? own : parsePhoneNumberFromString(`+${compact.replace(/^\+/, "")}`);
  if (!number?.isValid()) return undefined;
  return { digits: number.number.slice(1), country: number.country ?? "ZZ" };
}

/** 79161230001 as 89161230001: how Russian numbers were typed into the apps, and so stand in older systems. */
export const nationalForm = (digits: string): string => digits.replace(/^7(?=\d{10}$)/, "8");
