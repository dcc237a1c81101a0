import { afterEach, expect, test, vi } from "vitest";
import { call, outside } from "../support/world.ts";
import { aNumber } from "./gateway-world.ts";
import { aGateway, aSender, bring, deliver, rowOf, stateOf } from "./inbound-world.ts";

// Publishers that behave badly, and a gateway that is not in use for a while.

afterEach(() => {
  vi.restoreAllMocks();
});

const brokenOff = (status: number) =>
  new Response(new ReadableStream({ start: (controller) => controller.error(new Error("connection reset")) }), {
    status,
  });

test("a publisher that says 200 and breaks off has taken the SMS", async () => {
  const { env } = aGateway();
  outside(() => brokenOff(200));
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write("t:hello") });
  expect(await deliver(env, id)).toEqual([undefined]);
  expect(await stateOf(env, id)).toBe("published");
});

test("one that is out of order and breaks off has not", async () => {
  const { env } = aGateway();
  outside(() => brokenOff(500));
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write("t:hello") });
  expect(await deliver(env, id)).toEqual([1]);
  expect(await rowOf(env, id)).toMatchObject({ state: "opened", error: "The publisher answered 500" });
  vi.spyOn(console, "error").mockImplementation(() => {});
  const sms = { method: "POST", body: JSON.stringify({ text: "x", MSISDN: aNumber() }) };
  expect((await call("/v3/publish", sms, env)).status).toBe(503);
});

test("of a publisher that talks without end nothing is taken in", async () => {
  const { env } = aGateway();
  let [pulled, isCancelled] = [0, false];
  const endless = () =>
    new ReadableStream(
      {
        pull: (controller) => {
          pulled++;
          controller.enqueue(new Uint8Array(1 << 20));
        },
        cancel: () => {
          isCancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
  outside(() => new Response(endless()));
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write("t:hello") });
  await deliver(env, id);
  expect([pulled, isCancelled, await stateOf(env, id)]).toEqual([0, true, "published"]);
});

test("an SMS that was taken before the gateway lost its settings waits for them", async () => {
  const { env, queued } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write("t:hello") });
  const idle = { ...env, GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" } as typeof env;
  expect(await deliver(idle, id)).toEqual([undefined]);
  expect(await rowOf(env, id)).toMatchObject({ state: "received", attempts: 0, claimed_until: null });
  await deliver(
    env,
    queued.map((job) => job.id),
  );
  expect(world.asked).toHaveLength(1);
});
