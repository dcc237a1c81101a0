import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { type Operator, startOperator, theSms } from "./support/operator.ts";

// What the mobile operator tells us: delivery reports of our messages, and messages of people.

let operator: Operator;

beforeAll(async () => {
  operator = await startOperator({ SMS_TEXT: "Код: " });
});

afterAll(() => operator?.close());

const messageTo = (recipient: string) =>
  operator.yardgate.rows("SELECT * FROM messages WHERE recipient = ?", recipient)[0] ?? {};

const askAndWait = async (userPhone: string, state: string): Promise<Record<string, unknown>> => {
  await operator.yardgate.api("user/requestCode", { userPhone });
  await eventually(`${userPhone} to be ${state}`, () => messageTo(userPhone).state === state, { withinMs: 30_000 });
  return messageTo(userPhone);
};

test("a delivered message is marked with the SMSC's own id, and its text is gone", async () => {
  const row = await askAndWait("79161260001", "delivered");
  const sms = await theSms(operator, "79161260001");
  expect(row).toMatchObject({ smsc_id: sms.id, sealed: null, attempts: 1 });
  expect(JSON.stringify(row)).not.toContain(/\d{4}/.exec(sms.text)![0]);
});

test("a message that cannot be delivered and one that the SMSC refuses have failed", async () => {
  expect(await askAndWait("79161260093", "failed")).toMatchObject({ sealed: null });
  expect(await askAndWait("79161260090", "failed")).toMatchObject({ sealed: null });
});

test("a throttled message comes through later, and one without a report stays sent", async () => {
  await askAndWait("79161260091", "delivered");
  expect(operator.smsc.to("79161260091")).toHaveLength(1);
  await askAndWait("79161260097", "sent");
});

test("a forged report changes nothing", async () => {
  const { id } = await askAndWait("79161261097", "sent");
  const report = `${operator.yardgate.url}/hooks/kannel/dlr?id=${id}&sig=AAAAAAAAAAAAAAAAAAAAAA&type=1&smsc=1`;
  expect((await fetch(report)).status).toBe(403);
  expect(messageTo("79161261097").state).toBe("sent");
});

test("an inbound Cyrillic SMS is kept once", async () => {
  const text = "Привет! Где мой код? 😀";
  await operator.smsc.deliver("79161260055", "79160000000", text);
  const inbound = () => operator.yardgate.rows("SELECT sender, recipient, text FROM inbound_messages");
  await eventually("the inbound SMS", () => inbound().length);
  await operator.smsc.deliver("79161260056", "79160000000", "Второе");
  await eventually("the second one", () => inbound().length === 2);
  expect(inbound()[0]).toEqual({ sender: "79161260055", recipient: "79160000000", text });
});

test("an inbound SMS that comes while the Worker is down is kept when it is up again", async () => {
  await operator.yardgate.crash();
  await operator.smsc.deliver("79161260057", "79160000000", "Есть кто дома?");
  await operator.yardgate.start();
  const kept = () => operator.yardgate.rows("SELECT text FROM inbound_messages WHERE sender = '79161260057'");
  await eventually("the inbound SMS", () => kept().length, { withinMs: 30_000 });
  expect(kept()).toEqual([{ text: "Есть кто дома?" }]);
});
