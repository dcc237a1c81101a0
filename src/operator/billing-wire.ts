import type { z } from "zod";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";

/** Where the operator's billing answers. */
export interface BillingAddress {
  url: string;
  token: string | undefined;
  /** Go past the cache: money and doors are decided on what is true now. */
  fresh: boolean;
  /** Keep nothing of it, neither question nor answer: it has a password in it, or changes something. */
  once?: boolean;
}

const CACHE_MS = 10_000;
const CACHE_ENTRIES = 1_000;
/** Room for a year's statement, and for every contract of a whole house. */
const ANSWER_BYTES = 2 * 1024 * 1024;

/** Longer ones are asked for again: a thousand of them would not fit into an isolate. */
const CACHED_LENGTH = 50_000;

// Of this isolate only. Texts and no promises: a request may not wait for the I/O of another one. As they came, because
// one question may be asked by readers who look for different things.
const cache = new Map<string, { text: string; until: number }>();

/**
 * One question to the billing: JSON in, JSON out, checked. Answers are remembered for ten seconds, refusals
 * and what is asked `once` never. Whatever goes wrong on the way is `unavailable`, reason `billing_down`.
 */
export async function askBilling<S extends z.ZodType>(
  { url, token, fresh, once = false }: BillingAddress,
  path: string,
  question: Record<string, unknown>,
  Answer: S,
  now = Date.now(),
): Promise<z.output<S>> {
  const body = JSON.stringify(question);
  const key = `${url}/${path} ${body}`;
  const hit = fresh || once ? undefined : cache.get(key);
  const known = hit && hit.until > now ? Answer.safeParse(JSON.parse(hit.text)) : undefined;
  if (known?.success) return known.data;

  const { text, value } = await answerOf(`${url}/${path}`, token, body, Answer);
  if (once) return value;
  cache.delete(key);
  if (cache.size >= CACHE_ENTRIES) cache.delete(cache.keys().next().value!);
  if (text.length <= CACHED_LENGTH) cache.set(key, { text, until: now + CACHE_MS });
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
    const text = await answerText(response, ANSWER_BYTES);
    return { text, value: Answer.parse(JSON.parse(text)) };
  } catch (cause) {
    throw new AppError("unavailable", "The billing does not answer", { reason: "billing_down", cause });
  }
}
