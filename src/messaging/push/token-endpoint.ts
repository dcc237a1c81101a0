import * as z from "zod";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";
import type { Granted } from "./kept-token.ts";

const Answer = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().default(3600),
});

/**
 * Asks an OAuth token endpoint (RFC 6749). Throws AppError `unavailable`; its reason is `bad_credentials` when the endpoint
 * refuses them. What it says to a refusal is not repeated, because it may quote the request.
 */
export async function askForToken(url: string, form: Record<string, string>, timeLimitMs: number): Promise<Granted> {
  const response = await call(url, { method: "POST", body: new URLSearchParams(form), timeLimitMs });
  const text = await answerText(response, 16_384);
  if (response.ok) return granted(text);
  const isRefused = response.status < 500 && response.status !== 408 && response.status !== 429;
  throw new AppError("unavailable", `The token endpoint answers HTTP ${response.status}`, {
    ...(isRefused && { reason: "bad_credentials" }),
  });
}

function granted(text: string): Granted {
  try {
    const { access_token: token, expires_in: lifeSeconds } = Answer.parse(JSON.parse(text));
    return { token, lifeSeconds };
  } catch {
    throw new AppError("unavailable", "The token endpoint makes no sense");
  }
}
