import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { randomDigits } from "#platform/crypto.ts";
import { call } from "../support/world.ts";

const bearer = `Bearer ${env.INTEGRATION_TOKEN}`;

interface Asking {
  env?: Env;
  authorization?: string;
}

/**
 * Asks for SIP accounts as res_config_curl of Asterisk 16 was recorded to do: `POST …/multi`, the credentials of the URL as Basic,
 * `Content-Type: application/x-www-form-urlencoded`, and fields whose spaces are `%20`.
 */
export async function realtime(path: string, form = "", { env: environment = env }: Asking = {}): Promise<string> {
  const response = await call(
    `/asterisk/${path}`,
    {
      method: "POST",
      headers: {
        authorization: `Basic ${btoa(`asterisk:${env.INTEGRATION_TOKEN}`)}`,
        "content-type": "application/x-www-form-urlencoded",
      },
      body: form,
    },
    environment,
  );
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`);
  return response.text();
}

/** Calls as a dialplan does: an object, or a bare number. A string is sent as it stands. */
export function pbx(path: string, body?: unknown, { env: environment = env, authorization = bearer }: Asking = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return call(
    path.startsWith("/") ? path : `/asterisk/extensions/${path}`,
    {
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization && { authorization }) },
      ...(body !== undefined && { body: text }),
    },
    environment,
  );
}

/** A domophoneid that no other test has, with its SIP number. */
export function aPanelNumber(): { domophoneid: number; extension: string } {
  const domophoneid = 10_000 + Number(randomDigits(4)) * 9 - Number(randomDigits(1)) + 1;
  return { domophoneid, extension: String(100_000 + domophoneid) };
}

/** The same for a monitor. */
export function aMonitorNumber(): { monitorid: number; extension: string } {
  const monitorid = 1 + Number(randomDigits(9));
  return { monitorid, extension: String(4_000_000_000 + monitorid) };
}

export const anExtension = () => `2${randomDigits(9)}`;
