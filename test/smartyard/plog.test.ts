import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { EVENT, newEvent, recordCameraEvent, recordEvent } from "#premises/events.ts";
import type { CameraEvent, Event } from "#premises/log/tables.ts";
import { addDoor } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import { setContractState } from "../support/billing.ts";
import { aCamera, aHome, aLock, aPhone, aResident, envWith, mobile } from "../support/world.ts";

async function aNeighbour(fields: Parameters<typeof aHome>[0] = {}) {
  const phone = aPhone();
  const [resident, home] = [await aResident({ phone }), await aHome({ phones: [phone], ...fields })];
  return { ...resident, ...home };
}
type Neighbour = Awaited<ReturnType<typeof aNeighbour>>;

/** Something that happened at the home's door, at that moment of UTC. */
async function happened({ uid, camera }: Pick<Neighbour, "uid" | "camera">, at: string, fields: Partial<Event> = {}) {
  const event = newEvent(env, {
    ...{ uid, at: new Date(at), kind: EVENT.key, deviceId: camera.deviceId, title: "Подъезд 2", detail: "", extra: {} },
    ...fields,
  });
  await recordEvent(env, event);
  return event;
}

interface Item {
  uuid: string;
  date: string;
  event: string;
  preview?: string;
  detailX: Record<string, unknown>;
}
const plog = (body: object, { token }: { token: string }, options: Parameters<typeof mobile>[2] = {}) =>
  mobile("address/plog", body, { token, ...options });
const listed = async (response: Response | Promise<Response>) => {
  const answer = await response;
  return answer.status === 204 ? [] : (await answer.json<{ data: Item[] }>()).data;
};
const datesOf = async (response: Promise<Response>) => (await listed(response)).map(({ date }) => date);
const daysOf = async (home: Neighbour, body: object = {}, options: Parameters<typeof mobile>[2] = {}) => {
  const asked = { flatId: home.uid, ...body };
  return (await listed(mobile("address/plogDays", asked, { token: home.token, ...options }))) as unknown as {
    day: string;
    events: string;
  }[];
};
/** Noon of so many days ago, in UTC, and that day. */
const noon = (daysAgo: number) => {
  const at = `${new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10)}T09:00:00Z`;
  return { at, day: at.slice(0, 10) };
};

test("an event goes out with the types that each app needs, the newest first", async () => {
  const home = await aNeighbour();
  const { camera, uid, doorId } = home;
  await happened(home, "2026-08-02T06:14:54Z");
  const extra = { phone: "79161230001", doorId, opened: true };
  const { id } = await happened(home, "2026-08-02T06:14:55Z", { kind: 4, detail: "Телефон *0001", extra });
  const [event, older] = await listed(plog({ flatId: uid, day: "2026-08-02" }, home));
  expect(event).toEqual({
    ...{
      date: "2026-08-02 09:14:55",
      uuid: id,
      event: "4",
      mechanizmaDescription: "Подъезд 2",
      detail: "Телефон *0001",
    },
    ...{ objectId: String(camera.deviceId), objectType: "0", objectMechanizma: "0", previewType: 0 },
    ...{ houseId: String(uid), flatId: String(uid), entranceId: String(doorId), cameraId: String(camera.deviceId) },
    detailX: { flags: [], phone: "79161230001", opened: "t" },
  });
  expect(older!.date).toBe("2026-08-02 09:14:54");
});

test.each([
  [3, { key: "a1b2c3d4" }, { key: "a1b2c3d4" }],
  [6, { code: "73104" }, { code: "73104" }],
  [1, {}, { opened: "f" }],
  [2, { opened: true }, { opened: "t" }],
  [7, { phone: "79161230001" }, { phone: "79161230001", phone_from: "79161230001" }],
  [9, { plate: "A123BC71" }, { vehicle: "A123BC71" }],
  [
    5,
    { faceId: 17, face: { left: "1", top: "2", width: "3", height: "4" } },
    { faceId: "17", face: { left: "1", top: "2", width: "3", height: "4" } },
  ],
  [5, { face: { left: 1 } }, {}],
])("event %i with %j shows the details %j", async (kind, extra, details) => {
  const home = await aNeighbour();
  await happened(home, "2026-08-02T06:00:00Z", { kind, extra });
  const [event] = await listed(plog({ houseId: String(home.uid), day: "2026-08-02" }, home));
  expect(event).toMatchObject({ event: String(kind) });
  expect(event!.detailX).toEqual({ flags: [], ...details });
});

test("a plate is 8 to iOS, which knows it so, and 9 to the others", async () => {
  const home = await aNeighbour();
  await happened(home, noon(1).at, { kind: EVENT.plate });
  const asked = { flatId: home.uid, day: noon(1).day };
  const ios = { headers: { "x-system-info": "iOS, 18.1, iPhone, iPhone17,1" } };
  expect((await listed(plog(asked, home, ios))).map(({ event }) => event)).toEqual(["8"]);
  expect((await listed(plog(asked, home))).map(({ event }) => event)).toEqual(["9"]);
  expect(await daysOf(home, { events: "7,8" }, ios)).toEqual([{ day: noon(1).day, events: "1" }]);
});

test("Defect 66: a day begins and ends with the operator's clock, on the day when that changes, too", async () => {
  const home = await aNeighbour();
  const berlin = { env: envWith({ TIME_ZONE: "Europe/Berlin", EVENT_DAYS: "1000" }) };
  // On 29 March 2026 Berlin goes from +1 to +2: its day is 23 hours, from 23:00 UTC to 22:00 UTC.
  for (const at of ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"])
    await happened(home, at);
  expect(await datesOf(plog({ flatId: home.uid, day: "2026-03-29" }, home, berlin))).toEqual([
    "2026-03-29 23:59:59",
    "2026-03-29 00:00:00",
  ]);
  expect(await daysOf(home, {}, berlin)).toEqual([
    { day: "2026-03-30", events: "1" },
    { day: "2026-03-29", events: "2" },
    { day: "2026-03-28", events: "1" },
  ]);
});

test.each([
  ["absent", {}, 3],
  ["an empty text", { events: "" }, 3],
  ["null", { events: null }, 3],
  ["a list", { events: "3,4" }, 2],
  ["a list with blanks", { events: "4, 1, 3" }, 2],
  ["one kind", { events: "6" }, 1],
  ["one kind as a number", { events: 6 }, 1],
  ["a kind of which there is nothing", { events: "5" }, 0],
])("plogDays with events %s", async (_, filter, count) => {
  const home = await aNeighbour();
  for (const kind of [3, 4, 6]) await happened(home, noon(2).at, { kind });
  expect(await daysOf(home, filter)).toEqual(count > 0 ? [{ day: noon(2).day, events: String(count) }] : []);
});

test("events older than EVENT_DAYS, hidden ones and a neighbour's are not counted", async () => {
  const [home, neighbour] = [await aNeighbour(), await aNeighbour()];
  await happened(home, noon(1).at);
  await happened(home, noon(1).at, { hidden: true });
  await happened(home, noon(400).at);
  await happened(neighbour, noon(3).at);
  expect(await daysOf(home)).toEqual([{ day: noon(1).day, events: "1" }]);
  expect(await listed(plog({ flatId: home.uid, day: noon(1).day }, home))).toHaveLength(1);
});

test.each([
  ["no day", {}],
  ["no date", { day: "yesterday" }],
  ["a date that there is not", { day: "2026-02-30" }],
  ["a time", { day: "2026-08-02 10:00:00" }],
  ["no text", { day: 20260802 }],
])("plog with %s is 422", async (_, body) => {
  const home = await aNeighbour();
  expect((await plog({ flatId: home.uid, ...body }, home)).status).toBe(422);
});

test.each([
  ["day", "address/plog", { day: "2026-08-02' OR '1'='1" }],
  ["day", "address/plog", { day: "2026-08-02\n2026" }],
  ["events", "address/plogDays", { events: "3) OR (1=1" }],
  ["events", "address/plogDays", { events: "3;DROP TABLE events" }],
  ["day", "cctv/plog", { camId: 1, day: "2026-08-02'; --" }],
  ["camId", "cctv/plog", { camId: "1 OR 1=1", day: "2026-08-02" }],
  ["camId", "cctv/plogDays", { camId: "1 UNION SELECT 1" }],
])("Defect 13: %s of %s is a value and never a part of a query", async (_, method, body) => {
  const home = await aNeighbour();
  await happened(home, "2026-08-02T06:00:00Z");
  expect((await mobile(method, { houseId: home.uid, ...body }, { token: home.token })).status).toBe(422);
});

test.each(["address/plog", "address/plogDays"])("%s without a home is 422", async (method) => {
  const home = await aNeighbour();
  expect((await mobile(method, { day: "2026-08-02" }, home)).status).toBe(422);
});

test.each([
  [0, 404],
  [1, 402],
])("of a home whose services are in state %i the log is %i", async (state, status) => {
  const home = await aNeighbour();
  await happened(home, noon(1).at);
  await setContractState(home.uid, { state: state as 0 | 1 });
  expect((await plog({ flatId: home.uid, day: noon(1).day }, home)).status).toBe(status);
  expect((await mobile("address/plogDays", { flatId: home.uid }, home)).status).toBe(status);
});

test("of a home with one device that is paid for, only that one's events are shown", async () => {
  const home = await aNeighbour({ cameras: 2 });
  const [paid, unpaid] = home.cameras as [Neighbour["camera"], Neighbour["camera"]];
  await happened(home, noon(1).at);
  await happened({ uid: home.uid, camera: unpaid }, noon(1).at);
  await setContractState(home.uid, { state: 1, devices: [{ deviceId: paid.deviceId, state: 2 }] });
  const shown = await listed(plog({ flatId: home.uid, day: noon(1).day }, home));
  expect(shown).toMatchObject([{ objectId: String(paid.deviceId) }]);
  expect(await daysOf(home)).toEqual([{ day: noon(1).day, events: "1" }]);
});

test("an event of a door is shown to who has a right to its lock alone", async () => {
  const home = await aNeighbour();
  const [camera, lock] = [await aCamera(), await aLock()];
  const door = { icon: "wicket", name: "Калитка", open: "http://panel.example.net/" } as const;
  await addDoor(env, { deviceId: lock.deviceId, cam: camera.deviceId, ...door });
  await happened({ uid: home.uid, camera }, noon(1).at);
  expect(await daysOf(home)).toEqual([]);
  await giveRights(env, home.uid, [lock.deviceId]);
  expect(await daysOf(home)).toEqual([{ day: noon(1).day, events: "1" }]);
});

test("a log that is switched off is empty", async () => {
  const home = await aNeighbour();
  await happened(home, noon(1).at);
  await mobile("address/intercom", { flatId: home.uid, settings: { disablePlog: "t" } }, home);
  expect((await plog({ flatId: home.uid, day: noon(1).day }, home)).status).toBe(204);
  expect((await mobile("address/plogDays", { flatId: home.uid }, home)).status).toBe(204);
});

async function aGuest({ uid, phone: grantedBy }: Neighbour, type: "inner" | "outer") {
  const guest = await aResident();
  await env.DB.prepare(
    "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, ?, ?, ?, 0)",
  )
    .bind(uid, guest.phone, type, Date.now() + 86_400_000, grantedBy)
    .run();
  return guest;
}

test("an inner guest reads the log until the owner hides it, an outer one never", async () => {
  const home = await aNeighbour();
  const [inner, outer] = [await aGuest(home, "inner"), await aGuest(home, "outer")];
  await happened(home, noon(1).at);
  const asked = { flatId: home.uid, day: noon(1).day };
  expect((await plog(asked, inner)).status).toBe(200);
  expect((await plog(asked, outer)).status).toBe(404);
  await mobile("address/intercom", { flatId: home.uid, settings: { hiddenPlog: "t" } }, home);
  expect((await plog(asked, inner)).status).toBe(403);
  expect((await mobile("address/plogDays", asked, inner)).status).toBe(403);
  expect((await plog(asked, outer)).status).toBe(404);
  expect((await plog(asked, home)).status).toBe(200);
});

test("Defect 2: a neighbour's log is not found", async () => {
  const [home, stranger] = [await aNeighbour(), await aNeighbour()];
  await happened(home, noon(1).at);
  const theirs = { houseId: home.uid, camId: home.camera.deviceId, day: noon(1).day };
  for (const method of ["address/plog", "address/plogDays", "cctv/plog", "cctv/plogDays"])
    expect([method, (await mobile(method, theirs, stranger)).status]).toEqual([method, 404]);
  const camera = { ...theirs, houseId: stranger.uid };
  for (const method of ["cctv/plog", "cctv/plogDays"])
    expect([method, (await mobile(method, camera, stranger)).status]).toEqual([method, 404]);
});

test("a face can be marked where the operator has a face server, and unmarked once it is", async () => {
  const home = await aNeighbour();
  const picture = crypto.randomUUID();
  const { id } = await happened(home, "2026-08-02T06:00:00Z", { picture, preview: 1 });
  await happened(home, "2026-08-02T05:00:00Z");
  const asked = { flatId: home.uid, day: "2026-08-02" };
  const withFaces = { env: envWith({ FRS_URL: "https://frs.example.net" }) };
  const flags = async (options = withFaces) =>
    (await listed(plog(asked, home, options))).map(({ detailX }) => detailX.flags);
  expect(await flags()).toEqual([["canLike"], []]);
  expect(await flags({ env })).toEqual([[], []]);
  await env.DB.prepare(
    "INSERT INTO faces (operator, uid, id, event_id, account_id, created_at) VALUES ('main', ?, 17, ?, 'a', 0)",
  )
    .bind(home.uid, id)
    .run();
  expect(await flags()).toEqual([["canDislike", "liked"], []]);
});

async function noticed(deviceId: number, at: string, fields: Partial<CameraEvent> = {}) {
  const [startedAt, endedAt] = [new Date(at), new Date(Date.parse(at) + 30_000)];
  const event = {
    ...{ operator: "main", id: crypto.randomUUID(), deviceId, startedAt, endedAt, kind: 2 },
    ...{ description: "Движение", picture: null, preview: 0, analysis: "человек" },
    ...fields,
  };
  await recordCameraEvent(env, event);
  return event;
}

test("Defect 56: a camera's events are shown, day by day", async () => {
  const home = await aNeighbour({ cameras: 2 });
  const { deviceId } = home.camera;
  const { id } = await noticed(deviceId, noon(1).at);
  await noticed(deviceId, noon(3).at, { kind: 4 });
  await noticed(home.cameras[1]!.deviceId, noon(1).at);
  const asked = { houseId: home.uid, camId: String(deviceId) };
  expect(await listed(mobile("cctv/plog", { ...asked, day: noon(1).day }, home))).toEqual([
    {
      ...{
        date: `${noon(1).day} 12:00:00`,
        endDate: `${noon(1).day} 12:00:30`,
        uuid: id,
        event: "2",
        detail: "Движение",
      },
      ...{ objectId: String(deviceId), objectType: "0", objectMechanizma: "0", cameraId: String(deviceId) },
      ...{ mechanizmaDescription: "Камера 1", previewType: 0, analysis: "человек", detailX: { flags: [] } },
    },
  ]);
  expect(await listed(mobile("cctv/plogDays", asked, home))).toEqual([
    { day: noon(1).day, events: "1" },
    { day: noon(3).day, events: "1" },
  ]);
  expect(await listed(mobile("cctv/plogDays", { ...asked, events: "4" }, home))).toEqual([
    { day: noon(3).day, events: "1" },
  ]);
  await setContractState(home.uid, { state: 1 });
  expect((await mobile("cctv/plog", { ...asked, day: noon(1).day }, home)).status).toBe(402);
});

test("what a resident opens stands in the log at once", async () => {
  const home = await aNeighbour({ open: "http://127.0.0.1:8081/open" });
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(""));
  await mobile("address/openDoor", { domophoneId: home.lock, doorId: home.doorId }, home);
  const today = new Date(Date.now() + 3 * 3_600_000).toISOString().slice(0, 10); // in Moscow
  expect(await listed(plog({ flatId: home.uid, day: today }, home))).toMatchObject([
    { event: "4", entranceId: String(home.doorId), detailX: { phone: home.phone } },
  ]);
  vi.restoreAllMocks();
});
