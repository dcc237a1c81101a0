import * as z from "zod";
import { answerText } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import { retryAfter } from "./retry-after.ts";

// How Firebase, and RuStore after its model, say no: {"error": {"code", "message", "status", "details": [{"errorCode", …}]}}.

export interface Refusal {
  status: number;
  code: string;
  /** The address itself is what the service does not know. */
  isAddress: boolean;
  pauseSeconds: number | undefined;
}

const Detail = z.looseObject({
  errorCode: z.string().optional(),
  fieldViolations: z.array(z.looseObject({ field: z.string().optional() })).optional(),
});
const Answer = z.object({
  error: z.object({
    message: z.string().default(""),
    status: z.string().default(""),
    details: z.array(Detail).default([]),
  }),
});

/** What the answer refuses; undefined when it took the push. */
export async function refusalIn(response: Response): Promise<Refusal | undefined> {
  if (response.ok) {
    await response.body?.cancel();
    return undefined;
  }
  const { message, status, details } = errorOf(await answerText(response, 65_536));
  const code = details.find(({ errorCode }) => errorCode)?.errorCode ?? status;
  const fields = details.flatMap(({ fieldViolations = [] }) => fieldViolations.map(({ field }) => field));
  const isAddress = fields.includes("message.token") || /registration token/i.test(message);
  return { status: response.status, code: nameOf(code), isAddress, pauseSeconds: retryAfter(response) };
}

function errorOf(text: string): z.output<typeof Answer>["error"] {
  try {
    return Answer.parse(JSON.parse(text)).error;
  } catch {
    return { message: "", status: "", details: [] }; // a proxy's page
  }
}

// Whatever is not a plain name may quote the message, and the row keeps what is said here.
const nameOf = (code: string) => (/^[A-Z_]{1,40}$/.test(code) ? code : "");

/** What a refusal means for a push to this token. */
export function outcomeOf(service: string, token: string, { status, code, isAddress, pauseSeconds }: Refusal): Outcome {
  const error = `${service}: HTTP ${status} ${code}`.trim();
  const isGone = status === 404 && (code === "UNREGISTERED" || code === "NOT_FOUND");
  if (isGone || (status === 400 && isAddress)) return { result: "refused", error, gone: token };
  // The token is another project's. Which of the two is wrong only a person can tell, so the token stays.
  if (code === "SENDER_ID_MISMATCH") return { result: "refused", error };
  if (status === 401 || status === 403) return { result: "later", error, alarm: true };
  const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isRefused ? { result: "refused", error } : { result: "later", error, pauseSeconds };
}
