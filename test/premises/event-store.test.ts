import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { newEvent, recordCameraEvent, recordEvent, recordEvents } from "#premises/events.ts";
import { dayOf, recentDays } from "#premises/log/days.ts";
import {
  countDaysOfCamera,
  countDaysOfHome,
  deleteOld,
  eventsOfCamera,
  eventsOfHome,
  oldestIdsOfHome,
  waitingEvents,
} from "#premises/log/event-queries.ts";
import { eventStore } from "#premises/log/event-store.ts";
import { flushEvents } from "#premises/log/flush.ts";
import { asUuid, timedId, timeOf, UUID } from "#premises/log/ids.ts";
import { forgetOldEvents } from "#premises/log/retention.ts";
import type { Event } from "#premises/log/tables.ts";
import { hearSignals } from "#premises/signals.ts";
import { countedEnv } from "../support/counted.ts";
import { aUid, envWith } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const DEVICE = 7;
const ZONE = "Europe/Moscow";
const NOW = new Date("2026-08-10T12:00:00Z");
const DAYS = recentDays(ZONE, 30, NOW);
const DAY = dayOf("2026-08-02", ZONE)!;
const homeOf = (uid: number, kinds?: number[]) => ({ uid, devices: [DEVICE], kinds });

const anEvent = (uid: number, at: string, fields: Partial<Event> = {}): Event =>
  newEvent(env, {
    ...{
      uid,
      at: new Date(at),
      kind: 3,
      deviceId: DEVICE,
      title: "Подъезд 2",
      detail: "Ключ a1",
      extra: { key: "a1" },
    },
    ...fields,
  });

// What ClickHouse does, as far as we rely on it. A parameter stands in the URL as param_name and nowhere in the query. INSERT takes JSONEachRow,
// and drops a block whose insert_deduplication_token it has seen. SELECT … FORMAT JSONEachRow answers a line for each row, numbers as numbers.
// A wrong password is 403 and a failed query 4xx or 5xx, with X-ClickHouse-Exception-Code; a failure in mid-answer is text behind the rows, under 200.
interface Asked {
  query: string;
  values: Record<string, string>;
  headers: Headers;
}
function clickhouse({ fails }: { fails?: () => Response | undefined } = {}) {
  const tables: Record<string, Record<string, string | number>[]> = { plog: [], events: [] };
  const [tokens, asked] = [new Set<string>(), [] as Asked[]];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const [url, body] = [new URL(request.url), await request.text()];
    const query = url.searchParams.get("query") ?? body;
    const values = Object.fromEntries(
      [...url.searchParams].flatMap(([name, value]) => (name.startsWith("param_") ? [[name.slice(6), value]] : [])),
    );
    asked.push({ query, values, headers: request.headers });
    const failure = fails?.();
    if (failure) return failure;
    const into = /^INSERT INTO (\w+) /.exec(query)?.[1];
    if (into) {
      const token = url.searchParams.get("insert_deduplication_token")!;
      if (!tokens.has(token)) tables[into]!.push(...body.split("\n").map((line) => JSON.parse(line)));
      tokens.add(token);
      return new Response("");
    }
    return new Response(
      answer(query, values, tables)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(""),
    );
  });
  return { tables, asked, queries: () => asked.filter(({ query }) => query.startsWith("SELECT")) };
}

type Row = Record<string, string | number>;
const arrayOf = (text: string | undefined) => JSON.parse((text ?? "[]").replaceAll("'", '"')) as (string | number)[];

function answer(query: string, values: Record<string, string>, tables: Record<string, Row[]>): Row[] {
  const isPlog = query.includes("FROM plog");
  const [at, kind] = isPlog ? (["date", "event"] as const) : (["startTime", "eventType"] as const);
  const wanted = tables[isPlog ? "plog" : "events"]!.filter((row) => {
    const of = isPlog ? row.uid === Number(values.uid) && row.hidden === 0 : row.deviceId === Number(values.device);
    const isIn = Number(row[at]) >= Number(values.from) && Number(row[at]) < Number(values.to);
    const isDevice = !isPlog || arrayOf(values.devices).includes(row.objectId!);
    const isKind = !query.includes("{kinds") || arrayOf(values.kinds).includes(row[kind]!);
    return of && isIn && isDevice && isKind && !arrayOf(values.waiting).includes(row.uuid!);
  });
  if (query.includes("GROUP BY day")) {
    const day = new Intl.DateTimeFormat("en-CA", { timeZone: values.zone! });
    const days = Map.groupBy(wanted, (row) => day.format(Number(row[at]) * 1000));
    return [...days].map(([name, rows]) => ({ day: name, events: new Set(rows.map(({ uuid }) => uuid)).size }));
  }
  const once = [...new Map(wanted.map((row) => [row.uuid, row])).values()];
  return once.map(({ date, startTime, endTime, uuid, image, ...row }) => ({
    ...row,
    ...{ id: uuid!, picture: image! },
    ...(isPlog ? { at: date! } : { started: startTime!, ended: endTime! }),
  }));
}

const withClickhouse = (vars: Partial<Record<string, unknown>> = {}): Env =>
  envWith({
    ...{ EVENTS: "clickhouse", CLICKHOUSE_URL: "http://clickhouse.test:8123", CLICKHOUSE_PASSWORD: "secret" },
    ...{ OPERATOR: `o${aUid()}`, SIGNALS: { send: async () => {} } },
    ...vars,
  });

const STORES: [string, () => Env][] = [
  ["D1", () => env],
  ["ClickHouse, before it has them", withClickhouse],
  ["ClickHouse, when it has them", withClickhouse],
];

test.each(STORES)("events are read from %s", async (store, environment) => {
  clickhouse();
  const [here, uid] = [environment(), aUid()];
  const own = (at: string, fields: Partial<Event> = {}) => newEvent(here, { ...anEvent(uid, at, fields) });
  const events = [
    own("2026-08-01T20:59:59Z"), // 23:59:59 of the day before
    own("2026-08-01T21:00:00Z", { kind: 6, detail: "Код 73104", extra: { code: "73104" } }),
    own("2026-08-02T06:00:00Z", { picture: timedId(NOW), preview: 1, extra: { key: "a1", opened: true } }),
    own("2026-08-02T06:00:01Z", { hidden: true }),
    own("2026-08-02T06:00:02Z", { deviceId: DEVICE + 1 }),
    own("2026-08-02T20:59:59Z", { kind: 9, extra: { plate: "A123BC71", phone: "79161230001" } }),
  ].map((event) => ({ ...event, operator: here.OPERATOR ?? "main" }));
  await recordEvents(here, events);
  if (store.includes("when")) {
    await flushEvents(here, NOW);
    expect(await database(env).batch([oldestIdsOfHome(database(env), here.OPERATOR!, uid, 10)])).toEqual([[]]);
  }
  const { events: found } = await eventStore(here).ofHome(homeOf(uid), DAY);
  expect(found).toEqual([events[5], events[2], events[1]]);
  expect(await eventStore(here).daysOfHome(homeOf(uid), DAYS)).toEqual([
    { day: "2026-08-02", events: 3 },
    { day: "2026-08-01", events: 1 },
  ]);
  expect(await eventStore(here).daysOfHome(homeOf(uid, [6, 9]), DAYS)).toEqual([{ day: "2026-08-02", events: 2 }]);
});

test.each(STORES)("events of a camera are read from %s", async (store, environment) => {
  clickhouse();
  const here = environment();
  const [operator, deviceId] = [here.OPERATOR ?? "main", aUid()];
  const noticed = (at: string, kind: number) => ({
    ...{
      operator,
      id: crypto.randomUUID(),
      deviceId,
      startedAt: new Date(at),
      endedAt: new Date("2026-08-03T00:00:00Z"),
      kind,
    },
    ...{ description: "Движение", picture: null, preview: 0, analysis: kind === 1 ? "человек" : null },
  });
  const events = [noticed("2026-08-02T06:00:00Z", 1), noticed("2026-08-02T07:00:00Z", 2)];
  for (const event of events) await recordCameraEvent(here, event);
  if (store.includes("when")) await flushEvents(here, NOW);
  expect(await eventStore(here).ofCamera({ deviceId }, DAY)).toEqual(events.toReversed());
  expect(await eventStore(here).daysOfCamera({ deviceId }, DAYS)).toEqual([{ day: "2026-08-02", events: 2 }]);
  expect(await eventStore(here).daysOfCamera({ deviceId, kinds: [1] }, DAYS)).toEqual([
    { day: "2026-08-02", events: 1 },
  ]);
});

test("one event is found in D1, and in ClickHouse once it is there; not another home's", async () => {
  const server = clickhouse();
  const [here, uid] = [withClickhouse(), aUid()];
  const event = { ...anEvent(uid, "2026-08-02T06:00:00Z"), operator: here.OPERATOR! };
  await recordEvent(here, event);
  expect(await eventStore(here).one(uid, event.id)).toEqual(event);
  expect(server.asked).toEqual([]);
  await flushEvents(here, NOW);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input) => {
    const { searchParams } = new URL(String(input));
    expect(searchParams.get("param_id")).toBe(event.id);
    return new Response("");
  });
  expect(await eventStore(here).one(uid, event.id)).toBeUndefined();
  expect(await eventStore(env).one(uid + 1, event.id)).toBeUndefined();
});

test("ClickHouse's rows have exactly the columns that collectors know, ids as UUIDs and times as seconds", async () => {
  const server = clickhouse();
  const [here, uid] = [withClickhouse(), aUid()];
  const [id, picture] = [crypto.randomUUID(), timedId(NOW)];
  const fields = {
    id,
    picture,
    preview: 1,
    kind: 4,
    detail: "Телефон *0001",
    extra: { phone: "79161230001", opened: true },
  };
  await recordEvent(here, { ...anEvent(uid, "2026-08-02T06:00:00Z", fields), operator: here.OPERATOR! });
  await recordEvent(here, {
    ...anEvent(uid, "2026-08-02T06:00:01Z", { id: "AAECAwQFBgcICQoLDA0ODw" }),
    operator: here.OPERATOR!,
  });
  await flushEvents(here, NOW);
  expect(server.tables.plog).toEqual([
    {
      ...{ date: Date.parse("2026-08-02T06:00:00Z") / 1000, uuid: id, image: picture, uid, objectId: DEVICE },
      ...{ objectType: 0, objectMechanizma: 0, mechanizmaDescription: "Подъезд 2", event: 4, detail: "Телефон *0001" },
      ...{ preview: 1, hidden: 0, rfid: "", phone: "79161230001", opened: 1, carNumber: "" },
    },
    expect.objectContaining({
      uuid: "00010203-0405-0607-0809-0a0b0c0d0e0f", // an id of older rows
      image: "00000000-0000-0000-0000-000000000000",
      ...{ preview: 0, rfid: "a1", opened: 0 },
    }),
  ]);
  const { headers, query } = server.asked[0]!;
  expect([headers.get("x-clickhouse-user"), headers.get("x-clickhouse-key")]).toEqual(["default", "secret"]);
  expect(query).toMatch(/^INSERT INTO plog \(date, uuid, [\w, ]+\) FORMAT JSONEachRow$/);
});

test("Defect 13: no value is ever part of a query to ClickHouse", async () => {
  const server = clickhouse();
  const [here, uid] = [withClickhouse({ TIME_ZONE: ZONE }), aUid()];
  await recordEvent(here, { ...anEvent(uid, "2026-08-09T06:00:00Z"), operator: here.OPERATOR! });
  const home = { uid, devices: [424_242], kinds: [77] };
  await eventStore(here).ofHome(home, DAY);
  await eventStore(here).daysOfHome(home, DAYS);
  await eventStore(here).one(uid, "00010203-0405-4607-8809-0a0b0c0d0e0f");
  await eventStore(here).one(uid, "' OR 1=1 --"); // not even asked for
  await eventStore(here).ofCamera({ deviceId: 424_242, kinds: [77] }, DAY);
  await eventStore(here).daysOfCamera({ deviceId: 424_242, kinds: [77] }, DAYS);
  expect(server.queries()).toHaveLength(5);
  for (const { query, values } of server.queries()) {
    for (const secret of [String(uid), "424242", "77", ZONE, "0a0b0c0d0e0f", "OR 1=1"])
      expect(query).not.toContain(secret);
    for (const name of Object.keys(values)) expect(query).toContain(`{${name}:`);
  }
});

test("what ClickHouse does not take stays in D1 and is shown; taken twice it is there once", async () => {
  let isAway = true;
  const server = clickhouse({
    fails: () => (isAway ? new Response("Code: 241. DB::Exception", { status: 500 }) : undefined),
  });
  const [here, uid] = [withClickhouse(), aUid()];
  const event = { ...anEvent(uid, "2026-08-02T06:00:00Z"), operator: here.OPERATOR! };
  await recordEvent(here, event);
  await expect(flushEvents(here, NOW)).rejects.toMatchObject({ code: "unavailable" });
  await expect(eventStore(here).ofHome(homeOf(uid), DAY)).rejects.toMatchObject({ code: "unavailable" });

  isAway = false;
  await flushEvents(here, NOW);
  await recordEvent(here, event); // as if it had not been deleted here
  expect((await eventStore(here).ofHome(homeOf(uid), DAY)).events).toEqual([event]);
  expect(await eventStore(here).daysOfHome(homeOf(uid), DAYS)).toEqual([{ day: "2026-08-02", events: 1 }]);
  await flushEvents(here, NOW);
  expect(server.tables.plog).toHaveLength(1);
});

test("an event waits for its picture before it leaves", async () => {
  const server = clickhouse();
  const [here, uid] = [withClickhouse(), aUid()];
  await recordEvent(here, { ...anEvent(uid, NOW.toISOString()), operator: here.OPERATOR! });
  await flushEvents(here, new Date(NOW.getTime() + 5_000));
  expect(server.tables.plog).toEqual([]);
  await flushEvents(here, new Date(NOW.getTime() + 30_000));
  expect(server.tables.plog).toHaveLength(1);
});

test("more events than one batch holds leave together", async () => {
  const server = clickhouse();
  const [here, uid] = [withClickhouse(), aUid()];
  const many = Array.from({ length: 520 }, () => ({
    ...anEvent(uid, "2026-08-02T06:00:00Z"),
    operator: here.OPERATOR!,
  }));
  for (let i = 0; i < many.length; i += 100) await recordEvents(here, many.slice(i, i + 100));
  await flushEvents(here, NOW);
  expect(server.tables.plog).toHaveLength(520);
  expect(new Set(server.tables.plog!.map(({ uuid }) => uuid)).size).toBe(520);
  expect(server.asked).toHaveLength(2);
});

test("what has waited for long leaves in batches of few days, as tables with a partition for each day take them", async () => {
  const server = clickhouse();
  const [here, uid] = [withClickhouse(), aUid()];
  const ago = (days: number) => new Date(NOW.getTime() - days * 86_400_000).toISOString();
  const events = Array.from({ length: 60 }, (_, i) => anEvent(uid, ago(i * 3 + 1)));
  await recordEvents(
    here,
    events.map((event) => ({ ...event, operator: here.OPERATOR! })),
  );
  await flushEvents(here, NOW);
  expect(server.tables.plog).toHaveLength(60);
  expect(server.asked).toHaveLength(4);
});

test.each([
  ["does not answer", () => Promise.reject(new Error("refused"))],
  ["refuses", () => new Response("Code: 516. Authentication failed", { status: 403 })],
  ["breaks off with an error", () => new Response('{"at":1}\nCode: 159. DB::Exception: Timeout')],
  ["redirects", () => new Response("", { status: 302, headers: { location: "http://elsewhere.test" } })],
  ["answers far too much", () => new Response("x".repeat(5 * 1024 * 1024))],
])("a ClickHouse that %s is an honest 503", async (_, reply) => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => reply());
  const here = withClickhouse();
  await expect(eventStore(here).ofHome(homeOf(aUid()), DAY)).rejects.toMatchObject({
    code: "unavailable",
    status: 503,
  });
});

test("the queue and the cron hasten events on their way", async () => {
  const sent: unknown[] = [];
  const here = withClickhouse({ SIGNALS: { send: async (...message: unknown[]) => void sent.push(message) } });
  await recordEvent(here, { ...anEvent(aUid(), "2026-08-02T06:00:00Z"), operator: here.OPERATOR! });
  expect(sent).toEqual([[{ type: "events.waiting" }, { delaySeconds: 20 }]]);
});

test("the signal of waiting events lets them leave, and an outage then fails no other signal", async () => {
  let isAway = true;
  const server = clickhouse({ fails: () => (isAway ? new Response("", { status: 503 }) : undefined) });
  const here = withClickhouse();
  await recordEvent(here, { ...anEvent(aUid(), "2026-08-02T06:00:00Z"), operator: here.OPERATOR! });
  for (const away of [true, false]) {
    isAway = away;
    const message = { id: "1", timestamp: NOW, attempts: 1, body: { type: "events.waiting" } };
    const batch = createMessageBatch("signals", [message]);
    const context = createExecutionContext();
    await hearSignals(batch, here, NOW);
    const { explicitAcks } = await getQueueResult(batch, context);
    expect(explicitAcks).toEqual(["1"]);
    expect(server.tables.plog).toHaveLength(away ? 0 : 1);
  }
});

async function planOf(statement: { toSQL(): { sql: string; params: unknown[] } }): Promise<string[]> {
  const { sql, params } = statement.toSQL();
  const values = params.map((value) => (value instanceof Date ? value.getTime() : value));
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...values)
    .all<{ detail: string }>();
  return results.map(({ detail }) => detail);
}

test.each([
  [
    "a day",
    eventsOfHome(database(env), "main", homeOf(1, [3]), DAY),
    "SEARCH events USING INDEX events_home (operator=? AND uid=? AND at>? AND at<?)",
  ],
  [
    "its days",
    countDaysOfHome(database(env), "main", homeOf(1, [3]), DAYS),
    "SEARCH e USING COVERING INDEX events_home (operator=? AND uid=? AND at>? AND at<?)",
  ],
  [
    "a camera's day",
    eventsOfCamera(database(env), "main", { deviceId: 1, kinds: [3] }, DAY),
    "SEARCH camera_events USING INDEX camera_events_device (operator=? AND device_id=? AND started_at>? AND started_at<?)",
  ],
  [
    "a camera's days",
    countDaysOfCamera(database(env), "main", { deviceId: 1, kinds: [3] }, DAYS),
    "SEARCH e USING COVERING INDEX camera_events_device (operator=? AND device_id=? AND started_at>? AND started_at<?)",
  ],
  [
    "what waits",
    waitingEvents(database(env), "main", NOW, 500),
    "SEARCH events USING INDEX events_at (operator=? AND at<?)",
  ],
  [
    "what is old",
    deleteOld(database(env), "events", "main", NOW, 500),
    "SEARCH events USING INDEX events_at (operator=? AND at<?)",
  ],
])("%s is found by its index, without a scan or a sort of rows", async (_, statement, search) => {
  const plan = await planOf(statement);
  expect(plan.join("\n")).toContain(search);
  for (const step of plan) expect(step).not.toMatch(/SCAN (?:events|camera_events|e)\b|TEMP B-TREE/);
});

test("Defect 66: of a year with changes of the clock every day is as long as the zone says", () => {
  for (const zone of ["Europe/Moscow", "Europe/Berlin", "Africa/Cairo", "America/Sao_Paulo", "Asia/Kolkata"]) {
    const days = recentDays(zone, 400, new Date("2026-11-20T12:00:00Z"));
    for (const [i, { day, from, to }] of days.entries()) {
      expect(dayOf(day, zone)).toEqual({ day, from, to });
      if (i > 0) expect(to).toEqual(days[i - 1]!.from);
    }
  }
  const berlin = recentDays("Europe/Berlin", 400, new Date("2026-11-20T12:00:00Z"));
  const hours = (day: string) => {
    const { from, to } = berlin.find((each) => each.day === day)!;
    return (to.getTime() - from.getTime()) / 3_600_000;
  };
  expect([hours("2026-03-29"), hours("2026-10-25"), hours("2026-10-26")]).toEqual([23, 25, 24]);
});

test("what is older than EVENT_DAYS goes, and so do pictures of that time", async () => {
  const here = envWith({ OPERATOR: `o${aUid()}`, EVENT_DAYS: "10" });
  const [operator, uid] = [here.OPERATOR!, aUid()];
  const [old, young] = ["2026-07-30T00:00:00Z", "2026-08-09T00:00:00Z"];
  const pictures = [timedId(new Date(old)), timedId(new Date(young))] as const;
  for (const id of pictures) await env.FILES.put(`events/${id}.jpg`, "picture");
  const events = [anEvent(uid, old, { picture: pictures[0] }), anEvent(uid, young, { picture: pictures[1] })];
  await recordEvents(
    here,
    events.map((event) => ({ ...event, operator })),
  );
  const noticed = { operator, deviceId: DEVICE, kind: 0, description: "", picture: null, preview: 0, analysis: null };
  for (const at of [new Date(old), new Date(young)])
    await recordCameraEvent(here, { ...noticed, id: crypto.randomUUID(), startedAt: at, endedAt: at });
  await forgetOldEvents(here, NOW);
  const left = async (table: string) =>
    (await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE operator = ?`)
      .bind(operator)
      .first<{ n: number }>())!.n;
  expect([await left("events"), await left("camera_events")]).toEqual([1, 1]);
  expect(await env.FILES.head(`events/${pictures[0]}.jpg`)).toBeNull();
  expect(await env.FILES.head(`events/${pictures[1]}.jpg`)).not.toBeNull();
});

test("ids say their time and are UUIDs, whatever they were before", () => {
  const id = timedId(NOW);
  expect(id).toMatch(UUID);
  expect(timeOf(id)).toEqual(NOW);
  expect(timeOf(crypto.randomUUID())).toBeUndefined();
  expect(asUuid("AAECAwQFBgcICQoLDA0ODw")).toBe("00010203-0405-0607-0809-0a0b0c0d0e0f");
  expect(asUuid("anything else")).toMatch(UUID);
});

test("a read of the log is one round trip to D1, wherever the rest of it is", async () => {
  clickhouse();
  for (const vars of [{}, { EVENTS: "clickhouse", CLICKHOUSE_URL: "http://clickhouse.test:8123" }]) {
    const counted = countedEnv(vars);
    await eventStore(counted.env).ofHome(homeOf(aUid()), DAY);
    await eventStore(counted.env).daysOfHome(homeOf(aUid()), DAYS);
    expect(counted.trips.d1).toBe(2);
  }
});
