import { expect, test } from "vitest";
import { aRoute, TARGET } from "../support/gateway.ts";
import { call, envWith, outside } from "../support/world.ts";

const open = (fields: Record<string, unknown> = {}) => aRoute({ auth: "none", ...fields });

test("GW-2 method, query, body and headers reach the target as they were sent", async () => {
  const bodies: string[] = [];
  const world = outside(async (request) => {
    bodies.push(await request.text());
    return new Response(null, { status: 204 });
  });
  const { at } = await open();
  const query = "?a=1&a=2&b=%D0%B4+x%20y&c&d=%2F../";
  const headers = {
    "content-type": "text/x-odd; v=1",
    accept: "a/b",
    "x-own": "1, 2",
    cookie: "a=1; b=2",
    "if-match": '"7"',
  };
  for (const method of ["POST", "PUT", "PATCH", "DELETE"])
    await call(`${at}/x/y${query}`, { method, headers, body: "à body" });
  expect(world.asked.map(({ method }) => method)).toEqual(["POST", "PUT", "PATCH", "DELETE"]);
  expect(bodies).toEqual(Array(4).fill("à body"));
  for (const request of world.asked) {
    expect(request.url).toBe(`${TARGET}/x/y${query}`);
    expect(Object.fromEntries(request.headers)).toMatchObject(headers);
    expect(request.redirect).toBe("manual");
  }
});

test("GW-2 what concerns only two neighbours stays between them, in both directions", async () => {
  const hop = {
    connection: "keep-alive, X-Secret-Hop",
    "keep-alive": "timeout=5",
    "proxy-authorization": "Basic YTpi",
    "proxy-connection": "keep-alive",
    te: "trailers",
    "x-secret-hop": "1",
  };
  const world = outside(
    () => new Response("ok", { headers: { ...hop, "proxy-authenticate": "Basic", "x-kept": "1" } }),
  );
  const { at } = await open();
  const response = await call(`${at}/x`, { headers: { ...hop, "x-kept": "1" } });
  for (const headers of [world.asked[0]!.headers, response.headers]) {
    const names = [...headers.keys()];
    expect(names).toContain("x-kept");
    for (const name of [...Object.keys(hop), "proxy-authenticate"]) expect(names).not.toContain(name);
  }
});

test("GW-2 a body is passed on while it comes, and never held", async () => {
  const MIB = 1024 * 1024;
  const total = 300;
  let sent = 0;
  let ahead = 0;
  let received = 0;
  const upload = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent === total) return controller.close();
        sent++;
        ahead = Math.max(ahead, sent - received);
        controller.enqueue(new Uint8Array(MIB));
      },
    },
    { highWaterMark: 0 },
  );
  outside(async (request) => {
    let bytes = 0;
    for await (const chunk of request.body!) {
      bytes += chunk.byteLength;
      received = Math.floor(bytes / MIB);
    }
    return new Response(String(bytes));
  });
  const { at } = await open({ timeout_ms: 60_000 });
  const response = await call(`${at}/upload`, { method: "POST", body: upload });
  expect(await response.text()).toBe(String(total * MIB));
  expect(ahead).toBeLessThan(8);
});

test("GW-9 an answer that never ends is handed on as it comes", async () => {
  let left = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: tick\n\n")),
    cancel: () => {
      left = true;
    },
  });
  outside(() => new Response(endless, { headers: { "content-type": "text/event-stream" } }));
  const { at } = await open();
  const response = await call(`${at}/events`);
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toContain("data: tick");
  await reader.cancel();
  expect(left).toBe(true);
});

test("GW-9 the answer is handed on unchanged, but for what a target must not say", async () => {
  const world = outside(
    () =>
      new Response("own words", {
        status: 409,
        headers: [
          ...Object.entries({ "content-type": "text/x-own", etag: '"1"', "cache-control": "max-age=9", "x-own": "1" }),
          ["set-cookie", "a=1; Path=/"],
          ["set-cookie", "__Host-ops=stolen; Path=/; Secure"],
          ...Object.entries({ server: "S/1", via: "1.1 x", "x-powered-by": "P", "x-shield-subject": "acc_1" }),
          ...Object.entries({ "x-request-id": "theirs", "service-worker-allowed": "/", "clear-site-data": '"*"' }),
        ] as [string, string][],
      }),
  );
  const { at } = await open();
  const response = await call(`${at}/x`, { headers: { cookie: "a=1; __Host-ops=secret; b=2" } });
  expect([response.status, await response.text()]).toEqual([409, "own words"]);
  const { "x-request-id": requestId, ...headers } = Object.fromEntries(response.headers);
  expect(requestId).toBe(world.asked[0]!.headers.get("x-request-id"));
  expect(headers).toEqual({
    ...{ "content-type": "text/x-own", etag: '"1"', "cache-control": "max-age=9", "x-own": "1" },
    "set-cookie": "a=1; Path=/",
  });
  expect(world.asked[0]!.headers.get("cookie")).toBe("a=1; b=2");
});

test("GW-9 a redirect is the client's to follow", async () => {
  const location = "https://elsewhere.example/login";
  const world = outside(() => new Response(null, { status: 302, headers: { location } }));
  const { at } = await open();
  const response = await call(`${at}/x`);
  expect([response.status, response.headers.get("location")]).toEqual([302, location]);
  expect(world.asked).toHaveLength(1);
});

test("GW-10 a target that is too slow is 504, and is not asked again", async () => {
  const world = outside(() => new Promise<Response>(() => {}));
  const { at } = await open({ timeout_ms: 20 });
  const response = await call(`${at}/x`);
  expect([response.status, await response.json()]).toEqual([
    504,
    expect.objectContaining({ code: "upstream_timeout" }),
  ]);
  expect(response.headers.get("x-request-id")).toBeTruthy();
  expect(world.asked).toHaveLength(1);
});

test.each([
  ["GET", undefined, 2],
  ["HEAD", undefined, 2],
  ["DELETE", undefined, 2],
  ["PUT", "body", 1],
  ["POST", undefined, 1],
  ["PATCH", "body", 1],
])("GW-10 a connection that fails is 502; %s with the body %s is tried %i times", async (method, body, tries) => {
  const world = outside(() => {
    throw new TypeError("connection refused by 10.0.0.7");
  });
  const { at } = await open();
  const response = await call(`${at}/x`, { method, ...(body !== undefined && { body }) });
  expect(response.status).toBe(502);
  expect(await response.text()).not.toContain("10.0.0.7");
  expect(world.asked).toHaveLength(tries);
});

test("GW-10 a connection that fails once is not noticed", async () => {
  let tries = 0;
  outside(() => {
    if (tries++ === 0) throw new TypeError("connection lost");
    return new Response("second");
  });
  const { at } = await open();
  expect(await (await call(`${at}/x`)).text()).toBe("second");
});

test.each([500, 501, 502, 503, 504, 599])("GW-8 GW-10 what a target says with its %i is not shown", async (status) => {
  const secret = "at com.acme.Secret.java:7";
  const world = outside(() => new Response(secret, { status, headers: { "retry-after": "7", "x-debug": secret } }));
  const { at } = await open();
  const response = await call(`${at}/x`);
  expect(response.status).toBe(502);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("retry-after")).toBe("7");
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ code: "upstream_unavailable", num: 9010, retry_after: 7 });
  expect(text + JSON.stringify([...response.headers])).not.toContain("Secret");
  expect(world.asked).toHaveLength(1);
});

test("a bound Worker is asked through its binding, under the path that the client asked for", async () => {
  const world = outside();
  const asked: Request[] = [];
  const HOMES = {
    fetch: async (input: string, init: RequestInit) => {
      asked.push(new Request(input, init));
      return new Response("from the binding");
    },
  };
  const bound = envWith({ HOMES });
  const { at } = await aRoute({ auth: "none", provider: "service:HOMES" }, bound);
  const response = await call(`${at}/a/b?c=1`, { method: "POST", body: "x" }, bound);
  expect(await response.text()).toBe("from the binding");
  expect([asked[0]!.method, asked[0]!.url, await asked[0]!.text()]).toEqual([
    "POST",
    "https://api.example.net/a/b?c=1",
    "x",
  ]);
  expect((await call(`${at}/a/b`)).status).toBe(502);
  expect(world.asked).toHaveLength(0);
});

test.each([
  [{ provider: `${TARGET}/base/`, strip_prefix: null, below: "/{id}" }, "/7", (at: string) => `/base${at}/7`],
  [{ provider: `${TARGET}/base`, strip_prefix: true, below: "/things/{id}" }, "/things/7", () => "/base/7"],
  [{ provider: TARGET, below: "/*" }, "/", () => "/"],
  [{ provider: TARGET, below: "/*" }, "/%D0%B4/%41%3A", () => "/%D0%B4/A:"],
])("the target sees its own path: %j asked for %s", async (fields, tail, path) => {
  const world = outside();
  const { at } = await open(fields);
  expect((await call(at + tail)).status).toBe(200);
  expect(new URL(world.asked[0]!.url).pathname).toBe(path(at));
});

test("a target that is allowed no longer is not asked", async () => {
  const world = outside();
  const { at } = await open();
  expect((await call(`${at}/x`, {}, envWith({ GATEWAY_HOSTS: "other.example" }))).status).toBe(502);
  expect(world.asked).toHaveLength(0);
});
