import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { afterEach, expect, test, vi } from "vitest";
import { addEntry } from "#operator/entries.ts";
import { aPayer } from "../support/payers.ts";
import { call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const REFUSED = { code: 403, name: "Error Bank", message: "Ошибка Банка" };

const balanceOf = (uid: number) =>
  env.DB.prepare("SELECT balance FROM contracts WHERE uid = ?").bind(uid).first("balance");

test.each(["65000", 65_000, "65000.0", " 65000 ", "65000.00"])(
  "Defect 46: pay/prepare takes %j kopecks and answers the order number as text",
  async (amount) => {
    const payer = await aPayer();
    const { code, data } = await payer.ask("prepare", { clientId: payer.login, amount });
    expect([code, typeof data]).toEqual([200, "string"]);
    const row = env.DB.prepare("SELECT amount, uid, login, phone FROM invoices WHERE number = ?").bind(Number(data));
    expect(await row.first()).toEqual({ amount: 65_000, uid: payer.uid, login: payer.login, phone: payer.phone });
  },
);

test.each([0, -1, "0", "-65000", "650.50", 650.5, "much", null, {}, true, 1e300, "9".repeat(40), 10_000_001])(
  "pay/prepare refuses %j kopecks",
  async (amount) => {
    const payer = await aPayer();
    expect(await payer.ask("prepare", { clientId: payer.login, amount })).toMatchObject({ code: 422 });
  },
);

test("Defect 45: nobody prepares, reads or prints what belongs to a neighbour's contract", async () => {
  const [payer, neighbour] = [await aPayer(), await aPayer()];
  const id = await addEntry(env, { uid: neighbour.uid, at: new Date(), amount: -100, description: "Услуги" });
  const clientId = neighbour.login;
  for (const [method, body] of [
    ["prepare", { amount: "100" }],
    ["getDetail", { year: 2026 }],
    ["getInvoice", { amount: 100 }],
    ["getReceipt", { receiptId: id }],
  ] as const) {
    expect([method, (await payer.ask(method, { clientId, ...body })).code]).toEqual([method, 404]);
  }
  const mine = await payer.ask("getReceipt", { clientId: payer.login, receiptId: id });
  expect(mine.code).toBe(404);
});

test.each(["sber", "yookassa"] as const)(
  "Defect 42: %s is asked for the invoice's amount, whatever the app says",
  async (provider) => {
    const payer = await aPayer(provider);
    const orderNumber = await payer.prepare();
    const { code, data } = await payer.ask("register", { orderNumber, amount: 1 });
    expect(code).toBe(200);
    expect(data).toEqual({ orderId: expect.any(String), formUrl: expect.stringContaining(data.orderId) });
    if (provider === "sber") expect(payer.bank.orders.get(orderNumber)).toMatchObject({ amount: 65_000 });
    else expect(payer.bank.payments.get(data.orderId)).toMatchObject({ amount: { value: "650.00", currency: "RUB" } });
  },
);

test("Defect 42: Sberbank gets our login in the body of a form, and never in a URL", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  await payer.ask("register", { orderNumber });
  const [register] = payer.bank.asked;
  expect(register).toMatchObject({ method: "POST", path: "/payment/rest/register.do" });
  const back = "https://api.example.net";
  expect(Object.fromEntries(new URLSearchParams(register!.body))).toEqual({
    ...{ userName: "shop-api", password: "sber-pass", orderNumber, amount: "65000", returnUrl: back, failUrl: back },
    description: `Оплата по договору ${payer.login}`,
  });
});

test("Defect 44: YooKassa gets one idempotence key for one invoice, and makes one payment", async () => {
  const payer = await aPayer("yookassa");
  const orderNumber = await payer.prepare("101999");
  const answers = await Promise.all([1, 2, 3].map(() => payer.ask("register", { orderNumber, amount: 101_999 })));
  expect(new Set(answers.map(({ data }) => data.formUrl)).size).toBe(1);
  expect(payer.bank.payments.size).toBe(1);
  const posts = payer.bank.asked.filter(({ method }) => method === "POST");
  expect(new Set(posts.map(({ headers }) => headers.get("idempotence-key")))).toEqual(
    new Set([`main-invoice-${orderNumber}`]),
  );
  const { amount, capture, metadata } = JSON.parse(posts[0]!.body);
  expect({ amount, capture, metadata }).toEqual({
    amount: { value: "1019.99", currency: "RUB" },
    capture: true,
    metadata: { orderNumber },
  });
});

test.each(["sber", "yookassa"] as const)("registered again, an invoice has the same page at %s", async (provider) => {
  const payer = await aPayer(provider);
  const orderNumber = await payer.prepare();
  const first = await payer.ask("register", { orderNumber });
  expect(await payer.ask("register", { orderNumber })).toEqual(first);
  expect(payer.bank.asked).toHaveLength(1);
});

test("two presses at once at Sberbank are one order", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  const answers = await Promise.all([1, 2, 3].map(() => payer.ask("register", { orderNumber })));
  expect(payer.bank.orders.size).toBe(1);
  expect(new Set(answers.map(({ data }) => data?.formUrl)).size).toBe(1);
  expect(answers.map(({ code }) => code)).toEqual([200, 200, 200]);
  expect(await payer.ask("register", { orderNumber })).toMatchObject({ code: 200 });
});

test.each<[string, Record<string, string>]>([
  ["without a header", {}],
  ["with a bare Bearer", { authorization: "Bearer" }],
])("iOS registers %s, and its amount in text does not count", async (_, headers) => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  const response = await mobile("pay/register", { orderNumber, amount: "1" }, { headers, env: payer.env });
  expect(await response.json()).toMatchObject({ code: 200, data: { orderId: expect.any(String) } });
  expect(payer.bank.orders.get(orderNumber)!.amount).toBe(65_000);
});

test("a token that has ended is 401 even where none is needed", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  expect((await payer.ask("register", { orderNumber }, { token: crypto.randomUUID() })).code).toBe(401);
});

test("with a token only the payer's own invoice is registered", async () => {
  const [payer, other] = [await aPayer(), await aPayer()];
  const orderNumber = await payer.prepare();
  expect((await payer.ask("register", { orderNumber }, { token: other.token })).code).toBe(404);
  expect((await payer.ask("process", { paymentId: orderNumber, sbId: "x" }, { token: other.token })).code).toBe(404);
});

test("without a token only what was prepared lately is registered", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  await env.DB.prepare("UPDATE invoices SET created_at = ? WHERE number = ?")
    .bind(Date.now() - 3_700_000, orderNumber)
    .run();
  expect((await payer.ask("register", { orderNumber }, {})).code).toBe(404);
  expect((await payer.ask("register", { orderNumber })).code).toBe(200);
});

test("whoever guesses numbers of orders is stopped, whoever pays is not", async () => {
  const payer = await aPayer();
  const strict = envWith({ ...payer.env, LIMITS: JSON.stringify({ addressFailuresPerDay: 5 }) });
  const headers = { "cf-connecting-ip": "203.0.113.77" };
  const register = async (orderNumber: unknown) =>
    (await mobile("pay/register", { orderNumber }, { headers, env: strict })).status;
  const mine = await payer.prepare();
  for (let i = 0; i < 10; i++) expect(await register(mine)).toBe(200);
  for (let i = 0; i < 5; i++) expect(await register(900_000_000 + i)).toBe(404);
  expect(await register(900_000_000)).toBe(429);
  expect(await register(mine)).toBe(429);
});

test("a bank that refuses is an error that both apps show", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  outside(() => Response.json({ errorCode: "5", errorMessage: "Доступ запрещён" }));
  const refused = await mobile("pay/register", { orderNumber }, { token: payer.token, env: payer.env });
  expect([refused.status, await refused.json()]).toEqual([403, REFUSED]);
  const without = await mobile("pay/register", { orderNumber }, { token: payer.token });
  expect(await without.json()).toEqual(REFUSED);
  outside(payer.bank.answer);
  payer.bank.isDown = true;
  const away = await mobile("pay/register", { orderNumber }, { token: payer.token, env: payer.env });
  expect([away.status, await away.json()]).toEqual([503, { ...REFUSED, code: 503 }]);
});

test("what is paid is not paid again", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare();
  await payer.ask("register", { orderNumber });
  await call(`/api/spaysuccess?${await payer.bank.payOrder(orderNumber)}`, {}, payer.env);
  expect((await payer.ask("register", { orderNumber })).code).toBe(404);
  expect((await payer.ask("register", { orderNumber }, {})).code).toBe(404);
});

test("Defect 41: pay/process of a wallet's payment credits what the bank confirms, once", async () => {
  const payer = await aPayer();
  const orderNumber = await payer.prepare("65000.0");
  const sbId = crypto.randomUUID();
  const order = { orderId: sbId, orderNumber, amount: 65_000, deposited: 65_000, currency: "643" };
  payer.bank.orders.set(orderNumber, { ...order, orderStatus: 2 });
  for (let i = 0; i < 2; i++) {
    const { code, data } = await payer.ask("process", { paymentId: orderNumber, sbId });
    expect([code, data]).toEqual([200, "Платеж в обработке"]);
  }
  expect(await balanceOf(payer.uid)).toBe(65_000);
});

test.each([
  ["is not of this order", { orderNumber: "1" }],
  ["is of another sum", { amount: 100, deposited: 100 }],
  ["was declined", { orderStatus: 6 }],
])("Defect 41: a payment that %s credits nothing", async (_, change) => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payer = await aPayer();
  const paymentId = await payer.prepare();
  const order = {
    orderId: crypto.randomUUID(),
    orderNumber: paymentId,
    amount: 65_000,
    deposited: 65_000,
    currency: "643",
  };
  payer.bank.orders.set(paymentId, { ...order, orderStatus: 2, ...change });
  expect(await payer.ask("process", { paymentId, sbId: order.orderId })).toEqual(REFUSED);
  expect(await payer.ask("process", { paymentId, sbId: crypto.randomUUID() })).toEqual(REFUSED);
  expect(await balanceOf(payer.uid)).toBe(0);
});

test("Defect 41: a payment that cannot be confirmed now is in process, and nothing is credited yet", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payer = await aPayer();
  const paymentId = await payer.prepare();
  payer.bank.isDown = true;
  expect(await payer.ask("process", { paymentId, sbId: "x" })).toMatchObject({ code: 200, data: "Платеж в обработке" });
  expect(await balanceOf(payer.uid)).toBe(0);
});

test.each([
  ["google", '{"signature":"x"}', "/payment/google/payment.do"],
  ["apple", Buffer.from('{"version":"EC_v1"}').toString("base64"), "/payment/applepay/payment.do"],
])("the server itself pays with the token of %s", async (wallet, paymentToken, path) => {
  const payer = await aPayer();
  const paymentId = await payer.prepare();
  const answer = payer.bank.answer;
  if (wallet === "apple")
    outside(async (request) => {
      // Apple's tokens carry the sum themselves.
      const response = await answer(request);
      const order = payer.bank.orders.get(paymentId);
      if (order) Object.assign(order, { amount: 65_000, deposited: 65_000 });
      return response;
    });
  expect(await payer.ask("process", { paymentId, wallet, paymentToken })).toMatchObject({ data: "Платеж в обработке" });
  expect(payer.bank.asked[0]).toMatchObject({ method: "POST", path });
  expect(payer.bank.asked[0]!.body).not.toContain("sber-pass");
  expect(await balanceOf(payer.uid)).toBe(65_000);
});

test("a wallet that the bank refuses pays nothing", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const payer = await aPayer();
  const paymentId = await payer.prepare();
  expect(await payer.ask("process", { paymentId, wallet: "google", paymentToken: "bm90aGluZw==" })).toEqual(REFUSED);
  const shop = await aPayer("yookassa");
  const token = { wallet: "google", paymentToken: "{}" };
  expect(await shop.ask("process", { paymentId: await shop.prepare(), ...token })).toEqual(REFUSED);
});

test.each(["prepare", "register", "process", "getDetail", "getInvoice", "getReceipt"])(
  "pay/%s answers bad input with 422",
  async (method) => {
    const payer = await aPayer();
    const huge = {
      clientId: 1e300,
      amount: 1e300,
      orderNumber: 1e300,
      paymentId: 1e300,
      receiptId: 1e300,
      year: 1e300,
    };
    const odd = {
      clientId: [],
      amount: {},
      orderNumber: true,
      paymentId: null,
      receiptId: "x",
      year: "MMXXVI",
      sbId: {},
    };
    for (const body of ["", "{}", "[]", "null", "{", JSON.stringify(huge), JSON.stringify(odd)]) {
      const response = await mobile(`pay/${method}`, body, { token: payer.token, env: payer.env });
      expect([body, response.status]).toEqual([body, 422]);
    }
  },
);
