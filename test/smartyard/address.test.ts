import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { addDoor } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import { setContractState } from "../support/billing.ts";
import { aCamera, aContract, aHome, aLock, aPhone, aResident, envWith, mobile, outside } from "../support/world.ts";

const eventsOf = async (uid: number) =>
  (await env.DB.prepare("SELECT kind, device_id, title, detail FROM events WHERE uid = ?").bind(uid).all()).results;
const panels = envWith({ PANEL_HOSTS: "panel.example.net" });
void panels;

async function aNeighbour(fields: Parameters<typeof aHome>[0] = {}) {
  const phone = aPhone();
  const [resident, home] = [await aResident({ phone }), await aHome({ phones: [phone], ...fields })];
  return { ...resident, ...home };
}

test("homes go out with the types that each app needs", async () => {
  const { token, uid, lock, doorId } = await aNeighbour({ cameras: 2 });
  const response = await mobile("address/getAddressList", undefined, { token });
  expect(await response.json()).toMatchObject({
    code: 200,
    data: [
      {
        houseId: String(uid),
        address: "г. Тула, ул. Мира, д. 3",
        cctv: 2,
        doors: [{ domophoneId: String(lock), doorId, entrance: "2", icon: "entrance", name: "Подъезд 2" }],
      },
    ],
  });
});

test("settings list the contract, and the flat's intercom settings come into being", async () => {
  const { token, uid } = await aNeighbour({ login: `20017-${aPhone()}`, flat: "8" });
  const response = await mobile("address/getSettingsList", {}, { token });
  const { data } = await response.json<{ data: [{ clientId: string }] }>();
  expect(data).toMatchObject([
    { houseId: String(uid), flatId: String(uid), flatNumber: "8", contractOwner: "t", services: ["cctv", "domophone"] },
  ]);
  const row = await env.DB.prepare("SELECT door_code FROM homes WHERE uid = ?")
    .bind(uid)
    .first<{ door_code: string }>();
  expect(row?.door_code).toMatch(/^[6-9]\d{4}$/);
});

test.each(["address/getAddressList", "address/getSettingsList"])(
  "%s of somebody without contracts is 204",
  async (method) => {
    const { token } = await aResident();
    const response = await mobile(method, undefined, { token });
    expect([response.status, await response.text()]).toEqual([204, ""]);
  },
);

test("a resident of twenty contracts has settings made for each", async () => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const uids = await Promise.all(Array.from({ length: 20 }, () => aContract({ phones: [phone] })));
  await mobile("address/getSettingsList", {}, { token });
  const made = await env.DB.prepare("SELECT count(*) AS n FROM homes WHERE uid IN (SELECT value FROM json_each(?))")
    .bind(JSON.stringify(uids))
    .first();
  expect(made).toEqual({ n: 20 });
});

test("a door that is not paid for is shown with the reason, one that is not connected is not", async () => {
  const { token, uid } = await aNeighbour();
  await setContractState(uid, { state: 1 });
  const unpaid = await (
    await mobile("address/getAddressList", {}, { token, headers: { "accept-language": "en" } })
  ).json();
  expect(unpaid).toMatchObject({ data: [{ doors: [{ blocked: "The service is not paid for" }] }] });
  await setContractState(uid, { state: 0 });
  expect(await (await mobile("address/getAddressList", {}, { token })).json()).toMatchObject({ data: [{ doors: [] }] });
});

test.each([
  [{ CMS: "f" }, { CMS: "f" }],
  [{ VoIP: false }, { VoIP: "f" }],
  [{ VoIP: "TRUE" }, { VoIP: "t" }],
  [{ whiteRabbit: 5 }, { whiteRabbit: "5" }],
  [{ whiteRabbit: "0" }, { whiteRabbit: "0" }],
  [{ autoOpen: "2026-08-02 12:00:00" }, { autoOpen: "2026-08-02 12:00:00" }],
  [{ autoOpen: "0001-01-01 02:30:17" }, { autoOpen: "0001-01-01 02:30:17" }],
  [{ FRSDisabled: "t" }, { FRSDisabled: "t" }],
  [{ paperBill: 1 }, { paperBill: "t" }],
  [{ disablePlog: "yes" }, { disablePlog: "t" }],
  [{ hiddenPlog: "t" }, { hiddenPlog: "t" }],
])("Defect 50: intercom setting %j is kept and told", async (settings, expected) => {
  const { token, uid } = await aNeighbour();
  const changed = await mobile("address/intercom", { flatId: uid, settings }, { token });
  expect(await changed.json()).toMatchObject({ code: 200, data: { allowDoorCode: "t", ...expected } });
  const read = await mobile("address/intercom", { houseId: String(uid) }, { token });
  expect(await read.json()).toMatchObject({ data: expected });
});

test("one intercom setting leaves the others alone", async () => {
  const { token, uid } = await aNeighbour();
  await mobile("address/intercom", { flatId: uid, settings: { CMS: "f" } }, { token });
  await mobile("address/intercom", { flatId: uid, settings: { whiteRabbit: "3" } }, { token });
  const read = await mobile("address/intercom", { flatId: uid }, { token });
  expect(await read.json()).toMatchObject({ data: { CMS: "f", VoIP: "t", whiteRabbit: "3" } });
});

test("a door code that is switched off is not told", async () => {
  const { token, uid } = await aNeighbour();
  const off = await mobile("address/intercom", { flatId: uid, settings: { enableDoorCode: "f" } }, { token });
  const { data } = await off.json<{ data: Record<string, string> }>();
  expect(data.allowDoorCode).toBe("f");
  expect(data).not.toHaveProperty("doorCode");
});

test.each([
  ["no flat", {}],
  ["a whiteRabbit that iOS refuses", { flatId: 1, settings: { whiteRabbit: "4" } }],
  ["settings that are no object", { flatId: 1, settings: "t" }],
  ["a flat that is no number", { flatId: "1; DROP TABLE homes" }],
  ["a date that is none", { flatId: 1, settings: { autoOpen: "2026-13-01 00:00:00" } }],
])("intercom with %s is 422", async (_, body) => {
  const { token } = await aResident();
  expect((await mobile("address/intercom", body, { token })).status).toBe(422);
});

test("Defect 54: a new door code is a number, and is the one that is stored", async () => {
  const { token, uid } = await aNeighbour();
  const { data } = await (await mobile("address/resetCode", { flatId: uid }, { token })).json<{
    data: { code: number };
  }>();
  const read = await mobile("address/intercom", { flatId: uid }, { token });
  expect(await read.json()).toMatchObject({ data: { doorCode: String(data.code) } });
});

test("a resident opens a door; the panel is called with its credentials in the header, and the log says so", async () => {
  const world = outside();
  const { token, uid, lock, doorId, camera, phone } = await aNeighbour({
    open: "http://ad%3Amin:p%40ss@127.0.0.1:8081/open?door=1",
  });
  const response = await mobile("address/openDoor", { domophoneId: lock, doorId }, { token });
  expect([response.status, await response.text()]).toEqual([204, ""]);
  const [request] = world.asked;
  expect(request?.url).toBe("http://127.0.0.1:8081/open?door=1");
  expect(request?.headers.get("authorization")).toBe(`Basic ${btoa("ad:min:p@ss")}`);
  expect(await eventsOf(uid)).toEqual([
    { kind: 4, device_id: camera.deviceId, title: "Камера 1", detail: `Телефон *${phone.slice(-4)}` },
  ]);
});

test("a panel that wants Digest gets it", async () => {
  const challenge = 'Digest realm="panel", nonce="abc", qop="auth", algorithm=MD5';
  const world = outside((request) =>
    request.headers.get("authorization")?.startsWith("Digest ")
      ? new Response("ok")
      : new Response("", { status: 401, headers: { "www-authenticate": challenge } }),
  );
  const { token, lock } = await aNeighbour({
    open: "http://admin:secret@127.0.0.1:8081/cgi-bin/intercom_cgi?action=maindoor",
  });
  expect((await mobile("address/openDoor", { domophoneId: lock }, { token })).status).toBe(204);
  const digest = world.asked[1]!.headers.get("authorization")!;
  expect(digest).toMatch(
    /username="admin", realm="panel", nonce="abc", uri="\/cgi-bin\/intercom_cgi\?action=maindoor", response="[0-9a-f]{32}"/,
  );
});

test("the apps' repeated presses open once, and a later one opens again", async () => {
  const world = outside(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return new Response("ok");
  });
  const { token, uid, lock, doorId } = await aNeighbour({ open: "http://127.0.0.1:8081/open" });
  const press = () => mobile("address/openDoor", { domophoneId: String(lock), doorId }, { token });
  const answers = await Promise.all([press(), press(), press(), press()]);
  expect([...answers, await press()].map(({ status }) => status)).toEqual([204, 204, 204, 204, 204]);
  expect(world.asked).toHaveLength(1);
  expect(await eventsOf(uid)).toHaveLength(1);

  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_001);
  expect((await press()).status).toBe(204);
  vi.mocked(Date.now).mockRestore();
  expect(world.asked).toHaveLength(2);
});

test("a panel slower than the apps' patience is still called once", async () => {
  const world = outside(async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    return new Response("ok");
  });
  const { token, lock } = await aNeighbour({ open: "http://127.0.0.1:8081/open" });
  const press = () => mobile("address/openDoor", { domophoneId: lock }, { token });
  const first = press();
  await vi.waitFor(() => expect(world.asked).toHaveLength(1));
  vi.spyOn(Date, "now").mockReturnValue(Date.now() + 4_000);
  const second = press();
  expect([(await first).status, (await second).status]).toEqual([204, 204]);
  vi.mocked(Date.now).mockRestore();
  expect(world.asked).toHaveLength(1);
});

test("a neighbour's press within the same seconds is a press of its own", async () => {
  const world = outside();
  const phones = [aPhone(), aPhone()];
  const [one, two] = [await aResident({ phone: phones[0]! }), await aResident({ phone: phones[1]! })];
  const { lock } = await aHome({ phones, open: "http://127.0.0.1:8081/open" });
  for (const { token } of [one, two]) await mobile("address/openDoor", { domophoneId: lock }, { token });
  expect(world.asked).toHaveLength(2);
});

test.each([
  ["answers an error", () => new Response("", { status: 500 })],
  ["refuses the password", () => new Response("", { status: 401 })],
  ["sends us elsewhere", () => new Response("", { status: 302, headers: { location: "http://127.0.0.1/" } })],
  ["cannot be reached", () => Promise.reject(new TypeError("connection refused"))],
])("a panel that %s is an honest 503, no event, and the next press tries again", async (_, answer) => {
  const world = outside(answer);
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const { token, uid, lock } = await aNeighbour({ open: "http://127.0.0.1:8081/open" });
  const response = await mobile("address/openDoor", { domophoneId: lock }, { token });
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: 503, message: "Дверь не ответила, попробуйте ещё раз" });
  expect(await eventsOf(uid)).toEqual([]);
  await mobile("address/openDoor", { domophoneId: lock }, { token });
  expect(world.asked).toHaveLength(2);
});

test.each([
  "http://10.0.0.5/open",
  "http://169.254.169.254/",
  "http://[::1]/",
  "http://unlisted.example.net/open",
  "http://intercom/open",
])("Defect 16: a door at %s, which the operator has not listed, is not called", async (open) => {
  const world = outside();
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const { token, lock } = await aNeighbour({ open });
  expect((await mobile("address/openDoor", { domophoneId: lock }, { token })).status).toBe(503);
  expect(world.asked).toEqual([]);
});

test.each([
  [2, 204],
  [1, 402],
  [0, 404],
] as const)("with the lock in state %i openDoor answers %i", async (state, status) => {
  outside();
  const { token, uid, lock, doorId } = await aNeighbour({ open: "http://127.0.0.1:8081/open" });
  await setContractState(uid, { devices: [{ deviceId: lock, state }] });
  const response = await mobile("address/openDoor", { houseId: uid, domophoneId: lock, doorId }, { token });
  expect(response.status).toBe(status);
  if (status !== 204) expect(await response.json()).toMatchObject({ code: status, message: expect.any(String) });
});

test.each([
  [0, 404],
  ["2", 402],
  ["4", 404],
] as const)("the old servers' demo door %s answers %i", async (domophoneId, status) => {
  const { token } = await aNeighbour();
  expect((await mobile("address/openDoor", { domophoneId, doorId: 0 }, { token })).status).toBe(status);
});

test("a lock with two doors opens the one that is named", async () => {
  const world = outside();
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const [uid, camera, lock] = [await aContract({ phones: [phone] }), await aCamera(), await aLock()];
  const door = (name: string) =>
    addDoor(env, {
      deviceId: lock.deviceId,
      cam: camera.deviceId,
      icon: "gate",
      name,
      open: `http://127.0.0.1:8081/${name}`,
    });
  const [first, second] = [await door("first"), await door("second")];
  await giveRights(env, uid, [camera.deviceId, lock.deviceId]);
  for (const doorId of [first, second, undefined])
    await mobile("address/openDoor", { domophoneId: lock.deviceId, doorId }, { token });
  // The last press names no door, so it is the first door's, pressed a moment ago.
  expect(world.asked.map(({ url }) => url)).toEqual(["http://127.0.0.1:8081/first", "http://127.0.0.1:8081/second"]);
});
