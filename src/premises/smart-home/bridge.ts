// Controllers keep a line of their own open to the operator's bridge; it answers us over HTTP: docs/smart-home.md.
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { answerText, call } from "#platform/outbound.ts";
import { NO_BRIDGE, type Outcome, REFUSED, refused, SILENT } from "./outcome.ts";

/** A controller takes a while to open itself for new things, and the app waits thirty seconds at most. */
const TIME_LIMIT_MS = 15_000;
const MAX_ANSWER = 16_384;
const MAX_MESSAGE = 300;

const Answer = z.object({
  result: z.boolean(),
  message: z
    .string()
    .nullish()
    .transform((text) => (text ?? "").slice(0, MAX_MESSAGE)),
});

export type Order =
  | { name: "device_add"; nodeUuid: string; uid: number }
  | { name: "device_remove"; nodeUuid: string; itemId: string };

/** Has a controller do something. A bridge that is missing, silent or not understood is a refusal, and never an error. */
export async function tellController(env: Env, { name, ...order }: Order): Promise<Outcome> {
  const { SMART_HOME_URL, SMART_HOME_TOKEN } = settings(env);
  if (!SMART_HOME_URL) return refused(NO_BRIDGE);
  try {
    const response = await call(`${SMART_HOME_URL}/${name}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(SMART_HOME_TOKEN && { authorization: `Bearer ${SMART_HOME_TOKEN}` }),
      },
      body: JSON.stringify(order),
      timeLimitMs: TIME_LIMIT_MS,
    });
    const text = await answerText(response, MAX_ANSWER);
    if (!response.ok) throw new AppError("unavailable", `The bridge answers ${response.status}`);
    const { result, message } = Answer.parse(JSON.parse(text));
    return { done: result, reason: result ? "" : REFUSED, text: message };
  } catch (error) {
    logError(`smart home bridge, ${name}`, error);
    return refused(SILENT);
  }
}
