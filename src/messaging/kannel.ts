// Kannel's user guide, "Using the HTTP interface to send SMS messages", and what 1.4.5 really does.
import type { Settings } from "#env.ts";
import { call } from "#platform/outbound.ts";
import { kannelHookUrl } from "./kannel-hooks.ts";
import { type Coding, smsShape } from "./sms-parts.ts";
import type { Outcome, Outgoing, Transport } from "./transport.ts";

/** Kannel's numbers: 7 bit, and UCS-2. */
const CODING: Record<Coding, string> = { gsm7: "0", ucs2: "2" };

/** Reports wanted: 1 delivered, 2 failed, 16 refused by the SMSC. The notices in between would tell nothing. */
const FINAL_REPORTS = "19";

/**
 * Hands an SMS to smsbox. Text and password are in the body and in headers, because URLs are logged on the
 * way. The answer carries no id, so the report's URL names the message.
 */
export function kannelTransport(settings: Settings): Transport {
  return {
    async send(message) {
      const response = await call(`${settings.KANNEL_URL}/cgi-bin/sendsms`, {
        method: "POST",
        headers: headersOf(settings, message),
        body: message.text,
      });
      return outcomeOf(response.status, await sentence(response));
    },
  };
}

function headersOf(settings: Settings, { operator, id, to, text, lifeMs }: Outgoing): Record<string, string> {
  return {
    // Kannel takes the text's charset from here alone, and reads anything else than UTF-8 as Latin-1.
    "content-type": "text/plain; charset=utf-8",
    "x-kannel-username": settings.KANNEL_USER!,
    "x-kannel-password": settings.KANNEL_PASS!,
    // Left out, Kannel takes the sender of its own settings.
    ...(settings.KANNEL_FROM && { "x-kannel-from": settings.KANNEL_FROM }),
    "x-kannel-to": to,
    "x-kannel-coding": CODING[smsShape(text).coding],
    // Whole minutes, and 0 would mean a message that is already too old.
    "x-kannel-validity": String(Math.max(1, Math.ceil(lifeMs / 60_000))),
    "x-kannel-dlr-mask": FINAL_REPORTS,
    "x-kannel-dlr-url": kannelHookUrl(settings, "dlr", id, operator === settings.OPERATOR ? undefined : operator),
  };
}

/** What Kannel says beside the status, for a person. Without digits, so that no code can come back by it. */
async function sentence(response: Response): Promise<string> {
  if (response.status === 202) {
    await response.body?.cancel();
    return "";
  }
  const text = await response.text().catch(() => "");
  return text.replace(/\s+/g, " ").replace(/\d/g, "#").slice(0, 100).trim();
}

/** 400 and 403 are about the request or the user: the same again would be refused again. The rest may pass later. */
function outcomeOf(status: number, said: string): Outcome {
  const error = `HTTP ${status} ${said}`.trim();
  switch (status) {
    case 202:
      return { result: "sent" };
    case 400:
      return { result: "refused", error };
    case 403:
      return { result: "refused", error, alarm: true };
    default:
      return { result: "later", error };
  }
}
