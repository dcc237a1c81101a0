import { type Env, type Settings, settings } from "#env.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";
import { type Phone, parsePhone } from "#platform/phones.ts";
import { networkOf } from "../codes/budgets.ts";
import type { CodePolicy } from "../codes/code-state.ts";

// What it takes to prove a phone number: which phone is meant, who asks, how, and how often.

/** How a phone proves itself: a code by SMS, a code as the tail of a calling number, or a call to a number of ours. */
export type Method = "sms" | "flashCall" | "outgoingCall";

/** The client that asks: where it comes from, and whatever it tells to be known again by. */
export interface Client {
  address: string;
  /** Stable over requests of one installed app: its device token, or what it says about itself. */
  install: string | undefined;
  /** What the client software calls itself, the same in each of its requests. */
  agent: string;
  /** For the list of sessions. */
  device: string | null;
}

/** The method that the deployment uses; a client may ask to call where that is set up. */
export function methodFor(config: Settings, wanted: string | undefined): Method {
  const canCall = config.CONFIRMATION_NUMBERS.length > 0 && config.PBX_HOOK_SECRET !== undefined;
  return wanted === "outgoingCall" && canCall ? wanted : config.CONFIRMATION_METHOD;
}

/** The figures for this deployment's codes: four digits are guessed a hundred times more easily, so they get less of everything. */
export function policyOf({ LIMITS: limits, ...config }: Settings, length = config.OTP_LENGTH): CodePolicy {
  const isShort = length < 6;
  return {
    length,
    lifeMs: 1000 * (isShort ? limits.shortLifeSeconds : config.OTP_LIFE),
    tries: isShort ? Math.min(limits.shortTries, config.OTP_TRIES) : config.OTP_TRIES,
    gapsMs: config.OTP_RESEND_GAPS.map((seconds) => 1000 * seconds),
    sendsPerHour: limits.sendsPerHour,
    sendsPerDay: isShort ? limits.shortSendsPerDay : limits.sendsPerDay,
    failuresPerHour: limits.failuresPerHour,
    failuresPerDay: isShort ? limits.shortFailuresPerDay : limits.failuresPerDay,
    failuresInARow: limits.failuresInARow,
    reserve: { sendsPerDay: limits.reserveSendsPerDay, triesPerDay: limits.reserveTriesPerDay },
  };
}

/** The phone that was meant; `invalid` if we do not serve it. The store reviewer's need not be a real number. */
export function phoneOf(config: Settings, text: string): { phone: Phone; isReviewer: boolean } {
  const { TEST_USER, COUNTRY } = config;
  if (TEST_USER !== undefined && sameNumber(TEST_USER, text, COUNTRY)) {
    const digits = parsePhone(TEST_USER, COUNTRY)?.digits ?? TEST_USER.replace(/\D/g, "");
    return { phone: { digits, country: COUNTRY }, isReviewer: true };
  }
  const phone = parsePhone(text, COUNTRY);
  const countries = config.SMS_COUNTRIES.length > 0 ? config.SMS_COUNTRIES : [COUNTRY];
  if (phone && countries.includes(phone.country)) return { phone, isReviewer: false };
  throw new AppError("invalid", "This is not a mobile number that we serve");
}

/** Whether two people mean one number, however they write it: 8 916… and +7 916… do. */
export function sameNumber(a: string, b: string, country: string): boolean {
  const [left, right] = [parsePhone(a, country)?.digits, parsePhone(b, country)?.digits];
  if (left !== undefined || right !== undefined) return left === right;
  return nationalDigits(a) === nationalDigits(b);
}

// Numbers that are no mobile ones, such as 8 800 …, are compared without the prefix that is left to habit.
const nationalDigits = (number: string) => number.replace(/\D/g, "").replace(/^[78](?=\d{10}$)/, "");

/** The object that counts for a phone. */
export const codesOf = (env: Env, phone: Phone) =>
  codesFor(env, settings(env).OPERATOR, { type: "phone", value: phone.digits });

/** The object that counts for a phone or an address of an operator's customer. Its name tells nobody which. */
export const codesFor = (env: Env, operator: string, { type, value }: { type: "phone" | "email"; value: string }) =>
  env.ONE_TIME_CODES.getByName(`${operator}:${shortMac(keyFor(settings(env).PEPPERS.current.key, type), value, 32)}`);

/**
 * By what an install is known again on this phone's object. The mobile apps only describe the device, which a stranger may
 * guess: then they share the owner's reserve, and no more. (The web app tells its random token with the code and not before,
 * so it uses the open quota for sending.)
 */
export const installOf = (config: Settings, phone: Phone, { install }: Client) =>
  install === undefined
    ? undefined
    : shortMac(keyFor(config.PEPPERS.current.key, "install"), `${phone.digits}|${install}`);

/**
 * Who waits for a call: the same software at the same network. A phone that changes networks for its call has to ask
 * again; anything wider would let a stranger with the same phone model poll for the owner's session.
 */
export const clientMac = (config: Settings, { address, agent }: Client) =>
  shortMac(keyFor(config.PEPPERS.current.key, "client"), `${networkOf(address)}|${agent}`);
