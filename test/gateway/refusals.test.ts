import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { beforeEach, expect, test, vi } from "vitest";
import { gateway } from "#gateway/routes.ts";
import { call, envWith, outside } from "../support/world.ts";
import { aClient, aNumber } from "./gateway-world.ts";

// Whatever is sent to whichever path of the gateway: its own clear refusal, never a 5xx, and never HTML.

vi.setConfig({ testTimeout: 25_000 });
beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(console, "warn").mockImplementation(() => {});
  outside(() => Response.json({ publisher_response: "published" }));
});

const { key } = await aClient();
const open = envWith({ GATEWAY_OPEN: "1" });

/** The one page that people look at. */
const PAGE = "/gateway/sync";

/** The routes, without what stands before them and after them. */
const routes = gateway.routes.filter(({ method }) => method !== "ALL");
const patterns = [...new Set(routes.map(({ path }) => path))];

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"];

test("the walk meets every path of the gateway", () => {
  for (const start of [
    "/seeds",
    "/seeders",
    "/v2/users",
    "/v2/sync/init",
    "/v2/sync/users",
    "/sms/platform",
    "/v3/clients",
  ])
    expect([start, patterns.some((path) => path.startsWith(start))]).toEqual([start, true]);
  expect(patterns).toContain(PAGE);
  expect(patterns).toContain("/v3/publish");
});

const BROKEN_ESCAPES = [
  "%",
  "%zz",
  "%E0%A4%A",
  "%00",
  "%2F",
  "%2e%2e%2f",
  "%C0%AF",
  "%ED%A0%80",
  "%0d%0aX-Odd:1",
  "+",
  "%25",
  "%20",
];

const anySegment = fc.oneof(
  fc.constantFrom(
    ...BROKEN_ESCAPES,
    "verification",
    "countries",
    "-1",
    "0",
    "null",
    "__proto__",
    "constructor",
    "a;b=c",
    "a:b",
  ),
  fc.constantFrom("x".repeat(6_000), "%F0%9F%92%A5".repeat(200), "4564ed7c6df0463482e3d7608f410485"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }).map(escaped),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).map(escaped),
  fc.constant(0).map(() => aNumber()),
);

function escaped(text: string): string {
  const segment = encodeURIComponent(text.toWellFormed());
  return segment === "." || segment === ".." ? "%2E" : segment;
}

/** A path of the pattern with odd things in the place of its parameters. */
const anyPath = (pattern: string) =>
  fc
    .array(anySegment, { minLength: 3, maxLength: 3 })
    .map((segments) => pattern.replace(/:\w+(\{.*?\})?(?=\/|$)/g, () => segments.pop() ?? "x"));

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.constantFrom("", " ", "0", "-1", "null", "\0", "\n", "💥", "\ud800", "'; DROP TABLE gateway_users --", "1e400"),
  fc.constantFrom("x".repeat(70_000), "A".repeat(344), "+237670000001", "AAAA", "=".repeat(400)),
  fc.base64String({ maxLength: 400 }),
);
const anyValue = fc.oneof(
  { weight: 3, arbitrary: anyText },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(null, true, [], {}, [[]], 0, -1, 0.5, 1e308, 2 ** 53, { toString: 1 }),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** What the gateway's bodies may hold. */
const FIELDS = [
  ...[
    "IMSI",
    "MSISDN",
    "seed_type",
    "text",
    "address",
    "date",
    "date_sent",
    "public_key",
    "password",
    "mgf1ParameterSpec",
  ],
  ...["hashingAlgorithm", "mgf1ParameterSpec_dec", "decryption_hash", "encryption_hash", "msisdn", "msisdn_signature"],
  ...["msisdn_hashed", "phone_number", "name", "platforms", "country", "operator", "operator_code", "protocols"],
];
const anyObject = fc
  .tuple(fc.dictionary(fc.constantFrom(...FIELDS), anyValue, { maxKeys: 24 }), anyText)
  .map(([fields, usual]) => ({ ...Object.fromEntries(FIELDS.map((name) => [name, usual])), ...fields }));

/** Bodies that no schema thinks of. The last ones cost time in a careless parser. */
const ODD_BODIES = [
  ...[
    "",
    "{}",
    "[]",
    "null",
    "0",
    '"text"',
    "{",
    '{"a":',
    '{"a":}',
    "\0",
    "{\0}",
    '{"text":"\0"}',
    "a=b&c=d",
    "\ufeff{}",
  ],
  ...[
    '{"__proto__":{"text":"x"}}',
    '{"text":{"__proto__":null}}',
    '{"text":"\\ud800","MSISDN":"\\u0000"}',
    '{"text":1e999}',
  ],
  ...["[".repeat(100_000), '{"a":'.repeat(30_000), `"${'\\"'.repeat(120_000)}`, `{"a":"${"\n".repeat(200_000)}"}`],
  ...["x".repeat(300_000), `{"text":"${"x".repeat(300_000)}"}`],
];
const anyBody = fc.oneof(
  { weight: 5, arbitrary: anyObject.map((fields) => JSON.stringify(fields)) },
  { weight: 2, arbitrary: fc.constantFrom<string | Uint8Array>(...ODD_BODIES) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.json() },
);

const anyQuery = fc.oneof(
  fc.constant(""),
  fc
    .array(
      fc.tuple(
        fc.constantFrom(
          "page",
          "per_page",
          "country",
          "operator",
          "protocols",
          "last_published_date",
          "format",
          "%00",
          "a[]",
        ),
        fc.oneof(
          anySegment,
          fc.constantFrom("", "0", "-1", "1e9", "99999999999999999999", "2024-02-30", ",,,", "2024-05-04"),
        ),
      ),
      { maxLength: 6 },
    )
    .map((pairs) => `?${pairs.map((pair) => pair.join("=")).join("&")}`),
);

/** What may stand in a header at all. */
const anyHeader = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 50 }).map((text) => text.replace(/[^\x20-\x7e]/g, "")),
  fc.constantFrom("", "%00", "x".repeat(5_000), "SWOB=x", "SWOB=%00", "SWOB=%E0%A4%A", "=;=,", "310260.1"),
);
const anyType = fc.constantFrom(
  ...["application/json", "application/json; charset=utf-16", "text/plain", "", "application/x-www-form-urlencoded"],
  ...["multipart/form-data; boundary=x", "multipart/form-data", "application/problem+json", "image/png"],
);
const anyAuthorization = fc.constantFrom(
  ...[undefined, undefined, `Bearer ${env.INTEGRATION_TOKEN}`, `Bearer ${env.INTEGRATION_TOKEN}`, `Bearer ${key}`],
  ...["Bearer", "Bearer ", "Basic", "Basic !!!", `Basic ${btoa("x")}`, "Bearer gwk_"],
);
const anyHeaders = fc
  .record({ type: anyType, authorization: anyAuthorization, odd: anyHeader, agent: anyHeader, upgrade: fc.boolean() })
  .map(({ type, authorization, odd, agent, upgrade }) => ({
    ...{ "content-type": type, cookie: odd, sim_data: odd, origin: odd, "user-agent": agent, "accept-language": odd },
    ...(authorization !== undefined && { authorization }),
    ...(upgrade && { upgrade: "websocket" }),
  }));

type Sent = [path: string, init: { method: string; headers: Record<string, string>; body?: string | Uint8Array }];

const anyCall = (pattern: string, methods: readonly string[]) =>
  fc
    .tuple(anyPath(pattern), anyQuery, fc.constantFrom(...methods), anyHeaders, anyBody)
    .map(([path, query, method, headers, body]): Sent => {
      const hasBody = method !== "GET" && method !== "HEAD";
      return [path + query, { method, headers, ...(hasBody && { body }) }];
    });

/** Those that a path is made for, and every other one. */
const methodsOf = (pattern: string) => {
  const own = routes.filter(({ path }) => path === pattern).map(({ method }) => method);
  return [...own, ...own, ...own, ...METHODS];
};

/** What is wrong with the answer to a call; undefined when nothing is. */
async function faultOf([path, init]: Sent): Promise<string | undefined> {
  const response = await call(path, init as RequestInit, open);
  if (response.status === 101) {
    response.webSocket?.accept();
    response.webSocket?.close();
    return undefined;
  }
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const isPage = path.split("?")[0] === PAGE && response.status === 200;
  const isHtml = (/html/i.test(type) || /<(!doctype|html|body|h1)/i.test(text)) && !isPage;
  const tellsInside = /D1_ERROR|SQLITE|\bat \w+ \(|node_modules|\.ts:\d/.test(text);
  if (response.status < 500 && !isHtml && !tellsInside) return undefined;
  return `${response.status} ${type} ${text.slice(0, 200)}`;
}

test.each(patterns)("%s answers whatever it is sent", async (pattern) => {
  await fc.assert(
    fc.asyncProperty(anyCall(pattern, methodsOf(pattern)), async (sent) => {
      expect(await faultOf(sent)).toBeUndefined();
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

const calls = patterns.flatMap((pattern) =>
  METHODS.filter(
    (method) => method !== "GET" && routes.some((route) => route.path === pattern && route.method === method),
  ).map((method) => [method, pattern] as const),
);

test.each(calls)("Hole 24: %s %s takes no body without end, and no time over an odd one", async (method, pattern) => {
  const path = pattern.replace(/:\w+(\{.*?\})?(?=\/|$)/g, "x");
  for (const authorization of [`Bearer ${env.INTEGRATION_TOKEN}`, `Bearer ${key}`])
    for (const body of ODD_BODIES) {
      const headers = { authorization, "content-type": "application/json", "user-agent": "test" };
      expect([body.slice(0, 20), await faultOf([path, { method, headers, body }])]).toEqual([
        body.slice(0, 20),
        undefined,
      ]);
    }
  const large = await call(
    path,
    { method, headers: { authorization: `Bearer ${env.INTEGRATION_TOKEN}` }, body: endless() },
    open,
  );
  expect(large.status).toBeGreaterThanOrEqual(400);
  expect(large.status).toBeLessThan(500);
});

/** A body whose length nobody has announced, much longer than any should be. */
function endless(): ReadableStream {
  let left = 600;
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(Buffer.alloc(1024, 120));
      else controller.close();
    },
  });
}
