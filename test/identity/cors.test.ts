import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { aClient, shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

// A database object of its own, so that what other tests have made the worker remember does not count.
const fresh = () => envWith({ DB: Object.create(env.DB) as D1Database });

test("browsers may call from an origin that a client names, and from no other", async () => {
  await aClient({ origins: ["https://lk.example.net"] });
  const environment = fresh();
  const asked = async (origin: string) => {
    const headers = { origin, "access-control-request-method": "POST" };
    const answer = await shield("/accounts", { method: "OPTIONS", headers, env: environment });
    return answer.headers.get("access-control-allow-origin");
  };
  expect(await asked("https://lk.example.net")).toBe("https://lk.example.net");
  expect(await asked("https://evil.example.net")).toBeNull();
});

test("an app can read whether an answer was given before", async () => {
  const origin = "https://app.example.net";
  await aClient({ origins: [origin] });
  const answer = await shield("/me", { headers: { origin }, env: fresh() });
  expect(answer.headers.get("access-control-expose-headers")?.toLowerCase()).toContain("idempotency-replayed");
});

test("a problem can be read from a client's origin too", async () => {
  await aClient({ origins: ["https://tv.example.net"] });
  const answer = await shield("/me", { headers: { origin: "https://tv.example.net" }, env: fresh() });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.headers.get("access-control-allow-origin")).toBe("https://tv.example.net");
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
});
