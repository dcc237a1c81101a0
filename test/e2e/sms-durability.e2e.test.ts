import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { type Operator, startOperator, theSms } from "./support/operator.ts";

// What is accepted is sent, and sent once, whichever program dies on the way.

let operator: Operator;

beforeAll(async () => {
  operator = await startOperator({}, { withKannel: false });
});

afterAll(() => operator?.close());

const phone = (n: number): string => `791612500${String(n).padStart(2, "0")}`;

async function ask(...phones: string[]): Promise<void> {
  for (const userPhone of phones) {
    const { status } = await operator.yardgate.api("user/requestCode", { userPhone });
    expect(status).toBe(200);
  }
}

/** Every phone has its SMS, and after a while in which a second one could have come it still has only that. */
async function eachHasExactlyOne(...phones: string[]): Promise<void> {
  for (const one of phones) await theSms(operator, one);
  await sleep(5_000);
  const counts = phones.map((one) => operator.smsc.to(one).length);
  expect(counts).toEqual(phones.map(() => 1));
}

const stateOf = (recipient: string): unknown =>
  operator.yardgate.rows("SELECT state FROM messages WHERE recipient = ?", recipient)[0]?.state;

test("a message asked for while Kannel is down arrives when Kannel is up", async () => {
  await ask(phone(1));
  await eventually(
    "a failed attempt",
    () => operator.yardgate.rows("SELECT 1 FROM messages WHERE attempts > 0").length,
  );
  expect(stateOf(phone(1))).toBe("queued");
  await operator.kannel.start();
  await operator.kannel.isBound();
  await eachHasExactlyOne(phone(1));
});

test("Kannel killed in the middle and started again loses nothing and doubles nothing", async () => {
  const { kannel, smsc } = operator;
  const [delivered, inKannel, waiting] = [
    [phone(2), phone(3), phone(4)],
    [phone(5), phone(6), phone(7)],
    [phone(8), phone(9), phone(10)],
  ] as const;
  await ask(...delivered);
  for (const one of delivered) await theSms(operator, one);

  await smsc.stop();
  await ask(...inKannel);
  await eventually("Kannel to take them", () => inKannel.every((one) => stateOf(one) === "sent"));
  await kannel.crashBearerbox();
  await ask(...waiting);

  await smsc.start();
  await kannel.startBearerbox();
  await kannel.isComplete();
  await eachHasExactlyOne(...delivered, ...inKannel, ...waiting);
});

test("the Worker killed with a message waiting sends it after its next start", async () => {
  const { kannel, yardgate } = operator;
  await kannel.crash();
  await ask(phone(11));
  await yardgate.crash();
  await kannel.start();
  await kannel.isBound();
  expect(operator.smsc.to(phone(11))).toEqual([]);
  await yardgate.start();
  await eachHasExactlyOne(phone(11));
});
