import { env } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { changeContract } from "#premises/contracts.ts";
import { changeDevice } from "#premises/registry.ts";
import { giveRights, takeRights } from "#premises/rights.ts";
import { countedEnv } from "../support/counted.ts";
import { aContract, aHome, aLock, aResident, aUid, envWith, mobile, outside } from "../support/world.ts";
import { aMonitorNumber, anExtension, aPanelNumber, pbx, realtime } from "./pbx.ts";

beforeEach(() => {
  outside();
});

afterEach(() => {
  vi.restoreAllMocks();
});

/** A paid home whose camera is a door panel, with a monitor in the flat. */
async function aHomeAtPanel({ flat = "17", ...contract }: Parameters<typeof aHome>[0] = {}) {
  const home = await aHome({ flat, ...contract });
  const [{ domophoneid }, { monitorid }] = [aPanelNumber(), aMonitorNumber()];
  await changeDevice(env, home.camera.deviceId, { domophoneid, panelip: "192.0.2.10", dtmf: "1", title: "Подъезд 2" });
  const monitor = await aLock({ type: 5, monitorid });
  await giveRights(env, home.uid, [monitor.deviceId]);
  return { ...home, domophoneid, monitorid, monitor: monitor.deviceId };
}

const json = async (path: string, body: unknown, options = {}) => (await pbx(path, body, options)).json();

async function settingsOf(uid: number, columns: Record<string, number>) {
  await env.DB.prepare("INSERT OR IGNORE INTO homes (operator, uid, door_code) VALUES ('main', ?, '70000')")
    .bind(uid)
    .run();
  for (const [column, value] of Object.entries(columns))
    await env.DB.prepare(`UPDATE homes SET ${column} = ? WHERE operator = 'main' AND uid = ?`).bind(value, uid).run();
}

const HOUR = 3_600_000;

test("a flat behind a panel is found by its number, however that is written", async () => {
  const { uid, domophoneid } = await aHomeAtPanel({ flat: "17" });
  for (const flatNumber of ["17", 17, " 017 "])
    expect(await json("uidFromflatNumber", { domophoneId: domophoneid, flatNumber })).toEqual({ uid });
  expect(await json("uidFromflatNumber", { domophoneId: String(domophoneid), flatNumber: "1" })).toEqual({ uid: 0 });
});

test("a flat that nobody entered is what the address ends with", async () => {
  const { uid, domophoneid } = await aHomeAtPanel({ flat: null as never, address: "г. Тула, ул. Мира, д. 3 кв. 8" });
  expect(await json("uidFromflatNumber", { domophoneId: domophoneid, flatNumber: 8 })).toEqual({ uid });
  expect(await json("uidFromflatNumber", { domophoneId: domophoneid, flatNumber: 3 })).toEqual({ uid: 0 });
});

test("a flat counts only at the panels that its contract has a right to", async () => {
  const [one, other] = [await aHomeAtPanel({ flat: "5" }), await aHomeAtPanel({ flat: "5" })];
  expect(await json("uidFromflatNumber", { domophoneId: other.domophoneid, flatNumber: 5 })).toEqual({
    uid: other.uid,
  });
  await takeRights(env, one.uid, [one.camera.deviceId]);
  expect(await json("uidFromflatNumber", { domophoneId: one.domophoneid, flatNumber: 5 })).toEqual({ uid: 0 });
});

test("of two contracts for one flat the one that stands better is called", async () => {
  const { uid, camera, domophoneid } = await aHomeAtPanel({ flat: "6" });
  const old = await aContract({ flat: "6", state: 0 });
  await giveRights(env, old, [camera.deviceId]);
  expect(await json("uidFromflatNumber", { domophoneId: domophoneid, flatNumber: 6 })).toEqual({ uid });
});

test("before ringing a dialplan gets everything at once, in one round trip", async () => {
  const { uid, camera, domophoneid, monitorid } = await aHomeAtPanel();
  const counted = countedEnv();
  expect(await json("precall", { domophoneId: domophoneid, uid }, { env: counted.env })).toEqual({
    ...{ autoBlock: 0, manualBlock: 0, autoOpen: 0, whiteRabbit: 0 },
    ...{ deviceId: camera.deviceId, deviceIP: "192.0.2.10", dtmf: 1, intercoms: [monitorid], onlyAudio: 0 },
  });
  expect(counted.trips).toMatchObject({ d1: 1, d1Writes: 0 });
});

test("Defect 67: a flat without settings is called like one whose settings are as they came", async () => {
  const { uid, domophoneid } = await aHomeAtPanel();
  const before = await json("precall", { domophoneId: domophoneid, uid });
  await settingsOf(uid, {});
  expect(await json("precall", { domophoneId: domophoneid, uid })).toEqual(before);
  expect(before).toMatchObject({ autoBlock: 0, manualBlock: 0 });
});

const [SOON, JUST_NOW] = [() => Date.now() + HOUR, () => Date.now() - 1000];

test.each<[string, () => Record<string, number>, object]>([
  ["calls switched off", () => ({ voip: 0 }), { manualBlock: 1 }],
  ["guests expected", () => ({ auto_open_until: SOON() }), { autoOpen: 1 }],
  ["guests no longer expected", () => ({ auto_open_until: JUST_NOW() }), { autoOpen: 0 }],
  ["somebody just home", () => ({ white_rabbit: 5, white_rabbit_until: SOON() }), { whiteRabbit: 1 }],
  ["somebody home for long", () => ({ white_rabbit: 5, white_rabbit_until: JUST_NOW() }), { whiteRabbit: 0 }],
  ["the white rabbit switched off since", () => ({ white_rabbit: 0, white_rabbit_until: SOON() }), { whiteRabbit: 0 }],
])("a flat with %s is treated so", async (_, columns, expected) => {
  const { uid, domophoneid } = await aHomeAtPanel();
  await settingsOf(uid, columns());
  const usual = { autoBlock: 0, manualBlock: 0, autoOpen: 0, whiteRabbit: 0 };
  expect(await json("precall", { domophoneId: domophoneid, uid })).toMatchObject({ ...usual, ...expected });
});

test.each<[string, (home: Awaited<ReturnType<typeof aHomeAtPanel>>) => Promise<unknown>]>([
  ["has not paid", ({ uid }) => changeContract(env, { uid }, { state: 1 } as never)],
  ["has nothing connected", ({ uid }) => changeContract(env, { uid }, { state: 0 } as never)],
  [
    "has not paid for the panel",
    ({ uid, camera }) => changeContract(env, { uid }, { devices: [{ deviceId: camera.deviceId, state: 1 }] } as never),
  ],
  ["has no right to the panel", ({ uid, camera }) => takeRights(env, uid, [camera.deviceId])],
])("a contract that %s is blocked, and tells nothing of its settings", async (_, change) => {
  const home = await aHomeAtPanel();
  await settingsOf(home.uid, { voip: 0, auto_open_until: SOON(), white_rabbit: 5, white_rabbit_until: SOON() });
  await change(home);
  expect(await json("precall", { domophoneId: home.domophoneid, uid: home.uid })).toMatchObject({
    ...{ autoBlock: 1, manualBlock: 0, autoOpen: 0, whiteRabbit: 0, intercoms: [] },
    deviceId: home.camera.deviceId,
  });
});

test("a monitor rings only where it is paid for and switched on", async () => {
  const { uid, domophoneid, monitor } = await aHomeAtPanel();
  await changeContract(env, { uid }, { devices: [{ deviceId: monitor, state: 1 }] } as never);
  expect(await json("precall", { domophoneId: domophoneid, uid })).toMatchObject({ autoBlock: 0, intercoms: [] });
  await changeContract(env, { uid }, { devices: [] } as never);
  await changeDevice(env, monitor, { isActive: false });
  expect(await json("precall", { domophoneId: domophoneid, uid })).toMatchObject({ autoBlock: 0, intercoms: [] });
});

test("a panel is told by its number", async () => {
  const { camera, domophoneid } = await aHomeAtPanel();
  expect(await json("domophone", domophoneid)).toEqual({
    ...{ deviceId: camera.deviceId, device_uuid: camera.uuid, deviceIP: "192.0.2.10", dtmf: 1, callerId: "Подъезд 2" },
  });
  await changeDevice(env, camera.deviceId, { isActive: false });
  expect((await pbx("domophone", domophoneid)).status).toBe(404);
});

test("the dialplans of old are told who is blocked and where the door opens by itself", async () => {
  const { uid } = await aHomeAtPanel();
  expect(await json("blacklist", uid)).toEqual({ autoBlock: 0, manualBlock: 0 });
  expect(await (await pbx("autoopen", uid)).text()).toBe("false");
  await settingsOf(uid, { voip: 0, auto_open_until: SOON() });
  expect(await json("blacklist", uid)).toEqual({ autoBlock: 0, manualBlock: 1 });
  expect(await (await pbx("autoopen", uid)).text()).toBe("true");
  expect(await json("blacklist", aUid())).toEqual({ autoBlock: 1, manualBlock: 0 });
  await changeContract(env, { uid }, { state: 1 } as never);
  expect(await json("blacklist", uid)).toEqual({ autoBlock: 1, manualBlock: 1 });
  expect(await (await pbx("autoopen", uid)).text()).toBe("false");
});

test("the picture of whoever rings is taken afresh for the call", async () => {
  const { camera, domophoneid } = await aHomeAtPanel();
  await changeDevice(env, camera.deviceId, { camshot: "http://127.0.0.1:8123/shot.jpg" });
  const world = outside(() => new Response(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]), { status: 200 }));
  const response = await pbx("camshot", { domophoneId: domophoneid });
  expect([response.status, await response.text()]).toEqual([200, ""]);
  expect(world.asked.map(({ url }) => url)).toEqual(["http://127.0.0.1:8123/shot.jpg"]);
});

test("the service of the indoor units is told the contract of a flat among some", async () => {
  const [here, there] = [await aContract({ flat: "21" }), await aContract({ flat: "22" })];
  const ask = async (body: object) => (await pbx("/indoor/uidfromuids", body)).text();
  expect(await ask({ uids: [here, there], flat: 22 })).toBe(String(there));
  expect(await ask({ uids: [here], flat: "22" })).toBe("0");
  expect(await ask({ uids: [], flat: 22 })).toBe("0");
});

test("a billing of the operator's own tells the contract of a flat, and is not believed beyond the panel", async () => {
  const { uid, domophoneid, camera } = await aHomeAtPanel();
  const told = { result: uid as number | null };
  const world = outside(() => Response.json(told));
  const http = envWith({ BILLING: "http", BILLING_URL: "http://billing.test", BILLING_TOKEN: "secret" });
  const ask = () => json("uidFromflatNumber", { domophoneId: domophoneid, flatNumber: "17" }, { env: http });
  expect(await ask()).toEqual({ uid });
  expect(world.asked[0]?.url).toBe("http://billing.test/v2/uidFromUidsAndFlat");
  expect(await world.asked[0]?.json()).toEqual({ uids: [uid], flat: 17 });
  for (const result of [null, 0, aUid()]) {
    told.result = result;
    expect(await ask()).toEqual({ uid: 0 });
  }
  const states = outside(() => Response.json({ result: { [camera.deviceId]: 2 } }));
  expect(await json("precall", { domophoneId: domophoneid, uid }, { env: http })).toMatchObject({
    autoBlock: 0,
    intercoms: [],
  });
  expect(states.asked[0]?.url).toBe("http://billing.test/v2/isActiv");
});

test("an old billing cannot tell flats, and says so", async () => {
  const { domophoneid } = await aHomeAtPanel();
  const legacy = envWith({ BILLING: "legacy", BILLING_URL: "http://billing.test" });
  const response = await pbx("uidFromflatNumber", { domophoneId: domophoneid, flatNumber: "17" }, { env: legacy });
  expect(response.status).toBe(404);
});

const PUSH_TOKEN = () => `fcm-token-${crypto.randomUUID()}`;

async function anAppAt(phone: string, platform = "android") {
  const pushToken = PUSH_TOKEN();
  const { token } = await aResident({ phone });
  await mobile("user/registerPushToken", { platform, pushToken }, { token });
  return pushToken;
}

test("the apps of a flat are listed as its PBX knows them", async () => {
  const { phone } = await aResident();
  const { uid } = await aHomeAtPanel({ phones: [phone] });
  const [android, ios, harmony] = [await anAppAt(phone), await anAppAt(phone, "ios"), await anAppAt(phone, "harmony")];
  const counted = countedEnv();
  const apps = await json("subscribers", uid, { env: counted.env });
  const app = { mobile: phone.replace(/^7/, "8"), voipEnabled: 1, tokenType: 0, voipToken: "off" };
  expect(apps).toHaveLength(3);
  expect(apps).toEqual(
    expect.arrayContaining([
      { ...app, platform: 0, pushToken: android },
      { ...app, platform: 1, pushToken: ios },
      { ...app, platform: 2, pushToken: harmony },
    ]),
  );
  await settingsOf(uid, { voip: 0 });
  expect(await json("subscribers", uid)).toEqual(
    expect.arrayContaining([{ ...app, platform: 0, pushToken: android, voipEnabled: 0 }]),
  );
  expect(counted.trips.d1Writes).toBe(0);
});

test("nobody is listed for a contract of which nothing is paid for, and no app that is signed out", async () => {
  const { phone } = await aResident();
  const { uid } = await aHomeAtPanel({ phones: [phone], state: 1 });
  const pushToken = PUSH_TOKEN();
  const { token } = await aResident({ phone });
  await mobile("user/registerPushToken", { platform: "android", pushToken }, { token });
  expect(await json("subscribers", uid)).toEqual([]);
  await changeContract(env, { uid }, { state: 2 } as never);
  expect(await json("subscribers", uid)).toMatchObject([{ pushToken }]);
  await mobile("user/logout", {}, { token });
  expect(await json("subscribers", uid)).toEqual([]);
  expect(await json("subscribers", aUid())).toEqual([]);
});

/** What a dialplan posts to ring in one app. */
const ringing = (token: string, { uid, camera }: Pick<Awaited<ReturnType<typeof aHome>>, "uid" | "camera">) => ({
  ...{ token, platform: 0, extension: Number(anExtension()), hash: "f00dcafe", dtmf: 1 },
  ...{ device_uuid: camera.uuid, callerId: "Подъезд 2", uid, flatNumber: 17 },
});

const waitingPushes = async (token: string) =>
  (await env.DB.prepare("SELECT * FROM messages WHERE recipient = ?").bind(token).all()).results;

test("ringing in an app makes its extension known to the PBX at once, and sends the push", async () => {
  const { phone } = await aResident();
  const home = await aHomeAtPanel({ phones: [phone] });
  const token = await anAppAt(phone);
  const call = ringing(token, home);
  expect(await realtime("auths/single", `id=${call.extension}`)).toBe("");
  const response = await pbx("push", call);
  expect([response.status, await response.text()]).toEqual([200, ""]);
  expect(await realtime("auths/single", `id=${call.extension}`)).toContain("password=f00dcafe");
  expect(await waitingPushes(token)).toMatchObject([{ channel: "push", purpose: "call" }]);
});

test("Defect 24: a call rings only in apps of the contract's own people, and from its own panels", async () => {
  const [{ phone }, { phone: stranger }] = [await aResident(), await aResident()];
  const [home, foreign] = [await aHomeAtPanel({ phones: [phone] }), await aHomeAtPanel()];
  const [own, other] = [await anAppAt(phone), await anAppAt(stranger)];
  const refused = async (call: ReturnType<typeof ringing>, status: number) => {
    expect((await pbx("push", call)).status).toBe(status);
    expect(await realtime("auths/single", `id=${call.extension}`)).toBe("");
    expect(await waitingPushes(call.token)).toEqual([]);
  };
  await refused(ringing(other, home), 404);
  await refused(ringing("no-such-token", home), 404);
  await refused(ringing(own, foreign), 404);
  await refused({ ...ringing(own, home), device_uuid: foreign.camera.uuid }, 404);
  await changeContract(env, { uid: home.uid }, { state: 1 } as never);
  await refused(ringing(own, home), 402);
});

const CALLS = ["uidFromflatNumber", "precall", "domophone", "camshot", "subscribers", "push", "blacklist", "autoopen"];

test.each([
  ["no body", undefined],
  ["an empty object", {}],
  ["a list", []],
  ["null", "null"],
  ["no JSON", "{"],
  ["wrong types", { domophoneId: {}, flatNumber: [], uid: "x", token: 1, uids: "y", flat: {} }],
  ["huge numbers", { domophoneId: 1e300, flatNumber: "9".repeat(400), uid: 1e300, extension: 1e300 }],
  ["a huge number alone", 1e300],
  ["a negative number", -1],
])("%s is refused in plain text and never an outage", async (_, body) => {
  for (const path of [...CALLS, "/indoor/uidfromuids"]) {
    const response = await pbx(path, body);
    expect([path, response.status]).toEqual([path, 422]);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
  }
});

test("numbers that nobody has are not found", async () => {
  const { uid } = await aHomeAtPanel();
  expect(await json("uidFromflatNumber", { domophoneId: 999_999_999, flatNumber: "1" })).toEqual({ uid: 0 });
  for (const [path, body] of [
    ["precall", { domophoneId: 999_999_999, uid }],
    ["domophone", 999_999_999],
    ["camshot", { domophoneId: 0 }],
  ] as const) {
    expect((await pbx(path, body)).status).toBe(404);
  }
});
