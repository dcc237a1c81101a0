import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { changeDevice } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import { setContractState } from "../support/billing.ts";
import { aCamera, aContract, aHome, aPhone, aResident, call, mobile } from "../support/world.ts";

interface CameraItem {
  id: number;
  url: string;
  token: string;
}
const list = async (response: Response) => (await response.json<{ data: CameraItem[] }>()).data;
const play = (name: string, token: string) =>
  call(`/api/accessfl?name=${encodeURIComponent(name)}&token=${token}&ip=203.0.113.9&proto=hls`);

test("a resident's cameras come with one token that opens exactly their streams", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const home = await aHome({ phones: [phone], cameras: 3 });
  const elsewhere = await aHome();

  const response = await mobile("cctv/all", { houseId: String(home.uid) }, { token });
  const cameras = await list(response);
  expect(cameras[0]).toEqual({
    id: home.camera.deviceId,
    name: "Камера 1",
    lat: "54.193122",
    lon: "37.617348",
    url: `https://vd.example.net/${home.camera.uuid}`,
    token: expect.any(String),
    serverType: "flussonic",
    hlsMode: "fmp4",
    hasSound: false,
    houseId: home.uid,
  });
  expect(cameras.map(({ id }) => id)).toEqual(home.cameras.map(({ deviceId }) => deviceId));
  expect(new Set(cameras.map((camera) => camera.token)).size).toBe(1);
  for (const { uuid } of home.cameras) expect((await play(uuid, cameras[0]!.token)).status).toBe(200);
  expect((await play(elsewhere.camera.uuid, cameras[0]!.token)).status).toBe(403);
});

test("Defects 33, 39: the same token comes again, on every screen that shows the same cameras", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid, doorId } = await aHome({ phones: [phone] });
  const [first] = await list(await mobile("cctv/all", { houseId: uid }, { token }));
  const [again] = await list(await mobile("cctv/all", { houseId: uid }, { token }));
  const [map] = await list(await mobile("cctv/camMap", {}, { token }));
  const door = (await (await mobile("cctv/door", { houseId: uid, doorId }, { token })).json<{ data: CameraItem }>())
    .data;
  expect([again!.token, map!.token, door.token]).toEqual([first!.token, first!.token, first!.token]);
});

test("Defect 38: all screens name a camera behind a path alike, and its token opens that name", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid, doorId, camera } = await aHome({ phones: [phone] });
  await changeDevice(env, camera.deviceId, { url: "https://vd.example.net/yard/" });
  const [all] = await list(await mobile("cctv/all", { houseId: uid }, { token }));
  const [map] = await list(await mobile("cctv/camMap", {}, { token }));
  const door = (await (await mobile("cctv/door", { houseId: uid, doorId }, { token })).json<{ data: CameraItem }>())
    .data;
  for (const item of [all!, map!, door]) {
    expect(item.url).toBe(`https://vd.example.net/yard/${camera.uuid}`);
    expect((await play(`yard/${camera.uuid}`, item.token)).status).toBe(200);
  }
});

test("Defect 55: latitude is latitude, and longitude longitude", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const camera = await aCamera({ latitude: "43.115", longitude: "131.885" });
  await giveRights(env, await aContract({ phones: [phone] }), [camera.deviceId]);
  expect((await list(await mobile("cctv/all", {}, { token })))[0]).toMatchObject({ lat: "43.115", lon: "131.885" });
});

test("two devices of one person have tokens of their own, and one may sign out without the other", async () => {
  const phone = aPhone();
  const [one, two] = [await aResident({ phone }), await aResident({ phone })];
  const { camera } = await aHome({ phones: [phone] });
  const [mine] = await list(await mobile("cctv/all", {}, { token: one.token }));
  const [other] = await list(await mobile("cctv/all", {}, { token: two.token }));
  expect(mine!.token).not.toBe(other!.token);

  await mobile("user/logout", undefined, { token: one.token });
  const { publishRevocations } = await import("#premises/revocations.ts");
  await publishRevocations(env);
  expect((await play(camera.uuid, mine!.token)).status).toBe(403);
  expect((await play(camera.uuid, other!.token)).status).toBe(200);
});

test.each([
  [[2, 2], 200],
  [[2, 1], 200],
  [[2, 0], 200],
  [[1, 0], 402],
  [[1, 1], 402],
  [[0, 0], 404],
] as const)("with the devices in states %j cctv/all answers %i", async (states, status) => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid, cameras } = await aHome({ phones: [phone], cameras: 2 });
  await setContractState(uid, { devices: cameras.map(({ deviceId }, i) => ({ deviceId, state: states[i]! })) });
  const response = await mobile("cctv/all", { houseId: uid }, { token });
  expect(response.status).toBe(status);
  const body = await response.json<{ code: number; data?: CameraItem[] }>();
  expect(body.code).toBe(status);
  if (status !== 200) return;
  const expected = cameras.map(
    ({ uuid }, i) =>
      [`${env.PUBLIC_URL}/api/404`, `${env.PUBLIC_URL}/api/402`, `https://vd.example.net/${uuid}`][states[i]!],
  );
  expect(body.data?.map(({ url }) => url)).toEqual(expected);
  const plays = await Promise.all(cameras.map(({ uuid }) => play(uuid, body.data![0]!.token)));
  expect(plays.map((answer) => answer.status === 200)).toEqual(states.map((state) => state === 2));
});

test.each([
  ["cctv/camMap", 402, 404],
  ["cctv/door", 402, 404],
  ["cctv/allTree", 402, 404],
])("%s of an unpaid home answers %i, of an unconnected one %i", async (method, unpaid, unconnected) => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid, doorId } = await aHome({ phones: [phone] });
  await setContractState(uid, { state: 1 });
  expect((await mobile(method, { houseId: uid, doorId }, { token })).status).toBe(unpaid);
  await setContractState(uid, { state: 0 });
  expect((await mobile(method, { houseId: uid, doorId }, { token })).status).toBe(unconnected);
});

test("camMap asked for everything never fails, because iOS shows no history without it", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid } = await aHome({ phones: [phone] });
  await setContractState(uid, { state: 1 });
  expect((await mobile("cctv/camMap", undefined, { token })).status).toBe(204);
});

test("camMap names the camera as text and says whether it knows faces", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { camera, doorId } = await aHome({ phones: [phone], cameras: 3 });
  const cameras = await list(await mobile("cctv/camMap", undefined, { token }));
  expect(cameras).toEqual([
    {
      id: String(camera.deviceId),
      url: `https://vd.example.net/${camera.uuid}`,
      token: expect.any(String),
      entranceId: String(doorId),
      frs: "f",
      serverType: "flussonic",
      hlsMode: "fmp4",
      hasSound: false,
    },
  ]);
});

test("a camera of two contracts is listed once, in its better state", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const camera = await aCamera();
  const [paid, unpaid] = [await aContract({ phones: [phone] }), await aContract({ phones: [phone], state: 1 })];
  await Promise.all([paid, unpaid].map((uid) => giveRights(env, uid, [camera.deviceId])));
  const cameras = await list(await mobile("cctv/all", {}, { token }));
  expect(cameras.map(({ url }) => url)).toEqual([`https://vd.example.net/${camera.uuid}`]);
});

test("the tree has a group for each home, and its child groups are lists", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const [first, second] = [await aHome({ phones: [phone] }), await aHome({ phones: [phone] })];
  const tree = async (body: object) =>
    (
      await (
        await mobile("cctv/allTree", body, { token })
      ).json<{ data: { childGroups: { groupId: string }[]; cameras: CameraItem[] } }>()
    ).data;
  const all = await tree({});
  expect(all).toMatchObject({ type: "list", cameras: [] });
  expect(all.childGroups.map(({ groupId }) => groupId).toSorted()).toEqual(
    [first.uid, second.uid].map(String).toSorted(),
  );
  expect(await tree({ houseId: first.uid })).toMatchObject({
    groupId: String(first.uid),
    childGroups: [],
    cameras: [{ id: first.camera.deviceId }],
  });
});

test("city cameras are for every resident, with a token of their own", async () => {
  const { token } = await aResident();
  const camera = await aCamera({ title: "Площадь" });
  await giveRights(env, 0, [camera.deviceId]);
  const cameras = await list(await mobile("cctv/overview", undefined, { token }));
  expect(cameras.find(({ id }) => id === camera.deviceId)).toBeDefined();
  expect((await play(camera.uuid, cameras[0]!.token)).status).toBe(200);
});

test.each(["cctv/all", "cctv/allTree", "cctv/camMap"])("%s of somebody without contracts is 204", async (method) => {
  const { token } = await aResident();
  expect((await mobile(method, undefined, { token })).status).toBe(204);
});

test("more cameras than a token can name come with several, each of which opens its own", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid } = await aHome({ phones: [phone], cameras: 450 });
  const cameras = await list(await mobile("cctv/all", { houseId: uid }, { token }));
  expect(new Set(cameras.map((camera) => camera.token)).size).toBe(3);
  for (const camera of [cameras[0]!, cameras[300]!, cameras[449]!]) {
    expect(camera.token.length).toBeLessThan(2_500);
    expect((await play(camera.url.split("/").at(-1)!, camera.token)).status).toBe(200);
  }
});

test("a camera that is switched off is not there", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const uid = await aContract({ phones: [phone] });
  const camera = await aCamera({ isActive: false });
  await giveRights(env, uid, [camera.deviceId]);
  expect((await mobile("cctv/all", { houseId: uid }, { token })).status).toBe(204);
});

test.each(["/api/402", "/api/402/index.m3u8?token=x", "/api/404/preview.mp4", "/mobile/404/2026/01/01-preview.mp4"])(
  "Defect 57: %s answers its own number, empty",
  async (path) => {
    const response = await call(path);
    expect(response.status).toBe(path.includes("402") ? 402 : 404);
    expect(await response.text()).toBe("");
  },
);
