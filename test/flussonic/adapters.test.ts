import { env } from "cloudflare:test";
import { expect, onTestFinished, test, vi } from "vitest";
import { mintPublishToken } from "#premises/camera-tokens.ts";
import { aViewer, aWorker, call } from "./media-server.ts";

const SECRET = "a-secret-of-16-letters";
const streams = [
  { name: "free", recordDays: null },
  { name: "week", recordDays: 7 },
  { name: "live", recordDays: 0 },
];
const token = aViewer({ streams }).token();
const pathToken = aViewer({ streams: [{ name: "yard/gate", recordDays: null }] }).token();
const sender = mintPublishToken(env, { stream: "free", lifeSeconds: 300 });
const guarded = aWorker({ FLUSSONIC_SECRET: SECRET });
const bearer = (secret: string) => ({ headers: { Authorization: `Bearer ${secret}` } });

test.each([
  ["the secret path", `/flussonic/${SECRET}/auth`, {}, 200],
  ["the bearer", "/api/accessfl", bearer(SECRET), 200],
  ["nothing", "/api/accessfl", {}, 403],
  ["another bearer", "/api/accessfl", bearer(`${SECRET}x`), 403],
  ["an empty bearer", "/api/accessfl", bearer(""), 403],
  ["another path", "/flussonic/another-secret-of-16/auth", {}, 403],
  ["another path, for all the bearer", "/flussonic/another-secret-of-16/auth", bearer(SECRET), 403],
  ["a path of other letters", "/flussonic/%D0%AF%00%FF/auth", {}, 403],
])("with a secret, %s: %#", async (_, path, init, status) => {
  expect((await call(`${path}?name=free&token=${token}`, init, guarded)).status).toBe(status);
});

test("without a secret the secret path is closed", async () => {
  expect((await call(`/flussonic/${SECRET}/auth?name=free&token=${token}`)).status).toBe(403);
  expect((await call(`/flussonic/undefined/auth?name=free&token=${token}`)).status).toBe(403);
});

const json = (body: object) => ({ method: "POST", body: JSON.stringify(body) });
test.each([
  ["POST", `/flussonic/${SECRET}/auth`, json({ name: "free", token: sender, proto: "rtmp" })],
  ["nginx-rtmp", `/flussonic/${SECRET}/rtmp/on_play?name=free&token=${token}`, {}],
  ["nginx-rtmp by POST", `/flussonic/${SECRET}/rtmp/on_play`, { method: "POST", body: `name=free&token=${token}` }],
  ["MediaMTX", `/flussonic/${SECRET}/mediamtx/auth`, json({ path: "free", token, action: "read" })],
])("the secret path takes %s, and the open one does not", async (_, path, init) => {
  expect((await call(path, init, guarded)).status).toBe(200);
  expect((await call(path.replace(SECRET, "another-secret-of-16"), init, guarded)).status).toBe(403);
  const open = path.replace(`/flussonic/${SECRET}/auth`, "/api/accessfl").replace(`/flussonic/${SECRET}`, "");
  expect((await call(open, init, guarded)).status).toBe(403);
});

const form = (over: object) =>
  new URLSearchParams({
    app: "live",
    flashver: "",
    tcurl: "rtmp://x/live",
    addr: "10.0.0.1",
    clientid: "7",
    ...over,
  }).toString();
test.each([
  ["on_play", { call: "play", name: "free", token }, 200],
  ["on_play", { call: "play", name: "other", token }, 403],
  ["on_play", { call: "play", name: "free" }, 403],
  ["on_play", { call: "play", app: "yard", name: "gate", token: pathToken }, 200],
  ["on_play", { call: "play", app: "other", name: "gate", token: pathToken }, 403],
  ["on_play", { call: "play", name: "free", token: sender }, 403],
  ["on_publish", { call: "publish", name: "free", type: "live", token: sender }, 200],
  ["on_publish", { call: "publish", name: "free", type: "live", token }, 403],
  ["on_publish", { call: "play", name: "free", token }, 403],
  ["on_update", { call: "update_play", name: "free", time: "30", token }, 200],
  ["on_update", { call: "update_publish", name: "free", time: "30", token: sender }, 200],
  ["on_update", { call: "update_publish", name: "free", time: "30", token }, 403],
  ["on_update", { name: "free", token }, 403],
  ["on_done", {}, 200],
  ["on_connect", { name: "free", token }, 403],
])("nginx-rtmp %s %o: %d", async (event, fields, status) => {
  expect((await call(`/rtmp/${event}?${form(fields)}`)).status).toBe(status);
  expect((await call(`/rtmp/${event}`, { method: "POST", body: form(fields) })).status).toBe(status);
});

const daysAgo = (days: number) => encodeURIComponent(new Date(Date.now() - days * 86_400_000).toISOString());
test.each([
  ["read", { action: "read", path: "free", token }, 200],
  ["read with the token in the query", { action: "read", path: "free", query: `a=1&token=${token}` }, 200],
  ["read with the token as a password", { action: "read", path: "free", user: "viewer", password: token }, 200],
  ["read another", { action: "read", path: "other", token }, 403],
  ["read without a token", { action: "read", path: "free", token: "", password: "", query: "" }, 403],
  ["publish as a viewer", { action: "publish", path: "free", token }, 403],
  ["publish", { action: "publish", path: "free", token: sender }, 200],
  ["playback", { action: "playback", path: "week", token, query: `start=${daysAgo(6)}&duration=60` }, 200],
  ["playback from too long ago", { action: "playback", path: "week", token, query: `start=${daysAgo(8)}` }, 403],
  [
    "playback from too long ago, in other letters",
    { action: "playback", path: "week", token, query: "%73tart=2020-01-01T00:00:00Z" },
    403,
  ],
  ["playback from nobody knows when", { action: "playback", path: "week", token, query: "" }, 403],
  ["playback without archive", { action: "playback", path: "live", token }, 403],
  ["api", { action: "api", path: "free", token }, 403],
  ["numbers for words", { action: "read", path: 1, token: 2, query: null }, 403],
])("MediaMTX %s: %#", async (_, fields, status) => {
  const body = { ip: "10.0.0.1", user: "", password: "", token: "", protocol: "rtsp", id: null, query: "", ...fields };
  expect((await call("/mediamtx/auth", json(body))).status).toBe(status);
});

test("for the second backend other servers' questions become Flussonic's", async () => {
  const asked: [string, string][] = [];
  const spy = vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push([request.url, await request.text()]);
    return new Response("");
  });
  onTestFinished(() => spy.mockRestore());
  const worker = aWorker({ PROXYFL: "http://portal.test/auth" });
  expect((await call(`/rtmp/on_play?${form({ name: "theirs", token: "t" })}`, {}, worker)).status).toBe(200);
  expect(
    (
      await call(
        "/mediamtx/auth",
        json({ action: "publish", path: "theirs", token: "t", ip: "::1", protocol: "rtsp" }),
        worker,
      )
    ).status,
  ).toBe(200);
  expect(asked).toEqual([
    ["http://portal.test/auth?name=theirs&token=t&ip=10.0.0.1&proto=rtmp", ""],
    ["http://portal.test/auth", JSON.stringify({ name: "theirs", token: "t", ip: "::1", proto: "rtsp" })],
  ]);
});
