import { type Env, settings } from "#env.ts";
import { sameText } from "#platform/crypto.ts";
import type { After } from "#platform/http.ts";
import { answer, forbidden } from "./answer.ts";
import { type Ask, type Forward, playAsk, queryOf } from "./ask.ts";
import { decide } from "./callout.ts";

/** Where media servers ask. */
export const CALLOUT = "/api/accessfl";

/** A viewer's GET, by whatever way it came in. */
export function play(request: Request, env: Env, background: After): Response | Promise<Response> {
  const query = queryOf(request.url);
  return reply(env, playAsk(query), { query }, background);
}

// Not async: a promise would cost a warm callout as much as the decision itself.
export function reply(env: Env, ask: Ask, forward: Forward, background: After): Response | Promise<Response> {
  const now = Date.now();
  const verdict = decide(env, ask, forward, background, now);
  return verdict instanceof Promise ? verdict.then((late) => answer(env, late, now)) : answer(env, verdict, now);
}

/** Without FLUSSONIC_SECRET everybody may ask: an answer tells only what the token's owner knows already. */
export function hasBearer({ headers }: Request, env: Env): boolean {
  const { FLUSSONIC_SECRET } = settings(env);
  return FLUSSONIC_SECRET === undefined || sameText(headers.get("authorization") ?? "", `Bearer ${FLUSSONIC_SECRET}`);
}

/**
 * Answers a viewer's callout before the router is asked, and leaves every other request to it: undefined. A warm
 * callout needs no more than Hono's own work for a request, so this is a tenth of its throughput.
 */
export function playAtOnce(
  request: Request,
  env: Env,
  context: ExecutionContext,
): Response | Promise<Response> | undefined {
  const { url } = request;
  const path = url.indexOf("/", 8);
  if (!url.startsWith(`${CALLOUT}?`, path) || request.method !== "GET") return undefined;
  return hasBearer(request, env) ? play(request, env, (work) => context.waitUntil(work())) : forbidden();
}
