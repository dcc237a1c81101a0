import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { randomDigits } from "#platform/crypto.ts";
import { call, envWith } from "../support/world.ts";

/** A gateway that phones without a key may use. */
export const open = () => envWith({ GATEWAY_OPEN: "1" });
export const byOperator = { authorization: `Bearer ${env.INTEGRATION_TOKEN}` };
export const keyed = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });

/** An IMSI that nobody else has, of Cameroon's first operator. */
export const anImsi = () => `62401${randomDigits(10)}`;

export interface Given {
  headers?: Record<string, string>;
  env?: Env;
}

export function ask(
  method: string,
  path: string,
  body: unknown,
  { headers = {}, env: environment = env }: Given = {},
): Promise<Response> {
  const init = { method, headers: { "content-type": "application/json", ...headers } };
  const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  return call(path, { ...init, ...sent }, environment);
}

/** Status and text of the answer. */
export async function told(...request: Parameters<typeof ask>): Promise<string> {
  const response = await ask(...request);
  return `${response.status} ${await response.text()}`;
}

export const ping = (imsi: string, msisdn: string, given: Given = {}, seed_type = "seed") =>
  told("POST", "/seeds/ping", { IMSI: imsi, MSISDN: msisdn, seed_type }, given);

export const sign = (imsi: string, { headers, ...given }: Given) =>
  told("GET", "/seeds/ping", undefined, { ...given, headers: { ...headers, sim_data: imsi } });

export const numberOf = (imsi: string) => told("GET", `/seeds/${imsi}`, undefined, { headers: byOperator });

/** Makes a seed's last ping so much older. */
export const age = (imsi: string, ms: number) =>
  env.DB.prepare("UPDATE gateway_seeds SET pinged_at = pinged_at - ? WHERE imsi = ?").bind(ms, imsi).run();
