import { env } from "cloudflare:test";
import { expect, vi } from "vitest";
import { randomDigits } from "#platform/crypto.ts";
import type { PanelJob } from "#premises/panels/tables.ts";

/** A panel's address that no other test has, and that may be called in development. */
export const aPanelAddress = () => `127.0.0.1:${20_000 + Number(randomDigits(4)) * 4}`;

/** Stands in for all panels; writes down what each of them is told, without its address. */
export function panels(answer: (request: Request) => Response | Promise<Response> = () => new Response("OK")) {
  const told = new Map<string, string[]>();
  const at = (host: string) => told.get(host) ?? told.set(host, []).get(host)!;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const { host, pathname, search } = new URL(request.url);
    expect(request.headers.get("authorization")).toBe(`Basic ${btoa("admin:p@nel")}`);
    at(host).push(`${request.method} ${pathname}${search} ${await request.clone().text()}`.trim());
    return answer(request);
  });
  return { at };
}

/** What panels are to do with the contract's keys, and how far that is. */
export async function jobsOf(
  uid: number,
): Promise<Pick<PanelJob, "change" | "state" | "flat" | "attempts" | "error" | "key">[]> {
  const { results } = await env.DB.prepare(
    "SELECT device_id, key, change, flat, state, attempts, error, version FROM panel_jobs WHERE operator = 'main' AND uid = ? ORDER BY device_id, key",
  )
    .bind(uid)
    .all();
  return results as never;
}

/** Waits until no panel has anything to do for the contract. */
export async function settled(uid: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const jobs = await jobsOf(uid);
      expect(jobs.filter(({ state }) => state !== "done" && state !== "failed")).toEqual([]);
    },
    { timeout: 10_000, interval: 20 },
  );
}

/** Takes back what panels have yet to do: after a test there is no panel any more. */
export async function clearPanels(): Promise<void> {
  await env.DB.prepare("DELETE FROM panel_jobs WHERE state IN ('queued', 'sending')").run();
}
