import * as z from "zod";
import type { Settings } from "#env.ts";
import { answerText, call } from "#platform/outbound.ts";
import type { OperatorCall } from "./tables.ts";

/** What came of one attempt. `alarm`: nothing passes until somebody acts. */
export interface Outcome {
  result: "taken" | "refused" | "later";
  error?: string;
  alarm?: boolean;
}

/** What a billing says of a question that it understood and will never take, whoever repeats it. */
const NEVER = new Set([400, 409, 410, 413, 422]);
/** An old connector that does not know the function; it learns of payments from the bank, as it always has. */
const UNKNOWN = new Set([404, 405, 501]);

const ANSWER_BYTES = 64 * 1024;

/**
 * Makes one call of the outbox: POST {BILLING_URL}/{function}, JSON of the arguments, the id as `Idempotency-Key`. Taken is 204 or a
 * 2xx with a JSON object: a page that some proxy put in between has taken nothing. An old billing's envelope may say in its `code`
 * what its status does not. Throws `unavailable` when nobody answers.
 */
export async function makeCall(
  config: Settings,
  row: Pick<OperatorCall, "id" | "function" | "arguments">,
): Promise<Outcome> {
  const { BILLING, BILLING_URL, BILLING_TOKEN } = config;
  if (!BILLING_URL) return { result: "later", error: "BILLING_URL is not set", alarm: true };
  const headers = {
    "content-type": "application/json",
    "idempotency-key": row.id,
    ...(BILLING_TOKEN && { authorization: `Bearer ${BILLING_TOKEN}` }),
  };
  const url = `${BILLING_URL}/${row.function}`;
  const response = await call(url, { method: "POST", headers, body: JSON.stringify(row.arguments) });
  const answer = response.ok ? await objectIn(response) : await response.body?.cancel();
  if (response.ok && !answer) return { result: "later", error: `The billing answered ${response.status} without JSON` };
  const status = (BILLING === "legacy" && Envelope.safeParse(answer).data?.code) || response.status;
  if (status < 300) return { result: "taken" };
  const error = `The billing answered ${status}`;
  if (NEVER.has(status)) return { result: "refused", error, alarm: true };
  if (BILLING === "legacy" && UNKNOWN.has(status)) return { result: "refused", error };
  return { result: "later", error, alarm: [401, 403, 404].includes(status) };
}

const Envelope = z.object({ code: z.int().min(400).max(599) });

async function objectIn(response: Response): Promise<object | undefined> {
  if (response.status === 204) return {};
  try {
    const answer: unknown = JSON.parse(await answerText(response, ANSWER_BYTES));
    return typeof answer === "object" ? (answer ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}
