import { call } from "#platform/outbound.ts";
import type { Forward } from "./ask.ts";

/** What the second auth backend answered, as far as a media server reads it. */
export interface Passed {
  body: ArrayBuffer;
  headers: [string, string][];
}

const TIME_LIMIT_MS = 3_000;
const PASSED_ON = ["Content-Type", "X-AuthDuration", "X-UserId", "X-Max-Sessions", "X-Unique"];

/**
 * Asks the second auth backend (PROXYFL) with the call as it came. Its 200 is passed on; any other answer, no
 * answer and one that takes longer than 3 s (Flussonic waits no longer either) are a no: undefined.
 */
export async function askElsewhere(backend: string, { query, body }: Forward): Promise<Passed | undefined> {
  const url = query === "" ? backend : `${backend}${backend.includes("?") ? "&" : "?"}${query}`;
  const init = body === undefined ? {} : { method: "POST", body, headers: { "Content-Type": "application/json" } };
  try {
    const answer = await call(url, { ...init, timeLimitMs: TIME_LIMIT_MS });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      return undefined;
    }
    const headers = PASSED_ON.flatMap((name): [string, string][] => {
      const value = answer.headers.get(name);
      return value === null ? [] : [[name, value]];
    });
    return { body: await answer.arrayBuffer(), headers };
  } catch (error) {
    console.error("the second auth backend gave no answer:", error instanceof Error ? error.message : "");
    return undefined;
  }
}
