import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { afterEach, expect, test, vi } from "vitest";
import { addEntry } from "#operator/entries.ts";
import { FakeBank, SBER, YOOKASSA } from "../support/bank.ts";
import { aContract, aPhone, aResident, aUid, call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const NAME = JSON.stringify({ name: "ООО «Двор»" });
const REFUSED = { code: 403, name: "Error Bank", message: "Ошибка Банка" };

/** A resident with a contract, and a bank behind fetch. */
async function aPayer(provider: "sber" | "yookassa" = "sber", contract: object = {}) {
  const bank = new FakeBank();
  outside(bank.answer);
  const config = provider === "sber" ? { ...SBER, SBER_PUBLIC_KEY: await bank.publicKey() } : YOOKASSA;
  const environment = envWith({ ...config, COMPANY: NAME });
  const phone = aPhone();
  const login = `P${phone}`;
  const { token } = await aResident({ phone });
  const uid = await aContract({ phones: [phone], login, ...contract });
  // biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
  const ask = async (method: string, body: object, as: { token?: string | undefined } = { token }): Promise<any> =>
    (await mobile(`pay/${method}`, body, { ...as, env: environment })).json();
  const prepare = async (amount: unknown = "65000"): Promise<string> =>
    (await ask("prepare", { clientId: login, amount })).data;
  return { bank, env: environment, phone, login, token, uid, ask, prepare };
}

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
  const answers = await Promise.all([1, 2].map(() => payer.ask("register", { orderNumber })));
  expect(payer.bank.orders.size).toBe(1);
  expect(answers.filter(({ code }) => code === 200).length).toBeGreaterThan(0);
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

test("getDetail is the year's statement, the newest first", async () => {
  const payer = await aPayer();
  const entry = { uid: payer.uid, amount: -45_000, description: "Абонентская плата" };
  const first = await addEntry(env, { ...entry, at: new Date("2026-07-31T21:00:00Z") });
  const second = await addEntry(env, {
    ...entry,
    amount: 65_050,
    description: "Оплата",
    at: new Date("2026-08-02T06:30:00Z"),
  });
  for (const year of ["2026", 2026]) {
    expect((await payer.ask("getDetail", { clientId: payer.login, year })).data).toEqual([
      { id: second, date: "09:30 02.08.2026", sum: 650.5, dsc: "Оплата" },
      { id: first, date: "00:00 01.08.2026", sum: -450, dsc: "Абонентская плата" },
    ]);
  }
  expect(await payer.ask("getDetail", { clientId: payer.login, year: 2025 })).toMatchObject({ code: 200, data: [] });
});

const isPdf = (text: string) => Buffer.from(text, "base64").subarray(0, 5).toString() === "%PDF-";

test("getInvoice and getReceipt are PDFs with a number and a day", async () => {
  const payer = await aPayer();
  const { data } = await payer.ask("getInvoice", { clientId: payer.login, amount: 650.5 });
  expect(data).toEqual({
    invoice: expect.any(String),
    number: expect.stringMatching(/^\d+$/),
    date: expect.stringMatching(/^\d\d\.\d\d\.\d{4}$/),
  });
  expect(isPdf(data.invoice)).toBe(true);
  const row = env.DB.prepare("SELECT amount, uid FROM invoices WHERE number = ?").bind(Number(data.number));
  expect(await row.first()).toEqual({ amount: 65_050, uid: payer.uid });

  const line = { uid: payer.uid, at: new Date("2026-08-01"), description: "Абонентская плата", service: "Умный двор" };
  const id = await addEntry(env, { ...line, amount: -19_990, periodStart: "2026-08-01", periodEnd: "2026-08-31" });
  const act = await payer.ask("getReceipt", { clientId: payer.login, receiptId: id });
  expect(act.data).toEqual({ receipt: expect.any(String), number: String(id), date: "31.08.2026" });
  expect(isPdf(act.data.receipt)).toBe(true);
  const paid = await addEntry(env, { ...line, amount: 19_990 });
  expect((await payer.ask("getReceipt", { clientId: payer.login, receiptId: paid })).code).toBe(404); // no service
});

test("the operator's billing gives statements, numbers of invoices and acts", async () => {
  const [uid, phone] = [aUid(), aPhone()];
  const { token } = await aResident({ phone });
  const asked: Record<string, unknown> = {};
  outside(async (request) => {
    const name = new URL(request.url).pathname.split("/").at(-1)!;
    asked[name] = await request.json();
    const result = {
      addressList: [{ uid, login: "20017", address: "ул. Мира, 3", cams_open: true, cams_paid: false }],
      getDetail: [{ id: "9001", date: "00:00 01.08.2026", sum: -650.1, dsc: "Абонентская плата" }],
      newInvoice: { clientName: "Иван П.", invoice_id: 7, invoice_num: 55 },
      getReceipt: {
        date: "31.08.2026",
        customer: "Иван П.",
        sum: 650,
        dsc: "Плата",
        start: "",
        end: "",
        service: "Двор",
      },
      billingList: [
        {
          login: "20017",
          address: "ул. Мира, 3",
          balans: "12.5",
          payment: 650,
          cams: 199,
          camsdata: "2026-10-01",
          camsname: "Двор",
        },
      ],
    }[name];
    return Response.json({ result });
  });
  const remote = envWith({ BILLING: "http", BILLING_URL: `https://billing-${uid}.test`, COMPANY: NAME });
  const ask = async (method: string, body: object) => (await mobile(method, body, { token, env: remote })).json();
  const clientId = "20017";
  const statement = await ask("pay/getDetail", { clientId, year: 2026 });
  expect(statement).toMatchObject({
    data: [{ id: 9001, date: "00:00 01.08.2026", sum: -650.1, dsc: "Абонентская плата" }],
  });
  expect(await ask("pay/getInvoice", { clientId, amount: 650 })).toMatchObject({ data: { number: "55" } });
  expect(asked.newInvoice).toEqual({ login: "20017", amount: 650, phone: Number(phone), customer: "" });
  expect(await ask("pay/getReceipt", { clientId, receiptId: 9001 })).toMatchObject({
    data: { number: "9001", date: "31.08.2026" },
  });
  expect(await ask("user/getPaymentsList", {})).toMatchObject({
    data: [
      {
        houseId: String(uid),
        accounts: [{ clientId, blocked: "t", balance: 12.5, payAdvice: 650, services: ["cctv", "domophone"] }],
      },
    ],
  });
  expect(await ask("user/getBillingList", {})).toMatchObject({
    data: [{ login: clientId, balans: 12.5, cams: "199.0", camsdata: "2026-10-01" }],
  });
});

test("an old billing numbers the payments itself", async () => {
  const [uid, phone] = [aUid(), aPhone()];
  const { token } = await aResident({ phone });
  const orderNumber = `B-${uid}`;
  const bank = new FakeBank();
  const created: unknown[] = [];
  outside(async (request) => {
    const url = new URL(request.url);
    if (url.hostname === "sber.test") return bank.answer(request);
    const data = {
      getsettingslist: [{ flatId: uid, clientId: "20017", address: "ул. Мира, 3" }],
      getaddresslist: [],
      createinvoice: orderNumber,
      getlist: [
        {
          login: "20017",
          address: "ул. Мира, 3",
          balans: 12.5,
          payment: "650.0",
          cams: "199.0",
          cams_data: "2026-10-01",
          cams_name: "Двор",
        },
      ],
    }[url.pathname.split("/").at(-1)!];
    if (data === orderNumber) created.push(await request.json());
    return data === undefined
      ? new Response("", { status: 404 })
      : Response.json({ code: 200, name: "OK", message: "Хорошо", data });
  });
  const old = envWith({
    BILLING: "legacy",
    BILLING_URL: `https://old-${uid}.test`,
    ...SBER,
    SBER_PUBLIC_KEY: await bank.publicKey(),
  });
  const ask = async (method: string, body: object) => (await mobile(method, body, { token, env: old })).json();
  expect(await ask("pay/prepare", { clientId: "20017", amount: "65000" })).toMatchObject({
    code: 200,
    data: orderNumber,
  });
  expect(created).toEqual([{ login: "20017", amount: "65000", phone: Number(`8${phone.slice(1)}`) }]);
  // Pressed twice such a billing may say the same number; for another sum it is a mistake of its own.
  expect(await ask("pay/prepare", { clientId: "20017", amount: 65_000 })).toMatchObject({
    code: 200,
    data: orderNumber,
  });
  expect(await ask("pay/prepare", { clientId: "20017", amount: 100 })).toMatchObject({ code: 503 });
  expect(await ask("pay/register", { orderNumber, amount: "65000" })).toMatchObject({ code: 200 });
  expect((await call(`/api/spaysuccess?${await bank.payOrder(orderNumber)}`, {}, old)).status).toBe(200);
  const told = env.DB.prepare(
    "SELECT c.function, c.arguments FROM operator_calls AS c JOIN invoices AS i ON c.id = 'paid:' || i.number WHERE i.billing_number = ?",
  );
  expect(await told.bind(orderNumber).first()).toEqual({
    function: "paysuccess",
    arguments: JSON.stringify({ login: "20017", amount: "65000", orderNumber, phone: Number(`8${phone.slice(1)}`) }),
  });
  expect(await ask("pay/getDetail", { clientId: "20017", year: 2026 })).toMatchObject({ code: 404, name: "Not Found" });
  expect(await ask("user/getBillingList", {})).toMatchObject({
    data: [
      {
        balans: 12.5,
        payment: 650,
        cams: "199.0",
        cams_data: "2026-10-01",
        camsname: "Двор",
        invoice: false,
        detail: false,
      },
    ],
  });
});

test("getBillingList tells what is paid for and until when, in both spellings", async () => {
  const tariffs = { cams: { price: 19_900, until: "2026-10-01", name: "Умный двор" }, internet: { price: 45_050 } };
  const payer = await aPayer("sber", { balance: 1_250, tariffs });
  const { data } = await (await mobile("user/getBillingList", {}, { token: payer.token, env: payer.env })).json<{
    data: object[];
  }>();
  expect(data).toEqual([
    {
      ...{ login: payer.login, address: "г. Тула, ул. Мира, д. 3", balans: 12.5, payment: 637 },
      ...{ internet: "450.5", internetdata: "", internet_data: "", tv: "0.0", tvdata: "", tv_data: "" },
      ...{
        phone: "0.0",
        phonedata: "",
        phone_data: "",
        cams: "199.0",
        camsdata: "2026-10-01",
        cams_data: "2026-10-01",
      },
      ...{ camsname: "Умный двор", cams_name: "Умный двор", invoice: true, detail: true, receipt: true },
    },
  ]);
});

test("who has no contract has an empty list in the body of getBillingList and none in getPaymentsList", async () => {
  const { token } = await aResident();
  const bills = await mobile("user/getBillingList", {}, { token });
  expect([bills.status, await bills.json()]).toEqual([200, { code: 204, name: "OK", message: "Хорошо", data: [] }]);
  expect((await mobile("user/getPaymentsList", {}, { token })).status).toBe(204);
});

test("getPaymentsList has the types that iOS is strict about", async () => {
  const services = ["cctv", "domophone", "teleport"];
  const payer = await aPayer("sber", { state: 1, services, clientName: "Иван П.", payAdvice: 65_000, balance: -5 });
  const { data } = await (await mobile("user/getPaymentsList", {}, { token: payer.token })).json<{ data: object[] }>();
  const uid = String(payer.uid);
  expect(data).toEqual([
    {
      ...{ houseId: uid, flatId: uid, address: "г. Тула, ул. Мира, д. 3" },
      accounts: [
        {
          ...{
            clientId: payer.login,
            clientName: "Иван П.",
            contractName: `Договор ${payer.login}`,
            contractPayName: payer.login,
          },
          ...{ blocked: "t", balance: -0.05, bonus: 0, payAdvice: 650, services: ["cctv", "domophone"] },
        },
      ],
    },
  ]);
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
