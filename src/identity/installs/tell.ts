import { type Env, settings } from "#env.ts";
import { type InInbox, putIntoInbox } from "#messaging/inbox/inbox.ts";
import { CALL_SECONDS, callContent, type DoorCall } from "#messaging/push/calls.ts";
import { acceptPushes, type NewPush, type PushAddress, pushAtOnce } from "#messaging/push/push.ts";
import { type PushAction, textContent } from "#messaging/push/texts.ts";
import type { Outcome } from "#messaging/transport.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { installsOfPhones } from "./queries.ts";

/** How long an unseen push is worth showing, in ms: a text for a day, what happened at a door for a minute. */
const TEXT_LIFE_MS = 86_400_000;
const EVENT_LIFE_MS = 60_000;

/** What residents are told. */
export interface Telling {
  title: string;
  text: string;
  /** What a tap opens. */
  action: PushAction;
  /** Further fields for the app. */
  data?: Record<string, string> | undefined;
  /** Where the message in the inbox leads. */
  link?: string | undefined;
  /** The name of this sending: repeated with the same name it adds neither messages nor pushes. */
  batch?: string | undefined;
  /** Which of a person's switches silences the push; the one for texts when it is not said. The inbox is never silent. */
  switch?: "notify" | "money" | undefined;
  /** False for what only rings and is kept nowhere. */
  isListed?: boolean | undefined;
}

/** An app that is signed in and wants pushes. */
export interface PhoneInstall extends PushAddress {
  phone: string;
  account: string;
  /** The session's id. */
  session: string;
  notify: boolean;
  money: boolean;
}

/** Every app that the people behind these phones (digits with country code) are signed in with and that takes pushes. */
export async function livingInstalls(env: Env, phones: readonly string[], now = new Date()): Promise<PhoneInstall[]> {
  if (phones.length === 0) return [];
  const rows = await installsOfPhones(database(env), settings(env).OPERATOR, [...new Set(phones)], now);
  // Somebody may have proven two of the phones: their app is told once.
  return [...new Map(rows.map((row) => [row.session, row])).values()];
}

/** Puts a message into the inbox of each phone, and a push on its way to each app of these people. A text waits for a day. */
export async function tellPeople(
  env: Env,
  phones: readonly string[],
  message: Telling,
  now = new Date(),
): Promise<void> {
  const [installs, inbox] = await Promise.all([
    livingInstalls(env, phones, now),
    message.isListed === false ? new Map<string, InInbox>() : putIntoInbox(env, phones, message, now),
  ]);
  const wanted = installs.filter((install) => install[message.switch ?? "notify"]);
  const pushes = wanted.map((install) => pushOf(install, message, inbox.get(install.phone), now));
  await acceptPushes(env, pushes, now);
}

function pushOf(install: PhoneInstall, message: Telling, inInbox: InInbox | undefined, now: Date): NewPush {
  const { batch, action } = message;
  const life = action === "eventLog" ? EVENT_LIFE_MS : TEXT_LIFE_MS;
  return {
    install,
    content: textContent({ ...message, messageId: inInbox?.id, badge: inInbox?.unread }),
    purpose: action,
    expiresAt: new Date(now.getTime() + life),
    account: install.account,
    ...(batch !== undefined && { id: sha256(`${batch}\n${install.session}`).slice(0, 32) }),
  };
}

/**
 * Rings at one app. It leaves at once; where that fails and may yet succeed, the outbox goes on until the call is over. The
 * switches do not count: whoever stands at the door is not a notification.
 */
export function pushCall(
  env: Env,
  install: PushAddress & { account?: string | undefined },
  call: DoorCall,
  now = new Date(),
): Promise<Outcome> {
  const push = {
    install,
    content: callContent(install, call, settings(env)),
    purpose: "call",
    expiresAt: new Date(now.getTime() + CALL_SECONDS * 1000),
    account: install.account,
  };
  return pushAtOnce(env, push, now);
}
