import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { aUid } from "../support/world.ts";
import { aDevice, bill, DONE, json, REFUSED, said, UNREADABLE } from "./bill.ts";

const idsOf = async (uid: number) =>
  (await json("rights_list/", { uid })).rights.map(({ device_id }: { device_id: number }) => device_id);

const isRevoked = async (uid: number) =>
  (await env.DB.prepare("SELECT 1 FROM camera_revocations WHERE subject = ?").bind(`c${uid}`).first()) !== null;

test.each<[string, (id: number) => unknown]>([
  ["a number", (id) => id],
  ["a numeric string", (id) => String(id)],
  ["a list of numbers", (id) => [id]],
  ["a list of strings", (id) => [String(id)]],
  ["a list that repeats itself", (id) => [id, String(id), id]],
])("Defect 58: rights are given and taken by %s", async (_, form) => {
  const uid = aUid();
  const id = await aDevice();
  for (let time = 0; time < 2; time++) {
    expect(await said("rights_add/", { uid: time ? uid : String(uid), device_id: form(id) })).toEqual(DONE);
    expect(await idsOf(uid)).toEqual([id]);
  }
  expect(await said("rights_del/", { uid, device_id: form(id) })).toEqual(DONE);
  expect(await idsOf(uid)).toEqual([]);
});

test("rights_list/ names the types", async () => {
  const uid = aUid();
  const ids = [await aDevice(), await aDevice({ device_type: 3, title: "Замок" })];
  await bill("rights_add/", { uid, device_id: ids });
  expect(await json("rights_list/", { uid })).toEqual({
    rights: [
      { device_id: ids[0], device_type: "cam", title: "Подъезд 2" },
      { device_id: ids[1], device_type: "lock", title: "Замок" },
    ],
  });
});

test("taking a device takes only that one: 1 is not a part of 12", async () => {
  const uid = aUid();
  let id = await aDevice();
  while (id < 100 || id % 10 === 0) id = await aDevice();
  await bill("rights_add/", { uid, device_id: id });
  for (const part of [Math.floor(id / 10), id % 10, id * 10, uid]) {
    expect(await said("rights_del/", { uid, device_id: String(part) })).toEqual(DONE);
  }
  expect(await idsOf(uid)).toEqual([id]);
  expect(await isRevoked(uid)).toBe(false);
  expect(await said("rights_del/", { uid, device_id: id })).toEqual(DONE);
  expect(await isRevoked(uid)).toBe(true);
});

test("a list with a device that is not there gives nothing", async () => {
  const uid = aUid();
  expect(await said("rights_add/", { uid, device_id: [await aDevice(), 999_999_999] })).toEqual(REFUSED);
  expect(await idsOf(uid)).toEqual([]);
});

test.each([[[]], ["x"], [1.5], [-1], [{}], [null], [[[1]]], [true], ["1,2"]])(
  "device_id %j is refused",
  async (device_id) => {
    expect(await said("rights_add/", { uid: aUid(), device_id })).toEqual(REFUSED);
    expect(await said("rights_del/", { uid: aUid(), device_id })).toEqual(REFUSED);
  },
);

test("more devices than a statement takes parameters are one call", async () => {
  const uid = aUid();
  const id = await aDevice();
  const many = Array.from({ length: 500 }, (_, i) => 900_000_000 + i);
  expect(await said("rights_del/", { uid, device_id: [id, ...many] })).toEqual(DONE);
});

test("contract 0 is everybody", async () => {
  const id = await aDevice();
  expect(await said("rights_add/", { uid: 0, device_id: id })).toEqual(DONE);
  expect(await idsOf(0)).toContain(id);
  expect(await said("rights_del/", { uid: 0, device_id: id })).toEqual(DONE);
  expect(await isRevoked(0)).toBe(true);
});

test("keys are kept in lower case, once, with the latest comment", async () => {
  const uid = aUid();
  expect(await said("keys_add/", { uid, key: "00A1B2C3D4", comment: "синий" })).toEqual(DONE);
  expect(await said("keys_add/", { uid, key: "FF:00:11" })).toEqual(DONE);
  expect(await said("keys_add/", { uid: String(uid), key: "00a1b2c3d4", comment: "красный" })).toEqual(DONE);
  const { keys } = await json("keys_list/", { uid });
  expect(keys).toHaveLength(2);
  expect(keys).toContainEqual({ key: "00a1b2c3d4", comment: "красный" });
  expect(keys).toContainEqual({ key: "ff0011", comment: "" });

  expect(await said("keys_del/", { uid, key: "00A1b2c3d4" })).toEqual(DONE);
  expect(await said("keys_del/", { uid, key: "00a1b2c3d4" })).toEqual(DONE);
  expect(await json("keys_list/", { uid })).toEqual({ keys: [{ key: "ff0011", comment: "" }] });
});

test.each([["xyz"], ["abc"], [""], ["00".repeat(17)], [5], [null], ["0x1f"]])("the key %j is refused", async (key) => {
  expect(await said("keys_add/", { uid: aUid(), key })).toEqual(REFUSED);
  expect(await said("keys_del/", { uid: aUid(), key })).toEqual(REFUSED);
});

test.each(["rights_list/", "keys_list/"])("%s of nobody is empty, of nothing is refused", async (path) => {
  expect(Object.values(await json(path, { uid: aUid() }))).toEqual([[]]);
  expect(await json(path, { uid: "x" })).toEqual(UNREADABLE);
});
