// Google Pay and Apple Pay through Sberbank's gateway, called from here, so that no app needs to know the merchant.
import { Buffer } from "node:buffer";
import * as z from "zod";
import type { Order } from "./bank.ts";
import { askBank, refused } from "./bank-call.ts";
import { returnUrl, type SberSettings } from "./sberbank.ts";

const PATHS = { google: "google", apple: "applepay" };
export type Wallet = keyof typeof PATHS;

const Answer = z.object({
  success: z.boolean(),
  data: z.object({ orderId: z.string(), acsUrl: z.string().nullish() }).nullish(),
  error: z.object({ code: z.union([z.string(), z.number()]).nullish(), message: z.string().nullish() }).nullish(),
});

/**
 * Pays an order with a wallet's token and returns the bank's number of the payment. Whether money came of it is `standingOf`'s to say.
 * Throws `forbidden`, reason `bank`, where the bank refuses, or wants a page to be shown that no wallet shows.
 */
export async function payByWallet(config: SberSettings, order: Order, wallet: Wallet, token: string): Promise<string> {
  const { SBER_USER = "", SBER_MERCHANT, SBER_URL } = config;
  const body = JSON.stringify({
    // The merchant's name; the API's login is that with an ending.
    merchant: SBER_MERCHANT ?? SBER_USER.replace(/-(?:api|operator)$/, ""),
    orderNumber: order.orderNumber,
    paymentToken: inBase64(token),
    ...(wallet === "google" && { amount: order.amount, returnUrl: returnUrl(config) }),
  });
  const headers = { "content-type": "application/json" };
  const url = `${SBER_URL}/payment/${PATHS[wallet]}/payment.do`;
  const { answer } = await askBank(url, { method: "POST", headers, body }, Answer);
  if (!answer.success || !answer.data)
    throw refused(`Sberbank answered ${answer.error?.code}: ${answer.error?.message}`);
  if (answer.data.acsUrl) throw refused("Sberbank wants the payer to confirm the payment on a page");
  return answer.data.orderId;
}

/** Wallets give JSON; the gateway takes it in base64, and some apps have made that already. */
const inBase64 = (token: string): string =>
  token.trimStart().startsWith("{") ? Buffer.from(token).toString("base64") : token;
