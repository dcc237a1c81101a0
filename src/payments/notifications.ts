import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { bankOf } from "./banks/bank.ts";
import { isSigned } from "./banks/checksum.ts";
import { isPaymentId } from "./banks/yookassa.ts";
import { invoiceByOrder, invoiceByPayment } from "./queries.ts";
import { settle } from "./settle.ts";

// What banks tell us unasked. None of it credits anything: it says when to ask the bank.

/**
 * Sberbank's callback, its parameters as they stand in the URL. True when the order is paid, whether now or before; false for what is
 * forged, not ours or no payment. Throws `unavailable` where the bank cannot be asked, so that it calls again.
 */
export async function hearSberbank(env: Env, parameters: URLSearchParams, now = new Date()): Promise<boolean> {
  const { SBER_PUBLIC_KEY, OPERATOR } = settings(env);
  const bank = bankOf(env);
  if (bank?.name !== "sber" || !SBER_PUBLIC_KEY || !isSigned(parameters, SBER_PUBLIC_KEY)) return false;
  if (parameters.get("operation") !== "deposited" || parameters.get("status") !== "1") return false;
  const invoice = await invoiceByOrder(database(env), OPERATOR, parameters.get("orderNumber") ?? "");
  if (!invoice) return false;
  const orderId = parameters.get("mdOrder") ?? invoice.orderId;
  return (await settle(env, bank, invoice, now, orderId)) === "paid";
}

const Notification = z.object({ event: z.string(), object: z.object({ id: z.string().refine(isPaymentId) }) });

/**
 * YooKassa's notification, of which only the payment's number is believed, and that only where it is one of ours: so nobody can make us
 * ask the bank about anything else. Throws `unavailable` where the bank cannot be asked, so that it notifies again.
 */
export async function hearYookassa(env: Env, body: unknown, now = new Date()): Promise<void> {
  const bank = bankOf(env);
  const told = Notification.safeParse(body);
  if (bank?.name !== "yookassa" || !told.success || !told.data.event.startsWith("payment.")) return;
  const { OPERATOR } = settings(env);
  const invoice = await invoiceByPayment(database(env), OPERATOR, "yookassa", told.data.object.id);
  if (invoice) await settle(env, bank, invoice, now);
}
