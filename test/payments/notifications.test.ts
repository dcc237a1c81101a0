import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { prepareInvoice, registerInvoice } from "#payments/invoices.ts";
import { sweepInvoices } from "#payments/sweep.ts";
import { FakeBank, SBER, YOOKASSA } from "../support/bank.ts";
import { aContract, aPhone, aResident, call, envWith, outside } from "../support/world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A resident with a contract who is about to pay 650 roubles at a bank's page. */
async function aPayment(provider: "sber" | "yookassa", vars: object = {}) {
  const bank = new FakeBank();
  const world = outside(bank.answer);
  const config = provider === "sber" ? { ...SBER, SBER_PUBLIC_KEY: await bank.publicKey() } : YOOKASSA;
  const environment = envWith({ ...config, ...vars });
  const phone = aPhone();
  const resident = await aResident({ phone });
  const uid = await aContract({ phones: [phone], login: `P${phone}` });
  const invoice = await prepareInvoice(env, resident, { login: `P${phone}`, amount: 65_000 });
  const orderNumber = String(invoice.number);
  const form = await registerInvoice(environment, orderNumber, { payer: resident });
  return { bank, world, env: environment, resident, phone, uid, orderNumber, number: invoice.number, ...form };
}

const stateOf = async ({ number, uid }: { number: number; uid: number }) => {
  const invoice = env.DB.prepare("SELECT state FROM invoices WHERE number = ?").bind(number);
  const contract = env.DB.prepare("SELECT balance FROM contracts WHERE uid = ?").bind(uid);
  const lines = env.DB.prepare("SELECT count(*) AS n FROM contract_entries WHERE uid = ?").bind(uid);
  return [await invoice.first("state"), await contract.first("balance"), await lines.first("n")];
};
const PAID = ["paid", 65_000, 1];
const UNPAID = ["registered", 0, 0];

const sberbank = (query: URLSearchParams, environment: Env, path = "spaysuccess") =>
  call(`/api/${path}?${query}`, {}, environment);
const yookassa = (notification: unknown, environment: Env) =>
  call("/api/upaysuccess", { method: "POST", body: JSON.stringify(notification) }, environment);

test.each(["spaysuccess", "paysuccess"])(
  "Defect 43: Sberbank's signed call to %s credits the contract",
  async (path) => {
    const payment = await aPayment("sber");
    const response = await sberbank(await payment.bank.payOrder(payment.orderNumber), payment.env, path);
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(await stateOf(payment)).toEqual(PAID);
  },
);

test("Defect 43: a repeated call credits nothing more, nor do ten at once", async () => {
  const payment = await aPayment("sber");
  const query = await payment.bank.payOrder(payment.orderNumber);
  const answers = await Promise.all(Array.from({ length: 10 }, () => sberbank(query, payment.env)));
  answers.push(await sberbank(query, payment.env));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await stateOf(payment)).toEqual(PAID);
});

test.each<[string, (signed: URLSearchParams) => void]>([
  ["without a checksum", (query) => query.delete("checksum")],
  ["with a wrong checksum", (query) => query.set("checksum", "00".repeat(256))],
  [
    "without parameters",
    (query) =>
      [...query.keys()].forEach((name) => {
        query.delete(name);
      }),
  ],
])("a call %s is forged, and the bank is not asked for it", async (_, spoil) => {
  const payment = await aPayment("sber");
  const query = await payment.bank.payOrder(payment.orderNumber);
  spoil(query);
  const asked = payment.bank.asked.length;
  const response = await sberbank(query, payment.env);
  expect([response.status, await response.text()]).toEqual([403, "Операция запрещена"]);
  expect(payment.bank.asked).toHaveLength(asked);
  expect(await stateOf(payment)).toEqual(UNPAID);
});

test.each([
  ["operation", "declinedByTimeout"],
  ["operation", "approved"],
  ["operation", "refunded"],
  ["status", "0"],
])("Defect 43: a signed %s=%s is no payment", async (name, value) => {
  const payment = await aPayment("sber");
  const { orderId: mdOrder, orderNumber } = payment;
  const told = { mdOrder, orderNumber, operation: "deposited", status: "1", [name]: value };
  expect((await sberbank(await payment.bank.sign(told), payment.env)).status).toBe(403);
  expect(await stateOf(payment)).toEqual(UNPAID);
});

test.each([
  ["less money", { amount: 100, deposited: 100 }],
  ["less money deposited", { deposited: 100 }],
  ["another currency", { currency: "978" }],
  ["a payment that is only begun", { orderStatus: 0, deposited: 0 }],
])("Defect 43: a signed call for which the bank itself has %s credits nothing", async (_, change) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payment = await aPayment("sber");
  const query = await payment.bank.payOrder(payment.orderNumber, change);
  expect((await sberbank(query, payment.env)).status).toBe(403);
  expect((await stateOf(payment)).slice(1)).toEqual([0, 0]);
});

test("a call for one order does not pay for another", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payment = await aPayment("sber");
  await payment.bank.payOrder(payment.orderNumber);
  const other = await prepareInvoice(env, payment.resident, { login: `P${payment.phone}`, amount: 65_000 });
  const told = { mdOrder: payment.orderId, orderNumber: String(other.number), operation: "deposited", status: "1" };
  expect((await sberbank(await payment.bank.sign(told), payment.env)).status).toBe(403);
  expect(await stateOf(payment)).toEqual(UNPAID);
});

test("a bank that cannot be asked is told to call again, and then it counts", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payment = await aPayment("sber");
  const query = await payment.bank.payOrder(payment.orderNumber);
  payment.bank.isDown = true;
  expect((await sberbank(query, payment.env)).status).toBe(503);
  expect(await stateOf(payment)).toEqual(UNPAID);
  payment.bank.isDown = false;
  expect((await sberbank(query, payment.env)).status).toBe(200);
  expect(await stateOf(payment)).toEqual(PAID);
});

test("without a bank nobody can pay", async () => {
  const payment = await aPayment("sber");
  const query = await payment.bank.payOrder(payment.orderNumber);
  expect((await sberbank(query, env)).status).toBe(403);
  expect((await yookassa({ event: "payment.succeeded", object: { id: "x" } }, env)).status).toBe(200);
});

test("Defect 3: YooKassa's notification counts after the bank has confirmed it", async () => {
  const payment = await aPayment("yookassa");
  const response = await yookassa(payment.bank.payPayment(payment.orderId), payment.env);
  expect([response.status, await response.text()]).toEqual([200, "OK"]);
  expect(await stateOf(payment)).toEqual(PAID);
});

test("Defect 3: a forged notification credits nothing, whatever it says", async () => {
  const payment = await aPayment("yookassa");
  const paid = { status: "succeeded", paid: true, amount: { value: "1000000.00", currency: "RUB" } };
  const metadata = { orderNumber: payment.orderNumber };
  for (const id of [payment.orderId, crypto.randomUUID(), "../../../etc", "", 7]) {
    const forged = { event: "payment.succeeded", object: { id, ...paid, metadata } };
    const response = await yookassa(forged, payment.env);
    expect([response.status, await response.text()]).toEqual([200, "OK"]);
  }
  expect(await stateOf(payment)).toEqual(UNPAID);
});

test("a notification of a payment that is not ours asks nobody", async () => {
  const payment = await aPayment("yookassa");
  const asked = payment.bank.asked.length;
  await yookassa({ event: "payment.succeeded", object: { id: crypto.randomUUID() } }, payment.env);
  expect(payment.bank.asked).toHaveLength(asked);
});

test("Defect 3: a repeated notification credits nothing more, nor do ten at once", async () => {
  const payment = await aPayment("yookassa");
  const notification = payment.bank.payPayment(payment.orderId);
  await Promise.all(Array.from({ length: 10 }, () => yookassa(notification, payment.env)));
  await yookassa(notification, payment.env);
  expect(await stateOf(payment)).toEqual(PAID);
});

test.each([
  ["another sum", { amount: { value: "1.00", currency: "RUB" } }],
  ["another currency", { amount: { value: "650.00", currency: "USD" } }],
  ["another order", { metadata: { orderNumber: "1" } }],
  ["no order", { metadata: {} }],
  ["money that is not paid", { paid: false }],
  ["a payment that waits", { status: "waiting_for_capture" }],
])("Defect 3: a notification for which the bank has %s credits nothing", async (_, change) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payment = await aPayment("yookassa");
  expect((await yookassa(payment.bank.payPayment(payment.orderId, change), payment.env)).status).toBe(200);
  expect(await stateOf(payment)).toEqual(UNPAID);
});

test.each(["", "{", "null", "[]", '{"event":"payment.succeeded"}', '{"event":1,"object":{"id":{}}}'])(
  "a notification %j is taken and means nothing",
  async (body) => {
    const { env: environment } = await aPayment("yookassa");
    const response = await call("/api/upaysuccess", { method: "POST", body }, environment);
    expect([response.status, await response.text()]).toEqual([200, "OK"]);
  },
);

test("YooKassa is told to notify again when it cannot be asked", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payment = await aPayment("yookassa");
  const notification = payment.bank.payPayment(payment.orderId);
  payment.bank.isDown = true;
  expect((await yookassa(notification, payment.env)).status).toBe(503);
  payment.bank.isDown = false;
  expect((await yookassa(notification, payment.env)).status).toBe(200);
  expect(await stateOf(payment)).toEqual(PAID);
});

test.each(["sber", "yookassa"] as const)(
  "a payment at %s whose callback never comes is found by the sweep",
  async (provider) => {
    const payment = await aPayment(provider);
    if (provider === "sber") await payment.bank.payOrder(payment.orderNumber);
    else payment.bank.payPayment(payment.orderId);
    await onlyDue(payment.number);
    await sweepInvoices(payment.env, new Date());
    expect(await stateOf(payment)).toEqual(UNPAID); // the callback has its time
    await sweepInvoices(payment.env, new Date(Date.now() + 3 * 60_000));
    expect(await stateOf(payment)).toEqual(PAID);
  },
);

/** Puts every other invoice of the run away, so that a sweep has room for this one. */
const onlyDue = (number: number) =>
  env.DB.prepare("UPDATE invoices SET state = 'failed' WHERE number <> ? AND state IN ('open', 'registered')")
    .bind(number)
    .run();

test("the bank is asked less and less often, and after a week not at all", async () => {
  const payment = await aPayment("sber");
  await onlyDue(payment.number);
  const questions = () => payment.bank.asked.filter(({ path }) => path.includes("Status")).length;
  const start = Date.now();
  for (let minute = 0; minute < 7 * 24 * 60; minute += 60) {
    await sweepInvoices(payment.env, new Date(start + minute * 60_000));
  }
  expect(questions()).toBeGreaterThan(5);
  expect(questions()).toBeLessThan(20);
  const asked = questions();
  await sweepInvoices(payment.env, new Date(start + 8 * 86_400_000));
  await sweepInvoices(payment.env, new Date(start + 20 * 86_400_000));
  expect(questions()).toBeLessThanOrEqual(asked + 1);
  expect((await stateOf(payment))[0]).toBe("failed");

  const late = await payment.bank.payOrder(payment.orderNumber);
  expect((await sberbank(late, payment.env)).status).toBe(200); // money that comes all the same is still taken
  expect(await stateOf(payment)).toEqual(PAID);
});

test("Defects 14, 43: the operator's billing is told of a payment, once, as data", async () => {
  const remote = { BILLING: "http", BILLING_URL: "https://billing.test", BILLING_TOKEN: "billing-token" };
  const payment = await aPayment("sber", remote);
  await env.DB.prepare("UPDATE invoices SET login = ? WHERE number = ?").bind("20017; rm -rf /", payment.number).run();
  const query = await payment.bank.payOrder(payment.orderNumber);
  await Promise.all([sberbank(query, payment.env), sberbank(query, payment.env)]);
  const { results } = await env.DB.prepare("SELECT function, arguments FROM operator_calls WHERE id = ?")
    .bind(`paid:${payment.number}`)
    .all<{ function: string; arguments: string }>();
  expect(results.map(({ function: name }) => name)).toEqual(["v2/paySuccess"]);
  expect(JSON.parse(results[0]!.arguments)).toEqual({
    amount: 650,
    contract: "20017; rm -rf /",
    orderNumber: payment.number,
  });
  expect((await stateOf(payment))[1]).toBe(0); // the balance is the billing's
});

test("the payer reads that the payment has arrived, once", async () => {
  const payment = await aPayment("yookassa");
  const notification = payment.bank.payPayment(payment.orderId);
  await yookassa(notification, payment.env);
  await yookassa(notification, payment.env);
  const { results } = await env.DB.prepare("SELECT action, text FROM inbox_messages WHERE phone = ?")
    .bind(payment.phone)
    .all();
  expect(results).toEqual([{ action: "paySuccess", text: `Оплата 650.00 ₽ по договору P${payment.phone} зачислена.` }]);
});

test("no secret of a bank stands in a URL", async () => {
  const [sber, yoo] = [await aPayment("sber"), await aPayment("yookassa")];
  await sberbank(await sber.bank.payOrder(sber.orderNumber), sber.env);
  for (const { url } of [...sber.world.requests, ...yoo.world.requests])
    expect(url).not.toMatch(/sber-pass|yookassa-key/);
});
