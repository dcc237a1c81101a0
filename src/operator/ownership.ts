import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { type BilledContract, remoteBilling } from "./billing.ts";
import { contractsOfPhoneRows } from "./queries.ts";

/** The contracts that this phone may act for: one round trip to D1, or one question to the operator's own billing. */
export function contractsOfPhone(
  env: Env,
  phone: string,
  { fresh = false }: { fresh?: boolean } = {},
): Promise<BilledContract[]> {
  const remote = remoteBilling(env, { fresh });
  return remote ? remote.contractsOf(phone) : contractsOfPhoneRows(database(env), settings(env).OPERATOR, phone);
}

/** The phone's contract of this number, or of this login (the apps' clientId). A foreign one is `not_found`. */
export async function ownContract(
  env: Env,
  phone: string,
  name: { uid: number } | { login: string },
  options: { fresh?: boolean } = {},
): Promise<BilledContract> {
  const own = await contractsOfPhone(env, phone, options);
  const found = own.find((contract) => ("uid" in name ? contract.uid === name.uid : contract.login === name.login));
  if (!found) throw new AppError("not_found", "You have no such contract");
  return found;
}
