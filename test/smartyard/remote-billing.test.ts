import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { reviewGrants } from "#premises/cameras.ts";
import { publishRevocations } from "#premises/revocations.ts";
import { giveRights } from "#premises/rights.ts";
import { aCamera, aHome, aPhone, aResident, aUid, call, envWith, mobile, outside } from "../support/world.ts";

// The operator's own billing decides who has what; ours is only asked for what hangs on the walls.

interface Billed {
  uids: number[];
  states: Record<number, 0 | 1 | 2>;
}

/** A billing that answers the functions of docs/contracts.md, "The operator's billing", and can be told other things later. */
function aBilling(billed: Billed) {
  const asked: string[] = [];
  const world = outside(async (request) => {
    const name = new URL(request.url).pathname.split("/").at(-1)!;
    const args = await request.json<{ uid?: number; ids?: number[] }>();
    asked.push(name);
    const contracts = billed.uids.map((uid) => ({
      uid,
      login: `L${uid}`,
      address: "ул. Мира, 3 кв. 8",
      cams_open: true,
      cams_paid: true,
    }));
    const result = {
      addressList: contracts,
      uidFrom: billed.uids,
      isActiv: Object.fromEntries((args.ids ?? []).map((id) => [id, billed.states[id] ?? 2])),
    }[name];
    return Response.json({ result });
  });
  return {
    asked,
    world,
    env: envWith({ BILLING: "http", BILLING_URL: "https://billing.example.net", BILLING_TOKEN: "billing-token" }),
  };
}

async function aBilledHome(billed: Billed) {
  const uid = aUid();
  billed.uids.push(uid);
  const camera = await aCamera();
  await giveRights(env, uid, [camera.deviceId]);
  return { uid, camera };
}

test("contracts and states come from the operator's billing, cameras from us", async () => {
  const billed: Billed = { uids: [], states: {} };
  const { uid, camera } = await aBilledHome(billed);
  const { token } = await aResident();
  const billing = aBilling(billed);
  const homes = await mobile("address/getAddressList", {}, { token, env: billing.env });
  expect(await homes.json()).toMatchObject({ data: [{ houseId: String(uid), cctv: 1, address: "ул. Мира, 3 кв. 8" }] });
  const cameras = await mobile("cctv/all", { houseId: uid }, { token, env: billing.env });
  expect(await cameras.json()).toMatchObject({ data: [{ id: camera.deviceId }] });
  for (const request of billing.world.asked) expect(request.headers.get("authorization")).toBe("Bearer billing-token");
});

test("a contract that this phone does not have is not found, though the house is there", async () => {
  const theirs: Billed = { uids: [], states: {} };
  const { uid } = await aBilledHome(theirs);
  const billing = aBilling({ uids: [aUid()], states: {} });
  const { token } = await aResident();
  for (const method of ["cctv/all", "address/intercom", "address/resetCode"]) {
    expect((await mobile(method, { houseId: uid }, { token, env: billing.env })).status).toBe(404);
  }
});

test.each([
  ["refuses the connection", () => Promise.reject(new TypeError("refused"))],
  ["answers an error", () => new Response("oops", { status: 500 })],
  ["answers a page", () => new Response("<html>")],
  ["answers something else", () => Response.json({ result: "?" })],
])("Defect 68: a billing that %s is an honest 503 on every method that needs it", async (_, answer) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { token } = await aResident();
  const down = envWith({ BILLING: "http", BILLING_URL: `https://billing-${aUid()}.example.net` });
  outside(answer);
  for (const method of ["address/getAddressList", "address/getSettingsList", "cctv/all", "cctv/camMap"]) {
    const response = await mobile(method, {}, { token, env: down });
    expect([method, response.status]).toEqual([method, 503]);
    expect(await response.json()).toMatchObject({ code: 503, message: "Сервис временно недоступен" });
  }
});

test("a contract that stops paying at the operator's billing loses its camera token, too", async () => {
  const billed: Billed = { uids: [], states: {} };
  const { camera } = await aBilledHome(billed);
  const { token } = await aResident();
  const billing = aBilling(billed);
  const { data } = await (await mobile("cctv/all", {}, { token, env: billing.env })).json<{
    data: [{ token: string }];
  }>();
  const play = () => call(`/api/accessfl?name=${camera.uuid}&token=${data[0].token}`);
  const review = async (minutes: number) => {
    const at = new Date(Date.now() + minutes * 60_000);
    await reviewGrants(billing.env, at);
    await publishRevocations(env, at);
  };
  await review(6);
  expect((await play()).status).toBe(200);
  billed.states[camera.deviceId] = 1;
  await review(12);
  expect((await play()).status).toBe(403);
});

test("a billing that is away revokes nobody", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const billed: Billed = { uids: [], states: {} };
  const { camera } = await aBilledHome(billed);
  const { token } = await aResident();
  const billing = aBilling(billed);
  const { data } = await (await mobile("cctv/all", {}, { token, env: billing.env })).json<{
    data: [{ token: string }];
  }>();
  outside(() => Promise.reject(new TypeError("refused")));
  await reviewGrants(billing.env, new Date(Date.now() + 30 * 60_000));
  await publishRevocations(env);
  expect((await call(`/api/accessfl?name=${camera.uuid}&token=${data[0].token}`)).status).toBe(200);
});

test("an old billing keeps the cameras itself, and they play with our token", async () => {
  const uid = aUid();
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const answers: Record<string, unknown> = {
    getsettingslist: [
      { flatId: String(uid), houseId: uid, clientId: "20017", address: "ул. Мира, 3", services: ["cctv"] },
    ],
    getaddresslist: [{ houseId: String(uid), address: "ул. Мира, 3" }],
    getcctvlist: [{ id: 30, name: "Подъезд 2", lat: "54.19", lon: "37.61", url: "https://vd.example.net/cam30" }],
  };
  const asked: unknown[] = [];
  outside(async (request) => {
    const method = new URL(request.url).pathname.split("/").at(-1)!;
    asked.push(await request.json());
    return Response.json({ code: 200, name: "OK", message: "Хорошо", data: answers[method] });
  });
  const old = envWith({ BILLING: "legacy", BILLING_URL: `https://old-${uid}.example.net/api/` });
  const response = await mobile("cctv/all", { houseId: String(uid) }, { token, env: old });
  const { data } = await response.json<{ data: [{ token: string }] }>();
  expect(data).toMatchObject([{ id: 30, name: "Подъезд 2", url: "https://vd.example.net/cam30" }]);
  expect((await call(`/api/accessfl?name=cam30&token=${data[0].token}`)).status).toBe(200);
  expect(asked).toContainEqual({ phone: Number(`8${phone.slice(1)}`) });
  expect((await mobile("cctv/all", { houseId: uid + 1 }, { token, env: old })).status).toBe(404);
  answers.getcctvlist = 402;
  const fresh = { "x-dm-api-refresh": "" };
  expect((await mobile("cctv/all", { houseId: uid }, { token, env: old, headers: fresh })).status).not.toBe(200);
});

test("a local contract is not asked for anywhere", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  await aHome({ phones: [phone] });
  const world = outside();
  expect((await mobile("cctv/all", {}, { token })).status).toBe(200);
  expect(world.asked).toEqual([]);
});
