import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { printed } from "../messaging/support.ts";
import { call, envWith, outside } from "../support/world.ts";
import { aClient, aNumber } from "./gateway-world.ts";
import vectors from "./vectors.json";

afterEach(() => {
  vi.restoreAllMocks();
});

const TEXT = vectors.relaysms_v0.text;
const OOPS = { error: "Oops! Something went wrong. Please try again later." };
const open = (vars: object = {}) => envWith({ GATEWAY_OPEN: "1", ...vars });

/** Posts a payload as a phone does. A string is sent as it stands. */
const post = (body: unknown, environment: Env = open(), headers: Record<string, string> = {}) =>
  call(
    "/v3/publish",
    { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) },
    environment,
  );

const shown = async (response: Response) => [response.status, await response.json()];

test("a payload is handed on unopened, and the publisher's word comes back", async () => {
  const world = outside(() => Response.json({ success: true, message: "sent", publisher_response: "Published" }));
  const answer = await post({ text: TEXT, MSISDN: " +237600000042 ", address: "+237600000043" });
  expect(await shown(answer)).toEqual([200, { publisher_response: "Published" }]);
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  const [request] = world.asked;
  expect([request!.method, request!.url]).toEqual(["POST", "https://publisher.example.net/publish"]);
  expect(request!.headers.get("content-type")).toBe("application/json");
  expect(await request!.json()).toEqual({ content: TEXT, metadata: { From: "+237600000042" } });
});

test("the times of a payload are told in seconds", async () => {
  const world = outside(() => new Response("ok"));
  await post({ text: TEXT, address: "+237600000042", date: "1795277808366", date_sent: 1795277800999 });
  await post({ text: TEXT, address: "BANK", date: "soon" });
  const metadata = await Promise.all(
    world.asked.map(async (request) => (await request.json<{ metadata: object }>()).metadata),
  );
  expect(metadata).toEqual([{ From: "+237600000042", Date: "1795277808", Date_sent: "1795277800" }, { From: "BANK" }]);
});

test("Hole 25: a payload that looks like a piece or a bridge's is handed on as it is", async () => {
  const world = outside(() => new Response("ok"));
  const odd = [
    [4, 50, 0, 3, 0, 1, 0, 1],
    [4, 50, 1],
    [0, 1, 2, 3],
  ].map((bytes) => btoa(String.fromCharCode(...bytes)));
  for (const text of odd) expect((await post({ text, MSISDN: aNumber() })).status).toBe(200);
  const contents = await Promise.all(
    world.asked.map(async (request) => (await request.json<{ content: string }>()).content),
  );
  expect(contents).toEqual(odd);
});

test.each<[string, () => Response, string]>([
  ["its response", () => Response.json({ publisher_response: "one", message: "two" }), "one"],
  ["its message", () => Response.json({ message: "two" }), "two"],
  ["its text", () => new Response("three", { status: 202 }), "three"],
  ["its JSON, when nothing else is in it", () => Response.json([1]), "[1]"],
  ["nothing", () => new Response(null, { status: 204 }), ""],
])("of a publisher that takes it %s is told", async (_, answer, told) => {
  outside(answer);
  expect(await shown(await post({ text: TEXT, MSISDN: aNumber() }))).toEqual([200, { publisher_response: told }]);
});

test.each<[string, () => Response, string]>([
  ["with a message", () => Response.json({ message: "Invalid token", error: "x" }, { status: 400 }), "Invalid token"],
  ["with an error", () => Response.json({ error: "No such platform" }, { status: 422 }), "No such platform"],
  ["with a text", () => new Response("Not for you", { status: 403 }), "Not for you"],
  ["without success", () => Response.json({ success: false, message: "No wallet" }), "No wallet"],
  ["in several lines", () => new Response("one\r\n\ttwo\u0000", { status: 400 }), "one two"],
  ["at length", () => new Response("x".repeat(600), { status: 400 }), "x".repeat(500)],
])("Hole 17: a publisher that refuses %s is a 400 with its complaint", async (_, answer, complaint) => {
  outside(answer);
  const error = `Failed to publish payload. Publish error: ${complaint}`;
  expect(await shown(await post({ text: TEXT, MSISDN: aNumber() }))).toEqual([400, { error }]);
});

test.each<[string, () => Response | Promise<Response>]>([
  ["cannot be reached", () => Promise.reject(new TypeError("refused"))],
  ["is out of order", () => new Response("<html>", { status: 500 })],
  ["redirects", () => new Response("", { status: 302, headers: { location: "https://x.test" } })],
  ["is busy", () => new Response("", { status: 429 })],
  ["does not know us", () => new Response("", { status: 401 })],
  ["talks without end", () => new Response("x".repeat(70_000))],
])("a publisher that %s is a 503", async (_, answer) => {
  outside(answer);
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(await shown(await post({ text: TEXT, MSISDN: aNumber() }))).toEqual([503, OOPS]);
});

test("without a publisher there is nobody to ask", async () => {
  const world = outside();
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(await shown(await post({ text: TEXT, MSISDN: "1" }, open({ PUBLISHER_URL: "" })))).toEqual([503, OOPS]);
  expect(world.asked).toEqual([]);
});

test.each<[string, unknown, string]>([
  ["no JSON", "text=x", "poorly formed json"],
  ["an array", "[]", "poorly formed json"],
  ["nothing", {}, "Missing required field: text"],
  ["no text", { MSISDN: "+237600000042" }, "Missing required field: text"],
  ["a text that is none", { text: 1, MSISDN: "+237600000042" }, "Missing required field: text"],
  ["no sender", { text: TEXT }, "Missing required field: address or MSISDN"],
  ["a sender that is none", { text: TEXT, MSISDN: {} }, "Missing required field: address or MSISDN"],
  ["an endless sender", { text: TEXT, MSISDN: "1".repeat(33) }, "The sender is too long"],
  ["an endless text", { text: "x".repeat(40_001), MSISDN: "1" }, "The text is too long"],
])("what is no payload is refused and nobody is asked: %s", async (_, body, error) => {
  const world = outside();
  expect(await shown(await post(body))).toEqual([400, { error }]);
  expect(world.asked).toEqual([]);
});

test("Hole 14: whatever host the request names, the publisher that is configured is asked, and nobody else", async () => {
  const world = outside(() => new Response("ok"));
  const headers = { host: "evil.example", "x-forwarded-host": "evil.example", forwarded: "host=evil.example" };
  const body = JSON.stringify({ text: TEXT, MSISDN: "+237600000042", url: "https://evil.example" });
  for (const path of ["/v3/publish", "/sms/platform/android"]) {
    const answer = await call(`https://evil.example${path}`, { method: "POST", headers, body }, open());
    expect(answer.status).toBe(200);
  }
  await scheduler.wait(50);
  expect(world.asked.map(({ url }) => url)).toEqual(["https://publisher.example.net/publish"]);
});

test("Hole 13: who publishes is known by a key", async () => {
  const world = outside(() => new Response("ok"));
  const closed = open({ GATEWAY_OPEN: "0" });
  const [sms, { key }] = [{ text: TEXT, MSISDN: aNumber() }, await aClient()];
  expect(await shown(await post(sms, closed))).toEqual([401, { error: "unknown gateway client" }]);
  expect((await post(sms, open(), { authorization: "Bearer gwk_nobody" })).status).toBe(401);
  expect(world.asked).toEqual([]);
  expect((await post(sms, closed, { authorization: `Bearer ${key}` })).status).toBe(200);
});

test("Hole 22: neither text nor number stands in a log", async () => {
  const log = printed();
  const number = aNumber();
  for (const status of [200, 400, 401, 500, 0]) {
    outside(() => (status === 0 ? Promise.reject(new TypeError(TEXT)) : new Response(TEXT, { status })));
    await post({ text: TEXT, MSISDN: number });
    vi.mocked(globalThis.fetch).mockRestore();
  }
  expect(log()).toContain("publisher");
  for (const secret of [TEXT, number.slice(1)]) expect(log()).not.toContain(secret);
});

test("other methods are 405, and pages elsewhere may ask", async () => {
  const answer = await call("/v3/publish");
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "OPTIONS, POST"]);
  const preflight = await call("/v3/publish", {
    method: "OPTIONS",
    headers: { origin: "https://x.example", "access-control-request-method": "POST" },
  });
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
  expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
});
