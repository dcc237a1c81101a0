import type { PushContent } from "./content.ts";

/** What a tap on a push opens, in the apps' words. */
export type PushAction = "inbox" | "videoReady" | "newAddress" | "paySuccess" | "payError" | "chat" | "eventLog";

export interface TextPush {
  title: string;
  text: string;
  action: PushAction;
  /** Further fields for the app. */
  data?: Record<string, string> | undefined;
  /** The message's number in the inbox, where it has one. */
  messageId?: number | undefined;
  /** What the app's icon shows. */
  badge?: number | undefined;
  collapse?: string | undefined;
}

/** Keys that Firebase keeps for itself; a push that has one is refused as a whole. */
const RESERVED = /^(from$|message_type$|google|gcm)/i;
const MAX_TITLE = 200;

/** The push of a text. Android reads its title and body out of the data, the others show the notice. */
export function textContent({ title, text, action, data = {}, messageId, badge, collapse }: TextPush): PushContent {
  const heading = [...title].slice(0, MAX_TITLE).join("");
  const own = {
    title: heading,
    body: text,
    action,
    badge: String(badge ?? 0), // Android reads a number out of it, whatever comes
    ...(messageId !== undefined && { messageId: String(messageId), messageType: "inbox" }),
  };
  const further = Object.entries(data).filter(([key]) => !RESERVED.test(key));
  return {
    kind: "text",
    data: { ...Object.fromEntries(further), ...own },
    notice: { title: heading, body: text },
    ...(badge !== undefined && { badge }),
    ...(collapse && { collapse: collapse.slice(0, 64) }),
  };
}
