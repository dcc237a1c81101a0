import type { Env } from "#env.ts";
import { type Accepted, acceptAll, checkRecipient, sendAtOnce } from "../outbox.ts";
import type { Outcome } from "../transport.ts";
import { fitted, type PushAddress, type PushContent, packPush } from "./content.ts";

export type { PushAddress, PushContent } from "./content.ts";

/** A push to one installed app. */
export interface NewPush {
  install: PushAddress;
  content: PushContent;
  /** Why it is sent, for people who read the list: `inbox`, `call`. */
  purpose: string;
  /** Later than this nobody wants it. */
  expiresAt: Date;
  /** Whose message it is; the deployment's own operator when left out. */
  operator?: string | undefined;
  /** The account it is for, by id. */
  account?: string | undefined;
  /** The row's id, where a repetition must add nothing. */
  id?: string | undefined;
}

/** A token of any service: one word, and nothing that a URL or a log would read as more. */
const TOKEN = /^[\w.:/+=~-]{8,4096}$/;

/**
 * Takes a push for sending; once this has returned it is not lost. A text that is too long for a push is shortened.
 * Throws AppError `invalid` for what is no token (`bad_recipient`).
 */
export async function acceptPush(env: Env, push: NewPush, now = new Date()): Promise<void> {
  await acceptAll(env, [accepted(push)], now);
}

/** The same for many, in one trip. Whoever has registered what is no token gets nothing. Returns the ids of those that are new. */
export function acceptPushes(env: Env, pushes: readonly NewPush[], now = new Date()): Promise<string[]> {
  const reachable = pushes.filter(({ install }) => TOKEN.test(install.token));
  return acceptAll(env, reachable.map(accepted), now);
}

/** What each of the two calls of an immediate push may take: a phone that rings late rings for nobody. */
const AT_ONCE_MS = 2_000;

/** Sends a push at once; where that fails and may yet succeed, the outbox goes on with it. */
export const pushAtOnce = (env: Env, push: NewPush, now = new Date()): Promise<Outcome> =>
  sendAtOnce(env, accepted(push), AT_ONCE_MS, now);

function accepted({ install, content, ...message }: NewPush): Accepted {
  checkRecipient(install.token, TOKEN, "a push token");
  return { ...message, to: install.token, text: packPush(install, fitted(content)), channel: "push", parts: 0 };
}
