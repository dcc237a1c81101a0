import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { keepFile } from "#platform/files.ts";
import { newEvent, recordEvent } from "#premises/events.ts";
import { followUp } from "#premises/log/aftermath.ts";
import { callPictureHash, takeCallPicture } from "#premises/log/call-pictures.ts";
import { liveLink, pictureKey, pictureLink, takePicture } from "#premises/log/pictures.ts";
import { setContractState } from "../support/billing.ts";
import { aCamera, aHome, aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const JPEG = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]);
const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 9]);
const picture = (bytes: Uint8Array<ArrayBuffer> = JPEG) =>
  new Response(bytes, { headers: { "content-type": "text/plain" } });
const cameras = envWith({ PANEL_HOSTS: "camera.test" });
const aPictured = (camshot = "http://user:p%40ss@camera.test/shot.jpg") => aCamera({ camshot });
/** Of an absolute link what `call` takes. */
const pathOf = (link: string) => link.replace("https://api.example.net", "");
const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());
const future = (seconds: number) => new Date(Date.now() + seconds * 1000);

test("a picture is taken with the camera's own credentials, kept, and shown by its link", async () => {
  const world = outside(() => picture());
  const { deviceId } = await aPictured();
  const id = await takePicture(cameras, deviceId);
  expect(world.asked.map(({ url }) => url)).toEqual(["http://camera.test/shot.jpg"]);
  expect(world.asked[0]!.headers.get("authorization")).toBe(`Basic ${btoa("user:p@ss")}`);
  const shown = await call(pathOf(pictureLink(env, id!)));
  expect([shown.status, shown.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  expect(await bytesOf(shown)).toEqual(JPEG);
  const head = await call(pathOf(pictureLink(env, id!)), { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "7", ""]);
});

test.each([
  ["does not answer", () => Promise.reject(new Error("refused"))],
  ["answers an error", () => new Response("", { status: 500 })],
  ["answers a page", () => new Response("<html>login</html>")],
  ["answers nothing", () => new Response(null)],
  ["redirects elsewhere", () => new Response("", { status: 302, headers: { location: "http://10.0.0.1/" } })],
  ["answers more than 4 MiB", () => picture(new Uint8Array([...JPEG, ...new Array(4 * 1024 * 1024).fill(0)]))],
])("Defect 22: a camera that %s delays nothing and fails nothing", async (_, reply) => {
  outside(reply);
  const { deviceId, uuid } = await aPictured();
  expect(await takePicture(cameras, deviceId)).toBeUndefined();
  const live = await call(pathOf(liveLink(env, uuid)), {}, cameras);
  expect([live.status, await live.json()]).toEqual([
    503,
    expect.objectContaining({ code: 503, message: "Камера не ответила" }),
  ]);
});

test("Defect 16: a camera's URL outside PANEL_HOSTS is not called", async () => {
  const world = outside(() => picture());
  for (const camshot of ["http://169.254.169.254/latest", "http://elsewhere.test/a.jpg", "ftp://camera.test/a.jpg"]) {
    const { deviceId } = await aPictured(camshot);
    expect(await takePicture(cameras, deviceId)).toBeUndefined();
  }
  expect(world.asked).toEqual([]);
});

test("Defects 25, 27: without a signature, with another's, or past its end no picture is shown", async () => {
  const world = outside(() => picture());
  const { deviceId, uuid } = await aPictured();
  const id = (await takePicture(cameras, deviceId))!;
  world.asked.length = 0;
  const [event, live] = [pathOf(pictureLink(env, id)), pathOf(liveLink(env, uuid))];
  const [eventQuery, liveQuery] = [event.split("?")[1]!, live.split("?")[1]!];
  const long = new Date(Date.now() - 30 * 86_400_000);
  const refused = [
    ...[`/api/images/event/${id}.jpg`, `/api/images/${uuid}.jpg`, `/api/images/${uuid}.jpg?e=9999999999&s=k1.x`],
    ...[`/api/images/event/${id}.jpg?${liveQuery}`, `/api/images/${uuid}.jpg?${eventQuery}`],
    ...[event.replace(/e=(\d+)/, "e=9$1"), live.replace("k1.", "k2.")],
    ...[pathOf(pictureLink(env, id, long)), pathOf(liveLink(env, uuid, long))],
  ];
  for (const path of refused) {
    const answer = await call(path, {}, cameras);
    expect([path, answer.status]).toEqual([path, 403]);
    expect(await answer.json()).toMatchObject({ code: 403, name: "Forbidden" });
  }
  expect(world.asked).toEqual([]);
  expect((await call(live, {}, cameras)).status).toBe(200);
});

test("a picture that is not there, a camera that is not, and one without pictures are 404", async () => {
  const { uuid } = await aCamera();
  for (const link of [pictureLink(env, crypto.randomUUID()), liveLink(env, crypto.randomUUID()), liveLink(env, uuid)])
    expect((await call(pathOf(link), {}, cameras)).status).toBe(404);
});

test("Defect 20: however many look at once, the camera is asked once in a second, and nothing is stored", async () => {
  const world = outside(async () => {
    await scheduler.wait(100);
    return picture(PNG);
  });
  const { uuid } = await aPictured();
  const link = pathOf(liveLink(env, uuid));
  const answers = await Promise.all(Array.from({ length: 12 }, () => call(link, {}, cameras)));
  for (const answer of answers) {
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
      ...[200, "image/png", "no-store"],
    ]);
    expect(await bytesOf(answer)).toEqual(PNG);
  }
  expect(world.asked).toHaveLength(1);
  expect((await env.FILES.list({ prefix: uuid })).objects).toEqual([]);
});

test("a silent camera is asked once for all who look, too", async () => {
  const world = outside(async () => {
    await scheduler.wait(100);
    return new Response("", { status: 500 });
  });
  const link = pathOf(liveLink(env, (await aPictured()).uuid));
  const answers = await Promise.all(Array.from({ length: 6 }, () => call(link, {}, cameras)));
  expect(answers.map(({ status }) => status)).toEqual(new Array(6).fill(503));
  expect(world.asked).toHaveLength(1);
});

test("a call's hash shows what the camera sees, and what it saw when the call began", async () => {
  let seen = JPEG;
  outside(() => picture(seen));
  const { deviceId } = await aPictured();
  await takeCallPicture(cameras, deviceId);
  seen = PNG;
  const hash = callPictureHash(env, deviceId, future(180));
  for (const base of ["/api", "/mobile"]) {
    expect(await bytesOf(await call(`${base}/call/camshot/${hash}`, {}, cameras))).toEqual(JPEG);
    expect(await bytesOf(await call(`${base}/call/live/${hash}`, {}, cameras))).toEqual(PNG);
  }
});

test("Defect 27: a call's picture is not shown to the calls before and after it", async () => {
  let seen = JPEG;
  outside(() => picture(seen));
  const { deviceId } = await aPictured();
  await takeCallPicture(cameras, deviceId);
  seen = PNG;
  for (const minutesAgo of [2, -2]) {
    const at = new Date(Date.now() - minutesAgo * 60_000);
    const hash = callPictureHash(env, deviceId, future(180), at);
    expect(await bytesOf(await call(`/api/call/camshot/${hash}`, {}, cameras))).toEqual(PNG);
  }
});

test.each([
  ["of nobody's", () => "1.2.3.k1.x"],
  ["that is none", () => "x"],
  ["of another camera", (hash: string) => hash.replace(/^[^.]+/, "zz")],
  ["with a later end", (hash: string) => hash.replace(/^([^.]+\.[^.]+)\.[^.]+/, "$1.zzzzzzz")],
  ["past its end", (_: string, deviceId: number) => callPictureHash(env, deviceId, future(-1))],
  ["with something behind it", (hash: string) => `${hash}.x`],
])("Defect 25: a hash %s is 403 in an envelope", async (_, change) => {
  const world = outside(() => picture());
  const { deviceId } = await aPictured();
  const hash = change(callPictureHash(env, deviceId, future(180)), deviceId);
  for (const name of ["live", "camshot"]) {
    const answer = await call(`/api/call/${name}/${hash}`, {}, cameras);
    expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ code: 403 })]);
  }
  expect(world.asked).toEqual([]);
});

async function aNeighbour(camshot?: string) {
  const phone = aPhone();
  const [resident, home] = [
    await aResident({ phone }),
    await aHome({ phones: [phone], open: "http://camera.test/open" }),
  ];
  if (camshot)
    await call("/bill/api/devices_mod/", {
      method: "POST",
      headers: { authorization: "Bearer integration-token" },
      body: JSON.stringify({ device_id: home.camera.deviceId, camshot }),
    });
  return { ...resident, ...home };
}

const pictureOf = async (uid: number) =>
  env.DB.prepare("SELECT picture, preview FROM events WHERE uid = ?")
    .bind(uid)
    .first<{ picture: string; preview: number }>();

test("a recorded event gets its picture, and the log shows it by a link that opens it", async () => {
  const world = outside(() => picture());
  const home = await aNeighbour("http://camera.test/shot.jpg");
  const event = newEvent(env, {
    ...{
      uid: home.uid,
      at: new Date(),
      kind: 3,
      deviceId: home.camera.deviceId,
      title: "Дверь",
      detail: "",
      extra: {},
    },
  });
  await recordEvent(cameras, event);
  await followUp(cameras, event);
  expect(world.asked).toHaveLength(1);
  expect(await pictureOf(home.uid)).toMatchObject({ preview: 1 });
  const today = new Date(Date.now() + 3 * 3_600_000).toISOString().slice(0, 10); // in Moscow
  const answer = await mobile("address/plog", { flatId: home.uid, day: today }, { token: home.token });
  const [item] = (await answer.json<{ data: [{ preview: string; previewType: number; image: string }] }>()).data;
  expect(item).toMatchObject({ previewType: 1, image: (await pictureOf(home.uid))!.picture });
  expect(await bytesOf(await call(pathOf(item.preview)))).toEqual(JPEG);
});

test("an event of the past gets no picture of the present", async () => {
  const world = outside(() => picture());
  const home = await aNeighbour("http://camera.test/shot.jpg");
  const at = new Date(Date.now() - 60_000);
  const event = newEvent(env, {
    ...{ uid: home.uid, at, kind: 3, deviceId: home.camera.deviceId, title: "Дверь", detail: "", extra: {} },
  });
  await recordEvent(cameras, event);
  await followUp(cameras, event);
  expect(world.asked).toEqual([]);
});

test("a door's answer does not wait for the picture, which comes after it", async () => {
  let isReleased = false;
  const home = await aNeighbour("http://127.0.0.1:8081/shot.jpg");
  await call("/bill/api/doors_mod/", {
    method: "POST",
    headers: { authorization: "Bearer integration-token" },
    body: JSON.stringify({ doors_id: home.doorId, open: "http://127.0.0.1:8081/open" }),
  });
  outside(async ({ url }) => {
    if (url.endsWith("/open")) return new Response("");
    while (!isReleased) await scheduler.wait(10);
    return picture();
  });
  const opened = await mobile(
    "address/openDoor",
    { domophoneId: home.lock, doorId: home.doorId },
    { token: home.token },
  );
  expect(opened.status).toBe(204);
  expect(await pictureOf(home.uid)).toEqual({ picture: null, preview: 0 });
  isReleased = true;
  await vi.waitFor(async () => expect(await pictureOf(home.uid)).toMatchObject({ preview: 1 }), { timeout: 3_000 });
});

test("a neighbour gets no link to a picture, whatever their log says", async () => {
  const [home, stranger] = [await aNeighbour(), await aNeighbour()];
  const id = crypto.randomUUID();
  await keepFile(env, pictureKey(id), JPEG, "image/jpeg");
  const fields = { deviceId: home.camera.deviceId, title: "Дверь", detail: "", extra: {}, picture: id, preview: 1 };
  await recordEvent(env, newEvent(env, { uid: home.uid, at: new Date("2026-08-02T06:00:00Z"), kind: 3, ...fields }));
  const asked = { flatId: home.uid, day: "2026-08-02" };
  expect((await mobile("address/plog", asked, { token: stranger.token })).status).toBe(404);
  await setContractState(home.uid, { state: 1 });
  expect((await mobile("address/plog", asked, { token: home.token })).status).toBe(402);
});
