import type { Context } from "hono";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { operatorOf } from "#operator/operators.ts";
import { clientAddress } from "#platform/http.ts";
import { clientOf, publicClient } from "../clients/clients.ts";
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
  return requesterFor(c, await publicClient(c.env, clientId), install);
}

/** The client that the caller's token was made for. */
export async function callersRequester(c: Context<ShieldEnv>): Promise<Requester> {
  return requesterFor(c, await clientOf(c.env, c.var.caller.client));
}

async function requesterFor(
  c: Context<ShieldEnv>,
  client: Requester["client"],
  install?: string | null,
): Promise<Requester> {
  c.set("client", client);
  const operator = await operatorOf(c.env, client.operator);
  if (!operator) throw fail("invalid_client");
  c.set("operatorLang", operator.lang);
  return { client, operator, address: clientAddress(c), install: install ?? undefined };
}

/** The city that Cloudflare takes the caller to be in. */
export const cityOf = (c: Context): string | undefined =>
  (c.req.raw.cf as IncomingRequestCfProperties | undefined)?.city;
