import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Operator } from "#operator/operators.ts";
import { newId } from "#platform/crypto.ts";
import { database, type Statement } from "#platform/db.ts";
import type { Actor } from "../journal/journal.ts";
import { targetOf } from "../login/targets.ts";
import { insertInactive, removeInactive } from "./inactive.ts";
import { accountByIdentifier } from "./queries.ts";
import { inactiveClaimants } from "./registration-queries.ts";

interface NewCustomer {
  login: { type: "phone" | "email"; value: string };
  name?: string | undefined;
  lang?: string | undefined;
}

/**
 * Stores a customer whom support has on the phone, as inactive: `sendActivation` does the rest. Returns the account's id. Whoever
 * claims the login unproven loses it. Throws `identifier_invalid`, and `identifier_taken`, which support may know.
 */
export async function createCustomer(
  env: Env,
  operator: Operator,
  { login, name, lang }: NewCustomer,
  actor: Actor,
  now = new Date(),
): Promise<{ id: string }> {
  const db = database(env);
  const { type, value } = targetOf(operator, login);
  const [owner, earlier] = await Promise.all([
    accountByIdentifier(db, operator.id, type, value),
    inactiveClaimants(db, operator.id, { type, value }),
  ]);
  if (owner) throw fail("identifier_taken");
  const id = newId("acc");
  const identifier = { id: newId("idn"), type, value };
  const statements = [
    ...earlier.flatMap((old): Statement[] => removeInactive(db, operator.id, old.id, "created anew", actor, now)),
    ...insertInactive(db, operator.id, { id, identifier, name, lang }, actor, now),
  ];
  await db.batch(statements as [Statement, ...Statement[]]);
  return { id };
}
