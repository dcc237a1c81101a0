import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { call } from "#platform/outbound.ts";

const TIME_LIMIT_MS = 10_000;

export interface Asked {
  contentType: string;
  text: string;
}

/**
 * One POST to `{PUBLISHER_URL}/publish`: the configured host and no other, whatever a request says. `id` makes repetitions one. The
 * answer's body is the caller's to limit. Throws AppError `unavailable` when nobody answers within ten seconds.
 */
export function askPublisher(env: Env, { contentType, text }: Asked, id?: string): Promise<Response> {
  const { PUBLISHER_URL, PUBLISHER_TOKEN } = settings(env);
  if (!PUBLISHER_URL) throw new AppError("unavailable", "PUBLISHER_URL is not set");
  const headers = {
    "content-type": contentType,
    ...(id !== undefined && { "idempotency-key": id }),
    ...(PUBLISHER_TOKEN !== undefined && { authorization: `Bearer ${PUBLISHER_TOKEN}` }),
  };
  return call(`${PUBLISHER_URL}/publish`, { method: "POST", headers, body: text, timeLimitMs: TIME_LIMIT_MS });
}
