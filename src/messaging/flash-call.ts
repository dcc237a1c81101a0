import type { Settings } from "#env.ts";
import { call } from "#platform/outbound.ts";
import type { Outcome, Outgoing, Transport } from "./transport.ts";

/** Answers after which the same request would be refused again. */
const PERMANENT = new Set([400, 403, 404, 422]);

/**
 * A call whose caller number ends in the code: `POST FLASHCALL_URL {"to","code","id"}`. The provider may use
 * `id` to ring once only when a request comes twice. Its answer is not read, because it may repeat the code.
 */
export function flashCallTransport(settings: Settings): Transport {
  return {
    async send(message) {
      const response = await call(settings.FLASHCALL_URL!, request(settings, message));
      await response.body?.cancel();
      return outcomeOf(response);
    },
  };
}

function request({ FLASHCALL_TOKEN }: Settings, { id, to, text: code }: Outgoing) {
  const headers = new Headers({ "content-type": "application/json" });
  if (FLASHCALL_TOKEN) headers.set("authorization", `Bearer ${FLASHCALL_TOKEN}`);
  return { method: "POST", headers, body: JSON.stringify({ to, code, id }) };
}

function outcomeOf({ ok, status }: Response): Outcome {
  if (ok) return { result: "sent" };
  const error = `HTTP ${status}`;
  return PERMANENT.has(status) ? { result: "refused", error, alarm: status === 403 } : { result: "later", error };
}
