import { type Env, settings } from "#env.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Method } from "../clients/tables.ts";
import type { Amr } from "../sessions/tables.ts";
import type { Requester } from "./challenges.ts";
import type { Holder } from "./holder-queries.ts";

// Who may sign in how: what the client and its operator allow, and what an account has to show besides.

export const SECOND_METHODS = ["sms", "totp", "recovery", "code", "password"] as const;
/** How a second step is taken: code by SMS, authenticator, one of its recovery codes, code by mail, password. */
export type SecondMethod = (typeof SECOND_METHODS)[number];

type Asking = Pick<Requester, "client" | "operator">;

/** Throws `method_not_allowed_for_client` unless client and operator both let people in that way. Only the operator's own apps ask for secrets. */
export function demandMethod({ client, operator }: Asking, method: Method): void {
  const isOn = client.methods.includes(method) && operator.params.methods.includes(method);
  if (!client.firstParty || !isOn) throw fail("method_not_allowed_for_client");
}

/** The same for codes by mail, which an operator may have switched off by themselves. */
export function demandMailCodes({ operator }: Asking): void {
  if (!operator.params.email_codes) throw fail("method_not_allowed_for_client");
}

/** What the account can show beside what it has shown. Never the same thing twice: a second SMS proves nothing new. */
export function secondMethodsOf(env: Env, { operator }: Asking, holder: Holder, shown: readonly Amr[]): SecondMethod[] {
  const { methods, email_codes } = operator.params;
  const mails = email_codes && methods.includes("code") && mailIsAvailable(settings(env));
  const has: Record<SecondMethod, boolean> = {
    sms: holder.phone !== null && !shown.includes("sms") && methods.includes("sms"),
    totp: holder.totpAt !== null,
    recovery: holder.totpAt !== null,
    code: holder.email !== null && !shown.includes("mail") && mails,
    password: holder.phc !== null && !holder.mustReset && !shown.includes("pwd"),
  };
  return SECOND_METHODS.filter((method) => has[method]);
}

/** Whether one proof is too little: the operator wants two, or the person does. */
export const needsTwoSteps = ({ operator }: Asking, { twoStep, totpAt }: Holder): boolean =>
  operator.params.two_step || twoStep || totpAt !== null;

const DAY = 86_400_000;

/**
 * Whether nobody has used the account for so long that its phone number may have a new owner, who must not inherit a door by
 * reading an SMS (LIMITS.dormantDays).
 */
export function isDormant(env: Env, { createdAt, lastLoginAt, lastSeenAt }: Holder, now: Date): boolean {
  const last = Math.max(createdAt.getTime(), lastLoginAt?.getTime() ?? 0, lastSeenAt ?? 0);
  return now.getTime() - last > settings(env).LIMITS.dormantDays * DAY;
}
