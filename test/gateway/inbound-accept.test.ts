import { Buffer } from "node:buffer";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import { open } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { call, outside } from "../support/world.ts";
import { aClient, aNumber } from "./gateway-world.ts";
import { aGateway, aSender, bring, countRows, rowOf } from "./inbound-world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const TEXT = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQQ==";

/** Posts an SMS as a phone does. A string is sent as it stands. */
const post = (env: Env, body: unknown, headers: Record<string, string> = {}, platform = "android") =>
  call(
    `/sms/platform/${platform}`,
    { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) },
    env,
  );

const shown = async (response: Response) => [response.status, await response.text()];

const contentOf = async (env: Env, id: string) =>
  JSON.parse(await open(settings(env).MASTER_KEY, (await rowOf(env, id))!.sealed as string, id));

test("an SMS is kept sealed, and the queue is told its id", async () => {
  const { env, queued } = aGateway();
  const sender = aNumber();
  const answer = await post(env, { text: TEXT, MSISDN: sender }, {}, "gateway-client");
  expect(await shown(answer)).toEqual([200, "published!"]);
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  expect(queued).toEqual([{ id: expect.any(String) }]);
  const row = (await rowOf(env, queued[0]!.id))!;
  expect(row).toMatchObject({ state: "received", source: "gateway-client", client: null, user_id: null, attempts: 0 });
  expect(JSON.stringify(row)).not.toContain(TEXT);
  expect(await contentOf(env, queued[0]!.id)).toEqual({ sender, text: TEXT });
});

test("the whole record of a phone is understood", async () => {
  const { env, queued } = aGateway();
  const record = {
    ...{ id: 7, message_id: "1", thread_id: "2", date: "1795277808366", date_sent: "1795277800000", type: 1 },
    ...{ isRead: false, formatted_date: null, address: "+237600000042", text: TEXT, data: [1, 2], tag: "x" },
  };
  expect(await shown(await post(env, JSON.stringify(record, null, 2)))).toEqual([200, "published!"]);
  expect(await contentOf(env, queued[0]!.id)).toEqual({
    ...{ sender: "+237600000042", text: TEXT, date: 1795277808366, dateSent: 1795277800000 },
  });
});

test.each<[string, unknown, object]>([
  ["MSISDN before address", { MSISDN: "+237600000042", address: "+237600000043" }, { sender: "+237600000042" }],
  ["an empty MSISDN", { MSISDN: " ", address: "+237600000043" }, { sender: "+237600000043" }],
  ["a number that is one", { MSISDN: 237600000042 }, { sender: "237600000042" }],
  ["blanks around it", { address: " +237600000042 " }, { sender: "+237600000042" }],
  ["times as numbers", { MSISDN: "1", date: 1795277808366, date_sent: 0 }, { date: 1795277808366, dateSent: 0 }],
  ["times that are none", { MSISDN: "1", date: "soon", date_sent: {} }, { sender: "1" }],
  ["times beyond all time", { MSISDN: "1", date: 1e300, date_sent: "-5" }, { sender: "1" }],
])("an SMS is read with %s", async (_, fields, content) => {
  const { env, queued } = aGateway();
  expect(await shown(await post(env, { text: TEXT, ...(fields as object) }))).toEqual([200, "published!"]);
  const kept = await contentOf(env, queued[0]!.id);
  expect(kept).toMatchObject(content);
  expect(Object.keys(kept)).toEqual(
    ["sender", "text", "date", "dateSent"].filter((key) => key in { sender: 1, text: 1, ...content }),
  );
});

test.each(["", "application/json", "text/plain", "application/x-foo"])(
  "the content type %j does not count",
  async (type) => {
    const { env } = aGateway();
    const body = `{"text": "line\none", "MSISDN": "+237600000042"}`;
    expect(await shown(await post(env, body, { "content-type": type }))).toEqual([200, "published!"]);
  },
);

test.each<[string, unknown, Record<string, string>, string]>([
  ["no body", "", {}, "poorly formed json"],
  ["no JSON", "text=x", {}, "poorly formed json"],
  ["an array", "[]", {}, "poorly formed json"],
  [
    "a form",
    `{"text":"x","MSISDN":"1"}`,
    { "content-type": "application/x-www-form-urlencoded" },
    "poorly formed json",
  ],
  ["nothing", {}, {}, "Missing MSISDN or address"],
  ["no sender", { text: TEXT }, {}, "Missing MSISDN or address"],
  ["a sender that is none", { text: TEXT, MSISDN: ["+237600000042"], address: null }, {}, "Missing MSISDN or address"],
  ["no text", { MSISDN: "+237600000042" }, {}, "Missing Text"],
  ["an empty text", { MSISDN: "+237600000042", text: "" }, {}, "Missing Text"],
  ["a text that is none", { MSISDN: "+237600000042", text: { a: 1 } }, {}, "Missing Text"],
  ["an endless sender", { MSISDN: "1".repeat(33), text: TEXT }, {}, "The sender is too long"],
  ["an endless text", { MSISDN: "+237600000042", text: "x".repeat(40_001) }, {}, "The text is too long"],
])("what is no SMS is refused and not kept: %s", async (_, body, headers, complaint) => {
  const { env, queued } = aGateway();
  expect(await shown(await post(env, body, headers))).toEqual([400, complaint]);
  expect([queued, await countRows(env)]).toEqual([[], 0]);
});

test("the longest SMS is taken, and too large a body is not", async () => {
  const { env } = aGateway();
  expect((await post(env, { MSISDN: "1".repeat(32), text: "я".repeat(40_000) })).status).toBe(200);
  expect((await post(env, { MSISDN: "1", text: "x", data: "x".repeat(300_000) })).status).toBe(413);
});

test("whatever stands in the path is only a name", async () => {
  const { env, queued } = aGateway();
  for (const platform of ["a%00b%0A", "%2e%2e%2Fetc", "x".repeat(999)]) {
    expect((await post(env, { MSISDN: "1", text: TEXT }, {}, platform)).status).toBe(200);
  }
  const sources = await Promise.all(queued.map(async ({ id }) => (await rowOf(env, id))!.source));
  expect(sources).toEqual(["ab", "../etc", "x".repeat(64)]);
});

test("other methods are 405", async () => {
  const answer = await call("/sms/platform/android");
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
});

test("Holes 11, 13: everybody is answered alike, and for everybody as much is done before", async () => {
  const own = aGateway();
  const sender = await aSender(own.env);
  const sealed = sender.write("t:hello");
  const cases = [
    [sender.msisdn, sealed],
    [sender.msisdn, `${sealed.slice(0, -8)}AAAAAAA=`],
    [sender.msisdn, Buffer.alloc(48, 1).toString("base64")],
    [sender.msisdn, sender.write("?:no such letter")],
    [aNumber(), sealed],
    ["BANK", "Your code is 1234"],
  ];
  const world = outside();
  const answers: unknown[] = [];
  for (const [MSISDN, text] of cases) {
    const { env, trips } = countedEnv({ OPERATOR: own.env.OPERATOR, GATEWAY_OPEN: "1" });
    const asked = await post(env, { MSISDN, text });
    answers.push([asked.status, await asked.text(), [...asked.headers], { ...trips }]);
  }
  expect(answers[0]).toEqual([200, "published!", expect.any(Array), expect.objectContaining({ d1: 1, queue: 1 })]);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(world.asked).toEqual([]);
});

test("Hole 13: a gateway client is known by its key, and where the gateway is not open nobody without one is", async () => {
  const { env, queued } = aGateway({ OPERATOR: "main", GATEWAY_OPEN: "0" });
  const client = await aClient();
  const sms = { MSISDN: aNumber(), text: TEXT };
  expect(await shown(await post(env, sms))).toEqual([401, "unknown gateway client"]);
  expect(await shown(await post(env, sms, { authorization: `Bearer ${client.key}x` }))).toEqual([
    401,
    "unknown gateway client",
  ]);
  expect(queued).toEqual([]);
  expect((await post(env, sms, { authorization: `Bearer ${client.key}` })).status).toBe(200);
  expect(await rowOf(env, queued[0]!.id)).toMatchObject({ client: client.msisdn });
  expect((await post(env, sms, { authorization: `Bearer ${env.INTEGRATION_TOKEN}` })).status).toBe(200);
  expect(await rowOf(env, queued[1]!.id)).toMatchObject({ client: null });
});

test("an SMS is taken while the queue is away", async () => {
  const { env } = aGateway({ PUBLICATIONS: { sendBatch: () => Promise.reject(new Error("away")) } });
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect((await post(env, { MSISDN: "+237600000042", text: TEXT })).status).toBe(200);
  expect(await countRows(env)).toBe(1);
});

test("an SMS is not taken while D1 is away, so that the phone keeps it", async () => {
  const { env } = aGateway();
  vi.spyOn(console, "error").mockImplementation(() => {});
  const DB = { prepare: env.DB.prepare.bind(env.DB), batch: () => Promise.reject(new Error("D1 is away")) };
  expect(await shown(await post({ ...env, DB } as never, { MSISDN: "+237600000042", text: TEXT }))).toEqual([500, ""]);
});

test("where the gateway is not in use nothing is taken", async () => {
  const { env } = aGateway({ GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" });
  expect(await shown(await post(env, { MSISDN: "+237600000042", text: TEXT }))).toEqual([503, ""]);
  expect(await countRows(env)).toBe(0);
});

test("an SMS that has an id is the same when it comes again", async () => {
  const { env } = aGateway();
  await bring(env, { id: "kannel_1", sender: "1", text: "one" });
  await bring(env, { id: "kannel_1", sender: "1", text: "two" });
  expect(await contentOf(env, "kannel_1")).toMatchObject({ text: "one" });
  expect(await countRows(env)).toBe(1);
});
