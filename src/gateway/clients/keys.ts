import type { Context, MiddlewareHandler } from "hono";
import { type Env, settings } from "#env.ts";
import { knowsToken } from "#operator/integration-token.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";
import { numberOfKey } from "./key-queries.ts";

/** Who brings something to the gateway: the number of a gateway client, null for the operator and for strangers. */
export interface Caller {
  client: string | null;
  isOperator: boolean;
}

export interface ClientEnv extends AppEnv {
  Variables: Caller;
}

/** A new key for a gateway client. The key is shown once; only the hash is kept. */
export function newClientKey(): { key: string; hash: string } {
  const key = `gwk_${randomId(32)}`;
  return { key, hash: sha256(key) };
}

/**
 * Knows a gateway client by its key, and the operator by INTEGRATION_TOKEN. Without any Authorization a stranger passes where
 * GATEWAY_OPEN is set; a wrong key never does, or a client would not notice that its key has ended.
 */
export const knowClient: MiddlewareHandler<ClientEnv> = async (c, next) => {
  const caller = await callerOf(c);
  const isStranger = !caller && c.req.header("authorization") === undefined && settings(c.env).GATEWAY_OPEN;
  if (!caller && !isStranger) throw new AppError("unauthenticated", "unknown gateway client");
  c.set("client", caller?.client ?? null);
  c.set("isOperator", caller?.isOperator ?? false);
  await next();
};

/** Who asks, by what they show; undefined for nothing or for something that we do not know. */
export async function callerOf(c: Context): Promise<Caller | undefined> {
  if (knowsToken(c)) return { client: null, isOperator: true };
  const [, key] = /^bearer +(gwk_[\w-]+)\s*$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (!key) return undefined;
  const client = await clientOfKey(c.env, key);
  return client === undefined ? undefined : { client, isOperator: false };
}

async function clientOfKey(env: Env, key: string): Promise<string | undefined> {
  const row = await numberOfKey(database(env), settings(env).OPERATOR, sha256(key));
  return row?.msisdn;
}
