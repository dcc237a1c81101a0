import type { Settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { flashCallTransport } from "./flash-call.ts";
import { kannelTransport } from "./kannel.ts";
import { logTransport } from "./log-transport.ts";
import { loggedMail, mailIsAvailable, mailTransport } from "./mail.ts";
import { pushTransport } from "./push/ways.ts";
import type { Message } from "./tables.ts";

/** One message on its way out, its text opened. */
export interface Outgoing {
  /** Whose message it is. */
  operator: string;
  id: string;
  /** Phone, digits with country code; for a mail an address, for a push the token. */
  to: string;
  /** The text of an SMS, the code that a flash call shows as the caller's last digits, or the JSON of a mail or a push. */
  text: string;
  /** How long somebody wants the message, in ms from now. */
  lifeMs: number;
  /** What each call to the outside may take, in ms, where somebody waits for the outcome. */
  timeLimitMs?: number | undefined;
}

/**
 * What came of one attempt: handed over; refused for good; or to be tried again. `error` is for a person
 * who reads the row, so it never holds the text. `alarm`: no message at all can pass until somebody acts.
 */
export type Outcome = (
  | { result: "sent" }
  /** `isQuiet`: it need not be logged once for each message. */
  | { result: "refused"; error: string; alarm?: boolean; isQuiet?: boolean }
  /** `pauseSeconds`: the other side wants to be left alone for so long, at least. */
  | { result: "later"; error: string; alarm?: boolean; pauseSeconds?: number | undefined }
) & {
  /** A push token behind which there is no install any more. */
  gone?: string;
};

/** A way out. May throw AppError `unavailable`, which counts as `later`. */
export interface Transport {
  send(message: Outgoing): Promise<Outcome>;
}

/** The way out that the operator has chosen for this kind of message. Throws AppError `unavailable` when there is none. */
export function transportFor(channel: Message["channel"], settings: Settings): Transport {
  switch (channel) {
    case "sms":
      return settings.SMS_TRANSPORT === "log" ? logTransport("sms") : kannelTransport(settings);
    case "flashcall":
      if (settings.FLASHCALL_URL) return flashCallTransport(settings);
      if (settings.ENVIRONMENT === "development") return logTransport("flashcall");
      throw new AppError("unavailable", "FLASHCALL_URL is not set");
    case "email":
      if (settings.MAIL_URL) return mailTransport(settings);
      if (mailIsAvailable(settings)) return loggedMail;
      throw new AppError("unavailable", "MAIL_URL is not set");
    case "push":
      return pushTransport(settings);
  }
}
