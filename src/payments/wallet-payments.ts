import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { type Bank, bankOf } from "./banks/bank.ts";
import { payByWallet, type Wallet } from "./banks/wallets.ts";
import type { Payer } from "./invoices.ts";
import { orderOf } from "./orders.ts";
import { invoiceByOrder, noteRegistration } from "./queries.ts";
import { settle } from "./settle.ts";
import type { Invoice } from "./tables.ts";

/** What an app brings after a wallet was opened: the bank's number of a payment that it made itself, or the wallet's token for us to pay with. */
export type WalletPayment = { orderId: string } | { wallet: Wallet; token: string };

/**
 * Takes up a payment by Google Pay or Apple Pay. It counts only when the bank itself confirms it, now or to the sweep later.
 * Throws `not_found` for an invoice that is not the payer's, `forbidden`, reason `bank`, where the bank refuses or knows another payment.
 */
export async function processPayment(
  env: Env,
  { account }: Payer,
  orderNumber: string,
  payment: WalletPayment,
  now = new Date(),
): Promise<void> {
  const invoice = await invoiceByOrder(database(env), settings(env).OPERATOR, orderNumber);
  if (!invoice || invoice.accountId !== account) throw new AppError("not_found", "You have no such invoice");
  const bank = bankOf(env);
  if (invoice.state === "paid") return;
  if (bank?.name !== "sber") {
    // An operator whose billing has the bank learns of it there, as it always has. Nothing is credited here.
    if ("token" in payment || bank) throw new AppError("forbidden", "No bank takes wallets here", { reason: "bank" });
    return;
  }
  const orderId = "orderId" in payment ? payment.orderId : await payHere(env, invoice, payment, now);
  await confirm(env, bank, invoice, orderId, now);
}

async function payHere(env: Env, invoice: Invoice, { wallet, token }: { wallet: Wallet; token: string }, now: Date) {
  const orderId = await payByWallet(settings(env), orderOf(invoice), wallet, token);
  const registration = { provider: "sber", orderId, registeredAt: now } as const;
  await noteRegistration(database(env), settings(env).OPERATOR, invoice.number, registration);
  return orderId;
}

/** A bank that is away confirms it to the sweep: what it was asked for stands in D1, under its number. */
async function confirm(env: Env, bank: Bank, invoice: Invoice, orderId: string, now: Date): Promise<void> {
  const refused = new AppError("forbidden", "The bank does not know this payment", { reason: "bank" });
  try {
    const state = await settle(env, bank, invoice, now, orderId);
    if (state !== "paid" && state !== "pending") throw refused;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "unavailable") throw error;
    logError("a payment is confirmed later", error);
  }
}
