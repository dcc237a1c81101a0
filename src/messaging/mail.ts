import * as z from "zod";
import type { Settings } from "#env.ts";
import { call } from "#platform/outbound.ts";
import type { Outcome, Outgoing, Transport } from "./transport.ts";

/** A mail of plain text. */
export interface Mail {
  subject: string;
  text: string;
}

/** The two as one text, which is sealed in the row. A subject is one line, whatever a name in it holds. */
export const packMail = ({ subject, text }: Mail): string =>
  JSON.stringify({ subject: subject.replace(/[\s\p{Cc}]+/gu, " ").trim(), text });

const Packed = z.object({ subject: z.string(), text: z.string() });
const unpackMail = (packed: string): Mail => Packed.parse(JSON.parse(packed));

/** Whether a mail that is accepted can leave. Ask before anybody is promised one. */
export const mailIsAvailable = ({ MAIL_URL, ENVIRONMENT }: Pick<Settings, "MAIL_URL" | "ENVIRONMENT">): boolean =>
  MAIL_URL !== undefined || ENVIRONMENT === "development";

/**
 * Hands a mail to the provider: `POST MAIL_URL {"from","to","subject","text","id"}`. The provider may use the id, which is
 * the Idempotency-Key too, to send once only when a request comes twice. Its answer is not read, because it may repeat the text.
 */
export function mailTransport(settings: Settings): Transport {
  return {
    async send(message) {
      const response = await call(settings.MAIL_URL!, request(settings, message));
      await response.body?.cancel();
      return outcomeOf(response);
    },
  };
}

/** Prints each mail instead of sending it, as one line of JSON. It shows what is secret, so it is for development only. */
export const loggedMail: Transport = {
  async send({ to, text }) {
    console.log(JSON.stringify({ channel: "email", to, ...unpackMail(text) }));
    return { result: "sent" };
  },
};

function request({ MAIL_TOKEN, MAIL_FROM }: Settings, { id, to, text }: Outgoing) {
  const headers = new Headers({ "content-type": "application/json", "idempotency-key": id });
  if (MAIL_TOKEN) headers.set("authorization", `Bearer ${MAIL_TOKEN}`);
  return { method: "POST", headers, body: JSON.stringify({ from: MAIL_FROM, to, ...unpackMail(text), id }) };
}

/** A request that was wrong would be wrong again; one that was too much or too slow would not. */
function outcomeOf({ ok, status }: Response): Outcome {
  if (ok) return { result: "sent" };
  const error = `HTTP ${status}`;
  const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isRefused ? { result: "refused", error, alarm: status === 401 || status === 403 } : { result: "later", error };
}
