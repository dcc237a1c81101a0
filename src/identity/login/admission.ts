import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { newAccount, type Person, unbanAccount } from "../accounts/accounts.ts";
import { joinByInvitations } from "../domains/joining.ts";
import { type Actor, journal, SYSTEM } from "../journal/journal.ts";
import { type Holder, releaseIdentifier } from "./holder-queries.ts";
import { masked, type Target } from "./targets.ts";

type Status = Pick<Holder, "id" | "status" | "banUntil">;

/** Whether the person is shut out now; a ban that has had its time is none any more. */
export const isShutOut = ({ status, banUntil }: Pick<Status, "status" | "banUntil">, now: Date): boolean =>
  status === "banned" && (banUntil === null || banUntil > now);

/** Whether a code may go out to whoever has this account. */
export const mayBeCoded = (account: Pick<Status, "status" | "banUntil">, now: Date): boolean =>
  account.status === "active" || (account.status === "banned" && !isShutOut(account, now));

/**
 * Lets somebody in who has proven who they are, and lifts a ban that is over. Only they are told why not: throws
 * `account_banned` with `until`, `account_not_active`.
 */
export async function admit(env: Env, operator: string, account: Status, now: Date): Promise<void> {
  if (isShutOut(account, now))
    throw fail("account_banned", { extra: { until: account.banUntil?.toISOString() ?? null } });
  if (account.status === "banned")
    await unbanAccount(env, operator, { id: account.id, reason: "the ban is over" }, SYSTEM, now);
  else if (account.status !== "active") throw fail("account_not_active");
}

/**
 * A fresh account for whoever holds a number that an account has not used for months; the old one loses the number and keeps the
 * rest. So the number's next owner inherits nothing.
 */
export async function startAfresh(
  env: Env,
  operator: string,
  old: Pick<Holder, "id">,
  target: Target,
  actor: Actor,
  now: Date,
): Promise<Person> {
  const db = database(env);
  const entry = {
    ...{
      action: "account.identifier_released",
      target: { kind: "account", id: old.id },
      reason: "not used for months",
    },
    before: { [target.type]: masked(target) },
    events: [{ type: "account.updated" as const, id: old.id }],
  };
  const person = await newAccount(env, operator, target, now, () => [
    releaseIdentifier(db, operator, old.id, target),
    ...journal(db, operator, actor, entry, now),
  ]);
  await joinByInvitations(env, operator, person.id, target, now);
  return person;
}
