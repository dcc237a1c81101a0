import { masked } from "#identity/login/targets.ts";
import type { Message } from "#messaging/tables.ts";

/** What is told of a message: never its text, and to whom only masked. */
export function messageView(message: Omit<Message, "sealed">) {
  const { id, operator, channel, recipient, accountId, purpose, parts, state, attempts, error } = message;
  const to = masked({ type: channel === "email" ? "email" : "phone", value: recipient });
  return {
    ...{ id, operator, channel, to, account_id: accountId, purpose, parts, state, attempts, error },
    ...{ created_at: message.createdAt, updated_at: message.updatedAt, expires_at: message.expiresAt },
  };
}
