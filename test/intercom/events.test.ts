import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { registerPush } from "#identity/installs/installs.ts";
import { open, randomDigits, randomId } from "#platform/crypto.ts";
import { addDoor } from "#premises/registry.ts";
import { addKey, giveRights } from "#premises/rights.ts";
import { setContractState } from "../support/billing.ts";
import { aCamera, aHome, aLock, aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

/** A queue that only remembers: what would leave is seen by the rows. */
const quiet = (vars: Partial<Record<string, unknown>> = {}) =>
  envWith({ MESSAGES: { send: async () => {}, sendBatch: async () => {} }, ...vars });

const post = (path: string, body: unknown, environment = quiet(), token = "integration-token") =>
  call(
    path,
    {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    },
    environment,
  );
const idsOf = async (answer: Response | Promise<Response>) =>
  (await (await answer).json<{ ok: true; events: string[] }>()).events;
const bring = (body: object, environment = quiet()) => post("/local/api/event", body, environment);

async function aNeighbour(fields: Parameters<typeof aHome>[0] = {}) {
  const phone = aPhone();
  const [resident, home] = [await aResident({ phone }), await aHome({ phones: [phone], flat: "17", ...fields })];
  return { ...resident, ...home };
}
type Neighbour = Awaited<ReturnType<typeof aNeighbour>>;

const logOf = async (uid: number) => {
  const { results } = await env.DB.prepare("SELECT * FROM events WHERE uid = ? ORDER BY at").bind(uid).all();
  return results.map((row) => ({ ...row, kind: row.kind as number, extra: JSON.parse(row.extra as string) as object }));
};

const aKey = () => Array.from({ length: 8 }, () => randomDigits(1)).join("");

test("a key is its owner's event, with the door's camera and what the apps show of it", async () => {
  const home = await aNeighbour();
  const key = aKey();
  await addKey(env, { uid: home.uid, key, comment: "" });
  const at = "2026-08-02 09:14:55";
  const place = { deviceId: home.lock, event: 3, key, at, opened: true };
  const ids = await idsOf(bring(place));
  expect(await logOf(home.uid)).toMatchObject([
    {
      ...{ id: ids[0], kind: 3, at: Date.parse("2026-08-02T06:14:55Z"), device_id: home.camera.deviceId },
      ...{ title: "Камера 1", detail: `Ключ ${key}`, extra: { key, opened: true, doorId: home.doorId } },
    },
  ]);
  const shown = await mobile("address/plog", { flatId: home.uid, day: "2026-08-02" }, { token: home.token });
  expect(await shown.json()).toMatchObject({ data: [{ event: "3", detailX: { key, opened: "t" } }] });
});

/** A second home behind the same lock. */
async function aFlatmate(of: Neighbour, flat: string) {
  const other = await aNeighbour({ flat });
  await giveRights(env, other.uid, [of.lock]);
  return other;
}

const codeOf = async ({ uid, token }: Neighbour) => {
  const answer = await mobile("address/intercom", { flatId: uid }, { token });
  return (await answer.json<{ data: { doorCode: string } }>()).data.doorCode;
};

test.each([
  ["its flat", async () => ({ event: 1, flatNumber: "0017" })],
  ["its number", async ({ uid }: Neighbour) => ({ event: 2, uid: String(uid) })],
  ["its code", async (home: Neighbour) => ({ event: "6", code: Number(await codeOf(home)) })],
  ["its phone", async ({ phone }: Neighbour) => ({ event: 7, phone: `8${phone.slice(1)}` })],
  [
    "a face that it has marked",
    async ({ uid }: Neighbour) => {
      await env.DB.prepare(
        "INSERT INTO faces (operator, uid, id, account_id, created_at) VALUES ('main', ?, ?, 'a', 0)",
      )
        .bind(uid, uid + 5)
        .run();
      return { event: 5, faceId: uid + 5 };
    },
  ],
  [
    "a plate, however it is written",
    async ({ uid }: Neighbour) => {
      const digits = randomDigits(6);
      await env.DB.prepare("INSERT INTO plates (operator, plate, uid, created_at) VALUES ('main', ?, ?, 0)")
        .bind(`A${digits}BC`, uid)
        .run();
      return { event: 8, plate: `а ${digits} вс` };
    },
  ],
])("an event names its home by %s", async (_, evidence) => {
  const home = await aNeighbour();
  const other = await aFlatmate(home, "18");
  const given = await evidence(home);
  expect(await idsOf(bring({ doorId: home.doorId, ...given }))).toHaveLength(1);
  expect((await logOf(home.uid)).map(({ kind }) => kind)).toEqual([
    Number(given.event) === 8 ? 9 : Number(given.event),
  ]);
  expect(await logOf(other.uid)).toEqual([]);
});

test("a panel is named by its number, too", async () => {
  const home = await aNeighbour();
  const domophoneid = 200_000_000 + Number(randomDigits(8));
  const panel = await aCamera({ domophoneid, title: "Панель" });
  await giveRights(env, home.uid, [panel.deviceId]);
  await idsOf(bring({ domophoneId: String(domophoneid), event: 1, flatNumber: 17 }));
  expect(await logOf(home.uid)).toMatchObject([{ device_id: panel.deviceId, title: "Панель" }]);
});

test("two flats with one code are told apart by the flat's number", async () => {
  const home = await aNeighbour();
  const other = await aFlatmate(home, "18");
  const code = await codeOf(home);
  await codeOf(other);
  await env.DB.prepare("UPDATE homes SET door_code = ? WHERE uid = ?").bind(code, other.uid).run();
  expect(await idsOf(bring({ deviceId: home.lock, event: 6, code }))).toHaveLength(2);
  expect(await idsOf(bring({ deviceId: home.lock, event: 6, code, flatNumber: "18" }))).toHaveLength(1);
  expect([(await logOf(home.uid)).length, (await logOf(other.uid)).length]).toEqual([1, 2]);
});

test("a key, a code or a flat of somebody without a right to the device is nobody's event", async () => {
  const [home, stranger] = [await aNeighbour(), await aNeighbour({ flat: "99" })];
  const key = aKey();
  await addKey(env, { uid: stranger.uid, key, comment: "" });
  const code = await codeOf(stranger);
  for (const evidence of [
    { event: 3, key },
    { event: 6, code },
    { event: 1, flatNumber: 99 },
    { event: 3, key: "not hex" },
    { event: 4 },
  ])
    expect(await idsOf(bring({ deviceId: home.lock, ...evidence }))).toEqual([]);
  expect((await bring({ deviceId: home.lock, event: 3, uid: stranger.uid })).status).toBe(404);
  expect([await logOf(home.uid), await logOf(stranger.uid)]).toEqual([[], []]);
});

test("an event that is brought again under its name is there once", async () => {
  const home = await aNeighbour();
  const other = await aFlatmate(home, "18");
  const event = { deviceId: home.lock, event: 1, externalId: "call-1" };
  const first = await idsOf(bring({ ...event, uid: home.uid }));
  expect(first).toHaveLength(1);
  expect(await idsOf(bring({ ...event, uid: home.uid }))).toEqual([]);
  expect(await idsOf(bring({ ...event, uid: other.uid }))).not.toEqual(first);
  expect(await logOf(home.uid)).toHaveLength(1);
});

test.each([
  ["no body", ""],
  ["no JSON", "{"],
  ["no device", { event: 3 }],
  ["no kind", { deviceId: 1 }],
  ["kind 0", { deviceId: 1, event: 0 }],
  ["kind 10", { deviceId: 1, event: 10 }],
  ["a device that is text", { deviceId: "1 OR 1=1", event: 3 }],
  ["a time that is none", { deviceId: 1, event: 3, at: "yesterday" }],
  ["a time long ago", { deviceId: 1, event: 3, at: "1999-01-01 00:00:00" }],
  ["a face without sides", { deviceId: 1, event: 5, face: { left: 1 } }],
  ["a text without end", { deviceId: 1, event: 5, detail: "x".repeat(5000) }],
  ["a key without end", { deviceId: 1, event: 3, key: "0".repeat(500) }],
])("an event with %s is 422", async (_, body) => {
  expect((await post("/local/api/event", body)).status).toBe(422);
});

test("a device that is not there is 404, and the time that is still to come is now", async () => {
  expect((await bring({ deviceId: 1e11, event: 3, uid: 1 })).status).toBe(404);
  const home = await aNeighbour();
  await idsOf(bring({ deviceId: home.lock, event: 1, uid: home.uid, at: Date.now() / 1000 + 86_400 }));
  const [event] = (await logOf(home.uid)) as unknown as [{ at: number }];
  expect(Math.abs(event.at - Date.now())).toBeLessThan(60_000);
});

test.each(["/local/api/event", "/local/api/cameraevent", "/indoor/newEvent"])(
  "Defect 24: %s takes nothing without the integration's token",
  async (path) => {
    const home = await aNeighbour();
    const body = { uid: home.uid, deviceId: home.camera.deviceId, event: 1, sendData: { title: "x" } };
    expect((await post(path, body, quiet(), "wrong")).status).toBe(401);
    expect((await call(path, { method: "POST", body: JSON.stringify(body) })).status).toBe(401);
    expect(await logOf(home.uid)).toEqual([]);
  },
);

const rabbitOf = async (uid: number) =>
  (await env.DB.prepare("SELECT white_rabbit_until AS until FROM homes WHERE uid = ?")
    .bind(uid)
    .first<{ until: number }>())!.until;

test.each([
  ["a key", { event: 3 }, true],
  ["the flat's code", { event: 6 }, true],
  ["a key that did not open", { event: 3, opened: false }, false],
  ["a call", { event: 1 }, false],
  ["the app", { event: 4 }, false],
])("Defect 61: after %s the neighbours' doors open by themselves, or not", async (_, event, opens) => {
  const home = await aNeighbour();
  await mobile("address/intercom", { flatId: home.uid, settings: { whiteRabbit: "5" } }, { token: home.token });
  const at = Math.floor(Date.now() / 1000) - 30;
  await idsOf(bring({ deviceId: home.lock, uid: home.uid, at, ...event }));
  expect(await rabbitOf(home.uid)).toBe(opens ? (at + 300) * 1000 : 0);
});

test("Defect 61: an older event that comes late, or once more, takes nothing back, and a home that wants none has none", async () => {
  const [home, other] = [await aNeighbour(), await aNeighbour()];
  await mobile("address/intercom", { flatId: home.uid, settings: { whiteRabbit: "5" } }, { token: home.token });
  await mobile("address/intercom", { flatId: other.uid }, { token: other.token });
  const at = Math.floor(Date.now() / 1000) - 30;
  const event = { deviceId: home.lock, uid: home.uid, event: 3, externalId: randomId() };
  await idsOf(bring({ ...event, at }));
  await idsOf(bring({ ...event, at: at - 100, externalId: randomId() }));
  await idsOf(bring({ ...event, at: at + 20 })); // the first once more
  await idsOf(bring({ deviceId: other.lock, uid: other.uid, event: 3 }));
  expect(await rabbitOf(home.uid)).toBe((at + 300) * 1000);
  expect(await rabbitOf(other.uid)).toBe(0);
});

test("an event that has just happened gets its picture", async () => {
  const world = outside(() => new Response(new Uint8Array([0xff, 0xd8, 0xff, 0xe0])));
  const home = await aNeighbour();
  const camera = await aCamera({ camshot: "http://camera.test/shot.jpg" });
  const lock = await aLock();
  const door = { icon: "entrance", name: "Дверь", open: "http://camera.test/" } as const;
  await addDoor(env, { deviceId: lock.deviceId, cam: camera.deviceId, ...door });
  await giveRights(env, home.uid, [lock.deviceId]);
  const here = quiet({ PANEL_HOSTS: "camera.test" });
  await idsOf(bring({ deviceId: lock.deviceId, uid: home.uid, event: 3 }, here));
  expect(world.asked).toHaveLength(1);
  expect(await logOf(home.uid)).toMatchObject([{ preview: 1, picture: expect.stringMatching(/^[0-9a-f-]{36}$/) }]);
});

test("what a camera's analytics notice is kept, and once if it has a name", async () => {
  const home = await aNeighbour();
  const { deviceId } = home.camera;
  const noticed = { deviceId, event: 2, start: "2026-08-02 09:00:00", end: "2026-08-02 09:00:30", externalId: "m1" };
  const body = { ...noticed, description: "Движение", analysis: "человек" };
  const ids = await idsOf(post("/local/api/cameraevent", body));
  expect(await idsOf(post("/local/api/cameraevent", body))).toEqual([]);
  const shown = await mobile(
    "cctv/plog",
    { houseId: home.uid, camId: deviceId, day: "2026-08-02" },
    { token: home.token },
  );
  expect(await shown.json()).toMatchObject({
    data: [{ uuid: ids[0], event: "2", detail: "Движение", analysis: "человек", endDate: "2026-08-02 09:00:30" }],
  });
  expect((await post("/local/api/cameraevent", { deviceId: home.lock })).status).toBe(404);
  expect((await post("/local/api/cameraevent", { ...noticed, end: "2026-08-02 08:00:00" })).status).toBe(422);
});

/** What the apps of a person would be pushed. */
async function pushesTo({ account }: { account: string }) {
  const { results } = await env.DB.prepare("SELECT id, sealed FROM messages WHERE account_id = ? AND channel = 'push'")
    .bind(account)
    .all<{ id: string; sealed: string }>();
  const opened = results.map(async ({ id, sealed }) => JSON.parse(await open(settings(env).MASTER_KEY, sealed, id)));
  return (await Promise.all(opened)).map((push) => (push.content ?? push).data as Record<string, string>);
}

async function aListener(fields: Parameters<typeof aHome>[0] = {}) {
  const home = await aNeighbour(fields);
  await registerPush(env, home, { platform: "android", pushToken: `token-${randomId()}`, pushService: "fcm" });
  return home;
}
const choose = (home: Neighbour, kinds: string[], more: object = {}) =>
  mobile("user/notification", { events: [{ houseId: String(home.uid), kinds }], ...more }, { token: home.token });

test("whoever asked for a kind of events is told of it, and of no other kind", async () => {
  const home = await aListener();
  await choose(home, ["key"]);
  await idsOf(bring({ deviceId: home.lock, uid: home.uid, event: 6 }));
  expect(await pushesTo(home)).toEqual([]);
  const [id] = await idsOf(bring({ deviceId: home.lock, uid: home.uid, event: 3, at: "2026-08-02 01:00:00" }));
  expect(await pushesTo(home)).toMatchObject([
    {
      ...{ action: "eventLog", eventLogId: id, eventDate: "2026-08-02", houseId: String(home.uid) },
      ...{ title: "Открытие ключом", body: "Камера 1" },
    },
  ]);
});

test("Defect 70: with notifications off nobody is told, of events or by the operator's service", async () => {
  const home = await aListener();
  await choose(home, ["key"], { enable: "f" });
  await idsOf(bring({ deviceId: home.lock, uid: home.uid, event: 3 }));
  await post("/indoor/newEvent", { uid: home.uid, sendData: { title: "Дверь открыта" } });
  expect(await pushesTo(home)).toEqual([]);
  await choose(home, ["key"], { enable: "t" });
  await idsOf(bring({ deviceId: home.lock, uid: home.uid, event: 3 }));
  expect(await pushesTo(home)).toHaveLength(1);
});

test("nobody is told of a home that is not theirs any more, has no log, hides it from them, or does not pay", async () => {
  const home = await aListener();
  await choose(home, ["key"]);
  const key = () => idsOf(bring({ deviceId: home.lock, uid: home.uid, event: 3 }));
  const guest = await aResident();
  await registerPush(env, guest, { platform: "android", pushToken: `token-${randomId()}` });
  await env.DB.prepare(
    "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, 'inner', ?, ?, 0)",
  )
    .bind(home.uid, guest.phone, Date.now() + 86_400_000, home.phone)
    .run();
  await mobile("user/notification", { events: [{ houseId: home.uid, kinds: ["key"] }] }, guest);
  const set = (settings: object) => mobile("address/intercom", { flatId: home.uid, settings }, { token: home.token });
  const told = async () => [(await pushesTo(home)).length, (await pushesTo(guest)).length];

  await key();
  expect(await told()).toEqual([1, 1]);
  await set({ hiddenPlog: "t" });
  await key();
  expect(await told()).toEqual([2, 1]);
  await set({ disablePlog: "t" });
  await key();
  await set({ disablePlog: "f" });
  await setContractState(home.uid, { state: 1 });
  await key();
  await setContractState(home.uid, { state: 2, phones: [] });
  await key();
  expect(await told()).toEqual([2, 1]);
});

test("who opened the door is not told of it", async () => {
  const home = await aListener();
  await choose(home, ["app", "guest"]);
  await idsOf(bring({ deviceId: home.lock, event: 7, phone: home.phone }));
  expect(await pushesTo(home)).toEqual([]);
});

test("what is wanted is told only to those who want something, and of their own homes", async () => {
  const [home, stranger] = [await aListener(), await aListener()];
  const read = async () => (await mobile("user/notification", {}, { token: home.token })).json();
  expect(await read()).toMatchObject({ data: { money: "t", enable: "t" } });
  expect(await read()).not.toHaveProperty("data.events");
  expect(await (await choose(home, ["key", "code", "key"])).json()).toMatchObject({
    data: { money: "t", enable: "t", events: [{ houseId: String(home.uid), kinds: ["key", "code"] }] },
  });
  const refused = await mobile("user/notification", { events: [{ houseId: home.uid, kinds: ["key"] }] }, stranger);
  expect(refused.status).toBe(404);
  expect((await choose(home, ["nothing"])).status).toBe(422);
  expect(await (await choose(home, [])).json()).not.toHaveProperty("data.events");
});

test("the operator's service tells everybody in a home, while something there is paid for", async () => {
  const home = await aListener();
  const say = (more: object = {}) =>
    post("/indoor/newEvent", {
      uid: home.uid,
      sendData: { title: "Дверь открыта", action: "eventLog", eventLogId: 5 },
      ...more,
    });
  const answer = await say();
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
  expect(await pushesTo(home)).toMatchObject([
    { title: "Дверь открыта", action: "eventLog", eventLogId: "5", houseId: String(home.uid) },
  ]);
  await say({ deviceId: (await aCamera()).deviceId });
  await setContractState(home.uid, { state: 1 });
  await say();
  expect(await pushesTo(home)).toHaveLength(1);
  await setContractState(home.uid, { state: 1, devices: [{ deviceId: home.lock, state: 2 }] });
  await say({ deviceId: String(home.lock) });
  expect(await pushesTo(home)).toHaveLength(2);
  expect((await post("/indoor/newEvent", { sendData: { title: "x" } })).status).toBe(200);
  expect((await post("/indoor/newEvent", { uid: home.uid, sendData: "x" })).status).toBe(422);
});
