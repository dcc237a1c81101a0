import type { Context } from "hono";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { clientAddress } from "#platform/http.ts";
import { clientAndOperator } from "../clients/clients.ts";
import type { Requester } from "../login/challenges.ts";
import type { DeviceInfo } from "../sessions/tables.ts";
import type { ShieldEnv } from "../wire/context.ts";

/** What a client tells about the device that it runs on. */
export const Device = z.object({
  id: z.string().max(200).nullish(),
  name: z.string().max(100).nullish(),
  platform: z.string().max(40).nullish(),
});

export const deviceInfo = (device: z.output<typeof Device> | undefined): DeviceInfo => ({
  name: device?.name ?? undefined,
  platform: device?.platform ?? undefined,
  installId: device?.id ?? undefined,
});

/** The public client that a body names, with its operator; throws `invalid_client`. */
export async function publicRequester(
  c: Context<ShieldEnv>,
  clientId: string,
  install?: string | null,
): Promise<Requester> {
  const known = await clientAndOperator(c.env, clientId);
  if (known.client.kind !== "public") throw fail("invalid_client");
  return requesterOf(c, known, install);
}

/** The client that the caller's token was made for. */
export async function callersRequester(c: Context<ShieldEnv>): Promise<Requester> {
  return requesterOf(c, await clientAndOperator(c.env, c.var.caller.client));
}

function requesterOf(
  c: Context<ShieldEnv>,
  { client, operator }: Pick<Requester, "client" | "operator">,
  install?: string | null,
): Requester {
  c.set("client", client);
  c.set("operatorLang", operator.lang);
  return { client, operator, address: clientAddress(c), install: install ?? undefined };
}

/** The city that Cloudflare takes the caller to be in. */
export const cityOf = (c: Context): string | undefined =>
  (c.req.raw.cf as IncomingRequestCfProperties | undefined)?.city;
