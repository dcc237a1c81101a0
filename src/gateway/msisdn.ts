import { type CountryCode, parsePhoneNumberFromString } from "libphonenumber-js/min";
import { parsePhone } from "#platform/phones.ts";

/**
 * A number with its plus and country code, as modems and people write it: `+237…`, `00237…`, `237…`, or the national form in `country`.
 * Numbers that no numbering plan has are taken as they stand, if they could be E.164. Undefined for anything else.
 */
export function msisdnOf(written: string, country: string): string | undefined {
  const compact = written
    .trim()
    .replace(/[\s().-]/g, "")
    .replace(/^00/, "+");
  if (!/^\+?\d{5,15}$/.test(compact)) return undefined;
  if (compact.startsWith("+")) return compact.startsWith("+0") ? undefined : compact;
  const mobile = parsePhone(compact, country) ?? parsePhone(`+${compact}`, country);
  if (mobile) return `+${mobile.digits}`;
  const home = parsePhoneNumberFromString(compact, country as CountryCode);
  if (home?.isValid()) return home.number;
  return compact.startsWith("0") ? undefined : `+${compact}`;
}
