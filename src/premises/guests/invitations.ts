import { type Env, settings } from "#env.ts";
import { budgetsOf, takeSend } from "#identity/codes/budgets.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { acceptSms } from "#messaging/outbox.ts";
import { database } from "#platform/db.ts";
import type { Phone } from "#platform/phones.ts";
import { markInvited, noteInvitation } from "./queries.ts";

const DAY = 86_400_000;
/** So much of an address leaves room for the rest in three SMS of Cyrillic. */
const LONGEST_ADDRESS = 100;

export interface Invitation {
  contract: { uid: number; address: string };
  /** Whom it is sent to, and from which network the owner asks for it. */
  guest: Phone;
  client: string;
  /** The first time it is also told to the guest's app, if there is one. */
  isNew: boolean;
}

/**
 * Tells a guest by SMS that they are let in. Sent at most `invitationsPerTarget` times a day to one phone, whoever asks,
 * `invitationsPerDay` times for one contract, and within the budgets that codes leave from, too: answers the seconds to wait
 * where one of them is used up.
 */
export async function sendInvitation(
  env: Env,
  { contract: { uid, address }, guest, client, isNew }: Invitation,
  now = new Date(),
): Promise<{ retryAfter: number } | undefined> {
  const { OPERATOR: operator, LIMITS } = settings(env);
  const db = database(env);
  const budgets = budgetsOf(env, client, guest.country);
  const refused = await takeSend(env, budgets, guest.country, now);
  if (refused) return refused;
  const giveBack = () => Promise.all(budgets.map(({ budget }) => budget.release(now.getTime())));
  const limits = { perHome: LIMITS.invitationsPerDay, perPhone: LIMITS.invitationsPerTarget };
  const noted = await noteInvitation(db, { operator, uid, phone: guest.digits, at: now }, limits);
  if (noted.length === 0) {
    await giveBack();
    return { retryAfter: 3600 };
  }
  const message = { to: guest.digits, purpose: "invitation", expiresAt: new Date(now.getTime() + DAY) };
  await acceptSms(env, { ...message, text: invitationText(env, address) }, now);
  await markInvited(db, operator, uid, guest.digits, now);
  if (isNew) await tellApp(env, guest, address, now);
  return undefined;
}

const tellApp = (env: Env, { digits }: Phone, address: string, now: Date) =>
  tellPeople(env, [digits], { title: "Новый адрес", text: opened(address), action: "newAddress" }, now);

const opened = (address: string) =>
  `Вам открыт доступ: ${address.length > LONGEST_ADDRESS ? `${address.slice(0, LONGEST_ADDRESS - 1)}…` : address}`;

function invitationText(env: Env, address: string): string {
  const { APP_LINK } = settings(env);
  return `${opened(address)}${APP_LINK ? `. Приложение: ${APP_LINK}` : ""}`;
}
