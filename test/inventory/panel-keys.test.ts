import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { addDoor, type NewDeviceFields } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import { aCamera, aContract, aLock, aUid, envWith } from "../support/world.ts";
import { bill } from "./bill.ts";

const PANEL = { paneltype: 1, panelip: "192.0.2.10:8080", panellogin: "admin", panelpasswd: "p@nel" };
const allowed = { env: envWith({ PANEL_HOSTS: "192.0.2.0/24" }) };

/** A contract whose door has this panel. */
async function aHomeWith(panel: Partial<NewDeviceFields>, flat: string | null = "8"): Promise<number> {
  const uid = await aContract({ flat });
  const [cam, lock] = [await aCamera({ ...PANEL, ...panel }), await aLock()];
  const ids = { deviceId: lock.deviceId, cam: cam.deviceId };
  await addDoor(env, { ...ids, icon: "entrance", name: "Подъезд", open: "http://192.0.2.10/open" });
  await giveRights(env, uid, [lock.deviceId]);
  return uid;
}

/** Stands in for the panels; writes down what they are told. */
function panels(answer: (request: Request) => Response = () => new Response("OK")) {
  const told: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    expect(request.headers.get("authorization")).toBe(`Basic ${btoa("admin:p@nel")}`);
    told.push(`${request.method} ${request.url} ${await request.clone().text()}`.trim());
    return answer(request);
  });
  return told;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test("a Beward panel with RFID is told of keys", async () => {
  const uid = await aHomeWith({});
  const told = panels();
  await bill("keys_add/", { uid, key: "00A1" }, allowed);
  await bill("keys_del/", { uid, key: "00A1" }, allowed);
  expect(told).toEqual([
    "GET http://192.0.2.10:8080/cgi-bin/rfid_cgi",
    "GET http://192.0.2.10:8080/cgi-bin/rfid_cgi?action=add&Key=00a1&Apartment=8",
    "GET http://192.0.2.10:8080/cgi-bin/rfid_cgi",
    "GET http://192.0.2.10:8080/cgi-bin/rfid_cgi?action=delete&Key=00a1",
  ]);
});

test("a Beward panel with Mifare is told of keys", async () => {
  const uid = await aHomeWith({});
  const told = panels((request) => new Response("", { status: request.url.includes("rfid") ? 404 : 200 }));
  await bill("keys_add/", { uid, key: "00a1" }, allowed);
  await bill("keys_del/", { uid, key: "00a1" }, allowed);
  expect(told.filter((line) => line.includes("mifare"))).toEqual([
    "GET http://192.0.2.10:8080/cgi-bin/mifare_cgi?action=add&Key=00a1&Apartment=8&Type=1",
    "GET http://192.0.2.10:8080/cgi-bin/mifare_cgi?action=delete&Key=00a1",
  ]);
});

test("a Sokol panel is told of keys", async () => {
  const uid = await aHomeWith({ paneltype: 2, panelip: "192.0.2.11" });
  const told = panels();
  await bill("keys_add/", { uid, key: "00a1" }, allowed);
  await bill("keys_del/", { uid, key: "00a1" }, allowed);
  expect(told).toEqual([
    'POST http://192.0.2.11/key/store {"uuid":"00a1","panelCode":8,"encryption":false}',
    "DELETE http://192.0.2.11/key/store/00a1",
  ]);
});

test.each<[string, Partial<NewDeviceFields>, string | null]>([
  ["of another type", { paneltype: 3 }, "8"],
  ["without an address", { panelip: null }, "8"],
  ["that is switched off", { isActive: false }, "8"],
  ["of a flat without a number", {}, null],
  ["outside PANEL_HOSTS", { panelip: "198.51.100.1" }, "8"],
  ["with an address that is none", { panelip: "no address" }, "8"],
])("a panel %s is left alone, and the key is kept", async (_, panel, flat) => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const uid = await aHomeWith(panel, flat);
  const told = panels();
  expect((await bill("keys_add/", { uid, key: "00a1" }, allowed)).status).toBe(200);
  expect(told).toEqual([]);
  expect(await (await bill("keys_list/", { uid })).json()).toEqual({ keys: [{ key: "00a1", comment: "" }] });
});

test("a panel that does not answer is logged without its password", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const uid = await aHomeWith({});
  panels(() => {
    throw new TypeError("connection refused");
  });
  expect((await bill("keys_add/", { uid, key: "00a1" }, allowed)).status).toBe(200);
  expect(warn).toHaveBeenCalledOnce();
  expect(JSON.stringify(warn.mock.calls)).not.toMatch(/p@nel|p%40nel|admin/);
  expect((await bill("keys_add/", { uid: aUid(), key: "00a1" }, allowed)).status).toBe(200);
});
