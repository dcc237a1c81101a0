import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { parsePhone } from "#platform/phones.ts";
import { announce } from "#platform/signals.ts";
import { insertInbound } from "./queries.ts";

export interface InboundSms {
  /** Kannel's id of the message: repeated callbacks have the same. */
  id: string;
  from: string;
  to: string;
  text: string;
  /** When the SMSC took it, in seconds since 1970, if Kannel said so. */
  sentAt: number | undefined;
}

const LONGEST_NUMBER = 32;
/** More than any URL that reaches us can hold. An SMS may be encrypted, and with its end cut off nobody could open it. */
const LONGEST_TEXT = 16_000;
const CLOCK_ERROR_MS = 3_600_000;

/**
 * Keeps an SMS that somebody sent to us, once, and tells the parts above. What is too long is cut and not refused, because Kannel
 * would bring a refused one again and again.
 */
export async function receiveSms(
  env: Env,
  { id, from, to, text, sentAt }: InboundSms,
  now = new Date(),
): Promise<void> {
  const { OPERATOR, COUNTRY } = settings(env);
  await insertInbound(database(env), OPERATOR, {
    id,
    sender: numberOf(from, COUNTRY),
    recipient: numberOf(to, COUNTRY),
    text: cut(text, LONGEST_TEXT),
    receivedAt: timeOf(sentAt, now),
  });
  await announce(env, { type: "sms.received", operator: OPERATOR, id });
}

/** A phone as we store phones; a short code or a name (`1234`, `BANK`) as it came. */
const numberOf = (text: string, country: string): string =>
  parsePhone(text, country)?.digits ?? cut(text.trim().replace(/^\+/, ""), LONGEST_NUMBER);

// SQLite ends a text at NUL, and half a surrogate pair is no character.
const cut = (text: string, length: number): string => text.replaceAll("\0", "").slice(0, length).toWellFormed();

/** The SMSC's time, unless its clock is wrong: it may be days ago, but not in the future. */
function timeOf(seconds: number | undefined, now: Date): Date {
  const time = (seconds ?? 0) * 1000;
  return time > Date.UTC(2020) && time < now.getTime() + CLOCK_ERROR_MS ? new Date(time) : now;
}
