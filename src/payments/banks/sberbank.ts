// Sberbank's payment gateway (REST, the RBS platform), https://securepayments.sberbank.ru/wiki/: forms in, JSON out, sums in kopecks.
// Login and password stand in the body, and never in a URL, which logs and proxies would keep.
import * as z from "zod";
import type { Settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import type { Bank, Order, Standing } from "./bank.ts";
import { askBank, refused } from "./bank-call.ts";

const Code = z.union([z.string(), z.number()]).transform(String);

const Form = z.object({
  orderId: z.string().optional(),
  formUrl: z.url({ protocol: /^https?$/ }).optional(),
  errorCode: Code.optional(),
  errorMessage: z.string().nullish(),
});

const Status = z.object({
  errorCode: Code.optional(),
  errorMessage: z.string().nullish(),
  orderNumber: z.string().nullish(),
  orderStatus: z.number().nullish(),
  amount: z.number().nullish(),
  currency: Code.nullish(),
  attributes: z.array(z.object({ name: z.string().nullish(), value: z.string().nullish() })).nullish(),
  paymentAmountInfo: z
    .object({ depositedAmount: z.number().nullish(), refundedAmount: z.number().nullish() })
    .nullish(),
});

const DEPOSITED = 2;
/** Cancelled, refunded: no money of this order is ours. */
const ENDED = [3, 4];
/** A card was refused. As long as the page lives the payer may try another one. */
const DECLINED = 6;
const NO_SUCH_ORDER = "6";
/** Roubles, by ISO 4217 and by the code before 1998 that the gateway still writes. */
const ROUBLES = ["643", "810"];

export type SberSettings = Pick<
  Settings,
  "SBER_USER" | "SBER_PASS" | "SBER_MERCHANT" | "SBER_URL" | "PUBLIC_URL" | "PAY_RETURN_URL"
>;

export function sberbank(config: SberSettings): Bank {
  const ask = <S extends z.ZodType>(method: string, fields: Record<string, string>, Answer: S) => {
    const { SBER_USER = "", SBER_PASS = "", SBER_URL } = config;
    const body = new URLSearchParams({ userName: SBER_USER, password: SBER_PASS, ...fields });
    return askBank(`${SBER_URL}/payment/rest/${method}`, { method: "POST", body }, Answer);
  };
  return {
    name: "sber",
    async register({ orderNumber, amount, login }) {
      const back = { returnUrl: returnUrl(config), failUrl: returnUrl(config) };
      const order = { orderNumber, amount: String(amount), description: `Оплата по договору ${login}`, ...back };
      const { answer } = await ask("register.do", order, Form);
      const { orderId, formUrl, errorCode, errorMessage } = answer;
      if (!orderId || !formUrl) throw refused(`Sberbank answered ${errorCode}: ${errorMessage}`);
      return { orderId, formUrl };
    },
    async standingOf(order, orderId) {
      const asked = orderId ? { orderId } : { orderNumber: order.orderNumber };
      const { answer } = await ask("getOrderStatusExtended.do", asked, Status);
      if (answer.errorCode === NO_SUCH_ORDER) return { state: "unknown" };
      if (answer.errorCode !== undefined && answer.errorCode !== "0")
        throw new AppError("unavailable", `Sberbank answered ${answer.errorCode}`, { reason: "bank" });
      return standing(order, orderId, answer);
    },
  };
}

export const returnUrl = ({ PAY_RETURN_URL, PUBLIC_URL }: SberSettings): string => PAY_RETURN_URL ?? PUBLIC_URL;

function standing(order: Order, orderId: string | null, answer: z.output<typeof Status>): Standing {
  const isOurs =
    answer.orderNumber === order.orderNumber &&
    answer.amount === order.amount &&
    ROUBLES.includes(answer.currency ?? "643");
  if (!isOurs) return { state: "foreign" };
  if (answer.orderStatus === DECLINED) return { state: "declined" };
  if (answer.orderStatus !== DEPOSITED)
    return { state: ENDED.includes(answer.orderStatus ?? 0) ? "failed" : "pending" };
  const { depositedAmount, refundedAmount } = answer.paymentAmountInfo ?? {};
  if ((depositedAmount ?? order.amount) !== order.amount || refundedAmount) return { state: "foreign" };
  const id = orderId ?? answer.attributes?.find(({ name }) => name === "mdOrder")?.value;
  return { state: "paid", orderId: id ?? order.orderNumber };
}
