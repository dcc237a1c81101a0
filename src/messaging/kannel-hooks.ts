import { Buffer } from "node:buffer";
import type { Settings } from "#env.ts";
import { sameText, shortMac } from "#platform/crypto.ts";

/** Kannel adds no header to a callback, so each URL carries its own proof: a MAC over what it is for. */
type HookSettings = Pick<Settings, "PUBLIC_URL" | "KANNEL_HOOK_SECRET">;

/**
 * The URL that Kannel calls with a delivery report of message `id`, or with an inbound SMS. The percent
 * escapes are Kannel's own (user guide, "Parameters (escape codes)") and must reach it as they stand here.
 * The SMSC's own words (`%A`) are not asked for: receipts quote the message, and so the code would stand in a URL.
 * Another operator than the deployment's own is named in the URL, in base64url, so that no percent sign gets into it.
 * The inbound URL is the same for every message, so its MAC is over the word `mo` alone.
 */
export function kannelHookUrl(settings: HookSettings, hook: "mo"): string;
export function kannelHookUrl(settings: HookSettings, hook: "dlr", id: string, operator?: string): string;
export function kannelHookUrl(settings: HookSettings, hook: "mo" | "dlr", id = "", operator?: string): string {
  const path = `${settings.PUBLIC_URL}/hooks/kannel/${hook}`;
  switch (hook) {
    case "dlr":
      return `${path}?id=${id}${operatorIn(operator)}&sig=${signatureOf(settings, reportOf(id, operator))}&type=%d&smsc=%F`;
    case "mo":
      return `${path}?sig=${signatureOf(settings, "mo")}&from=%p&to=%P&text=%b&id=%I&ts=%T`;
  }
}

/** Whether we made this report URL for this message, of this operator if it names one. */
export const isReportOf = (settings: HookSettings, id: string, operator: string | undefined, signature: string) =>
  sameText(signature, signatureOf(settings, reportOf(id, operator)));

/** The operator that a report URL names. */
export const operatorOf = (op: string | undefined): string | undefined =>
  op === undefined ? undefined : Buffer.from(op, "base64url").toString();

/** Whether this is the inbound URL that the operator was given. */
export const isInbound = (settings: HookSettings, signature: string): boolean =>
  sameText(signature, signatureOf(settings, "mo"));

const operatorIn = (operator: string | undefined): string =>
  operator === undefined ? "" : `&op=${Buffer.from(operator).toString("base64url")}`;

const reportOf = (id: string, operator: string | undefined): string =>
  operator === undefined ? `dlr/${id}` : `dlr/${id}/${operator}`;

const signatureOf = ({ KANNEL_HOOK_SECRET }: HookSettings, subject: string) => shortMac(KANNEL_HOOK_SECRET, subject);
