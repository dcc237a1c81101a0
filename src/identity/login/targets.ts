import type { Settings } from "#env.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { parsePhone } from "#platform/phones.ts";

/** A phone or an address, in the one form that is stored: digits with country code, or lower case. */
export interface Target {
  type: "phone" | "email";
  value: string;
  /** Of a phone, ISO 3166; of an address the operator's own. */
  country: string;
}

// What mail servers deliver to, and no more: one @, a domain with a dot, nothing that could end a header.
const ADDRESS =
  /^[^\s@<>()[\]\\,;:"]{1,64}@(?=.{4,190}$)[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)+$/u;

/** What was meant by a login; throws `identifier_invalid`. A national number is read as the operator's country writes it. */
export function targetOf(operator: Operator, { type, value }: { type: "phone" | "email"; value: string }): Target {
  if (type === "phone") {
    const phone = parsePhone(value, operator.country as never);
    if (!phone) throw fail("identifier_invalid");
    return { type, value: phone.digits, country: phone.country };
  }
  const address = value.trim().normalize("NFC").toLowerCase();
  if (!ADDRESS.test(address)) throw fail("identifier_invalid");
  return { type, value: address, country: operator.country };
}

/** Whether a code can be sent there at all; throws `channel_unavailable`. */
export function demandChannel(config: Settings, operator: Operator, { type, country }: Target): void {
  if (type === "email") {
    if (!mailIsAvailable(config)) throw fail("channel_unavailable");
    return;
  }
  const { sms_countries: listed } = operator.params;
  const served = listed.length > 0 ? listed : [operator.country, ...config.SMS_COUNTRIES];
  if (!served.includes(country)) throw fail("channel_unavailable");
}

/** `+7900***4567`, `a***@example.net`: enough to recognise it, too little to use it. */
export function masked({ type, value }: { type: "phone" | "email"; value: string }): string {
  if (type === "phone") return `+${value.slice(0, 4)}***${value.slice(-4)}`;
  const at = value.indexOf("@");
  return `${value.slice(0, 1)}***${value.slice(at)}`;
}
