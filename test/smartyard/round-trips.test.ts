import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { app } from "#app.ts";
import { giveRights } from "#premises/rights.ts";
import { countedEnv } from "../support/counted.ts";
import { aCamera, aHome, aPhone, aResident } from "../support/world.ts";

// What an answer costs is counted before it leaves; what follows in waitUntil is nobody's wait.

let token: string;
let uid: number;
let doorId: number;
let cameraId: number;

beforeAll(async () => {
  const phone = aPhone();
  ({ token } = await aResident({ phone }));
  const home = await aHome({ phones: [phone], cameras: 50 });
  [uid, doorId, cameraId] = [home.uid, home.doorId, home.camera.deviceId];
  for (let i = 0; i < 3; i++) await aHome({ phones: [phone], cameras: 5 });
  const city = await aCamera();
  await giveRights(env, 0, [city.deviceId]);
});

async function ask(method: string, body: object = {}) {
  const counted = countedEnv();
  const context = createExecutionContext();
  const init = { method: "POST", headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(body) };
  const response = await app.request(`/api/${method}`, init, counted.env, context);
  const trips = { ...counted.trips };
  await waitOnExecutionContext(context);
  return { status: response.status, trips };
}

test("cctv/all of fifty cameras is one KV read and one round trip to D1, and writes nothing before it answers", async () => {
  await ask("user/ping"); // the session is in KV from the first request on
  const { status, trips } = await ask("cctv/all", { houseId: uid });
  expect(status).toBe(200);
  expect(trips).toMatchObject({ kvReads: 1, d1: 1, d1Writes: 0, kvWrites: 0, objects: 0, queue: 0 });
});

test.each([
  ["user/ping", {}, 0],
  ["user/getName", {}, 1],
  ["user/pushTokens", {}, 1],
  ["user/notification", {}, 2],
  ["user/sessions", {}, 2],
  ["address/getAddressList", {}, 1],
  ["address/getSettingsList", {}, 1],
  ["address/getHcsList", {}, 1],
  ["address/offices", {}, 0],
  ["address/intercom", () => ({ flatId: uid }), 2],
  ["address/plog", () => ({ flatId: uid, day: "2026-08-02" }), 2],
  ["address/plogDays", () => ({ flatId: uid }), 2],
  ["cctv/plog", () => ({ houseId: uid, camId: cameraId, day: "2026-08-02" }), 2],
  ["cctv/plogDays", () => ({ houseId: uid, camId: cameraId }), 2],
  ["cctv/all", {}, 1],
  ["cctv/allTree", {}, 1],
  ["cctv/camMap", {}, 1],
  ["cctv/door", () => ({ doorId }), 1],
  ["cctv/overview", {}, 1],
  ["issues/listConnect", {}, 1],
  ["issues/listConnectV2", {}, 1],
  ["hcs/appealsCategory", {}, 1],
  ["hcs/appealsList", () => ({ houseId: uid }), 2],
  ["hcs/listPay", {}, 2],
  ["geo/getAllLocations", {}, 1],
  ["geo/getStreets", { locationId: 1 }, 1],
  ["geo/getHouses", { streetId: 1 }, 1],
  ["geo/getServices", { houseId: 1 }, 1],
  ["geo/getAllServices", {}, 0],
  ["user/getBillingList", {}, 1],
  ["user/getPaymentsList", {}, 1],
  ["pay/getDetail", () => ({ clientId: `c${uid}`, year: 2026 }), 2],
  ["ext/options", {}, 0],
  ["ext/list", {}, 0],
])("%s reads with at most two round trips to D1", async (method, body, d1) => {
  await ask("user/ping");
  if (method === "address/intercom") await ask("address/getSettingsList"); // makes the flat's settings
  const { status, trips } = await ask(method, typeof body === "function" ? body() : body);
  expect([200, 204]).toContain(status);
  expect(trips).toMatchObject({ d1, d1Writes: 0, kvWrites: 0, queue: 0 });
  expect(trips.kvReads).toBeLessThanOrEqual(1);
});

test("twenty homes, half of them by a guest's right, with ten guests each are still one round trip", async () => {
  const [me, others] = [await aResident(), aPhone()];
  const homes = await Promise.all(
    Array.from({ length: 20 }, (_, i) => aHome({ phones: i < 10 ? [me.phone, others] : [others] })),
  );
  const letIn = env.DB.prepare(
    "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, ?, ?, ?, 0)",
  );
  const guests = homes.flatMap(({ uid }, i) =>
    Array.from({ length: 10 }, (_, n) =>
      letIn.bind(uid, i < 10 || n > 0 ? aPhone() : me.phone, i % 2 ? "inner" : "outer", Date.now() + 3_600_000, others),
    ),
  );
  await env.DB.batch(guests);
  const asked = async (method: string) => {
    const counted = countedEnv();
    const context = createExecutionContext();
    const headers = { authorization: `Bearer ${me.token}` };
    const response = await app.request(`/api/${method}`, { method: "POST", headers }, counted.env, context);
    const trips = { ...counted.trips };
    await waitOnExecutionContext(context);
    return { trips, ...(await response.json<{ data: { roommates?: object[] }[] }>()) };
  };
  await asked("user/getName");
  for (const [method, count] of [
    ["address/getSettingsList", 20],
    ["address/getAddressList", 20],
    ["cctv/all", 15], // of outer guests' homes none
  ] as const) {
    const { data, trips } = await asked(method);
    expect([method, data.length, trips.d1]).toEqual([method, count, 1]);
  }
  const { data } = await asked("address/getSettingsList");
  expect(data.map(({ roommates }) => roommates?.length ?? 0)).toEqual(
    expect.arrayContaining([...Array(10).fill(12), ...Array(10).fill(0)]),
  );
});
