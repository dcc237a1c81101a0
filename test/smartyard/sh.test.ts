import { env } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { listItems, removeItem, setItem } from "#premises/smart-home/items.ts";
import { bindNode } from "#premises/smart-home/nodes.ts";
import { registerNode, reportItems } from "#premises/smart-home/register.ts";
import { listRooms, removeRoom, setRoom } from "#premises/smart-home/rooms.ts";
import { bill, json, said } from "../inventory/bill.ts";
import { countedEnv } from "../support/counted.ts";
import { aContract, aResident, envWith, mobile, outside, type SignedInResident } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const BRIDGE = "https://bridge.example.net/sh";
const bridged = envWith({ SMART_HOME_URL: BRIDGE, SMART_HOME_TOKEN: "bridge-token" });

const aMac = () => [...crypto.getRandomValues(new Uint8Array(6))].map((b) => b.toString(16).padStart(2, "0")).join(":");

async function aBox() {
  const mac = aMac();
  return { mac, id: await registerNode(env, { mac, type: "hub" }) };
}

/** Somebody with a home, and a controller in it. */
async function aSmartHome() {
  const who = await aResident();
  const uid = await aContract({ phones: [who.phone] });
  const { id: node } = await aBox();
  await bindNode(env, who, uid, { node: { id: node }, name: "Дом" });
  return { who, uid, node };
}

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
async function ask(method: string, body: unknown, { token }: SignedInResident, vars: Env = env): Promise<any> {
  const response = await mobile(`sh/${method}`, body, { token, env: vars });
  return { status: response.status, ...(await response.json<object>()) };
}

const roomsOf = async (who: SignedInResident, uid: number) =>
  (await ask("getRooms", { houseId: uid }, who)).data.map((r: { roomId: string; priority: number }) => [
    r.roomId,
    r.priority,
  ]);

test("Defect 63: the answer names the controller that was bound, by the MAC on its box or by its id", async () => {
  const who = await aResident();
  const uid = await aContract({ phones: [who.phone] });
  const [byMac, byId] = [await aBox(), await aBox()];
  const written = byMac.mac.toUpperCase().replaceAll(":", "-");
  const request = { houseId: String(uid), nodeType: "hub", nodeName: "Дом" };
  expect(await ask("setNode", { ...request, nodeKey: written }, who)).toEqual({
    ...{ status: 200, code: 200, name: "OK", message: "Хорошо" },
    data: { nodeUuid: byMac.id, nodeError: 0, nodeNeedUpgrade: false },
  });
  expect(await ask("setNode", { ...request, nodeId: byId.id }, who)).toMatchObject({ data: { nodeUuid: byId.id } });
  const { data } = await ask("getNode", { houseId: uid }, who);
  expect(data.map(({ nodeUuid }: { nodeUuid: string }) => nodeUuid).toSorted()).toEqual([byMac.id, byId.id].toSorted());
  expect(data[0]).toEqual({
    ...{ nodeUuid: expect.any(String), nodeType: "hub", nodeName: "Дом", nodeVendor: "", nodeUp: false },
    ...{ nodeHwVersion: "", nodeOsVersion: "", nodeSwVersion: "", nodeSwDate: "", nodeNeedUpgrade: false },
  });
});

test("of two flats that ask for one box at once one gets it", async () => {
  const { mac } = await aBox();
  const flats = await Promise.all([aSmartHome(), aSmartHome()]);
  const answers = await Promise.all(
    flats.map(({ who, uid }) => ask("setNode", { houseId: uid, nodeName: "x", nodeKey: mac }, who)),
  );
  expect(answers.map(({ code }) => code).toSorted()).toEqual([200, 201]);
  expect(answers.find(({ code }) => code === 201).name).toBe("Контроллер подключён к другому адресу");
});

test("whoever guesses at the labels of boxes is stopped, and their neighbour is not", async () => {
  const [guesser, neighbour] = [await aResident(), await aResident()];
  const uid = await aContract({ phones: [guesser.phone, neighbour.phone] });
  const tries = Array.from({ length: 9 }, () => ({ houseId: uid, nodeType: "hub", nodeName: "x", nodeKey: aMac() }));
  const statuses: number[] = [];
  for (const body of tries) statuses.push((await ask("setNode", body, guesser)).status);
  expect(statuses.toSorted()).toEqual([200, 200, 200, 200, 200, 429, 429, 429, 429]);
  const { mac } = await aBox();
  const own = { houseId: uid, nodeType: "hub", nodeName: "Дом", nodeKey: mac };
  expect((await ask("setNode", own, guesser)).status).toBe(429);
  expect(await ask("setNode", own, neighbour)).toMatchObject({ code: 200 });
});

test("a box that is bound here already, or that nobody knows, is refused with a sentence", async () => {
  const { who, uid, node } = await aSmartHome();
  const bind = (named: object) => ask("setNode", { houseId: uid, nodeName: "x", ...named }, who);
  expect(await bind({ nodeId: node })).toMatchObject({ code: 201, name: "Контроллер уже подключён к этому адресу" });
  for (const named of [{ nodeKey: aMac() }, { nodeKey: "no mac" }, { nodeId: "?" }]) {
    expect(await bind(named)).toMatchObject({ status: 200, code: 201, name: "Контроллер не найден" });
  }
});

test("a controller is freed once nothing hangs on it, and then somebody else may have it", async () => {
  const { who, uid, node } = await aSmartHome();
  await reportItems(env, node, { items: [{ ...LAMP, id: "a" }], removed: [] });
  const free = () => ask("delNode", { houseId: uid, nodeUuid: node }, who);
  expect(await free()).toMatchObject({ code: 201, name: "Сначала удалите устройства контроллера" });
  await reportItems(env, node, { items: [], removed: ["a"] });
  expect(await free()).toMatchObject({ code: 200 });
  expect(await free()).toMatchObject({ code: 200 });
  const other = await aSmartHome();
  expect(await ask("setNode", { houseId: other.uid, nodeName: "x", nodeId: node }, other.who)).toMatchObject({
    code: 200,
  });
});

test("Defect 63: a room that is put in front moves the others, and they stand without gaps", async () => {
  const { who, uid } = await aSmartHome();
  const set = (roomId: string, priority?: number | string) =>
    ask("setRoom", { houseId: uid, roomId, name: roomId, visible: true, priority }, who);
  await set("kitchen", 1);
  await set("hall", 1);
  expect(await set("bath", "2")).toEqual({ status: 200, code: 200, name: "OK", message: "Хорошо" });
  expect(await roomsOf(who, uid)).toEqual([
    ["hall", 1],
    ["bath", 2],
    ["kitchen", 3],
  ]);
  await set("hall", 3);
  expect(await roomsOf(who, uid)).toEqual([
    ["bath", 1],
    ["kitchen", 2],
    ["hall", 3],
  ]);
  await set("attic", 99_999);
  await set("bath");
  expect(await roomsOf(who, uid)).toEqual([
    ["bath", 1],
    ["kitchen", 2],
    ["hall", 3],
    ["attic", 4],
  ]);
  await ask("delRoom", { houseId: uid, roomId: "kitchen" }, who);
  expect(await roomsOf(who, uid)).toEqual([
    ["bath", 1],
    ["hall", 2],
    ["attic", 3],
  ]);
});

test("a room is renamed and hidden in its place", async () => {
  const { who, uid } = await aSmartHome();
  await ask("setRoom", { houseId: uid, roomId: "r", name: "Кухня", priority: 1, visible: "t" }, who);
  await ask("setRoom", { houseId: uid, roomId: "r", name: "Столовая", priority: 1, visible: false }, who);
  expect((await ask("getRooms", { houseId: uid }, who)).data).toEqual([
    { roomId: "r", name: "Столовая", priority: 1, visible: false },
  ]);
});

test("a room with things in it stays", async () => {
  const { who, uid, node } = await aSmartHome();
  await ask("setRoom", { houseId: uid, roomId: "r", name: "r", priority: 1, visible: true }, who);
  await ask("setItem", { houseId: uid, nodeId: node, roomId: "r", itemId: "i", type: "lamp", name: "i" }, who);
  expect(await ask("delRoom", { houseId: uid, roomId: "r" }, who)).toMatchObject({
    code: 201,
    name: "В комнате есть устройства",
  });
  expect(await roomsOf(who, uid)).toEqual([["r", 1]]);
});

const LAMP = { type: "lamp", vendor: "acme", name: "Люстра", multitype: null, meta: null };

test("things that a controller reports stand in no room, and a resident's name, room and place outlast the next report", async () => {
  const { who, uid, node } = await aSmartHome();
  const report = (body: object) => said("sh_items_update/", { node_uuid: node, ...body });
  expect(
    await report({
      items: [
        { id: "a", type: "lamp", vendor: "acme" },
        { id: 7, type: "relay", name: "Реле", meta: "m" },
      ],
    }),
  ).toEqual([200, ""]);
  const items = async () => (await ask("getItems", { houseId: uid }, who)).data;
  expect(await items()).toEqual([
    { nodeId: node, itemId: "a", type: "lamp", vendor: "acme", name: "lamp", priority: 1, visible: true },
    { nodeId: node, itemId: "7", type: "relay", vendor: "", meta: "m", name: "Реле", priority: 2, visible: true },
  ]);
  await ask("setRoom", { houseId: uid, roomId: "r", name: "r", priority: 1, visible: true }, who);
  await ask(
    "setItem",
    {
      houseId: uid,
      nodeId: node,
      roomId: "r",
      itemId: "a",
      type: "lamp",
      vendor: "acme",
      name: "Люстра",
      priority: 1,
      visible: false,
    },
    who,
  );
  await report({ items: [{ id: "a", type: "dimmer", vendor: "other", name: "Новое имя" }], removed: ["7"] });
  expect(await items()).toEqual([
    {
      nodeId: node,
      roomId: "r",
      itemId: "a",
      type: "dimmer",
      vendor: "other",
      name: "Люстра",
      priority: 1,
      visible: false,
    },
  ]);
});

test("the order is 1, 2, 3 … in every room after whatever was done, and it is the order that was asked for", async () => {
  const ids = ["a", "b", "c", "d"];
  const [room, item] = [fc.constantFrom("x", "y", "z"), fc.constantFrom(...ids)];
  const place = fc.option(fc.nat({ max: 6 }), { nil: undefined });
  const step = fc.oneof(
    fc.record({ do: fc.constant("room" as const), room, place }),
    fc.record({ do: fc.constant("drop room" as const), room }),
    fc.record({ do: fc.constant("item" as const), item, room: fc.option(room, { nil: null }), place }),
    fc.record({ do: fc.constant("drop item" as const), item }),
    fc.record({ do: fc.constant("report" as const), items: fc.uniqueArray(item) }),
  );
  outside(() => Response.json({ result: true }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      const { who, uid, node } = await aSmartHome();
      const rooms: string[] = [];
      const shelves = new Map<string | null, string[]>();
      const shelf = (key: string | null) => shelves.get(key) ?? shelves.set(key, []).get(key)!;
      const shelfOf = (id: string) => [...shelves.values()].find((each) => each.includes(id));
      const put = (list: string[], id: string, to: number | undefined) => {
        const at = list.indexOf(id);
        if (at >= 0) list.splice(at, 1);
        list.splice(to === undefined ? (at >= 0 ? at : list.length) : Math.max(0, to - 1), 0, id);
      };
      for (const each of steps) {
        if (each.do === "room") {
          await setRoom(env, who, uid, { id: each.room, name: each.room, isVisible: true, priority: each.place });
          put(rooms, each.room, each.place);
        } else if (each.do === "drop room") {
          const { done } = await removeRoom(env, who, uid, each.room);
          expect(done).toBe(shelf(each.room).length === 0);
          if (done && rooms.includes(each.room)) rooms.splice(rooms.indexOf(each.room), 1);
        } else if (each.do === "item") {
          const change = { ...LAMP, nodeId: node, id: each.item, roomId: each.room, isVisible: true };
          const { done } = await setItem(env, who, uid, { ...change, priority: each.place });
          expect(done).toBe(each.room === null || rooms.includes(each.room));
          const from = shelfOf(each.item);
          if (done && from && from !== shelf(each.room)) from.splice(from.indexOf(each.item), 1);
          if (done) put(shelf(each.room), each.item, each.place);
        } else if (each.do === "drop item") {
          await removeItem(bridged, who, uid, { nodeId: node, id: each.item });
          const from = shelfOf(each.item);
          if (from) from.splice(from.indexOf(each.item), 1);
        } else {
          await reportItems(env, node, { items: each.items.map((id) => ({ ...LAMP, id })), removed: [] });
          for (const id of each.items) if (!shelfOf(id)) shelf(null).push(id);
        }
        const [haveRooms, haveItems] = [await listRooms(env, who, uid), await listItems(env, who, uid)];
        expect(haveRooms.map(({ id, priority }) => [id, priority])).toEqual(rooms.map((id, i) => [id, i + 1]));
        for (const key of [null, ...rooms]) {
          const there = haveItems.filter(({ roomId }) => roomId === key).map(({ id, priority }) => [id, priority]);
          expect(there).toEqual(shelf(key).map((id, i) => [id, i + 1]));
        }
        expect(haveItems).toHaveLength([...shelves.values()].flat().length);
      }
    }),
    { numRuns: 25 },
  );
}, 60_000);

test("rooms that are moved at the same time end up in an order, too", async () => {
  const { who, uid } = await aSmartHome();
  const ids = Array.from({ length: 8 }, (_, i) => `r${i}`);
  await Promise.all(ids.map((id) => setRoom(env, who, uid, { id, name: id, isVisible: true, priority: 1 })));
  const rooms = await listRooms(env, who, uid);
  expect(rooms.map(({ priority }) => priority)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("a controller looks for new things when the bridge says so, and its own sentence reaches the resident", async () => {
  const { who, uid, node } = await aSmartHome();
  let result = true;
  const { asked } = outside(() => Response.json({ result, message: result ? "Поднесите датчик" : "Занят" }));
  expect(await ask("newItems", { houseId: uid, nodeUuid: node }, who, bridged)).toMatchObject({
    code: 200,
    name: "Поднесите датчик",
  });
  expect([asked[0]!.url, asked[0]!.headers.get("authorization")]).toEqual([
    `${BRIDGE}/device_add`,
    "Bearer bridge-token",
  ]);
  expect(await asked[0]!.json()).toEqual({ nodeUuid: node, uid });
  result = false;
  expect(await ask("newItems", { houseId: uid, nodeUuid: node }, who, bridged)).toMatchObject({
    status: 200,
    code: 201,
    name: "Занят",
  });
});

test("a thing goes once its controller has let it go", async () => {
  const { who, uid, node } = await aSmartHome();
  await reportItems(env, node, {
    items: [
      { ...LAMP, id: "a" },
      { ...LAMP, id: "b" },
    ],
    removed: [],
  });
  let result = false;
  const { asked } = outside(() => Response.json({ result }));
  const remove = () => ask("delItem", { houseId: uid, nodeUuid: node, itemId: "a" }, who, bridged);
  const left = async () => (await listItems(env, who, uid)).map(({ id, priority }) => [id, priority]);
  expect(await remove()).toMatchObject({ code: 201, name: "Контроллер отказал" });
  expect(await left()).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  result = true;
  expect(await remove()).toMatchObject({ code: 200, name: "OK" });
  expect(await left()).toEqual([["b", 1]]);
  expect(await asked[1]!.json()).toEqual({ nodeUuid: node, itemId: "a" });
});

test.each([
  ["an outage", () => Promise.reject(new TypeError("no route")), "Контроллер не отвечает"],
  ["an error", () => new Response("{}", { status: 500 }), "Контроллер не отвечает"],
  ["no JSON", () => new Response("<html>"), "Контроллер не отвечает"],
  ["another shape", () => Response.json({ result: "yes" }), "Контроллер не отвечает"],
  ["a flood", () => new Response(`{"result":true,"message":"${"x".repeat(20_000)}"}`), "Контроллер не отвечает"],
  [
    "a redirect",
    () => new Response(null, { status: 302, headers: { location: "http://10.0.0.1/" } }),
    "Контроллер не отвечает",
  ],
] as const)("%s of the bridge is a refusal, and the thing stays", async (_, answer, name) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { who, uid, node } = await aSmartHome();
  await reportItems(env, node, { items: [{ ...LAMP, id: "a" }], removed: [] });
  const { asked } = outside(answer as () => Response);
  const request = { houseId: uid, nodeUuid: node, itemId: "a" };
  expect(await ask("delItem", request, who, bridged)).toMatchObject({ status: 200, code: 201, name });
  expect(await listItems(env, who, uid)).toHaveLength(1);
  expect(asked).toHaveLength(1);
});

test("without a bridge nothing is asked, and the answer says why", async () => {
  const { who, uid, node } = await aSmartHome();
  const { asked } = outside();
  const english = await mobile(
    "sh/newItems",
    { houseId: uid, nodeUuid: node },
    { token: who.token, headers: { "accept-language": "en" } },
  );
  expect(await english.json()).toMatchObject({
    code: 201,
    name: "The smart home is not connected to the operator yet",
  });
  expect(asked).toEqual([]);
});

test("Defect 63: newItems and delItem reach no controller of another contract, nor one that is nobody's", async () => {
  const [mine, theirs, free] = [await aSmartHome(), await aSmartHome(), await aBox()];
  await reportItems(env, theirs.node, { items: [{ ...LAMP, id: "a" }], removed: [] });
  const { asked } = outside(() => Response.json({ result: true }));
  for (const nodeUuid of [theirs.node, free.id, randomId()]) {
    for (const method of ["newItems", "delItem"]) {
      expect(await ask(method, { houseId: mine.uid, nodeUuid, itemId: "a" }, mine.who, bridged)).toMatchObject({
        ...{ status: 200, code: 201, name: "Контроллер не найден" },
      });
    }
  }
  expect(asked).toEqual([]);
  expect(await listItems(env, theirs.who, theirs.uid)).toHaveLength(1);
});

test("a thing goes to no foreign controller and to no foreign room", async () => {
  const [mine, theirs] = [await aSmartHome(), await aSmartHome()];
  await setRoom(env, theirs.who, theirs.uid, { id: "foreign", name: "x", isVisible: true });
  const set = (fields: object) =>
    ask("setItem", { houseId: mine.uid, nodeId: mine.node, itemId: "i", type: "lamp", name: "x", ...fields }, mine.who);
  expect(await set({ nodeId: theirs.node })).toMatchObject({ code: 201, name: "Контроллер не найден" });
  expect(await set({ roomId: "foreign" })).toMatchObject({ code: 201, name: "Комната не найдена" });
  expect(await listItems(env, mine.who, mine.uid)).toEqual([]);
  expect(await listItems(env, theirs.who, theirs.uid)).toEqual([]);
});

const requestsFor = (uid: unknown, node: string): [string, object][] => [
  ["getNode", { houseId: uid }],
  ["setNode", { houseId: uid, nodeName: "x", nodeId: node }],
  ["delNode", { houseId: uid, nodeUuid: node }],
  ["getRooms", { houseId: uid }],
  ["setRoom", { houseId: uid, roomId: "r", name: "r", priority: 1, visible: true }],
  ["delRoom", { houseId: uid, roomId: "r" }],
  ["getItems", { houseId: uid }],
  ["newItems", { houseId: uid, nodeUuid: node }],
  ["setItem", { houseId: uid, nodeId: node, roomId: "r", itemId: "i", type: "lamp", name: "x" }],
  ["delItem", { houseId: uid, nodeUuid: node, itemId: "i" }],
];

test("Defect 2: no method of the smart home reaches a neighbour's home, and nothing in it changes", async () => {
  const [mine, theirs] = [await aSmartHome(), await aSmartHome()];
  await setRoom(env, theirs.who, theirs.uid, { id: "r", name: "Кухня", isVisible: true });
  const before = [await listRooms(env, theirs.who, theirs.uid), await listItems(env, theirs.who, theirs.uid)];
  const { asked } = outside(() => Response.json({ result: true }));
  for (const [method, body] of requestsFor(theirs.uid, theirs.node)) {
    expect([method, (await ask(method, body, mine.who, bridged)).status]).toEqual([method, 404]);
  }
  expect(asked).toEqual([]);
  expect([await listRooms(env, theirs.who, theirs.uid), await listItems(env, theirs.who, theirs.uid)]).toEqual(before);
});

test("a guest who lives there has the smart home, one who has only the gates has not", async () => {
  const { who, uid, node } = await aSmartHome();
  const [inner, outer] = [await aResident(), await aResident()];
  for (const [guest, type] of [
    [inner, "inner"],
    [outer, "outer"],
  ] as const) {
    await env.DB.prepare(
      "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, ?, ?, ?, 0)",
    )
      .bind(uid, guest.phone, type, Date.now() + 3_600_000, who.phone)
      .run();
  }
  for (const [method, body] of requestsFor(uid, node)) {
    expect([method, (await ask(method, body, outer)).status]).toEqual([method, 403]);
    expect([method, (await ask(method, body, inner)).status]).toEqual([method, 200]);
  }
});

test.each(requestsFor(1, "x").map(([method]) => [method]))(
  "%s refuses what it cannot read, and strangers, as the others do",
  async (method) => {
    const { who, uid } = await aSmartHome();
    const full = Object.fromEntries(requestsFor(uid, "x"))[method] as Record<string, unknown>;
    const bad: unknown[] = [
      undefined,
      {},
      [],
      "{",
      "null",
      { ...full, houseId: "x" },
      { ...full, houseId: -1 },
      { ...full, houseId: 1e300 },
    ];
    for (const field of Object.keys(full).filter(
      (name) => !["visible", "priority", "roomId", "houseId"].includes(name),
    )) {
      bad.push(
        { ...full, [field]: {} },
        { ...full, [field]: "x".repeat(10_000) },
        { ...full, [field]: "" },
        { ...full, [field]: undefined },
      );
    }
    for (const body of bad) expect([body, (await ask(method, body, who)).status]).toEqual([body, 422]);
    expect((await mobile(`sh/${method}`, full)).status).toBe(422);
    expect((await mobile(`sh/${method}`, full, { token: crypto.randomUUID() })).status).toBe(401);
  },
);

test.each([1.5, -1, 1e9, "x", {}, []])("no place in an order is %j", async (priority) => {
  const { who, uid, node } = await aSmartHome();
  const [room, item] = [requestsFor(uid, node)[4]!, requestsFor(uid, node)[8]!];
  for (const [method, body] of [room, item]) {
    expect((await ask(method, { ...body, priority }, who)).status).toBe(422);
  }
});

test("a home has a hundred rooms and a thousand things, and no more", async () => {
  const { who, uid, node } = await aSmartHome();
  const rooms = Array.from({ length: 99 }, (_, i) => `r${i}`);
  await env.DB.batch(
    rooms.map((id, i) =>
      env.DB.prepare("INSERT INTO sh_rooms (operator, uid, id, name, priority) VALUES ('main', ?, ?, 'r', ?)").bind(
        uid,
        id,
        i + 1,
      ),
    ),
  );
  const room = (id: string) => setRoom(env, who, uid, { id, name: "x", isVisible: true, priority: 1 });
  expect([await room("last"), await room("beyond"), await room("r0")].map(({ done }) => done)).toEqual([
    true,
    false,
    true,
  ]);
  const many = Array.from({ length: 1_005 }, (_, i) => ({ ...LAMP, id: `i${i}` }));
  await reportItems(env, node, { items: many, removed: [] });
  expect(await listItems(env, who, uid)).toHaveLength(1_000);
  const item = { ...LAMP, nodeId: node, id: "beyond", roomId: null, isVisible: true };
  expect(await setItem(env, who, uid, item)).toMatchObject({ done: false, reason: "sh_too_many" });
});

test.each(["getNode", "getRooms", "getItems"])("%s takes two trips at most", async (method) => {
  const { who, uid } = await aSmartHome();
  await ask(method, { houseId: uid }, who);
  const { env: counted, trips } = countedEnv();
  expect((await ask(method, { houseId: uid }, who, counted)).status).toBe(200);
  expect(trips.d1).toBeLessThanOrEqual(2);
});

test("with the contract the smart home goes, and its controller is free", async () => {
  const { who, uid, node } = await aSmartHome();
  await setRoom(env, who, uid, { id: "r", name: "r", isVisible: true });
  await reportItems(env, node, { items: [{ ...LAMP, id: "a" }], removed: [] });
  await bill("users/clients/delete/", { uid });
  for (const table of ["sh_rooms", "sh_items", "sh_nodes"]) {
    const found = await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE uid = ?`).bind(uid).first("n");
    expect([table, found]).toEqual([table, 0]);
  }
});

test("the operator registers boxes, once each, and the bridge tells what they are", async () => {
  const mac = aMac();
  const { node_uuid } = await json("sh_nodes_add/", { mac: mac.toUpperCase(), type: "hub", vendor: "acme" });
  expect(await json("sh_nodes_add/", { mac, type: "hub" })).toEqual({ node_uuid });
  expect((await bill("sh_nodes_add/", { mac, type: "hub", uuid: randomId() })).status).toBe(409);
  expect((await bill("sh_nodes_add/", { mac: aMac(), type: "hub", uuid: node_uuid })).status).toBe(409);
  expect(await said("sh_nodes_mod/", { node_uuid, is_up: true, sw_version: "1.2", needs_upgrade: "t" })).toEqual([
    200,
    "",
  ]);
  const who = await aResident();
  const uid = await aContract({ phones: [who.phone] });
  await bindNode(env, who, uid, { node: { mac }, name: "Дом" });
  expect((await json("sh_nodes_list/", { uid })).nodes).toEqual([
    expect.objectContaining({
      ...{ node_uuid, mac, uid, name: "Дом", type: "hub", vendor: "acme", is_up: true, sw_version: "1.2" },
      ...{ needs_upgrade: true, seen_at: expect.stringMatching(/Z$/) },
    }),
  ]);
  expect((await ask("getNode", { houseId: uid }, who)).data).toMatchObject([
    { nodeUp: true, nodeSwVersion: "1.2", nodeNeedUpgrade: true },
  ]);
});

test("the operator frees a box with all that hangs on it", async () => {
  const { who, uid, node } = await aSmartHome();
  await reportItems(env, node, { items: [{ ...LAMP, id: "a" }], removed: [] });
  expect(await said("sh_nodes_mod/", { node_uuid: node, free: true })).toEqual([200, ""]);
  expect(await listItems(env, who, uid)).toEqual([]);
  expect((await ask("getNode", { houseId: uid }, who)).data).toEqual([]);
});

test.each([
  ["sh_nodes_add/", { type: "hub" }, 422],
  ["sh_nodes_add/", { mac: "zz", type: "hub" }, 422],
  ["sh_nodes_add/", { mac: "00:11:22:33:44:55", type: "x".repeat(65) }, 422],
  ["sh_nodes_mod/", { node_uuid: "unknown", is_up: true }, 404],
  ["sh_nodes_mod/", {}, 422],
  ["sh_items_update/", { node_uuid: "unknown", items: [] }, 404],
  ["sh_items_update/", { node_uuid: "unknown", removed: Array(1_001).fill("") }, 422],
  ["sh_items_update/", { node_uuid: "unknown", items: [{ id: "", type: "b" }] }, 422],
])("%s answers %o with %i", async (path, body, status) => {
  expect((await bill(path, body)).status).toBe(status);
});

test.each([undefined, {}])("the operator sees every box when it asks with %o", async (body) => {
  const { mac, id } = await aBox();
  const seen: unknown[] = [];
  for (let after = ""; ; after = (seen.at(-1) as { node_uuid: string }).node_uuid) {
    const { nodes } = await json("sh_nodes_list/", after === "" ? body : { after });
    if (nodes.length === 0) break;
    seen.push(...nodes);
  }
  expect(seen).toContainEqual(expect.objectContaining({ node_uuid: id, mac }));
});

test("a box that is nobody's has nowhere to keep its things", async () => {
  const { id } = await aBox();
  expect((await bill("sh_items_update/", { node_uuid: id, items: [{ id: "a", type: "lamp" }] })).status).toBe(409);
});

test.each(["sh_nodes_add/", "sh_nodes_mod/", "sh_nodes_list/", "sh_items_update/"])(
  "%s needs the token",
  async (path) => {
    expect((await bill(path, { node_uuid: "x" }, { authorization: "Bearer wrong" })).status).toBe(401);
  },
);
