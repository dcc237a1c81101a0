import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { afterEach, expect, test, vi } from "vitest";
import { addEntry } from "#operator/entries.ts";
import { FakeBank, SBER } from "../support/bank.ts";
import { aPayer, COMPANY } from "../support/payers.ts";
import { aPhone, aResident, aUid, call, envWith, mobile, outside } from "../support/world.ts";

// What contracts have and owe, on the screen and on paper, whichever billing knows it.

afterEach(() => {
  vi.restoreAllMocks();
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
  const remote = envWith({ BILLING: "http", BILLING_URL: `https://billing-${uid}.test`, COMPANY });
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
