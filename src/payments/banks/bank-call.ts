import type { z } from "zod";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";

const ANSWER_BYTES = 256 * 1024;
/** Banks are slow, and a payment is worth the wait. */
const TIME_LIMIT_MS = 15_000;

/** One question to a bank: its checked JSON answer with the status. Throws `unavailable` when there is none, or a 5xx. */
export async function askBank<S extends z.ZodType>(
  url: string,
  init: RequestInit,
  Answer: S,
): Promise<{ status: number; answer: z.output<S> }> {
  const response = await call(url, { timeLimitMs: TIME_LIMIT_MS, ...init });
  try {
    const answer = Answer.parse(JSON.parse(await answerText(response, ANSWER_BYTES)));
    if (response.status < 500 && response.status !== 429) return { status: response.status, answer };
  } catch (cause) {
    throw new AppError("unavailable", `The bank answered ${response.status}`, { reason: "bank", cause });
  }
  throw new AppError("unavailable", `The bank answered ${response.status}`, { reason: "bank" });
}

/** The bank will not have this payment. What it says is for the log of the operator, not for the payer. */
export function refused(why: string): AppError {
  console.error("the bank refused:", why.slice(0, 300));
  return new AppError("forbidden", "The bank refused the payment", { reason: "bank" });
}
