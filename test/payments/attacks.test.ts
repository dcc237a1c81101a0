import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { createContract } from "#operator/contracts.ts";
import { prepareInvoice } from "#payments/invoices.ts";
import { sweepInvoices } from "#payments/sweep.ts";
import { removeContract } from "#premises/contracts.ts";
import { aPayer } from "../support/payers.ts";
import { aResident, call, envWith, outside } from "../support/world.ts";

// Ways to have a contract credited with money that nobody paid, and to lose what somebody did.

afterEach(() => {
  vi.restoreAllMocks();
});

const quietly = () => vi.spyOn(console, "error").mockImplementation(() => {});

const balanceOf = (uid: number) =>
  env.DB.prepare("SELECT balance FROM contracts WHERE uid = ?").bind(uid).first("balance");
const stateOf = (orderNumber: string) =>
  env.DB.prepare("SELECT state FROM invoices WHERE number = ?").bind(Number(orderNumber)).first("state");

/** Puts every other invoice of the run away, so that a sweep has room for this one. */
const onlyDue = (orderNumber: string) =>
  env.DB.prepare("UPDATE invoices SET state = 'failed' WHERE number <> ? AND state IN ('open', 'registered')")
    .bind(Number(orderNumber))
    .run();

test("nobody can guess the number of an invoice, nor does the bank know it from an older system", async () => {
  const payer = await aPayer();
  const numbers = await Promise.all(Array.from({ length: 8 }, async () => Number(await payer.prepare())));
  for (const number of numbers) expect(number).toBeGreaterThanOrEqual(1_000_000_000);
  for (const number of numbers) expect(number).toBeLessThan(2 ** 31); // what a billing's integer holds
  const steps = numbers.slice(1).map((number, i) => Math.abs(number - numbers[i]!));
  expect(Math.min(...steps)).toBeGreaterThan(1);
  expect(Math.max(...steps)).toBeGreaterThan(1_000_000);
});

test("whoever asks for invoices without end is stopped", async () => {
  const payer = await aPayer();
  const first = Number(await payer.prepare());
  await env.DB.prepare(
    `INSERT INTO invoices (operator, uid, login, amount, phone, account_id, state, created_at)
     SELECT operator, uid, login, amount, phone, account_id, 'failed', created_at FROM invoices, json_each(?) WHERE number = ?`,
  )
    .bind(JSON.stringify(Array.from({ length: 59 }, (_, i) => i)), first)
    .run();
  for (const [method, amount] of [
    ["prepare", 65_000],
    ["getInvoice", 650],
  ] as const)
    expect((await payer.ask(method, { clientId: payer.login, amount })).code).toBe(429);
  await env.DB.prepare("UPDATE invoices SET created_at = created_at - 3600001 WHERE login = ?").bind(payer.login).run();
  expect((await payer.ask("prepare", { clientId: payer.login, amount: 65_000 })).code).toBe(200);
});

test.each([
  ["all", "650.00", "failed"],
  ["a part", "100.00", "registered"],
])("YooKassa's payment of which %s was given back credits nothing", async (_, value, state) => {
  quietly();
  const payer = await aPayer("yookassa");
  const orderNumber = await payer.prepare();
  const { data } = await payer.ask("register", { orderNumber });
  const told = payer.bank.payPayment(data.orderId, { refunded_amount: { value, currency: "RUB" } } as object);
  await call("/api/upaysuccess", { method: "POST", body: JSON.stringify(told) }, payer.env);
  expect([await balanceOf(payer.uid), await stateOf(orderNumber)]).toEqual([0, state]);
});

test("a refund that YooKassa tells of later takes nothing back by itself, and pays nothing twice", async () => {
  const payer = await aPayer("yookassa");
  const orderNumber = await payer.prepare();
  const { data } = await payer.ask("register", { orderNumber });
  const paid = payer.bank.payPayment(data.orderId);
  const refund = { event: "refund.succeeded", object: { id: data.orderId, payment_id: data.orderId } };
  for (const body of [paid, refund, paid])
    await call("/api/upaysuccess", { method: "POST", body: JSON.stringify(body) }, payer.env);
  expect(await balanceOf(payer.uid)).toBe(65_000);
});

test("Sberbank's order of which a part was given back credits nothing", async () => {
  quietly();
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  const { data } = await payer.ask("register", { orderNumber });
  const query = await payer.bank.payOrder(orderNumber);
  outside(() =>
    Response.json({
      errorCode: "0",
      orderNumber,
      orderStatus: 2,
      amount: 65_000,
      currency: "643",
      attributes: [{ name: "mdOrder", value: data.orderId }, { name: "note", value: null }, {}],
      paymentAmountInfo: { depositedAmount: 65_000, refundedAmount: 5_000 },
    }),
  );
  expect((await call(`/api/spaysuccess?${query}`, {}, payer.env)).status).toBe(403);
  expect(await balanceOf(payer.uid)).toBe(0);
});

test("a card that Sberbank refused is not the end: the next one pays", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  await payer.ask("register", { orderNumber });
  await payer.bank.payOrder(orderNumber, { orderStatus: 6, deposited: 0 });
  await onlyDue(orderNumber);
  await sweepInvoices(payer.env, new Date(Date.now() + 2 * 60_000));
  expect(await stateOf(orderNumber)).toBe("registered");
  await payer.bank.payOrder(orderNumber); // and no callback comes
  await sweepInvoices(payer.env, new Date(Date.now() + 10 * 60_000));
  expect([await stateOf(orderNumber), await balanceOf(payer.uid)]).toEqual(["paid", 65_000]);
});

test("twenty callbacks, sweeps and apps at once credit once", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  const { data } = await payer.ask("register", { orderNumber });
  const query = await payer.bank.payOrder(orderNumber);
  await onlyDue(orderNumber);
  await Promise.all([
    ...Array.from({ length: 20 }, () => call(`/api/spaysuccess?${query}`, {}, payer.env)),
    ...Array.from({ length: 5 }, () => payer.ask("process", { paymentId: orderNumber, sbId: data.orderId })),
    ...Array.from({ length: 3 }, (_, i) => sweepInvoices(payer.env, new Date(Date.now() + (i + 2) * 60_000))),
  ]);
  expect(await balanceOf(payer.uid)).toBe(65_000);
});

test("a callback that is faster than our note of the bank's page counts, and the page is not offered again", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  const answer = payer.bank.answer;
  outside(async (request) => {
    const isRegister = request.url.endsWith("/register.do");
    const response = await answer(request);
    if (isRegister) await call(`/api/spaysuccess?${await payer.bank.payOrder(orderNumber)}`, {}, payer.env);
    return response;
  });
  await payer.ask("register", { orderNumber });
  expect([await stateOf(orderNumber), await balanceOf(payer.uid)]).toEqual(["paid", 65_000]);
  expect((await payer.ask("register", { orderNumber })).code).toBe(404);
});

test.each([
  ["another customer's contract", "other", 0],
  ["the same contract, entered again", "same", 65_000],
])("money for a contract that was deleted, its number now %s, goes there or to nobody", async (_, whose, balance) => {
  const alarm = quietly();
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  await payer.ask("register", { orderNumber });
  await removeContract(env, { uid: payer.uid });
  const later = new Date(Date.now() + 1_000);
  const login = whose === "same" ? payer.login : `x${payer.login}`;
  await createContract(env, { uid: payer.uid, login, address: "ул. Мира" }, later);
  await call(`/api/spaysuccess?${await payer.bank.payOrder(orderNumber)}`, {}, payer.env);
  expect([await stateOf(orderNumber), await balanceOf(payer.uid)]).toEqual(["paid", balance]);
  expect(alarm.mock.calls.some(([text]) => String(text).includes("contract that is gone"))).toBe(balance === 0);
});

test("a contract that has got another login since is the same contract", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  await payer.ask("register", { orderNumber });
  await env.DB.prepare("UPDATE contracts SET login = ? WHERE uid = ?").bind(`n${payer.login}`, payer.uid).run();
  await call(`/api/spaysuccess?${await payer.bank.payOrder(orderNumber)}`, {}, payer.env);
  expect(await balanceOf(payer.uid)).toBe(65_000);
});

test("one number that an old billing gives for two contracts pays neither of them for the other", async () => {
  const resident = await aResident();
  const number = `B${resident.phone}`;
  const [first, second] = [`a${resident.phone}`, `b${resident.phone}`];
  const homes = [first, second].map((clientId, i) => ({ flatId: 900 + i, clientId, address: "ул. Мира" }));
  outside((request) => {
    const method = new URL(request.url).pathname.split("/").at(-1);
    if (method === "createinvoice") return Response.json({ code: 200, data: number });
    return Response.json({ code: 200, data: method === "getsettingslist" ? homes : [] });
  });
  const legacy = envWith({ BILLING: "legacy", BILLING_URL: "https://billing.test", BILLING_TOKEN: "t" });
  await prepareInvoice(legacy, resident, { login: first, amount: 100 });
  await expect(prepareInvoice(legacy, resident, { login: second, amount: 100 })).rejects.toMatchObject({
    code: "unavailable",
  });
  expect((await prepareInvoice(legacy, resident, { login: first, amount: 100 })).login).toBe(first);
});

test("iOS pays sums that it has reckoned with fractions", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare(String(19.99 * 100));
  const row = env.DB.prepare("SELECT amount FROM invoices WHERE number = ?").bind(Number(orderNumber));
  expect(await row.first("amount")).toBe(1999);
});
