import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database, type Statement } from "#platform/db.ts";
import { newAccount, unbanAccount } from "../accounts/accounts.ts";
import { removeInactive } from "../accounts/inactive.ts";
import { inactiveClaimants } from "../accounts/registration-queries.ts";
import { joinByInvitations } from "../domains/joining.ts";
import { type Actor, journal, SYSTEM } from "../journal/journal.ts";
import { type Holder, holderOf, releaseIdentifier } from "./holder-queries.ts";
import { masked, type Target } from "./targets.ts";

type Login = Pick<Target, "type" | "value">;
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

/** The account of somebody who has never been here. Whatever others registered for the same phone, unproven, goes. */
export async function firstAccount(
  env: Env,
  operator: string,
  login: Login,
  actorFor: (id: string) => Actor,
  now: Date,
): Promise<Holder> {
  const db = database(env);
  const claims = await inactiveClaimants(db, operator, login);
  return made(env, operator, login, now, (id) =>
    claims.flatMap((claim) => removeInactive(db, operator, claim.id, "proven by another", actorFor(id), now)),
  );
}

/**
 * A fresh account for whoever holds a number that an account has not used for months; the old one loses the number and keeps the
 * rest. So the number's next owner inherits nothing.
 */
export async function startAfresh(
  env: Env,
  operator: string,
  old: Pick<Holder, "id">,
  login: Login,
  actor: Actor,
  now: Date,
): Promise<Holder> {
  const db = database(env);
  const entry = {
    ...{
      action: "account.identifier_released",
      target: { kind: "account", id: old.id },
      reason: "not used for months",
    },
    before: { [login.type]: masked(login) },
    events: [{ type: "account.updated" as const, id: old.id }],
  };
  return made(env, operator, login, now, () => [
    releaseIdentifier(db, operator, old.id, login),
    ...journal(db, operator, actor, entry, now),
  ]);
}

async function made(env: Env, operator: string, login: Login, now: Date, before: (id: string) => Statement[]) {
  const { id } = await newAccount(env, operator, login, now, before);
  const joining = joinByInvitations(env, operator, id, login, now);
  const [holder] = await Promise.all([holderOf(database(env), operator, { account: id }), joining]);
  if (!holder) throw fail("account_not_found");
  return holder;
}
