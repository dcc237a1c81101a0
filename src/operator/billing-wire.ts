import type { z } from "zod";
import { AppError } from "#platform/errors.ts";
import { call } from "#platform/outbound.ts";

/** Where the operator's billing answers. */
export interface BillingAddress {
  url: string;
  token: string | undefined;
  /** Go past the cache: money and doors are decided on what is true now. */
  fresh: boolean;
}

const CACHE_MS = 10_000;
const CACHE_ENTRIES = 1_000;

// Of this isolate only. Values and no promises: a request may not wait for the I/O of another one.
const cache = new Map<string, { value: unknown; until: number }>();

/**
 * One question to the billing: JSON in, JSON out, checked. Answers are remembered for ten seconds, refusals
 * never. Whatever goes wrong on the way is `unavailable`, reason `billing_down`.
 */
export async function askBilling<S extends z.ZodType>(
  { url, token, fresh }: BillingAddress,
  path: string,
  question: Record<string, unknown>,
  Answer: S,
  now = Date.now(),
): Promise<z.output<S>> {
  const body = JSON.stringify(question);
  const key = `${url}/${path} ${body}`;
  const hit = fresh ? undefined : cache.get(key);
  if (hit && hit.until > now) return hit.value as z.output<S>;

  const value = await answerOf(`${url}/${path}`, token, body, Answer);
  cache.delete(key);
  if (cache.size >= CACHE_ENTRIES) cache.delete(cache.keys().next().value!);
  cache.set(key, { value, until: now + CACHE_MS });
  return value;
}

async function answerOf<S extends z.ZodType>(url: string, token: string | undefined, body: string, Answer: S) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  try {
    const response = await call(url, { method: "POST", headers, body });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`The billing answered ${response.status}`);
    }
    return Answer.parse(await response.json());
  } catch (cause) {
    throw new AppError("unavailable", "The billing does not answer", { reason: "billing_down", cause });
  }
}
