import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { localText } from "#platform/time.ts";
import { changeDevice } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import { deliver, hush, quiet } from "../premises/fragments.ts";
import { setContractState } from "../support/billing.ts";
import { countedEnv } from "../support/counted.ts";
import { aCamera, aHome, aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const MEDIA = { MEDIA_HOSTS: "vd.example.net,m.example.net,10.0.0.0/8" };
// Without a queue: the real one would call the consumer with the tests' own settings.
const mediaEnv = (vars: object = {}) => quiet({ ...MEDIA, ...vars }).env;

async function aViewer(fields: Parameters<typeof aHome>[0] = {}) {
  const phone = aPhone();
  const resident = await aResident({ phone });
  const home = await aHome({ phones: [phone], ...fields });
  return { resident, token: resident.token, home, id: home.camera.deviceId };
}

const at = (ago: number) => localText(new Date(Date.now() - ago * 60_000), "Europe/Moscow");
const hourAgo = { from: at(60), to: at(50) };

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
const json = async (response: Response): Promise<any> => response.json();

test("ranges are Flussonic's, asked for with a token that opens just this stream for a minute", async () => {
  const { token, home, id } = await aViewer();
  const from = 1_785_650_000;
  const answer = [
    {
      stream: home.camera.uuid,
      ranges: [
        { from, duration: 86_400 },
        { from: from + 90_000, duration: 10 },
      ],
    },
  ];
  const { asked } = outside(() => Response.json(answer));
  const { status, data } = await mobile("cctv/ranges", { cameraId: String(id) }, { token, env: mediaEnv() }).then(
    async (response) => ({ status: response.status, data: (await json(response)).data }),
  );
  expect({ status, data }).toEqual({ status: 200, data: answer });

  const url = new URL(asked[0]!.url);
  expect(url.origin + url.pathname).toBe(`https://vd.example.net/${home.camera.uuid}/recording_status.json`);
  expect(url.searchParams.get("from")).toBe("1525186456");
  const video = url.searchParams.get("token")!;
  const may = async (name: string) => (await call(`/api/accessfl?name=${name}&token=${video}&proto=api`)).status;
  expect(await may(home.camera.uuid)).toBe(200);
  expect(await may((await aHome()).camera.uuid)).toBe(403);
  vi.setSystemTime(Date.now() + 61_000);
  expect(await may(home.camera.uuid)).toBe(403);
  vi.useRealTimers();
});

test("Defect 35: ranges are no deeper than record_days, and there are none without an archive", async () => {
  const { token, home, id } = await aViewer();
  const now = Math.floor(Date.now() / 1000);
  const ranges = [
    { from: now - 20 * 86_400, duration: 86_400 },
    { from: now - 10 * 86_400, duration: 5 * 86_400 },
    { from: now - 3600, duration: 3600 },
  ];
  const { asked } = outside(() => Response.json([{ stream: home.camera.uuid, ranges }]));
  const ask = async () => (await json(await mobile("cctv/ranges", { cameraId: id }, { token, env: mediaEnv() }))).data;

  await changeDevice(env, id, { recordDays: 7 });
  const [{ ranges: seen }] = await ask();
  expect(seen).toHaveLength(2);
  expect(Math.abs(seen[0].from - (now - 7 * 86_400))).toBeLessThan(60);
  expect(Math.abs(seen[0].duration - 2 * 86_400)).toBeLessThan(60);
  expect(seen[1]).toEqual(ranges[2]);

  await changeDevice(env, id, { recordDays: 0 });
  expect(await ask()).toEqual([]);
  expect(asked).toHaveLength(1);
});

test.each<[string, () => Response | Promise<Response>]>([
  ["is away", () => Promise.reject(new Error("refused"))],
  ["refuses", () => new Response("", { status: 403 })],
  ["leads elsewhere", () => Response.redirect("http://10.0.0.1/")],
  ["breaks off", () => new Response(new ReadableStream({ pull: (c) => c.error(new Error("reset")) }))],
  ["answers no JSON", () => new Response("<html>")],
  ["answers other JSON", () => Response.json({ ranges: 1 })],
  ["answers more than four megabytes", () => new Response(`[${" ".repeat(4 * 1024 * 1024)}]`)],
])("Defect 40: where the media server %s, ranges are 503 with an envelope", async (_, answer) => {
  hush();
  const { token, id } = await aViewer();
  outside(answer);
  const response = await mobile("cctv/ranges", { cameraId: id }, { token, env: mediaEnv() });
  expect([response.status, (await json(response)).code]).toEqual([503, 503]);
});

test("ranges ask no host that is not listed", async () => {
  hush();
  const { token, id } = await aViewer();
  await changeDevice(env, id, { url: "http://169.254.169.254" });
  const { asked } = outside(() => Response.json([]));
  const response = await mobile("cctv/ranges", { cameraId: id }, { token, env: mediaEnv() });
  expect([response.status, asked.length]).toEqual([503, 0]);
});

test("a Nimble tells its ranges through its management API, if it is known", async () => {
  const { token, home, id } = await aViewer();
  const { asked } = outside(() =>
    Response.json([{ stream: "x", timeline: [{ start: 1_785_650_000, duration: 60, end: 1 }] }]),
  );
  const ask = async () => (await json(await mobile("cctv/ranges", { cameraId: id }, { token, env: mediaEnv() }))).data;
  await changeDevice(env, id, { serverType: "nimble", mediaSecret: "key" });
  expect(await ask()).toEqual([]);
  const secret = { key: "key", management_url: "http://10.0.0.5:8082" };
  await changeDevice(env, id, { mediaSecret: JSON.stringify(secret) });
  expect(await ask()).toEqual([{ stream: home.camera.uuid, ranges: [{ from: 1_785_650_000, duration: 60 }] }]);
  expect(asked.map(({ url }) => url)).toEqual([
    `http://10.0.0.5:8082/manage/dvr_status/${home.camera.uuid}?timeline=true`,
  ]);
});

test("a Macroscop tells its ranges with the operator's login", async () => {
  const { token, home, id } = await aViewer();
  const Fragments = [
    { FromTime: "2026-08-01T10:00:00.5Z", ToTime: "2026-08-01T10:10:00Z" },
    { FromTime: "nonsense", ToTime: "2026-08-01T10:10:00Z" },
  ];
  const { asked } = outside(() => Response.json({ Fragments }));
  await changeDevice(env, id, {
    ...{ serverType: "macroscop", url: "https://m.example.net/hls?channelid=7", mediaSecret: "login=view&password=p" },
  });
  const { data } = await json(await mobile("cctv/ranges", { cameraId: id }, { token, env: mediaEnv() }));
  expect(data).toEqual([{ stream: home.camera.uuid, ranges: [{ from: 1_785_578_401, duration: 599 }] }]);
  const url = new URL(asked[0]!.url);
  expect(url.pathname).toBe("/archivefragments");
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    ...{ channelid: "7", login: "view", password: "p", responsetype: "json" },
    fromtime: expect.stringMatching(/^\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d$/),
  });
});

test.each([
  ["forpost", 3, 1],
  ["trassir", 3, 0],
] as const)(
  "of %s, which tells nobody, ranges are what the operator says it keeps",
  async (serverType, recordDays, count) => {
    const { token, id } = await aViewer();
    await changeDevice(env, id, { serverType, recordDays, url: "https://f.example.net/x?CameraID=1" });
    const { data } = await json(await mobile("cctv/ranges", { cameraId: id }, { token }));
    expect(data).toHaveLength(count);
    for (const { ranges } of data) expect(ranges).toEqual([{ from: expect.any(Number), duration: 3 * 86_400 }]);
  },
);

test("the city's cameras have archives for every resident", async () => {
  const { token } = await aResident();
  const camera = await aCamera();
  await giveRights(env, 0, [camera.deviceId]);
  outside(() => Response.json([]));
  const response = await mobile("cctv/ranges", { cameraId: camera.deviceId }, { token, env: mediaEnv() });
  expect(await json(response)).toMatchObject({ code: 200, data: [] });
});

test.each<[string, (id: number) => object]>([
  ["cctv/ranges", (cameraId) => ({ cameraId })],
  ["cctv/recPrepare", (id) => ({ id, ...hourAgo })],
])("Defect 40: %s of somebody else's camera is 404, of an unpaid one 402", async (method, body) => {
  const { asked } = outside();
  const { token, home, id } = await aViewer();
  const foreign = await aHome();
  const status = async (camera: number) => (await mobile(method, body(camera), { token, env: mediaEnv() })).status;
  expect(await status(foreign.camera.deviceId)).toBe(404);
  expect(await status(999_999_999)).toBe(404);
  expect(await status(home.lock)).toBe(404);
  await setContractState(home.uid, { state: 1 });
  expect(await status(id)).toBe(402);
  await setContractState(home.uid, { state: 0 });
  expect(await status(id)).toBe(404);
  expect(asked).toEqual([]);
});

test("Defect 66: recPrepare reads its times in the operator's zone, in winter and in summer", async () => {
  const { token, id } = await aViewer();
  outside(() => new Response("", { status: 503 }));
  hush();
  const prepare = async (from: string, to: string, TIME_ZONE: string) => {
    const { data } = await json(
      await mobile("cctv/recPrepare", { id, from, to }, { token, env: mediaEnv({ TIME_ZONE }) }),
    );
    return env.DB.prepare("SELECT from_s, to_s FROM fragments WHERE id = ?").bind(data).first();
  };
  const seconds = (iso: string) => Date.parse(iso) / 1000;
  expect(await prepare("2026-07-01 12:00:00", "2026-07-01 12:10:00", "Europe/Berlin")).toEqual({
    ...{ from_s: seconds("2026-07-01T10:00:00Z"), to_s: seconds("2026-07-01T10:10:00Z") },
  });
  expect(await prepare("2026-01-01 12:00:00", "2026-01-01 12:10:00", "Europe/Berlin")).toEqual({
    ...{ from_s: seconds("2026-01-01T11:00:00Z"), to_s: seconds("2026-01-01T11:10:00Z") },
  });
  // Over the hour that comes twice, ten minutes are ten minutes.
  expect(await prepare("2025-10-26 01:55:00", "2025-10-26 02:05:00", "Europe/Berlin")).toEqual({
    ...{ from_s: seconds("2025-10-25T23:55:00Z"), to_s: seconds("2025-10-26T00:05:00Z") },
  });
});

const day = (days: number, minutes: number) => at(days * 1440 + minutes);

test.each([
  ["15 minutes", at(60), at(45), 200],
  ["15 minutes and a second", "2026-01-01 10:00:00", "2026-01-01 10:15:01", 403],
  ["a day and five minutes, which is five minutes only to who looks at the clock", day(2, 5), day(1, 0), 403],
  ["nothing", "2026-01-01 10:00:00", "2026-01-01 10:00:00", 422],
  ["an end before the beginning", "2026-01-01 10:05:00", "2026-01-01 10:00:00", 422],
  ["what has not been yet", at(-5), at(-10), 422],
  ["what is not over yet", at(5), at(-5), 422],
  ["a day that there is not", "2026-02-30 10:00:00", "2026-02-30 10:05:00", 422],
  ["words", "today", "now", 422],
])("Defect 40: recPrepare of %s (%s to %s) is %i", async (_, from, to, status) => {
  outside(() => new Response("", { status: 404 }));
  hush();
  const { token, id } = await aViewer();
  const response = await mobile("cctv/recPrepare", { id, from, to }, { token, env: mediaEnv() });
  expect(response.status).toBe(status);
  const body = await json(response);
  if (status === 200) expect(body.data).toEqual(expect.any(Number));
  if (status !== 403) return;
  expect(body).toEqual({ code: 403, name: "Set less than 15 min.", message: "Установите менее 15 мин." });
});

test("what is deeper than record_days, or of a camera without archive, cannot be prepared", async () => {
  outside(() => new Response("", { status: 404 }));
  hush();
  const { token, id } = await aViewer();
  const status = async (minutes: number) =>
    (await mobile("cctv/recPrepare", { id, from: at(minutes), to: at(minutes - 5) }, { token, env: mediaEnv() }))
      .status;
  await changeDevice(env, id, { recordDays: 3 });
  expect(await status(3 * 1440 - 10)).toBe(200);
  expect(await status(3 * 1440 + 10)).toBe(404);
  await changeDevice(env, id, { recordDays: 0 });
  expect(await status(60)).toBe(404);
  await changeDevice(env, id, { recordDays: 3, serverType: "trassir", mediaSecret: "username=a" });
  expect(await status(61)).toBe(404);
});

/** A fragment that is ready, with its link. */
async function aFragment() {
  const viewer = await aViewer();
  const film = "film".repeat(1000);
  outside(() => new Response(film));
  const media = mediaEnv();
  const { data: fragment } = await json(
    await mobile("cctv/recPrepare", { id: viewer.id, ...hourAgo }, { token: viewer.token, env: media }),
  );
  const download = (token = viewer.token) => mobile("cctv/recDownload", { id: fragment }, { token, env: media });
  await deliver(media, fragment);
  const link: string = (await json(await download())).data;
  return { ...viewer, film, fragment, download, link, media };
}

const textOf = async (response: Response) => new TextDecoder().decode(await response.arrayBuffer());

test("recDownload gives a link that ends in a plain name, and that needs no session", async () => {
  const { link, film } = await aFragment();
  expect(link).toMatch(/^https:\/\/api\.example\.net\/api\/cctv\/download\/\d+\/[\w.-]+\/kamera_1_[\d_-]+\.mp4$/);
  const path = new URL(link).pathname;
  const whole = await call(path);
  expect([whole.status, await textOf(whole)]).toEqual([200, film]);
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    ...{ "content-type": "video/mp4", "content-length": "4000", "accept-ranges": "bytes" },
    "content-disposition": expect.stringMatching(/^attachment; filename\*=UTF-8''kamera_1_.*\.mp4$/),
  });
  const part = await call(path, { headers: { range: "bytes=4-11" } });
  expect([part.status, await textOf(part), part.headers.get("content-range")]).toEqual([
    ...[206, "filmfilm", "bytes 4-11/4000"],
  ]);
  const head = await call(path, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await textOf(head)]).toEqual([200, "4000", ""]);
  expect((await call(path, { headers: { range: "bytes=9999-" } })).status).toBe(416);
});

test("Defect 27: a link that was changed, or is past its end, opens nothing", async () => {
  const { link, fragment } = await aFragment();
  const path = new URL(link).pathname;
  const [until] = path.split("/")[5]!.split(".");
  const changed = [
    path.replace(`/${fragment}/`, `/${fragment - 1}/`),
    path.replace(until!, String(Number(until) + 600)),
    path.replace("kamera", "camera"),
    path.replace(/.(?=\/kamera)/, (letter) => (letter === "A" ? "B" : "A")),
    path.replace(/\/[\w.-]+\/kamera/, "/x/kamera"),
  ];
  for (const other of changed) expect([other, (await call(other)).status]).toEqual([other, 403]);
  expect((await call(`/api/cctv/download/${fragment}`)).status).toBe(404);
  vi.setSystemTime(Date.now() + 25 * 3_600_000);
  expect((await call(path)).status).toBe(403);
  vi.useRealTimers();
});

test("a fragment is its readers' alone, and only while the camera is theirs and paid for", async () => {
  const { download, home, fragment, token } = await aFragment();
  const stranger = await aResident();
  expect((await download(stranger.token)).status).toBe(404);
  expect((await mobile("cctv/recDownload", { id: 999_999_999 }, { token })).status).toBe(404);
  expect((await mobile("cctv/recDownload", { id: String(fragment) }, { token })).status).toBe(200);
  await setContractState(home.uid, { state: 1 });
  expect((await download()).status).toBe(402);
  await setContractState(home.uid, { state: 0 });
  expect((await download()).status).toBe(404);
});

test.each([
  [404, 404, "Такого архива нет"],
  [410, 404, "Такого архива нет"],
])("of a stretch for which the media server says %i, recDownload says %i and why", async (answer, status, message) => {
  hush();
  outside(() => new Response("", { status: answer }));
  const { token, id } = await aViewer();
  const media = mediaEnv();
  const { data } = await json(await mobile("cctv/recPrepare", { id, ...hourAgo }, { token, env: media }));
  await deliver(media, data);
  const response = await mobile("cctv/recDownload", { id: data }, { token });
  expect([response.status, await json(response)]).toMatchObject([status, { message }]);
});

test.each([
  ["cctv/ranges", {}],
  ["cctv/ranges", { cameraId: "x" }],
  ["cctv/ranges", { cameraId: 1e300 }],
  ["cctv/recPrepare", {}],
  ["cctv/recPrepare", { id: 1, from: 5, to: [] }],
  ["cctv/recPrepare", { id: 1, from: "9".repeat(40), to: "x" }],
  ["cctv/recDownload", {}],
  ["cctv/recDownload", { id: {} }],
  ["cctv/youtube", { id: "x" }],
])("%s with %j is 422", async (method, body) => {
  const { token } = await aResident();
  expect((await mobile(method, body, { token })).status).toBe(422);
});

test("Defect 48: youtube lists the operator's videos, of one camera or all; none is 204, and no body is no error", async () => {
  const { token } = await aResident();
  const picture = "https://i.ytimg.com/vi/x/default.jpg";
  const video = (id: number, camera?: number) => ({
    ...{ id, camera, eventTime: "2026-11-21 10:00:00", title: "Двор", url: `https://youtu.be/${id}` },
    ...{ thumbnailsDefault: picture, thumbnailsMedium: picture, thumbnailsHigh: picture },
  });
  const YOUTUBE = JSON.stringify([video(1), video(2, 77)]);
  const ask = (body?: unknown) => mobile("cctv/youtube", body, { token, env: envWith({ YOUTUBE }) });
  expect((await json(await ask())).data.map(({ id }: { id: number }) => id)).toEqual([1, 2]);
  const { data } = await json(await ask({ id: "77" }));
  const { camera: _, ...told } = video(2, 77);
  expect(data).toEqual([{ ...told, description: "" }]);
  expect((await ask({ id: 78 })).status).toBe(204);
  expect((await mobile("cctv/youtube", undefined, { token })).status).toBe(204);
});

test("ranges take one round trip to D1, recDownload two, recPrepare three with the session's", async () => {
  const { token, id, fragment } = await aFragment();
  outside(() => Response.json([]));
  // The resident's own cameras and the city's are asked for at the same time, and count as two here.
  const counted = async (method: string, body: object) => {
    const { env: counting, trips } = countedEnv({ ...MEDIA, ARCHIVE: quiet().env.ARCHIVE });
    await mobile(method, body, { token, env: counting });
    return trips.d1;
  };
  expect(await counted("cctv/ranges", { cameraId: id })).toBeLessThanOrEqual(2);
  expect(await counted("cctv/recDownload", { id: fragment })).toBeLessThanOrEqual(3);
  expect(await counted("cctv/recPrepare", { id, from: at(30), to: at(29) })).toBeLessThanOrEqual(4);
});
