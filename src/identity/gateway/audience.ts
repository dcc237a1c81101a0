import type { Context } from "hono";
import { operatorOf } from "#operator/operators.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { clientById } from "../clients/queries.ts";
import type { Client } from "../clients/tables.ts";
import type { ShieldEnv } from "../wire/context.ts";

/**
 * Finds out for whom a refusal is worded: by the caller's client, or by the one that names itself in `X-Client-Id`, and else by whose
 * route it is. Asked only when something is refused. What cannot be found out leaves the words plain.
 */
export async function knowAudience(c: Context<ShieldEnv>, routeOperator: string | undefined): Promise<void> {
  try {
    const named = c.get("caller")?.client ?? c.req.header("x-client-id");
    const client = named ? await clientNamed(c, named) : undefined;
    if (client) c.set("client", client);
    if (routeOperator && routeOperator !== "*") c.set("place", routeOperator);
    const operator = client?.operator ?? c.get("caller")?.operator ?? c.get("place");
    const lang = operator && (await operatorOf(c.env, operator))?.lang;
    if (lang) c.set("operatorLang", lang);
  } catch (error) {
    logError("audience not known", error);
  }
}

async function clientNamed(c: Context<ShieldEnv>, id: string): Promise<Client | undefined> {
  const [client] = await clientById(database(c.env), id);
  return client;
}
