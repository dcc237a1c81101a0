import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { logError } from "#platform/log.ts";
import { forClient } from "./headers.ts";
import { type Provider, serviceOf } from "./providers.ts";

export interface Outgoing {
  provider: Provider;
  url: string;
  method: string;
  headers: Headers;
  /** Streamed through, never held. */
  body: ReadableStream | null;
  /** Until the target's answer begins; what it then sends may take as long as it takes. */
  timeoutMs: number;
}

// DELETE and PUT are idempotent too, and without a body there is nothing that was consumed by the first try.
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

/**
 * Asks the target, once more where the connection failed and asking twice is as good as once. Redirects are handed on: following
 * one would leave the checked host. Throws `upstream_timeout`, `upstream_unavailable`.
 */
export async function ask(env: Env, outgoing: Outgoing): Promise<Response> {
  const { provider, url, method, headers, body, timeoutMs } = outgoing;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timeoutMs);
  const tooLate = new Promise<never>((_, reject) => {
    limit.signal.addEventListener("abort", () => reject(limit.signal.reason));
  });
  const send = () =>
    // Not kept in Cloudflare's cache, whose key is the URL: the answer may be for this caller alone.
    fetcherOf(env, provider)(url, {
      ...{ method, headers, body, redirect: "manual", signal: limit.signal, cf: { cacheTtl: -1 } },
    });
  const maySendAgain = body === null && IDEMPOTENT.has(method);
  try {
    const answer = send().catch((error: unknown) => {
      if (!maySendAgain || limit.signal.aborted) throw error;
      return send();
    });
    return await Promise.race([answer, tooLate]);
  } catch (cause) {
    if (limit.signal.aborted) throw fail("upstream_timeout", { cause });
    throw fail("upstream_unavailable", { cause });
  } finally {
    clearTimeout(timer);
  }
}

function fetcherOf(env: Env, provider: Provider): typeof fetch {
  if (provider.kind !== "service") return (input, init) => fetch(input, init);
  const service = serviceOf(env, provider.binding);
  if (!service) throw fail("upstream_unavailable");
  return (input, init) => service.fetch(input as string, init);
}

/**
 * The target's answer as the client gets it: as it is, without what concerns only its neighbour. What a target says about its own
 * failure may tell too much, so of that only the fact is handed on: throws `upstream_unavailable`.
 */
export async function handOn(answer: Response, requestId: string): Promise<Response> {
  if (answer.status >= 500) {
    await answer.body?.cancel();
    logError("target failed", { status: answer.status, requestId });
    const seconds = /^\d{1,5}$/.exec(answer.headers.get("retry-after") ?? "")?.[0];
    throw fail("upstream_unavailable", { retryAfter: seconds === undefined ? undefined : Number(seconds) });
  }
  const headers = forClient(answer.headers);
  headers.set("X-Request-Id", requestId);
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
}
