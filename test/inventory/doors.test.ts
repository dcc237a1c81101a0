import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { openUrlOf } from "#premises/registry.ts";
import { aUid } from "../support/world.ts";
import { aDevice, bill, DONE, json, REFUSED, said } from "./bill.ts";

const URL_WITH_PASSWORD = "http://admin:d00r-pass@192.0.2.10/cgi-bin/open?door=1";

interface Listed {
  id: number;
  device_id: number;
  cam: number;
}

const doorOf = async (lock: number) =>
  (await json("doors_list/")).doors.find(({ device_id }: Listed) => device_id === lock) as Listed | undefined;

async function aDoor(fields: object = {}) {
  const [lock, cam] = [await aDevice({ device_type: 3 }), await aDevice()];
  const entered = {
    ...{ device_id: lock, cam, entrance: 2, icon: "wicket", name: "Калитка" },
    open: URL_WITH_PASSWORD,
  };
  expect(await said("doors_add/", { ...entered, open_trait: "POST", ...fields })).toEqual(DONE);
  return { lock, cam, entered, door: (await doorOf(lock))! };
}

test("a door comes back as it was entered", async () => {
  const { door, entered } = await aDoor();
  expect(door).toEqual({ ...entered, open_trait: "POST", id: expect.any(Number) });
});

test.each([
  [
    { icon: null, open_trait: null, entrance: null },
    { icon: "entrance", open_trait: "GET", entrance: null },
  ],
  [
    { open_trait: "put", entrance: "3а" },
    { open_trait: "PUT", entrance: "3а" },
  ],
  [
    { icon: "barrier", open_trait: undefined, entrance: "4" },
    { icon: "barrier", open_trait: "GET", entrance: 4 },
  ],
])("%j becomes %j", async (fields, kept) => {
  expect((await aDoor(fields)).door).toMatchObject(kept);
});

test("a door is told which plate camera and which controller stand at it, and is rid of them again", async () => {
  const readers = { rubetek_uuid: "AB12cd", rubetek_ext: "1", z5r_serial: 44374 };
  const { lock, door } = await aDoor(readers);
  expect(door).toMatchObject({ rubetek_uuid: "ab12cd", rubetek_ext: 1, z5r_serial: "44374" });
  expect(await said("doors_mod/", { doors_id: door.id, rubetek_ext: false, name: "Ворота" })).toEqual(DONE);
  expect(await doorOf(lock)).toMatchObject({ rubetek_uuid: "ab12cd", rubetek_ext: 0, z5r_serial: "44374" });
  const none = { rubetek_uuid: null, rubetek_ext: null, z5r_serial: null };
  expect(await said("doors_mod/", { doors_id: door.id, ...none })).toEqual(DONE);
  for (const name of Object.keys(none)) expect(await doorOf(lock)).not.toHaveProperty(name);
});

test("the URL is sealed in the database, and opens for the door opener", async () => {
  const { door } = await aDoor();
  const row = await env.DB.prepare("SELECT * FROM doors WHERE id = ?").bind(door.id).first<{ open: string }>();
  expect(JSON.stringify(row)).not.toMatch(/d00r-pass|192\.0\.2\.10/);
  expect(await openUrlOf(env, { deviceId: door.device_id, open: row!.open })).toBe(URL_WITH_PASSWORD);
  await expect(openUrlOf(env, { deviceId: door.device_id + 1, open: row!.open })).rejects.toThrow();
});

test.each<[string, (lock: number, cam: number) => object]>([
  ["a camera for a lock", (_, cam) => ({ device_id: cam })],
  ["a lock for a camera", (lock) => ({ cam: lock })],
  ["a lock that is not there", () => ({ device_id: 999_999_999 })],
  ["a camera that is not there", () => ({ cam: 999_999_999 })],
  ["an icon that no app knows", () => ({ icon: "window" })],
  ["a URL that is none", () => ({ open: "open sesame" })],
  ["a URL of another kind", () => ({ open: "ftp://192.0.2.10/open" })],
  ["a method that no panel knows", () => ({ open_trait: "DELETE" })],
  ["no name", () => ({ name: null })],
])("doors_add/ and doors_mod/ refuse %s", async (_, wrong) => {
  const { door, entered, lock, cam } = await aDoor();
  const fields = { ...entered, ...wrong(lock, cam) };
  expect(await said("doors_add/", fields)).toEqual(REFUSED);
  expect(await said("doors_mod/", { ...fields, doors_id: door.id })).toEqual(REFUSED);
  expect(await doorOf(lock)).toEqual(door);
});

test("doors_mod/ changes what is given", async () => {
  const { door, lock } = await aDoor();
  expect(await said("doors_mod/", { doors_id: door.id, name: "Ворота", icon: "gate" })).toEqual(DONE);
  expect(await doorOf(lock)).toEqual({ ...door, name: "Ворота", icon: "gate" });
  expect(await said("doors_mod/", { doors_id: 999_999_999, name: "Ворота" })).toEqual(REFUSED);
});

test("a door that moves to another lock takes its URL along, and ends camera tokens", async () => {
  const { door } = await aDoor();
  const uid = aUid();
  await bill("rights_add/", { uid, device_id: door.device_id });
  const lock = await aDevice({ device_type: 3 });
  expect(await said("doors_mod/", { doors_id: door.id, device_id: lock })).toEqual(DONE);
  expect(await doorOf(lock)).toEqual({ ...door, device_id: lock });
  expect(await isRevoked(uid)).toBe(true);
});

test("a deleted door is gone, and those who saw through it lose their tokens", async () => {
  const { door, lock } = await aDoor();
  const uid = aUid();
  await bill("rights_add/", { uid, device_id: lock });
  expect(await said("doors_del/", { doors_id: String(door.id) })).toEqual(DONE);
  expect(await doorOf(lock)).toBeUndefined();
  expect(await said("doors_del/", { doors_id: door.id })).toEqual(DONE);
  expect(await isRevoked(uid)).toBe(true);
});

async function isRevoked(uid: number): Promise<boolean> {
  const row = env.DB.prepare("SELECT 1 FROM camera_revocations WHERE subject = ?").bind(`c${uid}`);
  return (await row.first()) !== null;
}
