import { expect, test } from "vitest";
import { carrierOf } from "#gateway/clients/carriers/carriers.ts";
import { placeOf } from "#gateway/clients/number-plan.ts";

test.each([
  ["+237672451860", "Cameroon", "MTN Cameroon", "62401"],
  ["+237690000000", "Cameroon", "Orange", "62402"],
  ["+79821234567", "Russia", "MTS", "25001"],
  ["+491621234567", "Germany", "Vodafone", "26202"],
  ["+2348031234567", "Nigeria", "MTN", "62130"],
  ["+33612345678", "France", "SFR", "20808"],
  ["+4915112345678", "Germany", "T-Mobile", null],
])("%s is at home in %s with %s", (msisdn, country, carrier, carrierCode) => {
  expect(placeOf(msisdn)).toEqual({ country, carrier, carrierCode });
});

test.each([
  ["of the USA, where numbers move freely", "+14155550100", "United States"],
  ["of a landline", "+74951234567", "Russia"],
  ["that nobody can have", "+237123456789", "Cameroon"],
  ["of no country", "+88112345678", ""],
  ["too short to have a country", "+1999", ""],
  ["of another planet", "sample_MSISDN", ""],
  ["of nothing", "", ""],
])("a number %s has no carrier", (_, msisdn, country) => {
  expect(placeOf(msisdn)).toEqual({ country, carrier: "", carrierCode: null });
});

test("one calling code leads to several countries, and each has codes of its own", () => {
  expect(placeOf("+77012345678")).toEqual({ country: "Kazakhstan", carrier: "Kcell/Activ", carrierCode: "40102" });
  const beeline = carrierOf("79031234567")!;
  expect(["RU", "KZ", "CM"].map((country) => beeline.codeIn(country))).toEqual(["25099", "40101", null]);
});

test("a range begins and ends with its first nine digits", () => {
  expect(["23766999", "2376700", "237679999999", "23768"].map((digits) => carrierOf(digits)?.name)).toEqual([
    "NEXTTEL",
    "MTN Cameroon",
    "MTN Cameroon",
    "MTN Cameroon",
  ]);
  expect([carrierOf("0"), carrierOf("999999999999")]).toEqual([undefined, undefined]);
});
