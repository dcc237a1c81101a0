import { type Env, settings } from "#env.ts";
import { joinByPassword } from "#operator/billing-people.ts";
import { changePassword } from "#operator/contracts.ts";
import type { ContractName } from "#operator/queries.ts";
import { AppError } from "#platform/errors.ts";
import type { Resident } from "../homes.ts";
import { forgetTries, takeTry } from "./attempts.ts";

/** A billing may look at capitals, spaces or leading zeros or not: all spellings that could be one login are counted as one. */
const triesAt = (login: string) => {
  const letters = login
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, "");
  return `contract:${letters.replace(/^0+/, "")}`;
};

/**
 * Adds the caller's phone to the contract with this login and password. Wrong ones are counted for the login and for the person,
 * and are answered alike: `forbidden`, whether or not there is such a login. Throws `too_many` with the seconds to wait,
 * `not_found` where the operator does not offer it.
 */
export async function addMyPhone(
  env: Env,
  { phone, account }: Resident,
  { login, password }: { login: string; password: string },
  address: string,
  now = new Date(),
): Promise<void> {
  if (!settings(env).PERMIT_ADDMYPHONE) throw new AppError("not_found", "This is not offered here");
  const tried = [{ name: triesAt(login), locks: true }, { name: `contracts-of:${account}` }];
  const succeeded = await takeTry(env, tried, address, now);
  const joined = await joinByPassword(env, { login, password, phone });
  if (joined === undefined) throw new AppError("not_found", "The billing has no such function");
  if (!joined) throw new AppError("forbidden", "Wrong login or password", { reason: "wrong_password" });
  await succeeded();
}

/** Sets a contract's password, and forgets how often others were tried. Throws `not_found`. */
export async function setContractPassword(env: Env, name: ContractName, password: string): Promise<void> {
  await forgetTriesAt(env, await changePassword(env, name, password));
}

/** There is a new password for this login. */
export const forgetTriesAt = (env: Env, login: string) => forgetTries(env, triesAt(login));
