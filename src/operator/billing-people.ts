import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { randomLetters } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import { hashPassword, verifyAgainstNothing, verifyPassword } from "#platform/passwords.ts";
import { parsePhone } from "#platform/phones.ts";
import { askFunction } from "./billing-http.ts";
import { deletePhone, insertPhone, passwordOfContract, phonesOfContractRows } from "./people-queries.ts";
import { updateContract } from "./queries.ts";

// Whose contract it is, and who may become one of its phones: what the operator's billing says about people.

const Phones = z.array(z.union([z.string(), z.number()]).transform(String)).nullish();

/**
 * The phones of a contract, digits with country code. An old billing (BILLING=legacy) has no way to say them: there it knows of
 * nobody.
 */
export async function phonesOf(env: Env, uid: number): Promise<string[]> {
  const { BILLING, OPERATOR, COUNTRY } = settings(env);
  if (BILLING === "legacy") return [];
  if (BILLING === "local") {
    const rows = await phonesOfContractRows(database(env), OPERATOR, uid);
    return rows.map(({ phone }) => phone);
  }
  const told = (await askFunction(env, "userPhones", { uid }, Phones)) ?? [];
  return [...new Set(told.flatMap((text) => parsePhone(text, COUNTRY)?.digits ?? []))].sort();
}

/**
 * Takes a phone from a contract, together with what a higher part adds to it. False where the billing is the operator's own: it
 * has no function for it, so that a person of theirs has to.
 */
export async function withdrawPhone(env: Env, uid: number, phone: string, along: Statement[]): Promise<boolean> {
  const { BILLING, OPERATOR } = settings(env);
  if (BILLING !== "local") return false;
  await database(env).batch([deletePhone(database(env), OPERATOR, uid, phone), ...along]);
  return true;
}

/** Whether the operator has seen the passport behind a contract of a remote billing. One that does not say so has not. */
export async function passportIsConfirmed(env: Env, uid: number): Promise<boolean> {
  if (settings(env).BILLING !== "http") return false;
  try {
    return (await askFunction(env, "uidConfirmPassport", { uid }, z.unknown())) === true;
  } catch {
    return false; // a screen of settings does not fail for this
  }
}

/**
 * Makes a phone one of the contract's. False where the operator's billing has said no, or (BILLING=legacy) has no function for
 * it. Repeating it does no harm.
 */
export async function joinContract(env: Env, uid: number, phone: string): Promise<boolean> {
  const { BILLING, OPERATOR } = settings(env);
  if (BILLING === "legacy") return false;
  if (BILLING === "http")
    return askFunction(env, "addPhone", { uid, phone: Number(phone) }, z.boolean(), { once: true });
  await insertPhone(database(env), OPERATOR, uid, phone);
  return true;
}

/**
 * Makes a phone one of the contract's whose login and password these are: false where they are not, after the same work whether
 * or not there is such a login. Who guesses how often is the caller's to count. Undefined for a billing that has no such function.
 */
export async function joinByPassword(
  env: Env,
  { login, password, phone }: { login: string; password: string; phone: string },
): Promise<boolean | undefined> {
  const { BILLING, OPERATOR, PEPPERS } = settings(env);
  if (BILLING === "legacy") return undefined;
  if (BILLING === "http") {
    const question = { login, password, phone: Number(phone) };
    return askFunction(env, "addMyPhone", question, z.boolean(), { once: true });
  }
  const contract = await passwordOfContract(database(env), OPERATOR, login);
  const isRight = contract?.password
    ? await verifyPassword(password, contract.password, PEPPERS)
    : await verifyAgainstNothing(password, PEPPERS);
  if (!contract || !isRight) return false;
  await insertPhone(database(env), OPERATOR, contract.uid, phone);
  return true;
}

/** The password of a new beginning: it replaces what our own billing had, and is what a remote one still has. */
export async function newPassword(env: Env, login: string): Promise<string> {
  const { BILLING, OPERATOR, PEPPERS } = settings(env);
  if (BILLING !== "local") return askFunction(env, "getRestorePasswd", { contract: login }, Password, { once: true });
  const password = randomLetters(PASSWORD_LENGTH);
  const row = await passwordOfContract(database(env), OPERATOR, login);
  if (row) await updateContract(database(env), OPERATOR, row.uid, { password: await hashPassword(password, PEPPERS) });
  return password;
}

const Password = z.union([z.string(), z.number()]).transform(String).pipe(z.string().min(1).max(256));
const PASSWORD_LENGTH = 12;
