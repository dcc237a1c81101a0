import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { parsePhone } from "#platform/phones.ts";
import { codesOf } from "../login/proof.ts";
import { accountOfPhone, banAccount, unbanAccount } from "./accounts.ts";
import { accountByPhone } from "./queries.ts";

const INTEGRATION = { kind: "integration", id: null } as const;

/** Shuts out whoever holds the phone, even if they have never signed in. Throws `invalid` for what is no phone. */
export async function blockPhone(env: Env, text: string, now = new Date()): Promise<void> {
  const { id } = await accountOfPhone(env, phoneIn(env, text).digits, now);
  await banAccount(env, settings(env).OPERATOR, { id, reason: "blocked by billing" }, INTEGRATION, now);
}

/** Lets the phone's holder in again, and lifts the lock that too many wrong codes in a row have set. */
export async function unblockPhone(env: Env, text: string): Promise<void> {
  const phone = phoneIn(env, text);
  const account = await accountByPhone(database(env), settings(env).OPERATOR, phone.digits);
  if (account?.status === "banned")
    await unbanAccount(env, settings(env).OPERATOR, { id: account.id, reason: "unblocked by billing" }, INTEGRATION);
  await codesOf(env, phone).unlock();
}

function phoneIn(env: Env, text: string) {
  const phone = parsePhone(text, settings(env).COUNTRY);
  if (!phone) throw new AppError("invalid", "This is not a mobile number");
  return phone;
}
