import type { Transport } from "./transport.ts";

/**
 * Prints the message instead of sending it, one line of JSON: `{"sms":{"to":"7916…","text":"…"}}`. It shows
 * the code, so the settings allow it in development only.
 */
export const logTransport = (channel: "sms" | "flashcall"): Transport => ({
  async send({ to, text }) {
    console.log(JSON.stringify({ [channel]: { to, text } }));
    return { result: "sent" };
  },
});
