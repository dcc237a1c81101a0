import { afterAll, beforeAll, expect, test } from "vitest";
import { sealSms } from "#gateway/crypto/sms.ts";
import { eventually } from "./support/eventually.ts";
import { type GatewayCalls, gatewayCalls } from "./support/gateway-calls.ts";
import { LossyLine } from "./support/lossy-line.ts";
import { type Operator, startOperator, theSms } from "./support/operator.ts";
import { Publisher } from "./support/publisher.ts";

// The SMS gateway at a mobile operator's line: what people write comes through Kannel, and tests of gateway clients leave through it.

const WRITING = "237672451870";
const STRANGER = "237672451872";
const OURS = "237679466332";

let operator: Operator;
let publisher: Publisher;
let line: LossyLine;
let calls: GatewayCalls;
let key: string;
let clientKey: string;

beforeAll(async () => {
  [publisher, line] = await Promise.all([Publisher.start(), LossyLine.start()]);
  const between = (url: string) => {
    line.target = url;
    return line.url;
  };
  operator = await startOperator({ PUBLISHER_URL: publisher.url }, { between });
  calls = gatewayCalls(operator.yardgate);
  key = await calls.syncedKey(`+${WRITING}`);
});

afterAll(async () => {
  await operator?.close();
  publisher?.stop();
  line?.stop();
});

/** As the apps write it: Android's base64 breaks its lines. */
const written = (message: string) => sealSms(key, message).replace(/.{76}/g, "$&\n");

const inboxOf = (sender: string) =>
  operator.yardgate.rows("SELECT text, heard_at FROM inbound_messages WHERE sender = ?", sender);

const allHeard = (sender: string, count: number) =>
  eventually(`${count} SMS of ${sender} to be heard`, () => {
    const rows = inboxOf(sender);
    return rows.length === count && rows.every(({ heard_at }) => heard_at !== null);
  });

const messages = () => operator.yardgate.rows("SELECT source, state, user_id FROM gateway_messages");
const settled = () => eventually("all SMS to be settled", () => messages().every(({ state }) => state === "published"));

test("an SMS in many parts is published once, whoever says it again: the SMSC, Kannel or a gateway client", async () => {
  const message = `g:to@example.org:::Dinner:${"We are at table, come soon. ".repeat(10)}`;
  const text = written(message);
  expect(await operator.smsc.deliverInParts(WRITING, OURS, text, 17)).toBeGreaterThan(3);
  await operator.smsc.deliverInParts(WRITING, OURS, text, 17);
  await calls.post("/sms/platform/android", { text, address: `+${WRITING}` });
  await allHeard(WRITING, 2);
  await eventually("Kannel to come again", () => line.asked.length === 4);
  await eventually("the hand-over", () => publisher.asked.length);
  await settled();

  expect(inboxOf(WRITING)[0]!.text).toBe(text);
  expect(new Set(line.asked).size).toBe(2);
  expect(publisher.asked.map(({ body }) => JSON.parse(body))).toEqual([{ MSISDN: `+${WRITING}`, message }]);
  expect(messages()).toHaveLength(1);
});

test("a test of a gateway client leaves through the line, and succeeds when the client brings it back", async () => {
  const client = "237672451871";
  clientKey = (await calls.post("/v3/clients", { msisdn: `+${client}` })).key;
  const { test_id: id } = await calls.post(`/v3/clients/+${client}/tests`, {});
  const { text } = await theSms(operator, client);
  const now = Date.now();
  const record = { address: "YARDGATE", text, date: `${now}`, date_sent: `${now - 400}` };
  expect(await calls.post("/sms/platform/android", record, clientKey)).toBe("published!");
  const tests = async () =>
    (await fetch(`${operator.yardgate.url}/v3/clients/+${client}/tests`)).json() as Promise<Record<string, unknown>[]>;
  await eventually("the test to succeed", async () => (await tests())[0]?.status === "success");
  expect(await tests()).toEqual([
    expect.objectContaining({ id, msisdn: `+${client}`, status: "success", sms_received_time: Math.floor(now / 1000) }),
  ]);
});

test("a stranger's SMS leaves nothing at the gateway", async () => {
  const before = [messages(), publisher.asked.length];
  await operator.smsc.deliverInParts(STRANGER, OURS, written("t:in a key that is not theirs".repeat(9)), 18);
  await operator.smsc.deliver("79161260058", OURS, "Привет, это кто?");
  await allHeard(STRANGER, 1);
  await allHeard("79161260058", 1);
  await settled();
  expect([messages(), publisher.asked.length]).toEqual(before);
});

test("neither people's numbers, nor texts, nor keys stand in what the Worker prints", () => {
  const printed = operator.yardgate.output();
  expect(printed).toContain("/sms/platform/android");
  for (const secret of [WRITING, STRANGER, key, clientKey, "Dinner"]) expect(printed).not.toContain(secret);
});
