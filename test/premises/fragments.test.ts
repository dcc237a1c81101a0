import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { fileName } from "#premises/archive/file-names.ts";
import { fragmentLink, prepareFragment } from "#premises/archive/fragments.ts";
import { PART_BYTES } from "#premises/archive/part-writer.ts";
import { sweepFragments } from "#premises/archive/sweep.ts";
import { changeContract } from "#premises/contracts.ts";
import { changeDevice } from "#premises/registry.ts";
import { giveRights, takeRights } from "#premises/rights.ts";
import { aContract, aPhone, aResident, call } from "../support/world.ts";
import { aMediaServer, aRequest, deliver, FILE, hush, isEqual, keptFile, rowOf } from "./fragments.ts";

beforeEach(() => void hush());
afterEach(() => vi.restoreAllMocks());
// Some of them move tens of megabytes, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 30_000 });
afterAll(() => vi.resetConfig());

const DAY = 86_400_000;
const partsOf = async (id: number) => JSON.parse((await rowOf(id))!.parts!) as { size: number }[];

test("a file arrives in parts of eight megabytes, byte for byte, and its link gives it", async () => {
  const server = aMediaServer();
  const { env: mine, id, resident, home, stretch } = await aRequest();
  expect(await fragmentLink(mine, resident, id)).toBeUndefined();
  expect(await deliver(mine, id)).toEqual({ acked: 1, retried: 0 });

  const asked = new URL(server.asked[0]!.url);
  expect(asked.origin + asked.pathname).toBe(
    `https://vd.example.net/${home.camera.uuid}/archive-${stretch.from.getTime() / 1000}-300.mp4`,
  );
  expect(await rowOf(id)).toMatchObject({ state: "ready", size: FILE.byteLength, upload_id: null, parts: "[]" });
  expect(isEqual(await keptFile(id), FILE)).toBe(true);

  const link = new URL((await fragmentLink(mine, resident, id))!);
  const file = await call(link.pathname);
  expect(file.headers.get("content-type")).toBe("video/mp4");
  expect(isEqual(new Uint8Array(await file.arrayBuffer()), FILE)).toBe(true);
});

test("Defect 36: the media server's question about a download is answered by the token that it carries", async () => {
  const server = aMediaServer();
  const { env: mine, id, home, stretch } = await aRequest();
  await deliver(mine, id);
  const token = new URL(server.asked[0]!.url).searchParams.get("token")!;
  const from = stretch.from.getTime() / 1000;
  const ask = async (query: string) =>
    (await call(`/api/accessfl?name=${home.camera.uuid}&token=${token}&ip=10.0.0.1&${query}`)).status;
  expect(await ask("proto=mp4&dvr=true")).toBe(200);
  expect(await ask(`type=mp4&media_request=dvr_handler-mp4-${from}-300`)).toBe(200);
  expect(await ask(`type=mp4&media_request=dvr_handler-mp4-${from - 60}-300`)).toBe(403);
  expect(await ask("proto=hls&dvr=false")).toBe(403);
});

test("Defect 40: asking twice for the same stretch is one file, of whoever asks", async () => {
  const { env: mine, id, resident, home, stretch, queued } = await aRequest();
  expect(await prepareFragment(mine, resident, stretch)).toBe(id);
  const other = await aResident();
  await giveRights(env, await aContract({ phones: [other.phone] }), [home.camera.deviceId]);
  expect(await prepareFragment(mine, other, stretch)).toBe(id);
  expect(new Set(queued.map((job) => job.id))).toEqual(new Set([id]));
  const later = { ...stretch, to: new Date(stretch.to.getTime() + 1000) };
  expect(await prepareFragment(mine, resident, later)).not.toBe(id);
});

test("a connection that breaks is gone on with behind the last whole part", async () => {
  const server = aMediaServer({ etag: '"v1"', breaksAfter: PART_BYTES + 1_000_000 });
  const { env: mine, id } = await aRequest();
  expect(await deliver(mine, id)).toEqual({ acked: 0, retried: 1 });
  expect(await rowOf(id)).toMatchObject({ state: "queued", attempts: 1, source_etag: '"v1"' });
  expect(await partsOf(id)).toHaveLength(1);

  server.breaksAfter = undefined;
  await deliver(mine, id);
  expect(server.asked.at(-1)!.headers.get("range")).toBe(`bytes=${PART_BYTES}-`);
  expect(server.asked.at(-1)!.headers.get("if-range")).toBe('"v1"');
  expect(isEqual(await keptFile(id), FILE)).toBe(true);
});

test.each([
  ["knows no ranges", { ranges: false, etag: '"v1"' }],
  ["has no ETag", { ranges: true }],
  ["has only a weak ETag", { ranges: true, etag: 'W/"v1"' }],
])("from a media server that %s the file is whole all the same", async (_, kind) => {
  const server = aMediaServer({ ...kind, breaksAfter: PART_BYTES + 1_000_000 });
  const { env: mine, id } = await aRequest();
  await deliver(mine, id);
  const before = await partsOf(id);
  expect(before.length).toBeGreaterThan(0);

  server.breaksAfter = undefined;
  await deliver(mine, id);
  expect(await rowOf(id)).toMatchObject({ state: "ready", size: FILE.byteLength });
  expect(isEqual(await keptFile(id), FILE)).toBe(true);
});

test.each([
  ["by its ETag", '"v1"', '"v2"'],
  ["by its bytes, without an ETag", undefined, undefined],
])("a file that has changed %s is begun anew, and never mixed", async (_, before, after) => {
  const server = aMediaServer({ ...(before && { etag: before }), breaksAfter: PART_BYTES + 1_000_000 });
  const { env: mine, id } = await aRequest();
  await deliver(mine, id);

  const other = Buffer.from(FILE);
  other[7] = other[7]! ^ 255;
  Object.assign(server, { file: other, etag: after, breaksAfter: undefined });
  await deliver(mine, id);
  expect(await rowOf(id)).toMatchObject({ state: "queued", upload_id: null, parts: "[]" });
  await deliver(mine, id);
  expect(isEqual(await keptFile(id), other)).toBe(true);
});

test("a consumer that dies after its last part leaves a file that the next one only puts together", async () => {
  const server = aMediaServer({ etag: '"v1"' });
  const { env: mine, id } = await aRequest();
  const complete = vi.fn(() => Promise.reject(new Error("killed")));
  const dying = {
    ...mine,
    FILES: new Proxy(env.FILES, {
      get(files, name) {
        const value = Reflect.get(files, name).bind(files);
        if (name !== "createMultipartUpload") return value;
        return async (...args: never[]) => {
          const upload: R2MultipartUpload = await value(...args);
          return { uploadId: upload.uploadId, uploadPart: upload.uploadPart.bind(upload), complete };
        };
      },
    }),
  } as typeof mine;
  await deliver(dying, id);
  expect(complete).toHaveBeenCalledOnce();
  expect(await partsOf(id)).toHaveLength(2);
  await deliver(mine, id);
  expect(server.asked.at(-1)!.headers.get("range")).toBe(`bytes=${PART_BYTES}-`);
  expect(isEqual(await keptFile(id), FILE)).toBe(true);
});

test("a file that was put together, and only the row does not know, is not loaded again", async () => {
  const server = aMediaServer({ etag: '"v1"', breaksAfter: PART_BYTES + 1_000_000 });
  const { env: mine, id } = await aRequest();
  await deliver(mine, id);
  await env.FILES.put(`fragments/main/${id}.mp4`, FILE);
  await deliver(mine, id);
  expect(server.asked).toHaveLength(1);
  expect(await rowOf(id)).toMatchObject({ state: "ready", size: FILE.byteLength });
});

test("an upload that R2 has given up is begun anew", async () => {
  const server = aMediaServer({ etag: '"v1"', breaksAfter: PART_BYTES + 1_000_000 });
  const { env: mine, id } = await aRequest();
  await deliver(mine, id);
  const { upload_id } = (await rowOf(id))!;
  await env.FILES.resumeMultipartUpload(`fragments/main/${id}.mp4`, upload_id!).abort();
  server.breaksAfter = undefined;
  await deliver(mine, id);
  await deliver(mine, id);
  expect(isEqual(await keptFile(id), FILE)).toBe(true);
});

test("of two consumers only one loads, and one that comes back late writes nothing", async () => {
  let goOn = () => {};
  const wait = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const { env: mine, id } = await aRequest();
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
    await wait;
    return new Response("old");
  });
  const slow = deliver(mine, id);
  await vi.waitFor(async () => expect((await rowOf(id))!.state).toBe("loading"));
  expect(await deliver(mine, id)).toEqual({ acked: 1, retried: 0 });
  expect((await rowOf(id))!.attempts).toBe(1);

  // Its lease is over: another one takes the row.
  await env.DB.prepare("UPDATE fragments SET attempts = 2 WHERE id = ?").bind(id).run();
  goOn();
  await slow;
  expect(await rowOf(id)).toMatchObject({ state: "loading", attempts: 2, size: null });
});

test.each([
  [404, "no such archive", 404],
  [410, "no such archive", 404],
])("a media server that answers %i has no such archive, for good", async (status, error, told) => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("", { status }));
  const { env: mine, id, resident } = await aRequest();
  expect(await deliver(mine, id)).toEqual({ acked: 1, retried: 0 });
  expect(await rowOf(id)).toMatchObject({ state: "failed", error });
  await expect(fragmentLink(mine, resident, id)).rejects.toMatchObject({ status: told, reason: "no_archive" });
});

test.each([
  ["403", () => new Response("", { status: 403 })],
  ["503", () => new Response("", { status: 503 })],
  ["nothing", () => Promise.reject(new Error("refused"))],
  ["an empty file", () => new Response("")],
  ["a page", () => new Response("<p>Sign in</p>", { headers: { "content-type": "text/html; charset=utf-8" } })],
  ["an error as a success", () => Response.json({ error: "no such stream" })],
  [
    "less than it announced",
    () => new Response(new ReadableStream({ start: (c) => c.close() }), { headers: { "content-length": "9" } }),
  ],
])("a media server that answers %s is asked again later", async (_, answer) => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => answer());
  const { env: mine, id, resident } = await aRequest();
  expect(await deliver(mine, id)).toEqual({ acked: 0, retried: 1 });
  expect(await rowOf(id)).toMatchObject({ state: "queued", attempts: 1 });
  expect(await fragmentLink(mine, resident, id)).toBeUndefined();
});

test("after the last attempt it has failed, nothing is left in R2, and asking again begins anew", async () => {
  const server = aMediaServer({ etag: '"v1"', breaksAfter: PART_BYTES + 1 });
  const { env: mine, id, resident, stretch } = await aRequest();
  await env.DB.prepare("UPDATE fragments SET attempts = 11 WHERE id = ?").bind(id).run();
  const abort = vi.spyOn(env.FILES, "resumeMultipartUpload");
  await deliver(mine, id);
  expect(await rowOf(id)).toMatchObject({ state: "failed", upload_id: null, parts: "[]" });
  expect(abort).toHaveBeenCalledOnce();
  await expect(fragmentLink(mine, resident, id)).rejects.toMatchObject({ status: 503, reason: "fragment_failed" });

  server.breaksAfter = undefined;
  expect(await prepareFragment(mine, resident, stretch)).toBe(id);
  expect(await rowOf(id)).toMatchObject({ state: "queued", attempts: 0, error: null });
  await deliver(mine, id);
  expect(isEqual(await keptFile(id), FILE)).toBe(true);
});

test("a file that is announced too large is refused for good", async () => {
  vi.spyOn(globalThis, "fetch").mockImplementation(
    async () => new Response("x", { headers: { "content-length": String(3 * 2 ** 30) } }),
  );
  const { env: mine, id } = await aRequest();
  await deliver(mine, id);
  expect(await rowOf(id)).toMatchObject({ state: "failed", error: "the file is too large" });
});

test("a cluster may lead to another media server of the operator's, and to no other host", async () => {
  const lead = (location: string) =>
    vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async (url) =>
        String(url).startsWith("https://vd.example.net")
          ? new Response("", { status: 302, headers: { location } })
          : new Response("film"),
      );
  lead("https://vd2.example.net/film.mp4");
  const one = await aRequest();
  await deliver(one.env, one.id);
  expect(await rowOf(one.id)).toMatchObject({ state: "ready", size: 4 });

  const calls = lead("http://169.254.169.254/latest");
  const two = await aRequest();
  await deliver(two.env, two.id);
  expect(await rowOf(two.id)).toMatchObject({ state: "queued" });
  expect(calls.mock.calls.filter(([url]) => String(url).includes("169.254"))).toEqual([]);
});

test("Defect 21: a download that began over TLS does not go on without it, and an untrusted certificate is no answer", async () => {
  const calls = vi
    .spyOn(globalThis, "fetch")
    .mockImplementation(
      async () => new Response("", { status: 302, headers: { location: "http://vd.example.net/film.mp4" } }),
    );
  const one = await aRequest();
  await deliver(one.env, one.id);
  expect(calls.mock.calls.map(([url]) => new URL(String(url)).protocol)).toEqual(["https:"]);
  expect(await rowOf(one.id)).toMatchObject({ state: "queued", error: "the media server leads out of TLS" });

  // How the platform says that it does not trust the certificate: nothing in the call asks it to do so all the same.
  calls.mockImplementation(() => Promise.reject(new TypeError("TLS peer's certificate is not trusted")));
  const two = await aRequest();
  await deliver(two.env, two.id);
  expect(await rowOf(two.id)).toMatchObject({ state: "queued", size: null });
});

test("Defect 22: a media server that stalls is not waited for", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    vi.spyOn(globalThis, "fetch").mockImplementation(
      async (_, init) =>
        new Response(
          new ReadableStream({
            start: (c) => init!.signal!.addEventListener("abort", () => c.error(new Error("aborted"))),
          }),
        ),
    );
    const { download } = await import("#platform/download.ts");
    const begun = await download(new URL("https://vd.example.net/x"), { timeLimitMs: 600_000, stallLimitMs: 30_000 });
    const read = begun.chunks[Symbol.asyncIterator]().next();
    const refused = expect(read).rejects.toMatchObject({ code: "unavailable" });
    await vi.advanceTimersByTimeAsync(30_000);
    await refused;
  } finally {
    vi.useRealTimers();
  }
});

test("only hosts that the operator has listed are asked for a file", async () => {
  const { asked } = aMediaServer();
  const { env: mine, id } = await aRequest({ MEDIA_HOSTS: "other.example.net" });
  await deliver(mine, id);
  expect(asked).toEqual([]);
  expect(await rowOf(id)).toMatchObject({ state: "queued", attempts: 1 });
});

test("each reader is told once, with a link, when it is ready", async () => {
  aMediaServer({ file: Buffer.from("film") });
  const { env: mine, id, resident, home, stretch, queued } = await aRequest();
  const second = await aResident();
  await giveRights(env, await aContract({ phones: [second.phone] }), [home.camera.deviceId]);
  await prepareFragment(mine, second, stretch);
  await deliver(mine, id);
  await deliver(mine, id);
  const inbox = (phone: string) =>
    env.DB.prepare("SELECT action, link FROM inbox_messages WHERE phone = ?").bind(phone).all<{ link: string }>();
  for (const { phone } of [resident, second]) {
    const { results } = await inbox(phone);
    expect(results).toEqual([{ action: "videoReady", link: expect.stringMatching(/\.mp4$/) }]);
    expect((await call(new URL(results[0]!.link).pathname)).status).toBe(200);
  }

  // Somebody who comes later is told of what is there, and nobody else again.
  const third = await aResident();
  await giveRights(env, await aContract({ phones: [third.phone] }), [home.camera.deviceId]);
  queued.length = 0;
  await prepareFragment(mine, third, stretch);
  expect(queued).toEqual([{ id }]);
  await deliver(mine, id);
  expect((await inbox(third.phone)).results).toHaveLength(1);
  expect((await inbox(resident.phone)).results).toHaveLength(1);
});

test("nobody is sent a link to a camera that they have lost meanwhile, or do not pay for any more", async () => {
  aMediaServer({ file: Buffer.from("film") });
  const { env: mine, id, resident, home, stretch } = await aRequest();
  const [lost, unpaid] = [await aResident(), await aResident()];
  const contracts = await Promise.all([lost, unpaid].map(({ phone }) => aContract({ phones: [phone] })));
  for (const uid of contracts) await giveRights(env, uid, [home.camera.deviceId]);
  for (const reader of [lost, unpaid]) await prepareFragment(mine, reader, stretch);
  await takeRights(env, contracts[0]!, [home.camera.deviceId]);
  await changeContract(env, { uid: contracts[1]! }, { state: 1 } as never);
  await deliver(mine, id);
  const told = await env.DB.prepare("SELECT phone FROM inbox_messages WHERE phone IN (?, ?, ?)")
    .bind(resident.phone, lost.phone, unpaid.phone)
    .all();
  expect(told.results).toEqual([{ phone: resident.phone }]);
});

test("a file that comes packed is not gone on with in the middle", async () => {
  const packed = { etag: '"v1"', "content-encoding": "x-packed" };
  let asked = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const { headers } = new Request(input, init);
    expect(headers.has("range")).toBe(false);
    const [isFirst, pieces] = [asked++ === 0, [FILE.slice(0, PART_BYTES + 1), FILE.slice(PART_BYTES + 1)]];
    const body = new ReadableStream({
      pull(controller) {
        const piece = pieces.shift();
        if (!piece) controller.close();
        else if (isFirst && pieces.length === 0) controller.error(new Error("reset"));
        else controller.enqueue(piece);
      },
    });
    return new Response(body, { headers: packed });
  });
  const { env: mine, id } = await aRequest();
  await deliver(mine, id);
  expect(await rowOf(id)).toMatchObject({ state: "queued", source_etag: null });
  expect(await partsOf(id)).toHaveLength(1);
  await deliver(mine, id);
  expect(isEqual(await keptFile(id), FILE)).toBe(true);
});

test("the sweep queues again what the queue lost, what a dead consumer held, and who was not told", async () => {
  aMediaServer({ file: Buffer.from("film") });
  const { env: mine, id, queued } = await aRequest();
  const OPERATOR = "main";
  const mark = (sql: string) => env.DB.prepare(`UPDATE fragments SET ${sql} WHERE id = ?`).bind(id).run();
  const swept = async (now = new Date()) => {
    queued.length = 0;
    await sweepFragments({ ...mine, OPERATOR }, now);
    return queued.filter((job) => job.id === id).length;
  };
  const soon = (ms: number) => new Date(Date.now() + ms);
  expect(await swept(soon(30_000))).toBe(0);
  expect(await swept(soon(62_000))).toBe(1);
  await mark(`state = 'loading', next_attempt_at = ${Date.now() + 1000}`);
  expect(await swept()).toBe(0);
  expect(await swept(soon(2_000))).toBe(1);
  expect((await rowOf(id))!.state).toBe("queued");
  await mark(`state = 'ready', ready_at = ${Date.now() - 61_000}`);
  expect(await swept()).toBe(1);
});

test("past its days a fragment is deleted with its file, and what was begun of it is ended", async () => {
  const server = aMediaServer({ file: Buffer.from("film") });
  const ready = await aRequest();
  await deliver(ready.env, ready.id);
  Object.assign(server, { file: FILE, etag: '"v"', breaksAfter: PART_BYTES + 1 });
  const begun = await aRequest();
  await deliver(begun.env, begun.id);
  const { upload_id } = (await rowOf(begun.id))!;

  const before = new Date(Date.now() + 6.9 * DAY);
  await sweepFragments(ready.env, before);
  expect(await keptFile(ready.id)).toBeDefined();

  await sweepFragments(ready.env, new Date(Date.now() + 7.1 * DAY));
  expect([await rowOf(ready.id), await keptFile(ready.id), await rowOf(begun.id)]).toEqual([null, undefined, null]);
  const left = env.FILES.resumeMultipartUpload(`fragments/main/${begun.id}.mp4`, upload_id!);
  await expect(left.uploadPart(2, "x")).rejects.toThrow();
  await expect(fragmentLink(ready.env, ready.resident, ready.id)).rejects.toMatchObject({ status: 404 });
});

test("a fragment that ends today and is asked for again stays", async () => {
  aMediaServer({ file: Buffer.from("film") });
  const { env: mine, id, resident, stretch } = await aRequest();
  await deliver(mine, id);
  const late = new Date(Date.now() + 6.9 * DAY);
  await prepareFragment(mine, resident, stretch, late);
  await sweepFragments(mine, new Date(Date.now() + 8 * DAY));
  expect(await rowOf(id)).toMatchObject({ state: "ready" });
});

test("the day's limit counts what is new, and not what is asked for again", async () => {
  const { env: mine, resident, stretch, id } = await aRequest({ LIMITS: '{"fragmentsPerDay":2}' });
  const at = (minutes: number) => ({ ...stretch, to: new Date(stretch.to.getTime() + minutes * 60_000) });
  await prepareFragment(mine, resident, at(1));
  await expect(prepareFragment(mine, resident, at(2))).rejects.toMatchObject({ code: "too_many" });
  expect(await prepareFragment(mine, resident, stretch)).toBe(id);
  const tomorrow = new Date(Date.now() + DAY + 60_000);
  expect(await prepareFragment(mine, resident, at(2), tomorrow)).toBeGreaterThan(id);
});

test("a Nimble gives its file through its management API, and a Macroscop by its own query", async () => {
  const { asked } = aMediaServer({ file: Buffer.from("film") });
  const phone = aPhone();
  const { env: mine, home } = await aRequest({ MEDIA_HOSTS: "vd.example.net,n.example.net,m.example.net" });
  const resident = await aResident({ phone });
  await giveRights(env, await aContract({ phones: [phone] }), [home.camera.deviceId]);
  const from = new Date(Date.UTC(2026, 0, 31, 21, 59, 0));
  const stretch = { cameraId: home.camera.deviceId, from, to: new Date(from.getTime() + 120_000) };

  const management = { key: "k", management_url: "http://n.example.net:8082", management_token: "m" };
  await changeDevice(env, home.camera.deviceId, { serverType: "nimble", mediaSecret: JSON.stringify(management) });
  await deliver(mine, await prepareFragment(mine, resident, stretch));
  const nimble = new URL(asked.at(-1)!.url);
  expect(nimble.href.split("?")[0]).toBe(`http://n.example.net:8082/manage/dvr/export_mp4/${home.camera.uuid}`);
  const { salt, hash, ...times } = Object.fromEntries(nimble.searchParams);
  expect(times).toEqual({ start: String(from.getTime() / 1000), end: String(from.getTime() / 1000 + 120) });
  const { createHash } = await import("node:crypto");
  expect(hash).toBe(createHash("md5").update(`${salt}/m`).digest("base64"));

  await changeDevice(env, home.camera.deviceId, {
    ...{ serverType: "macroscop", url: "https://m.example.net/hls?channelid=7", mediaSecret: "login=view&password=p" },
  });
  const second = { ...stretch, to: new Date(from.getTime() + 121_000) };
  await deliver(mine, await prepareFragment(mine, resident, second));
  const macroscop = new URL(asked.at(-1)!.url);
  expect(macroscop.pathname).toBe("/exportarchive");
  expect(Object.fromEntries(macroscop.searchParams)).toEqual({
    ...{ channelid: "7", login: "view", password: "p" },
    ...{ fromtime: "31.01.2026 21:59:00", totime: "31.01.2026 22:01:01" },
  });
});

test("a Forpost is asked where the file will be", async () => {
  const forms: URLSearchParams[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.method === "GET") return new Response("film");
    expect(new URL(request.url).pathname).toBe("/system-api/GetDownloadURL");
    forms.push(new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer())));
    return Response.json({ URL: "https://f.example.net/files/1.mp4" });
  });
  const { env: mine, resident, home, stretch } = await aRequest({ MEDIA_HOSTS: "f.example.net" });
  await changeDevice(env, home.camera.deviceId, {
    ...{ serverType: "forpost", url: "https://f.example.net/system-api/GetTranslationURL?CameraID=7&Format=HLS" },
    mediaSecret: "AdminLogin=a&AdminPassword=b",
  });
  const later = { ...stretch, to: new Date(stretch.to.getTime() + 1000) };
  const id = await prepareFragment(mine, resident, later);
  await deliver(mine, id);
  expect(await rowOf(id)).toMatchObject({ state: "ready", size: 4 });
  expect(Object.fromEntries(forms[0]!)).toEqual({
    ...{ CameraID: "7", AdminLogin: "a", AdminPassword: "b", Container: "mp4" },
    ...{ TS: String(stretch.from.getTime() / 1000), TZ: "10800", Duration: "6" },
  });
});

test.each([
  ["Подъезд № 2, вход", "podezd_2_vkhod_2026-11-21_10-00-00__2026-11-21_10-05-00.mp4"],
  ["../../etc/passwd", "etc_passwd_2026-11-21_10-00-00__2026-11-21_10-05-00.mp4"],
  ["Щёлково?x=1#y", "shchelkovo_x_1_y_2026-11-21_10-00-00__2026-11-21_10-05-00.mp4"],
  ["", "camera_2026-11-21_10-00-00__2026-11-21_10-05-00.mp4"],
  ["门", "camera_2026-11-21_10-00-00__2026-11-21_10-05-00.mp4"],
])("Defect 19: the file of a camera called %j is %s, which is no path", (title, name) => {
  expect(fileName(title, "2026-11-21 10:00:00", "2026-11-21 10:05:00")).toBe(name);
});
