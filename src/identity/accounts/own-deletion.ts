import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { database } from "#platform/db.ts";
import type { Actor } from "../journal/journal.ts";
import { type Target, targetOf } from "../login/targets.ts";
import { Login } from "../wire/input.ts";
import { deleteAccount } from "./accounts.ts";
import { identifiersOf } from "./queries.ts";

/**
 * Deletes the caller's account; `confirm` is one of their logins, so that nobody does it by mistake. Returns when what is left of it
 * goes. Throws `confirmation_mismatch` and `owner_must_transfer`.
 */
export async function deleteOwnAccount(
  env: Env,
  operator: Operator,
  { account, confirm }: { account: string; confirm: string },
  actor: Actor,
  now = new Date(),
): Promise<Date> {
  const meant = targetIn(operator, confirm);
  const own = await identifiersOf(database(env), operator.id, account);
  const isOwn = own.some(({ type, value, verifiedAt }) => verifiedAt && type === meant?.type && value === meant.value);
  if (!isOwn) throw fail("confirmation_mismatch");
  return deleteAccount(env, operator.id, { id: account, reason: "own wish" }, actor, now);
}

function targetIn(operator: Operator, text: string): Target | undefined {
  const login = Login.safeParse(text);
  try {
    return login.success ? targetOf(operator, login.data) : undefined;
  } catch {
    return undefined;
  }
}
