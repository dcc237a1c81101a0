import { afterEach, expect, test, vi } from "vitest";
import { remoteBilling } from "#operator/billing.ts";
import { aPhone, envWith } from "../support/world.ts";

const billing = () =>
  remoteBilling(envWith({ BILLING: "legacy", BILLING_URL: "https://billing.example.net/api/", BILLING_TOKEN: "" }))!;

const everything = ["internet", "iptv", "ctv", "phone", "cctv", "domophone"];

/** Stands in for an old connector: the `data` of its envelopes, by method. */
function connector(data: Record<string, unknown>) {
  const asked: { method: string; body: unknown }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const method = new URL(request.url).pathname.replace("/api/", "");
    asked.push({ method, body: await request.json() });
    return method in data
      ? Response.json({ code: 200, name: "OK", message: "Хорошо", data: data[method] })
      : new Response("not found", { status: 404 });
  });
  return asked;
}

let lastUid = 1_000_000 + Math.floor(Math.random() * 1e9);
const aUid = () => lastUid++;

afterEach(() => {
  vi.restoreAllMocks();
});

test("contracts are what both lists name, with the login of the settings", async () => {
  const asked = connector({
    getsettingslist: [
      { flatId: 501, clientId: "20017", address: "ул. Мира, д. 3 кв. 8", services: ["cctv"], hasPlog: "t" },
      { houseId: "502", clientId: 20018, address: "ул. Мира, д. 3 кв. 9" },
      { address: "a contract without a flat" },
      { flatId: "0", houseId: "0", address: "Здесь будет Ваш адрес" },
    ],
    getaddresslist: [
      { houseId: "501", address: "ул. Мира, д. 3", doors: [], cctv: 2 },
      { houseId: 503, address: "ул. Мира, д. 7, кв.11" },
      { houseId: "0", address: "Здесь будет Ваш адрес" },
    ],
  });
  const phone = aPhone();
  const contracts = await billing().contractsOf(phone);
  expect(contracts.sort((a, b) => a.uid - b.uid)).toEqual([
    { uid: 501, login: "20017", address: "ул. Мира, д. 3 кв. 8", flat: "8", services: ["cctv"] },
    { uid: 502, login: "20018", address: "ул. Мира, д. 3 кв. 9", flat: "9", services: everything },
    { uid: 503, login: "503", address: "ул. Мира, д. 7, кв.11", flat: "11", services: everything },
  ]);
  const national = Number(`8${phone.slice(1)}`);
  expect(asked.sort((a, b) => a.method.localeCompare(b.method))).toEqual([
    { method: "getaddresslist", body: { phone: national } },
    { method: "getsettingslist", body: { phone: national } },
  ]);
});

test("a foreign phone keeps its country", async () => {
  const asked = connector({ getsettingslist: [], getaddresslist: null });
  expect(await billing().contractsOf("380501234567")).toEqual([]);
  expect(asked[0]!.body).toEqual({ phone: 380501234567 });
});

test.each([
  [402, 1],
  [404, 0],
  [[], 2],
] as const)("getcctvlist with data %j means state %i for every device", async (data, state) => {
  const uid = aUid();
  const asked = connector({ getcctvlist: data });
  expect(await billing().statesOf(uid, [30, 31])).toEqual(
    new Map([
      [30, state],
      [31, state],
    ]),
  );
  expect(asked).toEqual([{ method: "getcctvlist", body: { houseId: String(uid) } }]);
});

test("cameras are the billing's own, and it is told who asks", async () => {
  const [phone, uid] = [aPhone(), aUid()];
  const asked = connector({
    getcctvlist: [
      { id: 30, name: "Подъезд 2", lat: "54.1931", lon: 37.6173, url: "https://vd.example.net/cam30" },
      { id: "31", name: "Двор", url: "https://vd.example.net/cam31" },
    ],
  });
  expect(await billing().camerasOf!(phone, uid)).toEqual({
    state: 2,
    cameras: [
      { id: 30, title: "Подъезд 2", latitude: "54.1931", longitude: "37.6173", url: "https://vd.example.net/cam30" },
      { id: 31, title: "Двор", latitude: null, longitude: null, url: "https://vd.example.net/cam31" },
    ],
  });
  expect(asked[0]!.body).toEqual({ houseId: String(uid), phone: Number(`8${phone.slice(1)}`) });
});

test("cameras that are not paid for are none", async () => {
  connector({ getcctvlist: 402 });
  expect(await billing().camerasOf!(aPhone(), aUid())).toEqual({ state: 1, cameras: [] });
});

test.each<[string, Record<string, unknown>]>([
  ["lacks a method", { getsettingslist: [] }],
  ["answers data that is no list", { getsettingslist: "none", getaddresslist: [], getcctvlist: 403 }],
  ["answers a camera without a URL", { getcctvlist: [{ id: 1, name: "x" }] }],
])("a connector that %s is unavailable", async (_, data) => {
  connector(data);
  const down = { code: "unavailable", reason: "billing_down" };
  await expect(billing().contractsOf(aPhone())).rejects.toMatchObject(down);
  await expect(billing().statesOf(aUid(), [1])).rejects.toMatchObject(down);
  await expect(billing().camerasOf!(aPhone(), aUid())).rejects.toMatchObject(down);
});
