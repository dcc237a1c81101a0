// YooKassa's API v3, https://yookassa.ru/developers/api: Basic authorization, sums as texts in roubles.
import { Buffer } from "node:buffer";
import * as z from "zod";
import type { Settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { kopecksOf, roublesText } from "#platform/money.ts";
import type { Bank, Order, Standing } from "./bank.ts";
import { askBank, refused } from "./bank-call.ts";

const Amount = z.object({ value: z.string(), currency: z.string() });
const Payment = z.object({
  id: z.string(),
  status: z.string(),
  paid: z.boolean(),
  amount: Amount,
  refunded_amount: Amount.nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  confirmation: z
    .object({ confirmation_url: z.url({ protocol: /^https?$/ }) })
    .partial()
    .nullish(),
});
const Failure = z.object({ type: z.literal("error"), code: z.string().nullish(), description: z.string().nullish() });
const Answer = z.union([Payment, Failure]);

/** How YooKassa writes its numbers of payments; nothing else is asked for. */
export const isPaymentId = (text: string): boolean => /^[\w-]{1,64}$/.test(text);

type Config = Pick<
  Settings,
  "YOOKASSA_SHOP" | "YOOKASSA_KEY" | "YOOKASSA_URL" | "PUBLIC_URL" | "PAY_RETURN_URL" | "OPERATOR"
>;

export function yookassa(config: Config): Bank {
  const { YOOKASSA_SHOP, YOOKASSA_KEY, YOOKASSA_URL, OPERATOR } = config;
  const authorization = `Basic ${Buffer.from(`${YOOKASSA_SHOP}:${YOOKASSA_KEY}`).toString("base64")}`;
  const payments = `${YOOKASSA_URL}/v3/payments`;
  return {
    name: "yookassa",
    async register(order) {
      const headers = {
        authorization,
        "content-type": "application/json",
        // One per invoice: asked twice, the bank answers with the payment that there is.
        "idempotence-key": `${OPERATOR}-invoice-${order.orderNumber}`,
      };
      const body = JSON.stringify(paymentOf(order, config));
      const { status, answer } = await askBank(payments, { method: "POST", headers, body }, Answer);
      const form = "confirmation" in answer ? answer.confirmation?.confirmation_url : undefined;
      if (status >= 300 || !("id" in answer) || !form) throw refused(whyNot(status, answer));
      return { orderId: answer.id, formUrl: form };
    },
    async standingOf(order, orderId) {
      if (!orderId) return { state: "unknown" }; // it was never opened, so nobody can have paid it
      const { status, answer } = await askBank(`${payments}/${orderId}`, { headers: { authorization } }, Answer);
      if (status === 404) return { state: "unknown" };
      if (status >= 300 || !("id" in answer))
        throw new AppError("unavailable", whyNot(status, answer), { reason: "bank" });
      return standing(order, orderId, answer);
    },
  };
}

const paymentOf = ({ orderNumber, amount, login }: Order, { PAY_RETURN_URL, PUBLIC_URL }: Config) => ({
  amount: { value: roublesText(amount), currency: "RUB" },
  capture: true,
  confirmation: { type: "redirect", return_url: PAY_RETURN_URL ?? PUBLIC_URL },
  description: `Оплата по договору ${login}`.slice(0, 128),
  metadata: { orderNumber },
});

function standing(order: Order, orderId: string, payment: z.output<typeof Payment>): Standing {
  const isOurs =
    payment.id === orderId &&
    String(payment.metadata?.orderNumber) === order.orderNumber &&
    payment.amount.currency === "RUB" &&
    kopecksOf(payment.amount.value) === order.amount;
  if (!isOurs) return { state: "foreign" };
  const refunded = kopecksOf(payment.refunded_amount?.value ?? "0");
  // What was given back stays "succeeded" there.
  if (refunded !== 0) return { state: refunded === order.amount ? "failed" : "foreign" };
  if (payment.status === "succeeded" && payment.paid) return { state: "paid", orderId };
  return { state: payment.status === "canceled" ? "failed" : "pending" };
}

const whyNot = (status: number, answer: z.output<typeof Answer>) =>
  `YooKassa answered ${status}${"code" in answer ? ` ${answer.code}: ${answer.description}` : ""}`;
