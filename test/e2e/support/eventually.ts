import { setTimeout as sleep } from "node:timers/promises";

interface Patience {
  withinMs?: number;
  everyMs?: number;
}

/** Asks until the answer is neither undefined, null, false nor an error, and returns it. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  { withinMs = 20_000, everyMs = 100 }: Patience = {},
): Promise<T> {
  const deadline = Date.now() + withinMs;
  let problem: unknown;
  do {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    await sleep(everyMs);
  } while (Date.now() < deadline);
  throw new Error(`Waited ${withinMs / 1000} s in vain for ${what}`, { cause: problem });
}
