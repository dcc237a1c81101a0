import { afterEach, expect, test, vi } from "vitest";
import { remoteBilling } from "#operator/billing.ts";
import { aPhone, envWith } from "../support/world.ts";

const URL_OF_BILLING = "https://billing.example.net/api/";

const billing = (options?: { fresh?: boolean }, BILLING = "http") =>
  remoteBilling(envWith({ BILLING, BILLING_URL: URL_OF_BILLING, BILLING_TOKEN: "billing-token" }), options)!;

/** Stands in for the operator's system, and writes down what it is asked. */
function answers(answer: () => Response | Promise<Response>) {
  const asked: { url: string; authorization: string | null; body: unknown }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push({ url: request.url, authorization: request.headers.get("authorization"), body: await request.json() });
    return answer();
  });
  return asked;
}

const result = (value: unknown) => () => Response.json({ result: value });

let lastUid = 1_000_000 + Math.floor(Math.random() * 1e9);
const aUid = () => lastUid++;

afterEach(() => {
  vi.restoreAllMocks();
});

test("contracts are the billing's address list", async () => {
  const phone = aPhone();
  const asked = answers(
    result([
      { uid: 501, login: "20017", address: "г. Тула, ул. Мира, д. 3 кв. 8", cams_open: true, cams_paid: false },
      { uid: "502", login: 20018, address: "г. Тула, ул. Мира, д. 5", flat: 12, services: ["cctv"] },
      { uid: 0, login: "", address: "Здесь будет Ваш адрес" },
    ]),
  );
  const everything = ["internet", "iptv", "ctv", "phone", "cctv", "domophone"];
  expect(await billing().contractsOf(phone)).toEqual([
    { uid: 501, login: "20017", address: "г. Тула, ул. Мира, д. 3 кв. 8", flat: "8", services: everything },
    { uid: 502, login: "20018", address: "г. Тула, ул. Мира, д. 5", flat: "12", services: ["cctv"] },
  ]);
  expect(asked).toEqual([
    {
      url: "https://billing.example.net/api/v2/addressList",
      authorization: "Bearer billing-token",
      body: { phone: Number(phone) },
    },
  ]);
});

test("states are asked for all devices at once; one that is passed over is not connected", async () => {
  const uid = aUid();
  const asked = answers(result({ 1: 2, 2: "1" }));
  expect(await billing().statesOf(uid, [2, 1, 3, 1])).toEqual(
    new Map(Object.entries({ 1: 2, 2: 1, 3: 0 }).map(([k, v]) => [Number(k), v])),
  );
  expect(asked).toMatchObject([{ url: `${URL_OF_BILLING}v2/isActiv`, body: { uid, ids: [1, 2, 3] } }]);
});

test("no devices are no question", async () => {
  const asked = answers(result({}));
  expect(await billing().statesOf(aUid(), [])).toEqual(new Map());
  expect(asked).toEqual([]);
});

test.each<[string, () => Response | Promise<Response>]>([
  ["cannot be reached", () => Promise.reject(new TypeError("connect ECONNREFUSED"))],
  ["is too slow", () => Promise.reject(new DOMException("The operation timed out", "TimeoutError"))],
  ["breaks off", () => new Response(new ReadableStream({ pull: (c) => c.error(new Error("gone")) }))],
  ["answers 500", () => new Response("oops", { status: 500 })],
  ["answers 404", () => Response.json({ result: [] }, { status: 404 })],
  ["answers a redirect", () => new Response(null, { status: 302, headers: { location: "https://elsewhere.test" } })],
  ["answers HTML", () => new Response("<html>")],
  ["answers nothing", () => new Response("")],
  ["answers a bare list", () => Response.json([])],
  ["answers no result", () => Response.json({ error: "no such function" })],
  ["answers null", result(null)],
  ["answers contracts without a uid, and states in words", result([{ login: "1", address: "x", 1: "paid" }])],
  ["answers a state that is none", result({ 1: 3 })],
])("a billing that %s is unavailable, and is asked again", async (_, answer) => {
  const [phone, uid] = [aPhone(), aUid()];
  const down = { name: "AppError", code: "unavailable", reason: "billing_down" };
  answers(answer);
  await expect(billing().contractsOf(phone)).rejects.toMatchObject(down);
  await expect(billing().statesOf(uid, [1])).rejects.toMatchObject(down);

  vi.restoreAllMocks();
  answers(result([{ uid, login: "1", address: "x" }]));
  expect(await billing().contractsOf(phone)).toHaveLength(1);
});

test("a billing has five seconds", async () => {
  const asked = vi.spyOn(AbortSignal, "timeout");
  answers(result([]));
  await billing().contractsOf(aPhone());
  expect(asked).toHaveBeenCalledWith(5000);
});

test("an answer counts for ten seconds; fresh goes past it and renews it", async () => {
  const uid = aUid();
  let state = 2;
  const asked = answers(() => Response.json({ result: { 1: state } }));
  const stateNow = async (options?: { fresh?: boolean }) => (await billing(options).statesOf(uid, [1])).get(1);
  const clock = vi.spyOn(Date, "now").mockReturnValue(1_000_000);

  expect(await stateNow()).toBe(2);
  state = 1;
  expect([await stateNow(), asked.length]).toEqual([2, 1]);
  expect([await stateNow({ fresh: true }), asked.length]).toEqual([1, 2]);
  expect([await stateNow(), asked.length]).toEqual([1, 2]);

  state = 0;
  clock.mockReturnValue(1_010_001);
  expect([await stateNow(), asked.length]).toEqual([0, 3]);
});

test("answers to different questions are kept apart", async () => {
  const uid = aUid();
  const asked = answers(result({ 1: 2 }));
  await billing().statesOf(uid, [1]);
  await billing().statesOf(uid, [1, 2]);
  await billing().statesOf(aUid(), [1]);
  expect(asked).toHaveLength(3);
});

test("BILLING=local asks nobody", () => {
  expect(remoteBilling(envWith({ BILLING: "local" }))).toBeUndefined();
});
