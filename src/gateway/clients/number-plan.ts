import { parsePhoneNumberFromString } from "libphonenumber-js/min";
import { carrierOf } from "./carriers/carriers.ts";

export interface Place {
  /** As CLDR calls it in English; "" when nobody knows. */
  country: string;
  /** The mobile operator to whom the number was first given; "" when nobody knows, as for numbers of landlines and of the USA. */
  carrier: string;
  /** MCC and MNC of that operator. */
  carrierCode: string | null;
}

/** Where a number is at home, by its own digits: `+237…`. Numbers that do not exist still have the country of their calling code. */
export function placeOf(msisdn: string): Place {
  const number = parsePhoneNumberFromString(msisdn);
  if (!number?.country) return { country: "", carrier: "", carrierCode: null };
  const carrier = number.isValid() ? carrierOf(number.number.slice(1)) : undefined;
  return {
    country: nameOf(number.country),
    carrier: carrier?.name ?? "",
    carrierCode: carrier?.codeIn(number.country) ?? null,
  };
}

let names: Intl.DisplayNames | undefined;

function nameOf(country: string): string {
  names ??= new Intl.DisplayNames("en", { type: "region" });
  return names.of(country) ?? "";
}
