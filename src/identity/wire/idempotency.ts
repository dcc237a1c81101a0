import type { Context, MiddlewareHandler } from "hono";
import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { keyFor, open, seal, sha256, shortMac } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import type { ShieldEnv } from "./context.ts";
import { type Claim, claimKey, deleteOldKeys, keepAnswer, keyState, releaseKey } from "./idempotency-queries.ts";

const DAY = 86_400_000;
/** Longer than any call of ours takes: whoever has a key for so long has died. */
const STUCK_MS = 60_000;
const MAX_ANSWER = 256 * 1024;
const KEPT_HEADERS = ["content-type", "location", "etag", "content-language"];

/**
 * Makes a creating call repeatable: with an `Idempotency-Key`, the same call by the same caller creates once, and for a day gets the
 * first one's answer again, marked `Idempotency-Replayed`. Stands behind the middleware that finds out who calls. A
 * failure is not kept: it created nothing, so the key is free for another attempt. Throws `idempotency_conflict` for
 * another body under the same key, `idempotency_in_progress` while the first call is at work.
 */
export const idempotent: MiddlewareHandler<ShieldEnv> = async (c, next) => {
  const key = c.req.header("idempotency-key")?.trim();
  if (key === undefined) return next();
  if (!/^[\x20-\x7e]{1,255}$/.test(key)) throw fail("malformed_request");
  const now = new Date();
  const claim = await claimOf(c, key, now);
  const db = database(c.env);
  const [claimed, [kept]] = await db.batch([
    claimKey(db, claim, new Date(now.getTime() - DAY), new Date(now.getTime() - STUCK_MS)),
    keyState(db, claim),
  ]);
  if (claimed.length === 0) {
    if (kept && kept.bodyHash !== claim.bodyHash) throw fail("idempotency_conflict");
    if (!kept?.answer) throw fail("idempotency_in_progress", { retryAfter: 1 });
    return replayed(c.env, kept.id, kept.answer);
  }
  try {
    await next();
  } catch (error) {
    await releaseKey(db, claim);
    throw error;
  }
  await settle(c, claim);
};

/** Whose key it is: two callers may think of the same one, and one caller may use it for two routes. */
async function claimOf(c: Context<ShieldEnv>, key: string, now: Date): Promise<Claim> {
  const { caller, admin, client } = c.var;
  const who = caller ? `${caller.kind}:${caller.id}` : admin ? `admin:${admin.id}` : `client:${client?.id ?? ""}`;
  const { pathname, search } = new URL(c.req.url);
  return {
    operator: caller?.operator ?? client?.operator ?? "*",
    id: sha256([who, c.req.method, pathname + search, key].join("\n")),
    // A MAC, not a hash: a body may hold a password, which must not be guessed from what is stored here.
    bodyHash: shortMac(keyFor(settings(c.env).PEPPERS.current.key, "idempotency"), await c.req.text(), 32),
    createdAt: now,
  };
}

interface Answer {
  status: number;
  headers: [string, string][];
  body: string;
}

/** Keeps what came out, sealed, because it may hold a secret that is shown once. The caller has the answer whatever becomes of this. */
async function settle(c: Context<ShieldEnv>, claim: Claim): Promise<void> {
  const db = database(c.env);
  try {
    const { status, headers } = c.res;
    const body = status < 400 ? await c.res.clone().text() : "";
    if (status >= 400 || body.length > MAX_ANSWER) return void (await releaseKey(db, claim));
    const kept = KEPT_HEADERS.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)!] as const] : []));
    const answer = JSON.stringify({ status, headers: kept, body });
    await keepAnswer(db, claim, status, await seal(settings(c.env).MASTER_KEY, answer, claim.id));
  } catch (error) {
    logError("an answer was not kept for repetition", error);
  }
}

async function replayed(env: Env, id: string, sealed: string): Promise<Response> {
  const { status, headers, body } = JSON.parse(await open(settings(env).MASTER_KEY, sealed, id)) as Answer;
  return new Response(body === "" ? null : body, { status, headers: [...headers, ["Idempotency-Replayed", "true"]] });
}

/** Every minute: answers that are too old to be repeated. */
export async function forgetIdempotency(env: Env, now = new Date()): Promise<void> {
  await deleteOldKeys(database(env), new Date(now.getTime() - DAY), 1000);
}
