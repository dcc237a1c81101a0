import { env } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { localText } from "#platform/time.ts";
import { changeContract } from "#premises/contracts.ts";
import { keyForms } from "#premises/key-forms.ts";
import { addKey, takeRights } from "#premises/rights.ts";
import { call, envWith, outside } from "../support/world.ts";
import { aHomeWithReaders, logOf } from "./entry.ts";

beforeEach(() => {
  outside();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const served = { Z5R_USER: "z5r", Z5R_PASS: "controllers" };
const asController = { authorization: `Basic ${btoa("z5r:controllers")}` };

function report(
  sn: unknown,
  messages: unknown,
  { vars = served as object, headers = asController as HeadersInit } = {},
) {
  return call(
    "/z5rweb",
    { method: "POST", headers, body: JSON.stringify({ type: "Z5RWEB", sn, messages }) },
    envWith(vars),
  );
}

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
const json = async (...args: Parameters<typeof report>): Promise<any> => (await report(...args)).json();

const shows = async (sn: unknown, card: string) =>
  (await json(sn, [{ id: 7, operation: "check_access", card, reader: 1 }])).messages;
const [GRANTED, REFUSED] = [1, 0].map((granted) => [{ id: 7, operation: "check_access", granted }]);

const CARD = "00112233AABB";

async function aKeyAt(key = CARD, fields = {}) {
  const home = await aHomeWithReaders(fields);
  await addKey(env, { uid: home.uid, key, comment: "" });
  return home;
}

test("a controller that wakes up is switched on, and is told the time of the zone", async () => {
  const before = Date.now();
  const { date, interval, messages } = await json(1, [
    { id: 1, operation: "power_on", fw: "3.37", conn_fw: "2.0.167", active: 0, mode: 0, controller_ip: "192.0.2.9" },
    { id: 2, operation: "ping", active: 1, mode: 0 },
    { id: 3, success: 1, operation: "unheard_of" },
  ]);
  expect({ interval, messages }).toEqual({
    interval: 10,
    messages: [{ id: 1, operation: "set_active", active: 1, online: 1 }],
  });
  const moments = [before, Date.now()].map((ms) => localText(new Date(ms), "Europe/Moscow"));
  expect(date >= moments[0]! && date <= moments[1]!).toBe(true);
});

test("a key opens the door of the controller that asks, and the flat's log tells of it once", async () => {
  const { uid, z5rSerial, camera, doorId } = await aKeyAt();
  expect(await shows(Number(z5rSerial), CARD)).toEqual(GRANTED);
  expect(await shows(z5rSerial, CARD.toLowerCase())).toEqual(GRANTED);
  expect(await logOf(uid)).toMatchObject([
    {
      kind: 3,
      device_id: camera.deviceId,
      detail: "Ключ 00112233aabb",
      extra: { key: "00112233aabb", opened: true, doorId },
    },
  ]);
});

test("Defect 28: a key opens only controllers of doors that its contract has a right to", async () => {
  const [own, foreign] = [await aKeyAt("00112233AABC"), await aHomeWithReaders()];
  expect(await shows(own.z5rSerial, "00112233AABC")).toEqual(GRANTED);
  expect(await shows(foreign.z5rSerial, "00112233AABC")).toEqual(REFUSED);
  expect(await shows("no such controller", "00112233AABC")).toEqual(REFUSED);
  expect(await shows(undefined, "00112233AABC")).toEqual(REFUSED);
  await takeRights(env, own.uid, [own.lock]);
  expect(await shows(own.z5rSerial, "00112233AABC")).toEqual(REFUSED);
  expect(await logOf(foreign.uid)).toEqual([]);
});

test.each<[string, object, HeadersInit, number]>([
  ["without credentials", served, {}, 401],
  ["with another password", served, { authorization: `Basic ${btoa("z5r:wrong")}` }, 401],
  ["with another name", served, { authorization: `Basic ${btoa("root:controllers")}` }, 401],
  ["with the token of the PBX", served, { authorization: `Bearer ${env.INTEGRATION_TOKEN}` }, 401],
  ["where no controllers are served", {}, asController, 404],
])("Defect 28: %s nothing opens", async (_, vars, headers, status) => {
  const { z5rSerial } = await aKeyAt("00112233AABD");
  const response = await report(z5rSerial, [{ id: 7, operation: "check_access", card: "00112233AABD" }], {
    vars,
    headers,
  });
  expect(response.status).toBe(status);
  expect(response.headers.has("www-authenticate")).toBe(status === 401);
});

test("a door stays shut for a key of a contract that has not paid, and for what is no key", async () => {
  const { uid, z5rSerial } = await aKeyAt("00112233AABE");
  await changeContract(env, { uid }, { state: 1 } as never);
  for (const card of ["00112233AABE", "", "000000000000", "xyz", "%", "0011"])
    expect(await shows(z5rSerial, card)).toEqual(REFUSED);
  expect(await logOf(uid)).toEqual([]);
});

test.each([
  ...["18ccd1", "0018ccd1", "00000018ccd1", "0000000018ccd1", "000000000018ccd1"].map((form) => [form, "00000018CCD1"]),
  ...["d3cc18", "d3cc1800", "d3cc18000000"].map((form) => [form, "00000018CCD3"]),
] as [string, string][])("a key that was entered as %s is the card %s", async (entered, card) => {
  const { z5rSerial } = await aKeyAt(entered);
  expect(await shows(z5rSerial, card)).toEqual(GRANTED);
  expect(await shows(z5rSerial, "00000018CCD2")).toEqual(REFUSED);
});

test("a card has few forms, and another card's are not among them", () => {
  const { straight, reversed } = keyForms("00:00:00:18:CC:D1");
  expect(straight).toHaveLength(6);
  expect(reversed).toHaveLength(6);
  const long = keyForms("AABBCCDDEEFF00");
  expect(long.straight).toEqual(expect.arrayContaining(["aabbccddeeff00", "aabbccddeeff"]));
  expect(long.reversed).toContain("ffeeddccbbaa");
  expect(keyForms("112211").reversed).not.toContain("112211");
  expect(keyForms("0000000000000")).toEqual({ straight: [], reversed: [] });
});

test("a key whose bytes are another's in the reverse order opens its own doors, and not the other's", async () => {
  const theirs = await aKeyAt("5e2a91");
  expect(await shows(theirs.z5rSerial, "000000912A5E")).toEqual(GRANTED);
  const own = await aKeyAt("912a5e");
  expect(await shows(own.z5rSerial, "000000912A5E")).toEqual(GRANTED);
  expect(await shows(theirs.z5rSerial, "000000912A5E")).toEqual(REFUSED);
  expect(await shows(theirs.z5rSerial, "0000005E2A91")).toEqual(GRANTED);
});

test("what a controller remembers is taken in full; passes that it had not asked about are written down", async () => {
  const { uid, z5rSerial } = await aKeyAt("00112233AABF");
  const time = (secondsAgo: number) => localText(new Date(Date.now() - secondsAgo * 1000), "Europe/Moscow");
  await shows(z5rSerial, "00112233AABF");
  const events = [
    { flag: 264, event: 4, time: time(1), card: "00112233AABF" },
    { flag: 264, event: 5, time: time(600), card: "00112233AABF" },
    { flag: 0, event: 2, time: time(600), card: "00112233AABF" },
    { flag: 0, event: 4, time: time(900), card: "FFFFFFFFFFFF" },
    { flag: 0, event: 32, time: "nonsense" },
    null,
  ];
  for (const _ of ["sent", "sent again, because the answer was lost"]) {
    expect((await json(z5rSerial, [{ id: 9, operation: "events", events }])).messages).toEqual([
      { id: 9, operation: "events", events_success: 6 },
    ]);
  }
  const log = await logOf(uid);
  expect(log.map(({ kind }) => kind)).toEqual([3, 3]);
  expect(log[1]!.at - log[0]!.at).toBeGreaterThan(590_000);
});

test("of a long memory a controller forgets only what was taken, and brings the rest again", async () => {
  const { uid, z5rSerial } = await aKeyAt("00112233AAC1");
  const others = Array.from({ length: 100 }, () => ({ event: 2, card: "00112233AAC1" }));
  const events = [...others, { event: 4, card: "00112233AAC1" }];
  expect((await json(z5rSerial, [{ id: 9, operation: "events", events }])).messages).toEqual([
    { id: 9, operation: "events", events_success: 100 },
  ]);
  expect(await logOf(uid)).toEqual([]);
  await json(z5rSerial, [{ id: 10, operation: "events", events: events.slice(100) }]);
  expect(await logOf(uid)).toHaveLength(1);
});

test("Defect 61: whoever comes home with a key lets the neighbours' doors open by themselves for a while", async () => {
  const { uid, z5rSerial } = await aKeyAt("00112233AAC0");
  await env.DB.prepare("INSERT INTO homes (operator, uid, door_code, white_rabbit) VALUES ('main', ?, '70000', 5)")
    .bind(uid)
    .run();
  await shows(z5rSerial, "00112233AAC0");
  const row = await env.DB.prepare("SELECT white_rabbit_until AS until FROM homes WHERE uid = ?")
    .bind(uid)
    .first<{ until: number }>();
  expect(row!.until - Date.now()).toBeGreaterThan(290_000);
  expect(row!.until - Date.now()).toBeLessThanOrEqual(300_000);
});

test.each([
  ["no body", undefined, 200],
  ["an empty object", "{}", 200],
  ["no JSON", "{", 422],
  ["a list", "[]", 422],
  ["messages that are none", '{"messages":5}', 422],
  ["a message without an operation", '{"messages":[{"id":1}]}', 422],
  ["events that are none", '{"sn":1,"messages":[{"id":1,"operation":"events","events":{"a":1}}]}', 200],
  ["a card that is none", '{"sn":1,"messages":[{"id":1,"operation":"check_access","card":{"a":1}}]}', 200],
])("%s from a controller is no outage", async (_, text, status) => {
  const response = await call(
    "/z5rweb",
    { method: "POST", headers: asController, ...(text && { body: text }) },
    envWith(served),
  );
  expect(response.status).toBe(status);
});
