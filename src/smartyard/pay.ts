import { Hono, type MiddlewareHandler } from "hono";
import * as z from "zod";
import { printedAct, printedInvoice } from "#payments/documents/documents.ts";
import { type Asking, prepareInvoice, registerInvoice } from "#payments/invoices.ts";
import { orderNumberIn } from "#payments/orders.ts";
import { ownStatement } from "#payments/statements.ts";
import { processPayment } from "#payments/wallet-payments.ts";
import { body, clientAddress } from "#platform/http.ts";
import { kopecksOf, roubles, wholeKopecks } from "#platform/money.ts";
import { describe, ok, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";

/** POST /api/pay/…: invoices, the bank's page for them, statements and documents (docs/contracts.md, "The apps"). */
export const pay = new Hono<ResidentEnv>();

const Login = z.union([z.string(), z.number().transform(String)]).pipe(z.string().trim().min(1).max(64));

const Kopecks = z.union([z.number(), z.string()]).transform(wholeKopecks).pipe(z.int().min(1));

const Prepare = z.object({ clientId: Login, amount: Kopecks });

pay.post("/prepare", describe("Make an invoice", z.string()), signedIn("strict"), body(Prepare), async (c) => {
  const { clientId, amount } = c.req.valid("json");
  return ok(c, orderNumberIn(await prepareInvoice(c.env, c.var.resident, { login: clientId, amount })));
});

const OrderNumber = z.union([z.string(), z.number().transform(String)]).pipe(
  z
    .string()
    .trim()
    .regex(/^[\w-]{1,32}$/),
);

// What an app says of the amount does not count: the invoice has its own.
const Register = z.object({ orderNumber: OrderNumber, amount: z.unknown().optional() });
const Form = z.object({ orderId: z.string(), formUrl: z.string() });

/** iOS sends no token here; one that is sent must be good. */
const signedInOrNot: MiddlewareHandler<ResidentEnv> = (c, next) =>
  /^\s*(?:bearer\s*)?$/i.test(c.req.header("authorization") ?? "") ? next() : signedIn("strict")(c, next);

pay.post(
  "/register",
  describe("The bank's page for an invoice", Form, { isPublic: true }),
  signedInOrNot,
  body(Register),
  async (c) => {
    const payer = c.get("resident") as ResidentEnv["Variables"]["resident"] | undefined;
    const asking: Asking = payer ? { payer } : { address: clientAddress(c) };
    const { orderId, formUrl } = await registerInvoice(c.env, c.req.valid("json").orderNumber, asking);
    return ok(c, { orderId, formUrl });
  },
);

const ByApp = z
  .object({
    sbId: z
      .string()
      .trim()
      .regex(/^[\w-]{1,64}$/),
  })
  .transform(({ sbId }) => ({ orderId: sbId }));
const ByUs = z
  .object({ wallet: z.enum(["google", "apple"]), paymentToken: z.string().min(1).max(16_384) })
  .transform(({ wallet, paymentToken }) => ({ wallet, token: paymentToken }));
const Process = z.object({ paymentId: OrderNumber }).and(z.union([ByUs, ByApp]));

pay.post("/process", describe("I have paid by a wallet", z.string()), signedIn("strict"), body(Process), async (c) => {
  const { paymentId, ...payment } = c.req.valid("json");
  await processPayment(c.env, c.var.resident, paymentId, payment);
  return ok(c, "Платеж в обработке");
});

const Year = z
  .union([
    z.number(),
    z
      .string()
      .trim()
      .regex(/^\d{4}$/)
      .transform(Number),
  ])
  .pipe(z.int().min(1970).max(9998));
const Detail = z.object({ clientId: Login, year: Year });
const Line = z.object({ id: z.number(), date: z.string(), sum: z.number(), dsc: z.string() });

pay.post("/getDetail", describe("My statement of a year", z.array(Line)), signedIn("edge"), body(Detail), async (c) => {
  const { clientId, year } = c.req.valid("json");
  const wanted = { login: clientId, year, fresh: wantsFresh(c) };
  const lines = await ownStatement(c.env, c.var.resident.phone, wanted);
  return ok(
    c,
    lines.map(
      ({ id, date, sum, description }): z.input<typeof Line> => ({ id, date, sum: roubles(sum), dsc: description }),
    ),
  );
});

const Roubles = z.union([z.number(), z.string()]).transform(kopecksOf).pipe(z.int().min(1));
const OnPaper = z.object({ clientId: Login, amount: Roubles });
const Paper = z.object({ invoice: z.string(), number: z.string(), date: z.string() });

pay.post("/getInvoice", describe("An invoice on paper", Paper), signedIn("strict"), body(OnPaper), async (c) => {
  const { clientId, amount } = c.req.valid("json");
  const { pdf, number, date } = await printedInvoice(c.env, c.var.resident, { login: clientId, amount });
  return ok(c, { invoice: pdf, number, date });
});

const Wanted = z.object({
  clientId: Login,
  receiptId: z
    .union([
      z.number(),
      z
        .string()
        .regex(/^\d{1,15}$/)
        .transform(Number),
    ])
    .pipe(z.int().min(1)),
});
const Receipt = z.object({ receipt: z.string(), number: z.string(), date: z.string() });

pay.post("/getReceipt", describe("An act of services", Receipt), signedIn("strict"), body(Wanted), async (c) => {
  const { clientId, receiptId } = c.req.valid("json");
  const { pdf, number, date } = await printedAct(c.env, c.var.resident, { login: clientId, id: receiptId });
  return ok(c, { receipt: pdf, number, date });
});
