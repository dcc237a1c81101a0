import { type Env, settings } from "#env.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { acceptMail, acceptSms } from "#messaging/outbox.ts";
import { operatorOf } from "#operator/operators.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { type Notice, noticeText } from "./notice-texts.ts";
import { accountById, identifiersOf } from "./queries.ts";
import type { AccountIdentifier } from "./tables.ts";

export type { Notice } from "./notice-texts.ts";

/** A phone or an address of the owner. */
type Place = Pick<AccountIdentifier, "type" | "value">;

/** What is worth an SMS to somebody who has no address: somebody else may have the account. */
const URGENT: readonly Notice[] = ["refresh_reused", "password_changed", "identifier_changed", "banned"];

/** Later than this nobody needs to hear it. */
const LIFE_MS = 24 * 3_600_000;

/**
 * Tells the owner of an account what happened to it: by mail, or by SMS where there is no address and it is urgent. `to` says where
 * instead, such as a phone that was theirs until now. Never throws: what it tells of has happened.
 */
export async function tellOwner(
  env: Env,
  operatorId: string,
  accountId: string,
  notice: Notice,
  { to, now = new Date() }: { to?: readonly Place[]; now?: Date } = {},
): Promise<void> {
  try {
    const db = database(env);
    const [operator, account, identifiers] = await Promise.all([
      operatorOf(env, operatorId),
      accountById(db, operatorId, accountId),
      to ?? identifiersOf(db, operatorId, accountId).then((all) => all.filter(({ verifiedAt }) => verifiedAt !== null)),
    ]);
    if (!operator || !account) return;
    const text = noticeText(notice, account.lang ?? operator.lang);
    const common = { purpose: notice, expiresAt: new Date(now.getTime() + LIFE_MS), operator: operatorId };
    for (const place of reachable(env, identifiers, notice, to !== undefined)) {
      const message = { ...common, to: place.value, text, account: accountId };
      if (place.type === "email") await acceptMail(env, { ...message, subject: operator.name }, now);
      else await acceptSms(env, message, now);
    }
  } catch (error) {
    logError(`owner not told: ${notice}`, error);
  }
}

function reachable(env: Env, places: readonly Place[], notice: Notice, everywhere: boolean): Place[] {
  const addresses = mailIsAvailable(settings(env)) ? places.filter(({ type }) => type === "email") : [];
  if (!URGENT.includes(notice)) return addresses;
  const phones = places.filter(({ type }) => type === "phone");
  return everywhere ? [...addresses, ...phones] : addresses.length > 0 ? addresses : phones;
}
