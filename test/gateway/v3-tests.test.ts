import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { settleTest } from "#gateway/clients/reliability.ts";
import { textOfTest } from "#gateway/clients/test-text.ts";
import { startTest, sweepTests } from "#gateway/clients/tests.ts";
import { openTestSms, sealTestSms, testKeys } from "#gateway/crypto/test-sms.ts";
import { countedEnv } from "../support/counted.ts";
import { envWith, outside } from "../support/world.ts";
import { aNumber } from "./gateway-world.ts";
import { aCountry, anAddedClient, type Item, v3 } from "./v3.ts";

interface TestItem {
  id: number;
  msisdn: string;
  status: string;
  start_time: number;
  sms_sent_time: number | null;
  sms_received_time: number | null;
  sms_routed_time: number | null;
}
interface Started {
  message: string;
  test_id: number;
  test_start_time: number;
}

const MINUTE = 60_000;

const start = (msisdn: string) => v3<Started>(`clients/${msisdn}/tests`, { method: "POST" });

const testsOf = async (msisdn: string) => (await v3<TestItem[]>(`clients/${msisdn}/tests`, { headers: {} })).data;

const statusesOf = async (msisdn: string) => (await testsOf(msisdn)).map(({ status }) => status);

/** The score as it is listed. */
async function scoreOf({ country, msisdn }: Item): Promise<string | undefined> {
  const { data } = await v3<Item[]>(`clients?country=${country}&per_page=100`, { headers: {} });
  return data.find((item) => item.msisdn === msisdn)?.reliability;
}

/** A client in a country of its own. */
const someClient = () => anAddedClient({ country: aCountry() });

/** A test that was begun some time ago, without its SMS; returns what its SMS would say. */
async function aTestBegun({ msisdn }: { msisdn: string }, msAgo = 0): Promise<string> {
  const row = await env.DB.prepare(
    "INSERT INTO gateway_tests (operator, msisdn, status, started_at) VALUES ('main', ?, 'running', ?) RETURNING id",
  )
    .bind(msisdn, Date.now() - msAgo)
    .first<{ id: number }>();
  return textOfTest(settings(env).MASTER_KEY, { id: row!.id, msisdn });
}

const justNow = () => ({ date: Date.now(), dateSent: Date.now() });

test("a test is an SMS to the client, which it brings back within the quarter of an hour", async () => {
  const world = outside();
  const client = await someClient();
  const before = Math.floor(Date.now() / 1000);
  const { status, data } = await start(client.msisdn);
  expect([status, data]).toEqual([
    200,
    { message: "Test started successfully.", test_id: expect.any(Number), test_start_time: expect.any(Number) },
  ]);
  expect(data.test_start_time).toBeGreaterThanOrEqual(before);
  expect(await testsOf(client.msisdn)).toEqual([
    {
      ...{ id: data.test_id, msisdn: client.msisdn, status: "running", start_time: data.test_start_time },
      ...{ sms_sent_time: null, sms_received_time: null, sms_routed_time: null },
    },
  ]);
  const [text] = await vi.waitFor(() => {
    const texts = world.smsTo(client.msisdn.slice(1));
    expect(texts).toHaveLength(1);
    return texts as [string];
  });
  const now = new Date();
  const times = { date: String(now.getTime()), dateSent: now.getTime() - 1 };
  expect(await settleTest(env, { text, ...times }, now)).toBe(true);
  const [settled] = await testsOf(client.msisdn);
  const seconds = Math.floor(now.getTime() / 1000);
  expect(settled).toMatchObject({ status: "success", sms_routed_time: seconds, sms_received_time: seconds });
  expect(settled!.sms_sent_time).toBeLessThanOrEqual(seconds);
  expect(await scoreOf(client)).toBe("100.00");
});

test("Hole 18: the test SMS is encrypted with a key of its own, and not with the shared one", async () => {
  const { msisdn } = await someClient();
  const text = await aTestBegun({ msisdn });
  expect(openTestSms(env.GATEWAY_SHARED_KEY!.slice(0, 32), text)).toBeUndefined();
  const shared = sealTestSms(env.GATEWAY_SHARED_KEY!.slice(0, 32), { test_id: (await testsOf(msisdn))[0]!.id, msisdn });
  expect(await settleTest(env, { text: shared, ...justNow() })).toBe(false);
  expect(await settleTest(env, { text, ...justNow() })).toBe(true);
});

test("a test counts once", async () => {
  const client = await someClient();
  const text = await aTestBegun(client);
  const counted = await Promise.all(Array.from({ length: 5 }, () => settleTest(env, { text, ...justNow() })));
  expect(counted.filter(Boolean)).toHaveLength(1);
  expect(await settleTest(env, { text, ...justNow() })).toBe(false);
});

test("a test SMS is known with line breaks in it, and with the key before the current one", async () => {
  const client = await someClient();
  const text = await aTestBegun(client);
  const newer = Buffer.alloc(32, 9).toString("base64");
  const ring = JSON.stringify({ newer, k1: env.MASTER_KEY });
  const wrapped = `${text.slice(0, 76)}\r\n${text.slice(76)}\n`;
  expect(await settleTest(envWith({ MASTER_KEY: ring }), { text: wrapped, ...justNow() })).toBe(true);
});

test("an old test SMS does not pass for the running test's, whatever is done to its first block", async () => {
  const client = await someClient();
  const old = await aTestBegun(client);
  await settleTest(env, { text: old, ...justNow() });
  await aTestBegun(client);
  const [before, running] = await testsOf(client.msisdn);
  const bytes = Buffer.from(old, "base64");
  const [from, to] = [`{"test_id": ${before!.id}`, `{"test_id": ${running!.id}`].map((text) => Buffer.from(text));
  for (let at = 0; at < 16; at++) bytes[at]! ^= (from![at] ?? 0) ^ (to![at] ?? 0);
  expect(openTestSms(testKeys(settings(env).MASTER_KEY)[0]!, bytes.toString("base64"))).toEqual({
    test_id: running!.id,
    msisdn: client.msisdn,
  });
  expect(await settleTest(env, { text: bytes.toString("base64"), ...justNow() })).toBe(false);
  expect(await statusesOf(client.msisdn)).toEqual(["success", "running"]);
});

test.each<[string, Record<string, unknown>]>([
  ["no times", { date: undefined, dateSent: undefined }],
  ["no time of sending", { dateSent: undefined }],
  ["no time of receiving", { date: null }],
  ["a time in words", { date: "yesterday" }],
  ["a time that is no number", { dateSent: Number.NaN }],
  ["a time in an object", { date: { valueOf: 1 } }],
  ["a text of somebody", { text: "Hello" }],
  ["an empty text", { text: "" }],
  ["a very long text", { text: "QUJD".repeat(50_000) }],
  ["half a text", { text: "AAAA" }],
])("an SMS with %s is no test that came back", async (_, odd) => {
  const client = await someClient();
  const text = await aTestBegun(client);
  expect(await settleTest(env, { text, ...justNow(), ...odd } as never)).toBe(false);
  expect(await statusesOf(client.msisdn)).toEqual(["running"]);
});

test("a test that came back too late does not count", async () => {
  const client = await someClient();
  const text = await aTestBegun(client, 15 * MINUTE);
  expect(await settleTest(env, { text, ...justNow() })).toBe(false);
  expect(await statusesOf(client.msisdn)).toEqual(["timedout"]);
  expect(await settleTest(env, { text, ...justNow() })).toBe(false);
});

test("an SMS that the client held for more than three minutes is a success that scores nothing", async () => {
  const client = await someClient();
  const times = { date: Date.now() - 4 * MINUTE, dateSent: Date.now() - 4 * MINUTE };
  expect(await settleTest(env, { text: await aTestBegun(client, 5 * MINUTE), ...times })).toBe(true);
  expect(await statusesOf(client.msisdn)).toEqual(["success"]);
  expect(await scoreOf(client)).toBe("0.00");
});

test("a clock that is years off gives times within the test's own", async () => {
  const [past, future] = [await someClient(), await someClient()];
  const begun = Math.floor((Date.now() - 10 * MINUTE) / 1000);
  await settleTest(env, { text: await aTestBegun(past, 10 * MINUTE), date: "0", dateSent: "1" });
  const far = { date: "99999999999999999999", dateSent: 1e300 };
  await settleTest(env, { text: await aTestBegun(future, 10 * MINUTE), ...far });
  const [early] = await testsOf(past.msisdn);
  expect([early!.sms_sent_time, early!.sms_received_time]).toEqual([early!.start_time, early!.start_time]);
  expect(early!.start_time).toBeGreaterThanOrEqual(begun);
  expect(await scoreOf(past)).toBe("0.00");
  const [late] = await testsOf(future.msisdn);
  expect([late!.sms_sent_time, late!.sms_received_time]).toEqual([late!.sms_routed_time, late!.sms_routed_time]);
});

test("Hole 24: a running test does not lower the score, and one that ran out of time does", async () => {
  const client = await someClient();
  await settleTest(env, { text: await aTestBegun(client), ...justNow() });
  await settleTest(env, { text: await aTestBegun(client), ...justNow() });
  const text = await aTestBegun(client);
  await settleTest(env, { text: await aTestBegun(await someClient()), ...justNow() }); // somebody else's is theirs
  expect([await statusesOf(client.msisdn), await scoreOf(client)]).toEqual([
    ["success", "success", "running"],
    "100.00",
  ]);
  await env.DB.prepare("UPDATE gateway_tests SET started_at = started_at - ? WHERE msisdn = ? AND status = 'running'")
    .bind(16 * MINUTE, client.msisdn)
    .run();
  expect(await statusesOf(client.msisdn)).toEqual(["success", "success", "timedout"]);
  expect(await scoreOf(client)).toBe("66.67");
  expect(await settleTest(env, { text, ...justNow() })).toBe(false);
});

test("reading the tests writes only when one has run out of time, and never takes more than two trips", async () => {
  const client = await someClient();
  await aTestBegun(client, 20 * MINUTE);
  const { env: counted, trips } = countedEnv();
  const read = () => v3(`clients/${client.msisdn}/tests`, { env: counted, headers: {} });
  await read();
  expect([trips.d1, trips.d1Writes]).toEqual([2, 1]);
  await read();
  expect([trips.d1, trips.d1Writes]).toEqual([3, 1]);
});

test("of twenty tests that begin at once one does", async () => {
  outside();
  const client = await someClient();
  const answers = await Promise.all(Array.from({ length: 20 }, () => start(client.msisdn)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(409)]);
  expect(answers.find(({ status }) => status === 409)!.data).toEqual({
    error: "A test of this gateway client is running.",
  });
  expect(await statusesOf(client.msisdn)).toEqual(["running"]);
});

test("the next test begins when the one before has come back, or has run out of time", async () => {
  outside();
  const client = await someClient();
  await aTestBegun(client, 16 * MINUTE);
  expect((await start(client.msisdn)).status).toBe(200);
  const [, { id }] = (await testsOf(client.msisdn)) as [TestItem, TestItem];
  const text = textOfTest(settings(env).MASTER_KEY, { id, msisdn: client.msisdn });
  await settleTest(env, { text, ...justNow() });
  expect((await start(client.msisdn)).status).toBe(200);
  expect(await statusesOf(client.msisdn)).toEqual(["timedout", "success", "running"]);
  expect(await scoreOf(client)).toBe("50.00");
});

test("a test whose SMS is not taken was never begun", async () => {
  const client = await someClient();
  const broken = envWith({ SMS_MAX_PARTS: "1", DB: failing(/messages/) });
  await expect(startTest(broken, client.msisdn)).rejects.toThrow();
  expect(await testsOf(client.msisdn)).toEqual([]);
});

/** The database, in which statements that match find no place. */
function failing(pattern: RegExp): D1Database {
  return new Proxy(env.DB, {
    get(db, name) {
      if (name !== "prepare") return Reflect.get(db, name).bind(db);
      return (sql: string) => db.prepare(pattern.test(sql) ? "SELECT * FROM nowhere" : sql);
    },
  });
}

test("the SMS of a test ends with it, and its row does not tell the text", async () => {
  outside();
  const { msisdn } = await someClient();
  const { startedAt } = await startTest(env, msisdn);
  const row = await env.DB.prepare("SELECT * FROM messages WHERE recipient = ?").bind(msisdn.slice(1)).first();
  expect(row).toMatchObject({ purpose: "gateway-test", expires_at: startedAt.getTime() + 15 * MINUTE });
});

test("the tests come page by page, the newest last", async () => {
  const client = await someClient();
  for (let n = 0; n < 4; n++) await settleTest(env, { text: await aTestBegun(client), ...justNow() });
  const path = `clients/${encodeURIComponent(client.msisdn)}/tests`;
  const { data, headers } = await v3<TestItem[]>(`${path}?page=2&per_page=3`, { headers: {} });
  const all = await testsOf(client.msisdn);
  expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((a, b) => a - b));
  expect(data).toEqual(all.slice(3));
  expect(["x-total-count", "x-page", "x-per-page"].map((name) => headers.get(name))).toEqual(["4", "2", "3"]);
  const base = `https://api.example.net/v3/${path}`;
  expect(headers.get("link")).toBe(
    ["first", "prev"].map((rel) => `<${base}?page=1&per_page=3>; rel="${rel}"`).join(", ") +
      `, <${base}?page=2&per_page=3>; rel="self"`,
  );
});

test("each minute tests end that ran out of time, and after 90 days they are forgotten; the scores follow", async () => {
  const [late, old, quiet] = [await someClient(), await someClient(), await someClient()];
  await settleTest(env, { text: await aTestBegun(late), ...justNow() });
  await aTestBegun(late, 15 * MINUTE);
  for (const client of [old, quiet]) await settleTest(env, { text: await aTestBegun(client), ...justNow() });
  await env.DB.prepare("UPDATE gateway_tests SET started_at = started_at - ? WHERE msisdn = ?")
    .bind(91 * 86_400_000, old.msisdn)
    .run();
  await sweepTests(env);
  expect(await Promise.all([late, old, quiet].map(scoreOf))).toEqual(["50.00", "0.00", "100.00"]);
  expect(await testsOf(old.msisdn)).toEqual([]);
  const row = "SELECT status FROM gateway_tests WHERE msisdn = ? ORDER BY id";
  const { results } = await env.DB.prepare(row).bind(late.msisdn).all();
  expect(results).toEqual([{ status: "success" }, { status: "timedout" }]);

  const { env: counted, trips } = countedEnv();
  await sweepTests(counted);
  expect([trips.d1, trips.d1Writes]).toEqual([1, 0]);
});

test("a number with fewer digits than a phone has cannot be added, so that its test cannot fail", async () => {
  expect((await v3("clients", { method: "POST", body: { msisdn: aNumber().slice(0, 5) } })).status).toBe(400);
});
