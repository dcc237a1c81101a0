import { afterAll, beforeAll, expect, test } from "vitest";
import { SBER, YOOKASSA } from "../support/bank.ts";
import { BankServer } from "./support/bank.ts";
import { eventually } from "./support/eventually.ts";
import { Yardgate } from "./support/server.ts";
import { makeWorkspace } from "./support/workspace.ts";

// A payment through a bank that signs: the whole way from the app's button to the line in the statement.

const workspace = makeWorkspace();
const PHONE = "79161230077";
const LOGIN = "70077";
const UID = 70_077;

let bank: BankServer;
let yardgate: Yardgate;
let token: string;
/** Which bank the Worker knows at its next start. */
let provider: "sber" | "yookassa" = "sber";

beforeAll(async () => {
  bank = await BankServer.start();
  const key = await bank.bank.publicKey();
  yardgate = await Yardgate.prepare(workspace.directory, () => ({
    SMS_TRANSPORT: "log",
    ...(provider === "sber"
      ? { ...SBER, SBER_URL: bank.url, SBER_PUBLIC_KEY: key }
      : { ...YOOKASSA, YOOKASSA_URL: bank.url }),
  }));
  await yardgate.start();
  const contract = { uid: UID, login: LOGIN, address: "г. Тула, ул. Мира, д. 3", phones: [PHONE], balance: -650 };
  await yardgate.billing("users/clients/create", contract);
  token = await signIn();
});

afterAll(async () => {
  await yardgate?.crash();
  await bank?.stop();
  workspace.remove();
});

/** The development's way out for SMS prints them. */
async function signIn(): Promise<string> {
  await yardgate.api("user/requestCode", { userPhone: PHONE });
  const smsCode = await eventually(
    "the code",
    () => new RegExp(`${PHONE}.*?(\\d{4})\\b(?!\\d)`).exec(yardgate.output())?.[1],
  );
  const { data } = await yardgate.api("user/confirmCode", { userPhone: PHONE, smsCode });
  return data.accessToken;
}

const balance = () => yardgate.rows("SELECT balance FROM contracts WHERE uid = ?", UID)[0]!.balance;
const stateOf = (orderNumber: string) =>
  yardgate.rows("SELECT state FROM invoices WHERE number = ?", Number(orderNumber))[0]!.state;
const callback = async (query: URLSearchParams) => (await fetch(`${yardgate.url}/api/spaysuccess?${query}`)).status;

/** What the app does up to the bank's page. */
async function toTheBank(amount: string): Promise<{ orderNumber: string; orderId: string; formUrl: string }> {
  const { data: orderNumber } = await yardgate.api("pay/prepare", { clientId: LOGIN, amount }, token);
  const { data } = await yardgate.api("pay/register", { orderNumber, amount: "1" });
  return { orderNumber, ...data };
}

test("a payment at Sberbank is credited by its signed call, and stands in the statement", async () => {
  const before = Number(balance());
  const { orderNumber, formUrl } = await toTheBank("65000.0");
  expect(formUrl).toContain("mdOrder=");
  const query = await bank.bank.payOrder(orderNumber);
  expect(await callback(query)).toBe(200);
  expect([balance(), stateOf(orderNumber)]).toEqual([before + 65_000, "paid"]);
  const { data } = await yardgate.api("pay/getDetail", { clientId: LOGIN, year: new Date().getFullYear() }, token);
  expect(data[0]).toMatchObject({ sum: 650, dsc: `Оплата по счёту № ${orderNumber}` });

  expect(await callback(query)).toBe(200); // repeated
  expect(balance()).toBe(before + 65_000);
});

test("forged calls change nothing", async () => {
  const before = balance();
  const { orderNumber, orderId } = await toTheBank("100");
  const told = { mdOrder: orderId, orderNumber, operation: "deposited", status: "1" };
  const forged = new URLSearchParams({ ...told, checksum: "AB".repeat(256) });
  expect(await callback(forged)).toBe(403);
  expect(await callback(new URLSearchParams(told))).toBe(403);
  expect(await callback(await bank.bank.sign(told))).toBe(403); // the bank's own signature, but no money
  const elsewhere = await new (bank.bank.constructor as typeof import("../support/bank.ts").FakeBank)().sign(told);
  expect(await callback(elsewhere)).toBe(403);
  expect([balance(), stateOf(orderNumber)]).toEqual([before, "registered"]);
});

test("the Worker killed between the payment and its call loses nothing", async () => {
  const before = Number(balance());
  const { orderNumber } = await toTheBank("30000");
  await yardgate.crash();
  const query = await bank.bank.payOrder(orderNumber);
  await expect(callback(query)).rejects.toThrow(); // the bank called in vain
  await yardgate.start();
  expect(stateOf(orderNumber)).toBe("registered");
  await eventually(
    "the sweep to ask the bank",
    async () => {
      await yardgate.cron();
      return stateOf(orderNumber) === "paid";
    },
    { withinMs: 240_000, everyMs: 5_000 },
  );
  expect(balance()).toBe(before + 30_000);
  expect(await callback(query)).toBe(200);
  expect(balance()).toBe(before + 30_000);
}, 300_000);

test("the Worker killed in the middle of the call credits once", async () => {
  const before = Number(balance());
  const { orderNumber } = await toTheBank("20000");
  const query = await bank.bank.payOrder(orderNumber);
  const asked = bank.bank.asked.length;
  const first = callback(query).catch(() => 0);
  await eventually("the bank to be asked", () => bank.bank.asked.length > asked, { everyMs: 1 });
  await yardgate.crash();
  await first;
  await yardgate.start();
  expect(await callback(query)).toBe(200);
  expect([balance(), stateOf(orderNumber)]).toEqual([before + 20_000, "paid"]);
});

test("a notification of YooKassa's credits what the bank confirms, and a forged one nothing", async () => {
  await yardgate.stop();
  provider = "yookassa";
  await yardgate.start();
  const before = Number(balance());
  const notify = async (notification: object) => {
    const response = await fetch(`${yardgate.url}/api/upaysuccess`, {
      method: "POST",
      body: JSON.stringify(notification),
    });
    return [response.status, await response.text()];
  };
  const { orderId } = await toTheBank("101999");
  const { metadata } = bank.bank.payments.get(orderId)!;
  const lie = {
    id: orderId,
    status: "succeeded",
    paid: true,
    amount: { value: "1000000.00", currency: "RUB" },
    metadata,
  };
  expect(await notify({ event: "payment.succeeded", object: lie })).toEqual([200, "OK"]);
  expect(balance()).toBe(before);

  const notification = bank.bank.payPayment(orderId);
  for (let i = 0; i < 2; i++) expect(await notify(notification)).toEqual([200, "OK"]);
  expect(balance()).toBe(before + 101_999);
});
