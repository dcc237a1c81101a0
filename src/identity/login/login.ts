import { type Env, settings } from "#env.ts";
import { acceptFlashCall, acceptSms } from "#messaging/outbox.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import type { Phone } from "#platform/phones.ts";
import { type Person, renameAccount } from "../accounts/accounts.ts";
import { accountByPhone } from "../accounts/queries.ts";
import { budgetsOf, forgiveGuess, noteEntered, takeGuess, takeSend } from "../codes/budgets.ts";
import type { GuessVerdict } from "../codes/guess-rules.ts";
import { openSession } from "../sessions/sessions.ts";
import { admit, firstAccount, isShutOut, mayBeCoded, startAfresh } from "./admission.ts";
import { type Holder, holderOf, noteLogin } from "./holder-queries.ts";
import { type Client, clientMac, codesOf, installOf, type Method, methodFor, phoneOf, policyOf } from "./proof.ts";
import { isDormant } from "./ways-in.ts";

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
  const isCall = method === "outgoingCall";
  const account = await accountByPhone(database(env), config.OPERATOR, phone.digits);

  const issued = await codesOf(env, phone).issue(
    {
      policy: policyOf(config),
      install: installOf(config, phone, client),
      fixed: isReviewer ? config.TEST_PASS : undefined,
      call: isCall ? { numbers: config.CONFIRMATION_NUMBERS, client: clientMac(config, client) } : undefined,
    },
    now.getTime(),
  );
  if (!issued.allowed) throw tooMany(issued.retryAfter);
  // A blocked person's code is written down like any other, and has expired before it can leave: neither the answer nor its
  // time tells who is blocked.
  const expiresAt = account && !mayBeCoded(account, now) ? now : new Date(issued.expiresAt);
  if (!isReviewer) await send(env, { phone, client, method, issued, expiresAt }, now);
  return isCall ? { method, numbers: [issued.number!] } : { method };
}

interface Sending {
  phone: Phone;
  client: Client;
  method: Method;
  issued: { id: string; code: string };
  expiresAt: Date;
}

/** Takes the send out of the budgets and hands it to messaging. A call costs us nothing, but the address asks for it all the same. */
async function send(env: Env, { phone, client, method, issued, expiresAt }: Sending, now: Date): Promise<void> {
  const codes = codesOf(env, phone);
  const budgets = budgetsOf(env, client.address, phone.country, method === "outgoingCall" ? ["address"] : undefined);
  const refused = await takeSend(env, budgets, phone.country, now);
  if (refused) {
    await codes.withdraw(issued.id, now.getTime());
    throw tooMany(refused.retryAfter);
  }
  const common = { to: phone.digits, purpose: "login", expiresAt };
  try {
    if (method === "sms") await acceptSms(env, { ...common, text: settings(env).SMS_TEXT + issued.code }, now);
    if (method === "flashCall") await acceptFlashCall(env, { ...common, code: issued.code }, now);
  } catch (error) {
    // Nothing left, so nothing counts: the person may try again at once.
    await codes.withdraw(issued.id, now.getTime());
    await Promise.all(budgets.map(({ budget }) => budget.release(now.getTime())));
    throw error;
  }
}

interface Confirmation {
  phone: string;
  code: string;
  client: Client;
  /** What the person calls themselves, as some apps say with the code. Taken only from somebody who has no name yet. */
  name?: { name: string; patronymic: string | null } | undefined;
}

/**
 * Exchanges a phone and its code for a session. Throws `forbidden` (wrong_code, blocked), `not_found` (no_code) or `too_many`.
 * An address that has guessed wrong too often is refused, but for installs that the phone knows.
 */
export async function confirmCode(
  env: Env,
  { phone: text, code, client, name }: Confirmation,
  later: After,
  now = new Date(),
): Promise<SignedIn> {
  const config = settings(env);
  const { phone, isReviewer } = phoneOf(config, text);
  const policy = policyOf(config);
  const isTrusted = await takeGuess(env, client.address, now);
  const install = installOf(config, phone, client);
  const verdict = await codesOf(env, phone).verify(policy, { install, isTrusted }, code, now.getTime());
  if (isTrusted && !(!verdict.ok && verdict.reason === "wrong")) later(() => forgiveGuess(env, client.address, now));
  if (!verdict.ok) throw refusalOf(verdict);
  if (!isReviewer) later(() => noteEntered(env, client.address, phone.country, now));
  return signIn(env, phone, { digits: policy.length, device: client.device, name }, now);
}

/** How a refused guess is told to whoever made it. */
export function refusalOf({ reason, retryAfter }: Extract<GuessVerdict, { ok: false }>): AppError {
  switch (reason) {
    case "wrong":
    case "exhausted":
      return new AppError("forbidden", "The code is wrong", { reason: "wrong_code" });
    case "none":
      return new AppError("not_found", "No code is awaited for this phone", { reason: "no_code" });
    case "failures":
    case "locked":
      return tooMany(retryAfter);
  }
}

interface Proven {
  /** How many digits proved it; a call is as good as six. */
  digits: number;
  device: string | null;
  name?: Confirmation["name"];
}

/** Opens a session for whoever has proven to hold the phone. */
export async function signIn(env: Env, phone: Phone, { digits, device, name }: Proven, now: Date): Promise<SignedIn> {
  const account = await ownerOf(env, phone, now);
  const acr = digits < 6 ? "low" : "normal";
  const noted = [noteLogin(database(env), settings(env).OPERATOR, account.id, now)];
  const token = await openSession(env, { account: account.id, acr, device }, now, noted);
  if (!name || account.name !== null) return { token, account };
  await renameAccount(env, account.id, name.name, name.patronymic);
  return { token, account: { ...account, ...name } };
}

/**
 * Whose session it will be. The app has no second step, so a phone whose account nobody has used for months opens a fresh one
 * here, whatever else the old one could show: a number's next owner must not come into the old owner's domains and their doors,
 * and the old owner must not be kept from the doors that their contract gives to the number.
 */
async function ownerOf(env: Env, phone: Phone, now: Date): Promise<Holder> {
  const { OPERATOR: operator } = settings(env);
  const login = { type: "phone", value: phone.digits } as const;
  const holder = await holderOf(database(env), operator, { login });
  if (!holder) return firstAccount(env, operator, login, (id) => ({ kind: "account", id }), now);
  if (isShutOut(holder, now)) throw new AppError("forbidden", "This account is blocked", { reason: "blocked" });
  await admit(env, operator, holder, now);
  if (!isDormant(env, holder, now)) return holder;
  return startAfresh(env, operator, holder, login, { kind: "account", id: holder.id }, now);
}

const tooMany = (retryAfter: number) => new AppError("too_many", "Too many requests, wait a little", { retryAfter });
