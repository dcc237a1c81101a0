import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { addDoor, type NewDeviceFields } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import { aCamera, aContract, aLock, aUid } from "../support/world.ts";
import { bill } from "./bill.ts";
import { aPanelAddress, clearPanels, jobsOf, panels, settled } from "./panels.ts";

/** A contract whose door has this panel, and what the panel is told. */
async function aHomeWith(
  fields: Partial<NewDeviceFields> = {},
  { flat = "8" as string | null, answer = undefined as Parameters<typeof panels>[0] } = {},
) {
  const uid = await aContract({ flat });
  const panelip = aPanelAddress();
  const panel = { paneltype: 1, panelip, panellogin: "admin", panelpasswd: "p@nel" };
  const [cam, lock] = [await aCamera({ ...panel, ...fields }), await aLock()];
  const ids = { deviceId: lock.deviceId, cam: cam.deviceId };
  await addDoor(env, { ...ids, icon: "entrance", name: "Подъезд", open: "http://192.0.2.10/open" });
  await giveRights(env, uid, [lock.deviceId]);
  return { uid, panel: cam.deviceId, told: panels(answer).at(panelip) };
}

/** For what a queue does, on a machine that does much else. */
const PATIENCE = { timeout: 10_000, interval: 20 };

const DONE = [200, ""];
async function changeKey(change: "add" | "del", uid: number, key: string) {
  const response = await bill(`keys_${change}/`, { uid, key });
  expect([response.status, await response.text()]).toEqual(DONE);
}

afterEach(async () => {
  await clearPanels();
  vi.restoreAllMocks();
});

test("a Beward panel with RFID is told of keys", async () => {
  const { uid, told } = await aHomeWith();
  await changeKey("add", uid, "00A1");
  await settled(uid);
  await changeKey("del", uid, "00A1");
  await settled(uid);
  expect(told).toEqual([
    "GET /cgi-bin/rfid_cgi",
    "GET /cgi-bin/rfid_cgi?action=add&Key=00a1&Apartment=8",
    "GET /cgi-bin/rfid_cgi",
    "GET /cgi-bin/rfid_cgi?action=delete&Key=00a1",
  ]);
});

test("a Beward panel with Mifare is told of keys", async () => {
  const answer = (request: Request) => new Response("", { status: request.url.includes("rfid") ? 404 : 200 });
  const { uid, told } = await aHomeWith({}, { answer });
  await changeKey("add", uid, "00a1");
  await settled(uid);
  await changeKey("del", uid, "00a1");
  await settled(uid);
  expect(told.filter((line) => line.includes("mifare"))).toEqual([
    "GET /cgi-bin/mifare_cgi?action=add&Key=00a1&Apartment=8&Type=1",
    "GET /cgi-bin/mifare_cgi?action=delete&Key=00a1",
  ]);
});

test.each([204, 404])(
  "a Sokol panel is told of keys, and one that it does not have (%i) is removed",
  async (status) => {
    const answer = ({ method }: Request) => new Response(null, { status: method === "DELETE" ? status : 200 });
    const { uid, told } = await aHomeWith({ paneltype: 2 }, { answer });
    await changeKey("add", uid, "00a1");
    await settled(uid);
    await changeKey("del", uid, "00a1");
    await settled(uid);
    expect(told).toEqual([
      'POST /key/store {"uuid":"00a1","panelCode":8,"encryption":false}',
      "DELETE /key/store/00a1",
    ]);
    expect(await jobsOf(uid)).toMatchObject([{ change: "remove", state: "done", error: null }]);
  },
);

test.each<[string, Partial<NewDeviceFields>, string | null]>([
  ["of another type", { paneltype: 3 }, "8"],
  ["without an address", { panelip: null }, "8"],
  ["that is switched off", { isActive: false }, "8"],
  ["of a flat without a number", {}, null],
])("a panel %s is left alone, and the key is kept", async (_, panel, flat) => {
  const { uid, told } = await aHomeWith(panel, { flat });
  await changeKey("add", uid, "00a1");
  expect(await jobsOf(uid)).toEqual([]);
  expect(told).toEqual([]);
  expect(await (await bill("keys_list/", { uid })).json()).toEqual({ keys: [{ key: "00a1", comment: "" }] });
});

test.each([
  ["outside PANEL_HOSTS", "198.51.100.1", "not in PANEL_HOSTS"],
  ["with an address that is none", "no address", "its address is none"],
])("a panel %s is not called, its key waits, and the key is kept", async (_, panelip, error) => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const { uid, told } = await aHomeWith({ panelip });
  await changeKey("add", uid, "00a1");
  await vi.waitFor(async () => expect(await jobsOf(uid)).toMatchObject([{ state: "queued", error }]), PATIENCE);
  expect(told).toEqual([]);
  expect(await (await bill("keys_list/", { uid })).json()).toEqual({ keys: [{ key: "00a1", comment: "" }] });
});

test("a panel that does not answer is logged without its password, and tried again", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  let isAway = true;
  const answer = () => {
    if (isAway) throw new TypeError("connection refused");
    return new Response("OK");
  };
  const { uid, panel } = await aHomeWith({}, { answer });
  await changeKey("add", uid, "00a1");
  const lines = () => JSON.stringify(warn.mock.calls.filter(([line]) => String(line).includes(`panel ${panel}:`)));
  await vi.waitFor(() => expect(lines()).toContain("does not answer"), PATIENCE);
  expect(lines()).not.toMatch(/p@nel|p%40nel|admin/);
  isAway = false;
  await settled(uid);
  const [job] = await jobsOf(uid);
  expect(job).toMatchObject({ state: "done", error: null });
  expect(job!.attempts).toBeGreaterThan(1);
  expect(JSON.stringify(job)).not.toMatch(/p@nel|admin/);
});

test("keys of a contract that nobody knows are kept", async () => {
  await changeKey("add", aUid(), "00a1");
});
