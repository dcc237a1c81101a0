import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { deliverCalls, hastenCalls, operatorCall, sweepCalls } from "#operator/calls/outbox.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { envWith, outside } from "../support/world.ts";

const remote = (vars: object = {}) =>
  envWith({ BILLING: "http", BILLING_URL: "https://billing.test/api", BILLING_TOKEN: "billing-token", ...vars });

/** A call that is written down and not yet told to any queue. */
async function aCall(now = new Date()): Promise<string> {
  const id = `paid:${randomId()}`;
  const call = { id, function: "v2/paySuccess", arguments: { amount: 650, contract: "20017", orderNumber: 17 } };
  await database(env).batch([operatorCall(env, call, now) as never]);
  return id;
}

/** Brings the queue's message, and tells what became of it. */
async function deliver(id: string, environment: Env = remote(), now = new Date()) {
  const message = { id: "m", attempts: 1, body: { id }, ack: vi.fn(), retry: vi.fn() };
  await deliverCalls({ messages: [message], queue: "operator-calls" } as never, environment, now);
  return { acked: message.ack.mock.calls.length, pause: message.retry.mock.calls[0]?.[0]?.delaySeconds };
}

const row = (id: string) =>
  env.DB.prepare("SELECT state, attempts, error, next_attempt_at AS next FROM operator_calls WHERE id = ?")
    .bind(id)
    .first<{ state: string; attempts: number; error: string | null; next: number }>();

afterEach(() => {
  vi.restoreAllMocks();
});

test("a call carries its arguments, the token and its id as the idempotency key", async () => {
  const world = outside(() => Response.json({ result: null }));
  const id = await aCall();
  expect(await deliver(id)).toEqual({ acked: 1, pause: undefined });
  const [request] = world.asked;
  expect([request!.method, request!.url]).toEqual(["POST", "https://billing.test/api/v2/paySuccess"]);
  expect(request!.headers.get("idempotency-key")).toBe(id);
  expect(request!.headers.get("authorization")).toBe("Bearer billing-token");
  expect(await request!.json()).toEqual({ amount: 650, contract: "20017", orderNumber: 17 });
  expect(await row(id)).toMatchObject({ state: "done", attempts: 1, error: null });
});

test("what was taken is not told again, whoever brings it", async () => {
  const world = outside(() => Response.json({ result: null }));
  const id = await aCall();
  await Promise.all([deliver(id), deliver(id), deliver(id)]);
  await deliver(id);
  expect(world.asked).toHaveLength(1);
});

test("the same call written down twice is one", async () => {
  const id = await aCall();
  const again = operatorCall(env, { id, function: "v2/paySuccess", arguments: { amount: 1 } });
  await database(env).batch([again as never]);
  const { results } = await env.DB.prepare("SELECT arguments FROM operator_calls WHERE id = ?").bind(id).all();
  expect(results).toEqual([{ arguments: '{"amount":650,"contract":"20017","orderNumber":17}' }]);
});

test.each<[string, () => Response | Promise<Response>, string]>([
  ["cannot be reached", () => Promise.reject(new TypeError("refused")), "billing.test does not answer"],
  ["answers 500", () => new Response("oops", { status: 500 }), "The billing answered 500"],
  ["answers 429", () => new Response("", { status: 429 }), "The billing answered 429"],
  ["refuses our token", () => new Response("", { status: 401 }), "The billing answered 401"],
  [
    "redirects",
    () => new Response("", { status: 302, headers: { location: "https://x.test" } }),
    "The billing answered 302",
  ],
  ["shows a page", () => new Response("<html>"), "The billing answered 200 without JSON"],
  ["talks without end", () => new Response(`"${"x".repeat(100_000)}"`), "The billing answered 200 without JSON"],
])("a billing that %s is told again, later and later, and never given up", async (_, answer, error) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  outside(answer);
  const start = new Date();
  const id = await aCall(start);
  expect((await deliver(id, remote(), start)).pause).toBe(1);
  expect(await row(id)).toMatchObject({ state: "queued", attempts: 1, error });

  await env.DB.prepare("UPDATE operator_calls SET attempts = 200 WHERE id = ?").bind(id).run();
  const weekLater = new Date(start.getTime() + 7 * 86_400_000);
  expect(await deliver(id, remote(), weekLater)).toEqual({ acked: 1, pause: undefined }); // the cron brings it again
  const waiting = await row(id);
  expect(waiting!.state).toBe("queued");
  expect(waiting!.next - weekLater.getTime()).toBeLessThanOrEqual(900_000);
  expect(waiting!.next - weekLater.getTime()).toBeGreaterThan(600_000);
});

test.each([400, 409, 410, 422])(
  "a billing that answers %i will never take it, and a person is alarmed",
  async (status) => {
    const alarm = vi.spyOn(console, "error").mockImplementation(() => {});
    outside(() => Response.json({ error: "no such contract 20017" }, { status }));
    const id = await aCall();
    expect(await deliver(id)).toEqual({ acked: 1, pause: undefined });
    expect(await row(id)).toMatchObject({ state: "failed", error: `The billing answered ${status}` });
    expect(alarm.mock.calls.flat().join(" ")).toMatch(/^ALARM/);
  },
);

test("an old connector that does not know the function is left alone, another billing is not", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  outside(() => new Response("", { status: 404 }));
  const [old, other] = [await aCall(), await aCall()];
  await deliver(old, remote({ BILLING: "legacy" }));
  await deliver(other);
  expect([(await row(old))!.state, (await row(other))!.state]).toEqual(["failed", "queued"]);
});

test("an old billing's refusal inside an envelope has taken nothing", async () => {
  const alarm = vi.spyOn(console, "error").mockImplementation(() => {});
  const told = async (answer: object, vars: object) => {
    outside(() => Response.json(answer));
    const id = await aCall();
    await deliver(id, remote(vars));
    return (await row(id))!.state;
  };
  const legacy = { BILLING: "legacy" };
  expect(await told({ code: 200, name: "OK", message: "Хорошо" }, legacy)).toBe("done");
  expect(await told({ code: 503, name: "Error", message: "Позже" }, legacy)).toBe("queued");
  expect(await told({ code: 422, name: "Error", message: "Нет договора" }, legacy)).toBe("failed");
  expect(alarm.mock.calls.flat().join(" ")).toMatch(/^ALARM/);
  expect(await told({ code: 503 }, {})).toBe("done"); // elsewhere a code is the billing's own affair
});

test("a call whose consumer died, or whose queue forgot it, is found by the sweep", async () => {
  const world = outside(() => Response.json({ result: null }));
  const id = await aCall();
  await env.DB.prepare("UPDATE operator_calls SET state = 'sending', next_attempt_at = ? WHERE id = ?")
    .bind(Date.now() + 30_000, id)
    .run();
  expect(await deliver(id)).toEqual({ acked: 1, pause: undefined }); // somebody else's
  expect(world.asked).toEqual([]);

  const afterwards = new Date(Date.now() + 31_000);
  const told: string[] = [];
  const queue = {
    sendBatch: async (jobs: { body: { id: string } }[]) => void told.push(...jobs.map(({ body }) => body.id)),
  };
  await sweepCalls(remote({ OPERATOR_CALLS: queue }), afterwards);
  expect(told).toContain(id);
  await deliver(id, remote(), afterwards);
  expect((await row(id))!.state).toBe("done");
});

test("a queue that is away fails nobody", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const away = remote({ OPERATOR_CALLS: { sendBatch: () => Promise.reject(new Error("queue is away")) } });
  await expect(hastenCalls(away, ["paid:1"])).resolves.toBeUndefined();
});

test("what was taken long ago is forgotten, what was refused is kept", async () => {
  const [done, failed] = [await aCall(), await aCall()];
  for (const [id, state] of [
    [done, "done"],
    [failed, "failed"],
  ] as const) {
    await env.DB.prepare("UPDATE operator_calls SET state = ?, next_attempt_at = 0 WHERE id = ?").bind(state, id).run();
  }
  await sweepCalls(remote({ OPERATOR_CALLS: { sendBatch: async () => {} } }));
  expect([await row(done), (await row(failed))?.state]).toEqual([null, "failed"]);
});

test("the queue itself brings a call to the billing", async () => {
  const id = await aCall();
  await hastenCalls(env, [id]); // the tests' deployment has a billing of its own, so nobody can be told
  await vi.waitFor(async () => expect((await row(id))!.error).toBe("BILLING_URL is not set"), { timeout: 5_000 });
});
