import { type Env, settings } from "#env.ts";
import { budgetsOf, forgiveGuess, noteEntered, takeGuess, takeSend } from "#identity/codes/budgets.ts";
import type { CodePolicy } from "#identity/codes/code-state.ts";
import { refusalOf } from "#identity/login/login.ts";
import { codesFor, policyOf } from "#identity/login/proof.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { acceptMail, acceptSms } from "#messaging/outbox.ts";
import { newPassword } from "#operator/billing-people.ts";
import { type Contact, contactBy, contactsOf, type ShownContact } from "#operator/restore-contacts.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { parsePhone } from "#platform/phones.ts";
import type { Resident } from "../homes.ts";
import { takeTry } from "./attempts.ts";
import { forgetTriesAt } from "./contract-password.ts";
import { deleteRestore, restoreOf, upsertRestore } from "./restore-queries.ts";

// A new password for a contract whose old one is lost, in three steps: who can be reached, a code to one of them, the code back.
// The code proves only that: it is bound to who asked, to the contract and the contact, and signs nobody in.

const DAY = 86_400_000;
const channels = (env: Env) => ({ mail: mailIsAvailable(settings(env)) });
const unknown = () => new AppError("not_found", "There is no such contract, or nobody to reach");

/**
 * How the contract's holder can be reached. A contract that nobody has and one without contacts are `not_found` alike. Each look
 * is counted, so that nobody goes through all numbers: `too_many`.
 */
export async function restoreContacts(
  env: Env,
  { account }: Resident,
  contract: string,
  address: string,
  now = new Date(),
): Promise<ShownContact[]> {
  if (!settings(env).PERMIT_SHOWRESTOREPHONE) throw unknown();
  await takeTry(env, [{ name: `restores-of:${account}` }], address, now);
  const contacts = await contactsOf(env, contract, channels(env));
  if (contacts.length === 0) throw unknown();
  return contacts;
}

interface Asked {
  contract: string;
  contactId: string;
}

/** Sends a code to that contact. Throws `not_found` for a contact that is none of the contract's, `too_many` within the limits of codes. */
export async function sendRestoreCode(
  env: Env,
  { account }: Resident,
  { contract, contactId }: Asked,
  address: string,
  now = new Date(),
): Promise<void> {
  const config = settings(env);
  const contact = config.PERMIT_RESTOREPASSWD
    ? await contactBy(env, { login: contract, id: contactId }, channels(env))
    : undefined;
  if (!contact) throw unknown();
  const policy = sparing(policyOf(config));
  const codes = codesFor(env, config.OPERATOR, contact);
  const issued = await codes.issue({ policy, binding: bindingOf(account, contract, contact) }, now.getTime());
  if (!issued.allowed) throw tooMany(issued.retryAfter);
  const country = countryOf(env, contact);
  const budgets = budgetsOf(env, address, country, contact.type === "email" ? ["address"] : undefined);
  const refused = await takeSend(env, budgets, country, now);
  if (refused) {
    await codes.withdraw(issued.id, now.getTime());
    throw tooMany(refused.retryAfter);
  }
  const expiresAt = new Date(issued.expiresAt);
  const row = { operator: config.OPERATOR, accountId: account, contract, ...contact, expiresAt };
  await upsertRestore(database(env), row);
  await tell(
    env,
    contact,
    { text: `Код для смены пароля договора: ${issued.code}`, purpose: "restore", expiresAt },
    now,
  );
}

/**
 * Takes the code that was sent last and sends a new password to the same contact. Throws `forbidden` for a wrong code, `not_found`
 * where none is awaited, `too_many`.
 */
export async function restorePassword(
  env: Env,
  { account }: Resident,
  { contract, contactId, code }: { contract: string; contactId?: string | undefined; code: string },
  address: string,
  now = new Date(),
): Promise<void> {
  const config = settings(env);
  const [db, operator] = [database(env), config.OPERATOR];
  const pending = config.PERMIT_RESTOREPASSWD ? await restoreOf(db, operator, account, now) : undefined;
  const noCode = new AppError("not_found", "No code is awaited", { reason: "no_code" });
  if (!pending || pending.contract !== contract) throw noCode;
  const contact: Contact = { type: pending.type, value: pending.value };
  if (
    contactId !== undefined &&
    !sameContact(await contactBy(env, { login: contract, id: contactId }, channels(env)), contact)
  )
    throw noCode;
  const isTrusted = await takeGuess(env, address, now);
  const guesser = { binding: bindingOf(account, contract, contact), isTrusted };
  const verdict = await codesFor(env, operator, contact).verify(policyOf(config), guesser, code, now.getTime());
  if (isTrusted && !(!verdict.ok && verdict.reason === "wrong")) await forgiveGuess(env, address, now);
  if (!verdict.ok) throw refusalOf(verdict);
  await deleteRestore(db, operator, account);
  const password = await newPassword(env, contract);
  const expiresAt = new Date(now.getTime() + DAY);
  await tell(env, contact, { text: `Новый пароль договора: ${password}`, purpose: "restored", expiresAt }, now);
  await Promise.all([forgetTriesAt(env, contract), noteEntered(env, address, countryOf(env, contact), now)]);
}

/** These codes come out of what strangers may have sent to a phone in a day. Half of it stays for signing in, which they do not serve. */
const sparing = (policy: CodePolicy): CodePolicy => ({ ...policy, sendsPerDay: Math.ceil(policy.sendsPerDay / 2) });

interface Told {
  text: string;
  purpose: string;
  expiresAt: Date;
}

/** As it is written: a password in other letters is another one. */
async function tell(env: Env, { type, value }: Contact, message: Told, now: Date): Promise<void> {
  if (type === "phone") await acceptSms(env, { ...message, to: value }, now);
  else await acceptMail(env, { ...message, to: value, subject: "Пароль договора" }, now);
}

const sameContact = (a: Contact | undefined, b: Contact) => a?.type === b.type && a.value === b.value;

const bindingOf = (account: string, contract: string, { type, value }: Contact) =>
  `restore|${account}|${contract}|${type}|${value}`;

const countryOf = (env: Env, { type, value }: Contact): string => {
  const { COUNTRY } = settings(env);
  return type === "phone" ? (parsePhone(`+${value}`, COUNTRY)?.country ?? COUNTRY) : COUNTRY;
};

const tooMany = (retryAfter: number) => new AppError("too_many", "Too many requests, wait a little", { retryAfter });
