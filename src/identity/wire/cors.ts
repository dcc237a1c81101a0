import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { clientOrigins } from "../clients/queries.ts";
import type { ShieldEnv } from "./context.ts";

const TRUSTED_MS = 60_000;
const memos = new WeakMap<D1Database, { origins: Set<string>; at: number }>();

/** Browsers may call from the origins that some client names. Whose request it is decides the token, not the origin. */
export const allowClientOrigins: MiddlewareHandler<ShieldEnv> = cors({
  origin: async (origin, c) => (origin !== "" && (await knownOrigins(c.env as Env)).has(origin) ? origin : null),
  allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
  allowHeaders: ["authorization", "content-type", "accept-language", "if-match", "idempotency-key"],
  exposeHeaders: ["x-request-id", "retry-after", "www-authenticate", "etag", "idempotency-replayed"],
  maxAge: 600,
});

async function knownOrigins(env: Env): Promise<Set<string>> {
  const memo = memos.get(env.DB);
  if (memo && Date.now() - memo.at < TRUSTED_MS) return memo.origins;
  const rows = await clientOrigins(database(env));
  const origins = new Set(rows.flatMap((row) => row.origins));
  memos.set(env.DB, { origins, at: Date.now() });
  return origins;
}
