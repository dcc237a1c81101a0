import { createExecutionContext, env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { app } from "#app.ts";
import type { Env } from "#env.ts";
import { playAtOnce } from "#flussonic/play.ts";
import { sha256 } from "#platform/crypto.ts";
import { mintExportToken, mintPublishToken } from "#premises/camera-tokens.ts";
import { registerOpaqueToken } from "#premises/opaque-tokens.ts";
import { publishRevocations } from "#premises/revocations.ts";
import { revokedAt } from "../support/billing.ts";
import { anEndedSession, aViewer, aWorker, call, play, post } from "./media-server.ts";

const DAY = 86_400;
const streams = [
  { name: "free", recordDays: null },
  { name: "week", recordDays: 7 },
  { name: "live", recordDays: 0 },
];
const viewer = aViewer({ streams });
const token = viewer.token();
const seconds = () => Math.floor(Date.now() / 1000);

test("a token opens its streams the moment it is minted, with an empty body", async () => {
  expect(await play({ name: "free", token, ip: "10.1.2.3", proto: "hls", request_type: "new_session" })).toMatchObject({
    ...{ status: 200, body: "" },
    headers: { "x-authduration": "60", "x-userid": "17", "x-max-sessions": "100" },
  });
});

test.each([
  ["nothing", "", "Нет токена"],
  ["no token", "name=free", "Нет токена"],
  ["an empty token", "name=free&token=", "Нет токена"],
  ["an empty token before a good one", `name=free&token=&token=${token}`, "Нет токена"],
  ["no name", `token=${token}`, "Не верный токен"],
  ["another stream", `name=other&token=${token}`, "Не верный токен"],
  ["another case", `name=Free&token=${token}`, "Не верный токен"],
  ["another stream before a good one", `name=other&name=free&token=${token}`, "Не верный токен"],
  ["garbage", "name=free&token=garbage", "Не верный токен"],
  ["a token of the old server", `name=free&token=${"0123456789abcdef".repeat(2)}`, "Не верный токен"],
  [
    "a changed token",
    `name=free&token=${token.replace(/.$/, (last) => (last === "A" ? "B" : "A"))}`,
    "Не верный токен",
  ],
  ["a token of another kind", `name=free&token=p${token.slice(1)}`, "Не верный токен"],
  ["a token cut short", `name=free&token=${token.slice(0, -1)}`, "Не верный токен"],
  ["a broken encoding", `name=%E0%A4%A&token=${token}`, "Не верный токен"],
])("refused: %s", async (_, query, message) => {
  const told = await call(`/api/accessfl?${query}`);
  expect(told).toMatchObject({ status: 403, message, headers: { "x-authduration": "10" } });
  expect(JSON.parse(told.body)).toEqual({ code: 403, name: "Forbidden", message });
});

test.each([
  ["old names", `name=free&token=${token}&ip=1.2.3.4&type=hls&media_request=hls_live-hls_mbr_playlist`],
  ["unknown names and a trailing &", `x=1&name=free&&=&y&token=${token}&qs=token%3Dother&`],
  ["the first of repeated values", `name=free&name=other&token=${token}&token=garbage`],
  ["an encoded name", `name=%66ree&token=${token}`],
])("allowed: %s", async (_, query) => {
  expect((await call(`/api/accessfl?${query}`)).status).toBe(200);
});

test("a stream's name may hold a path, a blank and letters of any alphabet", async () => {
  const name = "vod/Двор 1+2";
  const other = aViewer({ streams: [{ name, recordDays: null }] });
  expect((await play({ name, token: other.token() })).status).toBe(200);
});

test.each([
  ["GET", { method: "GET" }, 200],
  ["HEAD", { method: "HEAD" }, 200],
  ["PUT", { method: "PUT" }, 405],
  ["DELETE", { method: "DELETE" }, 405],
  ["OPTIONS", { method: "OPTIONS" }, 405],
])("%s", async (_, init, status) => {
  expect(await call(`/api/accessfl?name=free&token=${token}`, init)).toMatchObject({ status });
});

test.each([
  [360 * 60_000, 200, "10"],
  [360 * 60_000 + 1_000, 403, "10"],
  [359 * 60_000 + 30_000, 200, "30"],
  [0, 200, "60"],
])("a token that is %d ms old: %d", async (age, status, duration) => {
  const now = Date.now();
  const worker = aWorker();
  const clock = vi.spyOn(Date, "now").mockReturnValue(now);
  const old = viewer.token(worker, new Date(now - age));
  expect(await play({ name: "free", token: old }, worker)).toMatchObject({
    status,
    headers: { "x-authduration": duration },
  });
  clock.mockRestore();
});

test("a shorter EXPIRE counts for tokens that were issued before it", async () => {
  const old = viewer.token(env, new Date(Date.now() - 61 * 60_000));
  const worker = aWorker({ EXPIRE: "60" });
  await publishRevocations(worker);
  expect((await play({ name: "free", token: old }, worker)).status).toBe(403);
  await publishRevocations(env);
});

const ranges = (...list: object[]) => JSON.stringify({ allowed_dvr_ranges: list });
const from = (days: number) => seconds() - days * DAY;
const opened = (days: number) =>
  expect.stringMatching(
    new RegExp(`^{"allowed_dvr_ranges":\\[{"opened_at":${`${from(days)}`.slice(0, -2)}\\d\\d}\\]}$`),
  );
test.each([
  ["free, live", { name: "free", dvr: false }, 200, ""],
  ["free, archive", { name: "free", dvr: true }, 200, ""],
  ["a week, live", { name: "week", dvr: false }, 200, opened(7)],
  ["a week, archive", { name: "week", dvr: true }, 200, opened(7)],
  ["a week, a server that does not say", { name: "week" }, 200, ""],
  ["no archive, live", { name: "live", dvr: false }, 200, ranges()],
  ["no archive, archive", { name: "live", dvr: true }, 403, undefined],
  ["no archive, an archive that says something else", { name: "live", dvr: "yes" }, 403, undefined],
  ["no archive, a server that does not say", { name: "live" }, 200, ""],
  ["no archive, old live", { name: "live", media_request: "hls_live-hls_mbr_playlist" }, 200, ""],
  [
    "no archive, old archive",
    { name: "live", media_request: `dvr_session-hls_playlist-${from(1)}-60` },
    403,
    undefined,
  ],
  ["no archive, old file", { name: "live", media_request: `archive-${from(1)}-60.mp4` }, 403, undefined],
  ["no archive, old timeshift", { name: "live", media_request: "dvr_handler-timeshift_rel-60" }, 403, undefined],
  ["a week, six days ago", { name: "week", media_request: `dvr_session-hls_mbr_playlist-${from(6)}-60` }, 200, ""],
  ["a week, eight days ago", { name: "week", media_request: `dvr_handler-mp4-${from(8)}-60` }, 403, undefined],
  [
    "a week, eight days ago by timeshift",
    { name: "week", media_request: `dvr_handler-timeshift_abs-${from(8)}` },
    403,
    undefined,
  ],
  ["a week, eight days back", { name: "week", media_request: `dvr_handler-timeshift_rel-${8 * DAY}` }, 403, undefined],
  [
    "a week, by a request that names no beginning",
    { name: "week", media_request: "dvr_session-hls_playlist" },
    403,
    undefined,
  ],
  ["a week, by too many digits", { name: "week", media_request: "archive-01577836800-3600.mp4" }, 403, undefined],
  ["a week, too long back to write", { name: "week", media_request: "rewind-9999999999.m3u8" }, 403, undefined],
  ["a week, years ago with slashes", { name: "week", media_request: "timeshift_abs/1577836800" }, 403, undefined],
  ["a week, years ago as a file", { name: "week", media_request: "archive/1577836800/3600" }, 403, undefined],
  ["a week, an hour back", { name: "week", media_request: "dvr_handler-timeshift_rel-3600" }, 200, ""],
  ["free, a year ago", { name: "free", media_request: `dvr_handler-mp4-${from(365)}-60` }, 200, ""],
])("Defect 35: archive: %s", async (_, query, status, body) => {
  const told = await play({ ...query, token } as Record<string, string>);
  expect(told.status).toBe(status);
  if (body !== undefined) expect(told.body).toEqual(body);
});

const window = { from: new Date(1_760_000_000_000), to: new Date(1_760_000_600_000) };
const exported = mintExportToken(env, { account: 5, stream: "free", ...window, lifeSeconds: 300 });
const whole = JSON.stringify({ allowed_dvr_ranges: [{ opened_at: 1_760_000_000, closed_at: 1_760_000_600 }] });
test.each([
  ["the archive, by a server that is told the window", { name: "free", dvr: true }, 200, whole],
  ["an mp4 of nobody knows when", { name: "free", proto: "mp4" }, 403, undefined],
  ["an mp4 of nobody knows when, by its old name", { name: "free", type: "mp4" }, 403, undefined],
  ["the very window", { name: "free", media_request: "dvr_handler-mp4-1760000000-600" }, 200, ""],
  ["a part of the window", { name: "free", media_request: "dvr_handler-mp4-1760000100-500" }, 200, ""],
  ["more than the window", { name: "free", media_request: "dvr_handler-mp4-1760000000-601" }, 403, undefined],
  ["before the window", { name: "free", media_request: "dvr_handler-mp4-1759999999-60" }, 403, undefined],
  ["no end", { name: "free", media_request: "dvr_handler-timeshift_abs-1760000000" }, 403, undefined],
  ["no beginning", { name: "free", media_request: "dvr_session-hls_playlist", dvr: true }, 403, undefined],
  ["live", { name: "free", dvr: false }, 403, undefined],
  ["live mp4", { name: "free", dvr: false, proto: "mp4" }, 403, undefined],
  ["live, by an old server", { name: "free", proto: "hls" }, 403, undefined],
  ["another stream", { name: "week", dvr: true }, 403, undefined],
])("an export token opens %s: %#", async (_, query, status, body) => {
  const told = await play({ ...query, token: exported } as Record<string, string>);
  expect(told.status).toBe(status);
  if (body !== undefined) expect(told).toMatchObject({ body, headers: { "x-userid": "5" } });
});

test("a publish token sends its one stream, for nobody in particular, and does not watch it", async () => {
  const sender = mintPublishToken(env, { stream: "free", lifeSeconds: 300 });
  const told = await post({ name: "free", token: sender, proto: "rtmp" });
  expect(told).toMatchObject({ status: 200, body: "", headers: { "x-authduration": "60" } });
  expect(told.headers).not.toHaveProperty("x-userid");
  expect((await post({ name: "week", token: sender, proto: "rtmp" })).status).toBe(403);
  expect((await play({ name: "free", token: sender, proto: "hls" })).status).toBe(403);
  expect((await post({ name: "free", token: sender, proto: "hls" })).status).toBe(403);
});

test.each([
  ["hls", 200],
  ["llhls", 200],
  ["mp4", 200],
  ["player", 200],
  ["rtmp", 403],
  ["rtsp", 403],
  ["srt", 403],
  ["webrtc", 403],
  ["whatever", 403],
  [undefined, 403],
])("a viewer's token by POST with proto %s: %d", async (proto, status) => {
  expect((await post({ name: "free", token, proto, ip: "1.2.3.4", stream_clients: 3 })).status).toBe(status);
});

test("a POST may carry dvr as a boolean or as a word", async () => {
  expect((await post({ name: "live", token, proto: "hls", dvr: false })).body).toBe(ranges());
  expect((await post({ name: "live", token, proto: "hls", dvr: true })).status).toBe(403);
  expect((await post({ name: "live", token, proto: "hls", dvr: "true" })).status).toBe(403);
});

test("Defect 34: logging out ends the camera tokens of the session and of no other", async () => {
  const [leaving, staying] = [aViewer({ streams }), aViewer({ streams })];
  const [ended, alive] = [leaving.token(), staying.token()];
  expect((await play({ name: "free", token: ended })).status).toBe(200);
  await anEndedSession(leaving.session);
  expect((await play({ name: "free", token: ended })).status).toBe(403);
  expect((await play({ name: "free", token: alive })).status).toBe(200);
});

test("Defect 34: a contract that loses a right ends its tokens, and the next one works", async () => {
  const resident = aViewer({ streams });
  const now = new Date();
  const before = resident.token(env, now);
  await revokedAt(resident.contracts[0]!, now);
  await publishRevocations(env);
  expect((await play({ name: "free", token: before })).status).toBe(403);
  expect((await play({ name: "free", token: resident.token(env, new Date(now.getTime() + 1)) })).status).toBe(200);
});

const inAnHour = () => new Date(Date.now() + 3_600_000);

test("an opaque token opens what it was registered for until it ends", async () => {
  const opaque = crypto.randomUUID();
  await registerOpaqueToken(env, opaque, { account: 9, streams, expiresAt: inAnHour() });
  expect(await play({ name: "free", token: opaque })).toMatchObject({ status: 200, headers: { "x-userid": "9" } });
  expect((await play({ name: "week", token: opaque, dvr: true })).body).toEqual(opened(7));
  expect((await play({ name: "other", token: opaque })).status).toBe(403);
  expect((await play({ name: "free", token: crypto.randomUUID() })).status).toBe(403);
  expect((await post({ name: "free", token: opaque, proto: "rtmp" })).status).toBe(403);

  const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_001);
  const worker = aWorker();
  expect((await play({ name: "free", token: opaque }, worker)).status).toBe(403);
  clock.mockRestore();
});

test("an opaque token may be for publishing", async () => {
  const opaque = crypto.randomUUID();
  await registerOpaqueToken(env, opaque, { account: 0, streams, publish: true, expiresAt: inAnHour() });
  expect((await post({ name: "free", token: opaque, proto: "rtmp" })).status).toBe(200);
  expect((await play({ name: "free", token: opaque })).status).toBe(403);
});

test("an opaque token dies with its session, and lives no longer than EXPIRE", async () => {
  const [opaque, session] = [crypto.randomUUID(), crypto.randomUUID()];
  await registerOpaqueToken(env, opaque, { account: 9, session, streams, expiresAt: new Date(9e12) });
  expect((await play({ name: "free", token: opaque })).status).toBe(200);
  const row = await env.DB.prepare("SELECT expires_at - issued_at AS life FROM camera_grants WHERE digest = ?")
    .bind(sha256(opaque))
    .first();
  expect(row).toEqual({ life: 360 * 60_000 });
  await anEndedSession(session, new Date(Date.now() + 1));
  expect((await play({ name: "free", token: opaque })).status).toBe(403);
});

test.each([
  ["", "an empty one"],
  ["v.k1.AAAA.0123456789012345678901", "one that looks like ours"],
  ["x".repeat(513), "a long one"],
])("%#: no opaque token: %s", async (text) => {
  await expect(registerOpaqueToken(env, text, { account: 1, streams, expiresAt: inAnHour() })).rejects.toThrow(
    "Not an opaque token",
  );
});

/** A worker whose KV counts and answers as told. */
function aCountingWorker(get: (key: string) => Promise<string | null>) {
  const count = vi.fn(get);
  const forbidden = new Proxy({}, { get: (_, name) => () => expect.unreachable(`D1 was asked: ${String(name)}`) });
  return { count, worker: aWorker({ TOKENS: { get: count } as never, DB: forbidden as never }) };
}
const aList = (opaqueUntil = 0) =>
  JSON.stringify({ at: Date.now(), since: 0, sessions: { s: 1 }, contracts: { 1: 1 }, opaqueUntil });

test("a warm callout does no I/O, whether it allows or denies, and answers without a promise", async () => {
  const { count, worker } = aCountingWorker(async () => aList());
  await play({ name: "free", token }, worker);
  expect(count).toHaveBeenCalledTimes(1);
  const queries = [
    `name=free&token=${token}`,
    `name=week&dvr=true&token=${token}`,
    `name=no&token=${token}`,
    "name=free&token=x",
    "",
  ];
  for (const query of [...queries, ...queries]) {
    const direct = app.fetch(new Request(`http://x/api/accessfl?${query}`), worker, createExecutionContext());
    expect(direct).toBeInstanceOf(Response);
  }
  const unseen = aViewer({ streams }).token();
  expect((await play({ name: "free", token: unseen }, worker)).status).toBe(200);
  expect(count).toHaveBeenCalledTimes(1);
});

test("a callout may be answered before the router is asked, and nothing else is", async () => {
  const context = createExecutionContext();
  const atOnce = (path: string, init: RequestInit = {}, worker: Env = env) =>
    playAtOnce(new Request(`https://api.example.net${path}`, init), worker, context);
  const good = `/api/accessfl?name=free&token=${token}`;
  expect(await atOnce(good)).toMatchObject({ status: 200 });
  expect(await atOnce("/api/accessfl?name=free&token=garbage")).toMatchObject({ status: 403 });
  const guarded = aWorker({ FLUSSONIC_SECRET: "a-secret-of-16-letters" });
  expect(await atOnce(good, {}, guarded)).toMatchObject({ status: 403 });
  expect(await atOnce(good, { headers: { Authorization: "Bearer a-secret-of-16-letters" } }, guarded)).toMatchObject({
    status: 200,
  });

  const others = ["/", "/api/accessfl", "/api/accessfl2?name=free", "/x/api/accessfl?name=free", "/api/user/ping?"];
  for (const path of others) expect(atOnce(path)).toBeUndefined();
  for (const method of ["HEAD", "POST", "PUT"]) expect(atOnce(good, { method })).toBeUndefined();
});

test("nothing but its own handler matches the callout's path", () => {
  expect(app.router.match("GET", "/api/accessfl")[0]).toHaveLength(1);
  expect(app.router.match("GET", "/flussonic/secret/auth")[0]).toHaveLength(1);
});

test("while opaque tokens are alive an unknown one costs one read of KV in 30 s", async () => {
  const { count, worker } = aCountingWorker(async (key) => (key === "camera-revocations" ? aList(9e12) : null));
  for (let n = 0; n < 5; n++) expect((await play({ name: "free", token: "unknown" }, worker)).status).toBe(403);
  expect((await play({ name: "free", token }, worker)).status).toBe(200);
  expect(count).toHaveBeenCalledTimes(2);
});

test.each([["{"], ["[]"], ["{}"], [JSON.stringify({ streams: [{ name: 1 }], issuedAt: 0, expiresAt: 9e12 })]])(
  "a broken entry in KV opens nothing: %s",
  async (entry) => {
    const { worker } = aCountingWorker(async (key) => (key === "camera-revocations" ? aList(9e12) : entry));
    expect((await play({ name: "free", token: "opaque" }, worker)).status).toBe(403);
  },
);

test("a KV that fails leaves opaque tokens undecided and signed ones alone", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const { worker } = aCountingWorker(async (key) => {
    if (key === "camera-revocations") return aList(9e12);
    throw new Error("KV is down");
  });
  expect((await play({ name: "free", token: "opaque" }, worker)).status).toBe(500);
  expect((await play({ name: "free", token }, worker)).status).toBe(200);
  silent.mockRestore();
});

test("without a revocation list for ten minutes the answer is 500 on purpose", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const now = Date.now();
  const clock = vi.spyOn(Date, "now").mockReturnValue(now);
  const { worker } = aCountingWorker(() => Promise.reject(new Error("KV is down")));
  expect((await play({ name: "free", token }, worker)).status).toBe(200);
  clock.mockReturnValue(now + 10 * 60_000);
  expect((await play({ name: "free", token }, worker)).status).toBe(200);
  clock.mockReturnValue(now + 10 * 60_000 + 1);
  expect((await play({ name: "free", token }, worker)).status).toBe(500);
  clock.mockRestore();
  silent.mockRestore();
});

test("a settings error is a 500, so that nobody is denied by a bad deploy", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  expect((await play({ name: "free", token }, aWorker({ SIGNING_KEYS: "" }))).status).toBe(500);
  silent.mockRestore();
});
