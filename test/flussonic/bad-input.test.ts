import fc from "fast-check";
import { expect, test } from "vitest";
import { aViewer, aWorker, call } from "./media-server.ts";

const token = aViewer({ streams: [{ name: "cam", recordDays: 7 }] }).token();
const MAX_BODY = 256 * 1024;

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.constantFrom("", "null", "undefined", "NaN", "%", "%00", "%E0%A4%A", "\0", "..", "__proto__", "constructor"),
  fc.integer({ min: 1, max: 7_000 }).map((length) => "A".repeat(length)),
  fc.constantFrom("v.", "x.", "p.").map((start) => `${start}k1.${"A".repeat(40)}.${"B".repeat(22)}`),
  fc.nat(token.length - 1).map((at) => token.slice(0, at)),
);
const anyName = fc.oneof(
  fc.constantFrom("name", "token", "proto", "type", "dvr", "media_request", "qs", "ip", "call", "request_number"),
  fc.constantFrom("__proto__", "toString", "hasOwnProperty", "%6eame", "name[]", ""),
);
const raw = fc.constantFrom("encoded", "raw");
const anyQuery = fc
  .array(fc.tuple(anyName, anyText, raw), { maxLength: 12 })
  .map((pairs) =>
    pairs.map(([name, text, how]) => `${name}=${how === "raw" ? visible(text) : escaped(text)}`).join("&"),
  );
// What cannot stand in a request line at all never reaches a worker.
const visible = (text: string) => text.replace(/[^\x21-\x7e]|#/g, "");
const escaped = (text: string) => encodeURIComponent(text.toWellFormed());
const anyBody = fc.oneof(
  fc.json(),
  fc.dictionary(anyName, fc.anything(), { maxKeys: 8 }).map((fields) => JSON.stringify(fields, unknowns) ?? ""),
  anyText,
  anyQuery,
);
const unknowns = (_: string, value: unknown) => (typeof value === "bigint" || typeof value === "symbol" ? null : value);
const anyType = fc.constantFrom(
  "application/json",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "text/plain",
  "",
);

const anyCall = fc.oneof(
  { weight: 3, arbitrary: anyQuery.map((query) => [`/api/accessfl?${query}`, {}] as const) },
  { weight: 1, arbitrary: anyQuery.map((query) => [`/rtmp/on_play?${query}`, {}] as const) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom("/api/accessfl", "/rtmp/on_publish", "/rtmp/on_update", "/mediamtx/auth"),
        anyBody,
        anyType,
      )
      .map(([path, body, type]) => [path, { method: "POST", body, headers: { "Content-Type": type } }] as const),
  },
  {
    weight: 1,
    arbitrary: anyText.map((text) => [`/flussonic/s${escaped(text)}/auth?name=cam&token=${token}`, {}] as const),
  },
);

test("Defect 37: a thousand bad requests are refused, every one with a 403", async () => {
  const worker = aWorker();
  const others: unknown[] = [];
  await fc.assert(
    fc.asyncProperty(anyCall, async ([path, init]) => {
      const { status } = await call(path, init, worker);
      if (status !== 403) others.push([path, init, status]);
    }),
    { numRuns: 1_000 },
  );
  expect(others).toEqual([]);
});

test("ten thousand mixed denials are nothing but 403, and the good token goes on working", async () => {
  const worker = aWorker();
  const denials = [
    (n: number) => `name=cam&token=garbage${n}`,
    (n: number) => `name=cam&token=${crypto.randomUUID()}${n}`,
    (n: number) => `name=cam${n}&token=${token}`,
    (n: number) => `name=cam&token=v.k1.${btoa(`forged ${n}`).replaceAll("=", "")}.${"A".repeat(22)}`,
    (n: number) => `name=cam&token=${token.slice(0, 20 + (n % 60))}`,
    () => "name=cam",
    (n: number) => `token=${token}&n=${n}`,
  ];
  const statuses = new Map<number, number>();
  for (let n = 0; n < 10_000; n++) {
    const { status } = await call(`/api/accessfl?${denials[n % denials.length]!(n)}`, {}, worker);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  expect([...statuses]).toEqual([[403, 10_000]]);
  expect((await call(`/api/accessfl?name=cam&token=${token}`, {}, worker)).status).toBe(200);
});

const long = (length: number) => JSON.stringify({ name: "cam", token, proto: "hls", qs: "x".repeat(length) });
const inPieces = (text: string) => new Response(text).body!.pipeThrough(new TransformStream());
test.each([
  ["just small enough", long(MAX_BODY - 1_000), 200],
  ["too long", long(MAX_BODY), 403],
  ["just small enough, of unknown length", inPieces(long(MAX_BODY - 1_000)), 200],
  ["too long, of unknown length", inPieces(long(MAX_BODY * 2)), 403],
])("a body that is %s: %#", async (_, body, status) => {
  expect((await call("/api/accessfl", { method: "POST", body })).status).toBe(status);
});

test("a URL as long as one can be does no harm", async () => {
  expect((await call(`/api/accessfl?name=cam&token=v.k1.${"A".repeat(60_000)}.${"A".repeat(22)}`)).status).toBe(403);
  expect((await call(`/api/accessfl?name=${"cam".repeat(20_000)}&token=${token}`)).status).toBe(403);
  expect((await call(`/api/accessfl?${"name=cam&".repeat(5_000)}token=${token}`)).status).toBe(200);
});
