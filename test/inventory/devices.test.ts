import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { aUid } from "../support/world.ts";
import { aDevice, bill, CAMERA, DONE, json, REFUSED, said } from "./bill.ts";

const own = async (id: number) =>
  (await json("devices_list/")).devices.find(({ device_id }: { device_id: number }) => device_id === id);

const revokedAt = (uid: number) =>
  env.DB.prepare("SELECT revoked_at FROM camera_revocations WHERE subject = ?").bind(`c${uid}`).first("revoked_at");

const random = () => 1 + Math.floor(Math.random() * 1e9);

test("a device comes back as it was entered, in the contract's types", async () => {
  const domophoneid = random();
  const added = await json("devices_add/", { ...CAMERA, domophoneid });
  expect(added).toEqual({ message: "создано", device_id: expect.any(Number) });
  expect(added.device_id).toBeGreaterThan(10);
  expect(await own(added.device_id)).toEqual({
    ...CAMERA,
    ...{ domophoneid, longitude: "37.6173", device_id: added.device_id },
    device_uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    ...{ device_mac: null, port: null, server_type: "flussonic", hls_mode: null, has_sound: false, media_secret: null },
  });
});

test("only a title and a type are needed; everything else is then not used", async () => {
  const id = (await json("devices_add/", { device_type: "3", title: "Замок" })).device_id;
  const { title, device_type, device_id, device_uuid, is_active, server_type, has_sound, ...rest } = await own(id);
  expect([title, device_type, is_active, server_type, has_sound]).toEqual(["Замок", 3, false, "flussonic", false]);
  expect(new Set(Object.values(rest))).toEqual(new Set([null]));
});

test("a 0 for the number of a panel or a monitor is none, so that many devices may have it", async () => {
  for (const _ of ["one", "another"]) {
    const id = await aDevice({ domophoneid: 0, monitorid: "0" });
    expect(await own(id)).toMatchObject({ domophoneid: null, monitorid: null });
  }
  const id = await aDevice({ domophoneid: random() });
  expect(await said("devices_mod/", { device_id: id, domophoneid: 0 })).toEqual(DONE);
  expect(await own(id)).toMatchObject({ domophoneid: null, monitorid: null });
});

test("Defect 59: an SRT camera and one of another media server come back as they were entered", async () => {
  const digits = `02${crypto.randomUUID().replaceAll("-", "").slice(0, 10)}`.toUpperCase();
  const entered = { device_type: 2, server_type: "nimble", hls_mode: "mpegts", has_sound: "t", port: "9998" };
  const media_secret = { key: "wms-key", management_url: "http://10.0.0.5:8082", management_token: "m" };
  const id = await aDevice({ ...entered, device_mac: digits.match(/../g)!.join("-"), media_secret });
  expect(await own(id)).toMatchObject({
    ...{ device_type: 2, server_type: "nimble", hls_mode: "mpegts", has_sound: true, port: 9998, media_secret },
    device_mac: digits.toLowerCase().match(/../g)!.join(":"),
  });
  expect(await said("devices_add/", { ...CAMERA, device_mac: digits })).toEqual(REFUSED);
  const plain = { device_id: id, server_type: "macroscop", media_secret: "login=view&password=1", hls_mode: null };
  expect(await said("devices_mod/", plain)).toEqual(DONE);
  expect(await own(id)).toMatchObject({ ...plain, port: 9998, has_sound: true });
});

test("Defect 72: a longitude beyond 100 degrees is kept as it is", async () => {
  expect((await own(await aDevice({ longitude: "135.0838123456789" }))).longitude).toBe("135.0838123456789");
});

test("no secret stands readable in the database", async () => {
  const id = await aDevice({ server_type: "macroscop", media_secret: "login=view&password=macro-pw" });
  const row = JSON.stringify(await env.DB.prepare("SELECT * FROM devices WHERE device_id = ?").bind(id).first());
  for (const secret of ["rtsp", "sip-s3cret", "shot", "admin", "panel-pw", "macro-pw"])
    expect(row).not.toContain(secret);
});

test.each([
  ["no title", { title: undefined }],
  ["an empty title", { title: "" }],
  ["a null title", { title: null }],
  ["no type", { device_type: undefined }],
  ["a type that is none", { device_type: 6 }],
  ["a type in words", { device_type: "cam" }],
  ["a URL that is none", { url: "not a url" }],
  ["a URL with credentials", { url: "https://user:pw@vd.example.net" }],
  ["a latitude beyond the pole", { latitude: 91 }],
  ["a longitude in words", { longitude: "east" }],
  ["days that are no number", { record_days: "many" }],
  ["a fraction of a number", { domophoneid: 1.5 }],
  ["a negative number", { monitorid: -1 }],
  ["a number that is too large", { domophoneid: 1e300 }],
  ["an object", { stream: { a: 1 } }],
  ["a MAC that is too short", { device_mac: "02:00:00" }],
  ["a port that is none", { port: 70_000 }],
  ["a media server that we do not know", { server_type: "wowza" }],
  ["a mode that we do not know", { hls_mode: "dash" }],
  ["a media secret without its key", { media_secret: { management_token: "x" } }],
])("devices_add/ refuses %s", async (_, fields) => {
  expect(await said("devices_add/", { ...CAMERA, ...fields })).toEqual(REFUSED);
});

test.each([
  ["vd.example.net", "https://vd.example.net"],
  ["https://vd.example.net/", "https://vd.example.net"],
  ["http://127.0.0.1:8080/hls//", "http://127.0.0.1:8080/hls"],
  ["", null],
  [null, null],
])("the media server %j is kept as %j", async (url, kept) => {
  expect((await own(await aDevice({ url }))).url).toBe(kept);
});

test.each([
  [1, 1],
  ["1", 1],
  ["01", "01"],
  ["*1", "*1"],
  [null, null],
])("dtmf %j comes back as %j", async (dtmf, back) => {
  expect((await own(await aDevice({ dtmf }))).dtmf).toBe(back);
});

test.each([
  ["t", true],
  [1, true],
  ["yes", true],
  ["false", false],
  [0, false],
  [null, false],
])("is_active %j is %j", async (is_active, back) => {
  expect((await own(await aDevice({ is_active }))).is_active).toBe(back);
});

test("domophoneid and monitorid are given once", async () => {
  for (const name of ["domophoneid", "monitorid"]) {
    const number = random();
    const id = await aDevice({ [name]: number });
    expect(await said("devices_add/", { ...CAMERA, [name]: number })).toEqual(REFUSED);
    expect(await said("devices_mod/", { device_id: await aDevice(), [name]: number })).toEqual(REFUSED);
    expect(await said("devices_mod/", { device_id: id, [name]: number })).toEqual(DONE);
  }
});

test("devices_mod/ changes what is given, null is not used, and the rest stays", async () => {
  const id = await aDevice();
  const before = await own(id);
  expect(
    await said("devices_mod/", { device_id: String(id), title: "Двор", panelpasswd: "n3w", camshot: null }),
  ).toEqual(DONE);
  expect(await own(id)).toEqual({ ...before, title: "Двор", panelpasswd: "n3w", camshot: null });

  expect(await said("devices_mod/", { ...CAMERA, device_id: id })).toEqual(DONE);
  expect(await own(id)).toEqual(before);
});

test("devices_mod/ refuses a device that is not there", async () => {
  expect(await said("devices_mod/", { device_id: 999_999_999, title: "x" })).toEqual(REFUSED);
});

test("a device that a door uses does not become something else", async () => {
  const [lock, cam] = [await aDevice({ device_type: 3 }), await aDevice()];
  await bill("doors_add/", { device_id: lock, cam, name: "Дверь", open: "http://192.0.2.10/open" });
  expect(await said("devices_mod/", { device_id: lock, device_type: 1 })).toEqual(REFUSED);
  expect(await said("devices_mod/", { device_id: cam, device_type: 3 })).toEqual(REFUSED);
  expect(await said("devices_mod/", { device_id: cam, device_type: 2 })).toEqual(DONE);
});

test("devices are found by their exact address and placed in bulk", async () => {
  const address = `г. Тула, ${aUid()}`;
  const [one, two] = [await aDevice({ address }), await aDevice({ address })];
  await aDevice({ address: `${address} кв. 1` });
  const data = [
    { device_id: one, latitude: 54.2, longitude: "37.7" },
    { device_id: String(two), latitude: null, longitude: null },
    { device_id: 999_999_999, latitude: 1, longitude: 1 },
  ];
  expect(await said("address_devices_update/", { data })).toEqual(DONE);
  expect(await json("address_devices_list/", { address })).toEqual({
    devices: [
      { device_id: one, title: "Подъезд 2", latitude: "54.2", longitude: "37.7" },
      { device_id: two, title: "Подъезд 2", latitude: null, longitude: null },
    ],
  });
  expect(await json("address_devices_list/", { address: "нет" })).toEqual({ devices: [] });
});

test("a deleted device takes its doors and rights along", async () => {
  const uid = aUid();
  const [lock, cam] = [await aDevice({ device_type: 3 }), await aDevice()];
  await bill("doors_add/", { device_id: lock, cam, name: "Дверь", open: "http://192.0.2.10/open" });
  await bill("rights_add/", { uid, device_id: [lock, cam] });

  expect(await said("devices_del/", { device_id: lock })).toEqual(DONE);
  expect(await own(lock)).toBeUndefined();
  expect((await json("rights_list/", { uid })).rights).toHaveLength(1);
  const doors = (await json("doors_list/")).doors;
  expect(doors.some(({ device_id }: { device_id: number }) => device_id === lock)).toBe(false);
});

test.each<[string, (cam: number, lock: number) => [string, object], boolean]>([
  ["switching the camera off", (cam) => ["devices_mod/", { device_id: cam, is_active: false }], true],
  ["less archive", (cam) => ["devices_mod/", { device_id: cam, record_days: 3 }], true],
  ["deleting the camera", (cam) => ["devices_del/", { device_id: cam }], true],
  ["switching the lock off", (_, lock) => ["devices_mod/", { device_id: lock, is_active: false }], true],
  [
    "another title",
    (cam) => ["devices_mod/", { device_id: cam, title: "Двор", is_active: true, record_days: 7 }],
    false,
  ],
  ["more archive", (cam) => ["devices_mod/", { device_id: cam, record_days: 30 }], false],
  ["an archive without limit", (cam) => ["devices_mod/", { device_id: cam, record_days: null }], false],
])("%s ends the camera tokens of those who see it: %#", async (_, change, ends) => {
  const [uid, behindDoor, stranger] = [aUid(), aUid(), aUid()];
  const [lock, cam] = [await aDevice({ device_type: 3 }), await aDevice()];
  await bill("doors_add/", { device_id: lock, cam, name: "Дверь", open: "http://192.0.2.10/open" });
  await bill("rights_add/", { uid, device_id: [cam, lock] });
  await bill("rights_add/", { uid: behindDoor, device_id: lock });
  await bill("rights_add/", { uid: stranger, device_id: await aDevice() });

  const start = Date.now();
  const [path, body] = change(cam, lock);
  expect(await said(path, body)).toEqual(DONE);
  for (const contract of [uid, behindDoor]) {
    const at = await revokedAt(contract);
    if (ends) expect(at).toBeGreaterThanOrEqual(start);
    else expect(at).toBeNull();
  }
  expect(await revokedAt(stranger)).toBeNull();
});
