import { type Env, type Settings, settings } from "#env.ts";
import { acceptFlashCall, acceptSms } from "#messaging/outbox.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { type Phone, parsePhone } from "#platform/phones.ts";
import { accountOfPhone, type Person } from "./accounts.ts";
import { budgetsOf, guessAllowed, noteEntered, noteWrongGuess, takeSend } from "./budgets.ts";
import type { CodePolicy } from "./code-rules.ts";
import { accountByPhone } from "./queries.ts";
import { openSession } from "./sessions.ts";

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

export interface SignedIn {
  token: string;
  account: Person;
}

/**
 * Sends a one-time code to a phone, or names the number to call. The answer is the same whether or not the number is
 * known; a banned person gets no code. Throws `invalid` for what is not a mobile number of a
 * country that we serve, `too_many` with the seconds to wait.
 */
export async function requestCode(
  env: Env,
  { phone: text, client, wanted }: { phone: string; client: Client; wanted?: string | undefined },
  now = new Date(),
): Promise<{ method: Method; numbers?: string[] }> {
  const config = settings(env);
  const { phone, isReviewer } = phoneOf(config, text);
  const method = isReviewer ? "sms" : methodFor(config, wanted);
  const account = await accountByPhone(database(env), config.OPERATOR, phone.digits);
  const silent = account?.status === "banned";

  const issued = await codesOf(env, phone).issue(
    {
      policy: policyOf(config, method),
      install: installOf(config, phone, client),
      fixed: isReviewer ? config.TEST_PASS : undefined,
      call:
        method === "outgoingCall"
          ? { numbers: config.CONFIRMATION_NUMBERS, client: clientMac(config, client) }
          : undefined,
    },
    now.getTime(),
  );
  if (!issued.allowed) throw tooMany(issued.retryAfter);
  if (method === "outgoingCall") return { method, numbers: [issued.number!] };
  if (!isReviewer && !silent) await send(env, { phone, client, method, issued }, now);
  return { method };
}

interface Sending {
  phone: Phone;
  client: Client;
  method: Exclude<Method, "outgoingCall">;
  issued: { id: string; code: string; expiresAt: number };
}

async function send(env: Env, { phone, client, method, issued }: Sending, now: Date): Promise<void> {
  const config = settings(env);
  const codes = codesOf(env, phone);
  const budgets = budgetsOf(env, client.address, phone.country);
  const refused = await takeSend(env, budgets, phone.country, now);
  if (refused) {
    await codes.withdraw(issued.id, now.getTime());
    throw tooMany(refused.retryAfter);
  }
  const common = { to: phone.digits, purpose: "login", expiresAt: new Date(issued.expiresAt) };
  try {
    if (method === "sms") await acceptSms(env, { ...common, text: config.SMS_TEXT + issued.code }, now);
    else await acceptFlashCall(env, { ...common, code: issued.code }, now);
  } catch (error) {
    // Nothing left, so nothing counts: the person may try again at once.
    await Promise.all([
      codes.withdraw(issued.id, now.getTime()),
      ...budgets.map(({ budget }) => budget.release(now.getTime())),
    ]);
    throw error;
  }
}

/** Exchanges a phone and its code for a session. Throws `forbidden` (wrong_code), `not_found` (no_code) or `too_many`. */
export async function confirmCode(
  env: Env,
  { phone: text, code, client }: { phone: string; code: string; client: Client },
  later: After,
  now = new Date(),
): Promise<SignedIn> {
  const config = settings(env);
  const { phone } = phoneOf(config, text);
  if (!(await guessAllowed(env, client.address, now))) throw tooMany(3600);
  const policy = policyOf(config, "sms");
  const verdict = await codesOf(env, phone).verify(
    { policy, install: installOf(config, phone, client) },
    code,
    now.getTime(),
  );
  if (verdict.ok) {
    later(() => noteEntered(env, client.address, phone.country, now));
    return signIn(env, phone, client, policy.length, now);
  }
  switch (verdict.reason) {
    case "wrong":
      await noteWrongGuess(env, client.address, now);
      throw new AppError("forbidden", "The code is wrong", { reason: "wrong_code" });
    case "exhausted":
      throw new AppError("forbidden", "The code is wrong", { reason: "wrong_code" });
    case "none":
      throw new AppError("not_found", "No code is awaited for this phone", { reason: "no_code" });
    case "failures":
    case "locked":
      throw tooMany(3600);
  }
}

/** The session of somebody who was asked to call us, once the PBX has seen the call. Undefined until then. */
export async function confirmCall(
  env: Env,
  { phone: text, client }: { phone: string; client: Client },
  now = new Date(),
): Promise<SignedIn | undefined> {
  const config = settings(env);
  const { phone } = phoneOf(config, text);
  const install = installOf(config, phone, client);
  const seen = await codesOf(env, phone).redeem(clientMac(config, client), install, now.getTime());
  return seen ? signIn(env, phone, client, 6, now) : undefined;
}

/** The PBX reports a call to one of our numbers. True when somebody was waiting for it. */
export async function noteCallFrom(
  env: Env,
  caller: string,
  number: string | undefined,
  now = new Date(),
): Promise<boolean> {
  const config = settings(env);
  const phone = parsePhone(caller, config.COUNTRY);
  if (!phone) return false;
  const numbers = config.CONFIRMATION_NUMBERS;
  const ours = number && numbers.find((candidate) => sameNumber(candidate, number));
  // A PBX that does not tell the number may have only one; else anybody's call would confirm anybody's request.
  if (!ours && (number || numbers.length > 1)) return false;
  return codesOf(env, phone).called(ours || undefined, now.getTime());
}

async function signIn(env: Env, phone: Phone, client: Client, digits: number, now: Date): Promise<SignedIn> {
  const account = await accountOfPhone(env, phone.digits, now);
  if (account.status !== "active") throw new AppError("forbidden", "This account is blocked", { reason: "blocked" });
  const token = await openSession(
    env,
    { account: account.id, acr: digits < 6 ? "low" : "normal", device: client.device },
    now,
  );
  return { token, account };
}

function methodFor(config: Settings, wanted: string | undefined): Method {
  const canCall = config.CONFIRMATION_NUMBERS.length > 0 && config.PBX_HOOK_SECRET !== undefined;
  if (wanted === "outgoingCall" && canCall) return "outgoingCall";
  return config.CONFIRMATION_METHOD;
}

/** The figures for this deployment's codes: four digits are guessed a hundred times more easily, so they get less of everything. */
export function policyOf({ LIMITS: limits, ...config }: Settings, method: Method): CodePolicy {
  const short = config.OTP_LENGTH < 6;
  return {
    length: config.OTP_LENGTH,
    lifeMs: 1000 * (short ? limits.shortLifeSeconds : config.OTP_LIFE),
    tries: short ? Math.min(limits.shortTries, config.OTP_TRIES) : config.OTP_TRIES,
    // While a call is awaited no second one is: a stranger must not take over the owner's call.
    gapsMs:
      method === "outgoingCall"
        ? [1000 * limits.shortLifeSeconds]
        : config.OTP_RESEND_GAPS.map((seconds) => 1000 * seconds),
    sendsPerHour: limits.sendsPerHour,
    sendsPerDay: short ? limits.shortSendsPerDay : limits.sendsPerDay,
    failuresPerHour: limits.failuresPerHour,
    failuresPerDay: short ? limits.shortFailuresPerDay : limits.failuresPerDay,
    failuresInARow: limits.failuresInARow,
    reserve: { sendsPerDay: limits.reserveSendsPerDay, triesPerDay: limits.reserveTriesPerDay },
  };
}

/** The phone that was meant. The reviewer's need not be a real number. */
function phoneOf(config: Settings, text: string): { phone: Phone; isReviewer: boolean } {
  const phone = parsePhone(text, config.COUNTRY);
  const isReviewer = config.TEST_USER !== undefined && sameNumber(config.TEST_USER, text);
  if (isReviewer) return { phone: phone ?? { digits: text.replace(/\D/g, ""), country: config.COUNTRY }, isReviewer };
  const countries = config.SMS_COUNTRIES.length > 0 ? config.SMS_COUNTRIES : [config.COUNTRY];
  if (!phone || !countries.includes(phone.country))
    throw new AppError("invalid", "This is not a mobile number that we serve");
  return { phone, isReviewer };
}

// 8 916… and +7 916… are one number, wherever the prefix is left to habit.
const sameNumber = (a: string, b: string) => tail(a) !== "" && tail(a) === tail(b);
const tail = (number: string) => number.replace(/\D/g, "").slice(-10);

const codesOf = (env: Env, phone: Phone) => {
  const { OPERATOR, PEPPERS } = settings(env);
  return env.ONE_TIME_CODES.getByName(
    `${OPERATOR}:${shortMac(keyFor(PEPPERS.current.key, "phone"), phone.digits, 32)}`,
  );
};

/**
 * By what an install is known again on this phone's object. The web app sends a random device token; the mobile apps only
 * describe the device, which a stranger may guess: then they share the owner's reserve, and no more.
 */
const installOf = (config: Settings, phone: Phone, { install }: Client) =>
  install === undefined
    ? undefined
    : shortMac(keyFor(config.PEPPERS.current.key, "install"), `${phone.digits}|${install}`);

// Not by the address: it changes when a phone leaves the mobile network's data for a call.
const clientMac = (config: Settings, { address, agent }: Client) =>
  shortMac(keyFor(config.PEPPERS.current.key, "client"), agent || address);

const tooMany = (retryAfter: number) => new AppError("too_many", "Too many requests, wait a little", { retryAfter });
