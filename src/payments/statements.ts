import type { Env } from "#env.ts";
import { type StatementLine, statementOf } from "#operator/billing-money.ts";
import { ownContract } from "#operator/ownership.ts";

/** The statement of a year of one of the phone's contracts, the newest line first. Throws `not_found` for a foreign one. */
export async function ownStatement(
  env: Env,
  phone: string,
  { login, year, fresh }: { login: string; year: number; fresh: boolean },
): Promise<StatementLine[]> {
  return statementOf(env, await ownContract(env, phone, { login }, { fresh }), year);
}
