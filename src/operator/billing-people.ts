import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { parsePhone } from "#platform/phones.ts";
import { askFunction } from "./billing-http.ts";
import { deletePhone, phonesOfContractRows } from "./people-queries.ts";

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
