import { type Env, settings } from "#env.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { bookPayment } from "#operator/billing-money.ts";
import { hastenCalls } from "#operator/calls/outbox.ts";
import { database, ifChanged, isDuplicate } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { roublesText } from "#platform/money.ts";
import type { Bank, Standing } from "./banks/bank.ts";
import { orderNumberIn, orderOf } from "./orders.ts";
import { markFailed, markPaid } from "./queries.ts";
import type { Invoice } from "./tables.ts";

/**
 * Asks the bank about an invoice and does what its answer means: credits it, once, or ends it. Nobody else's word credits anything.
 * `orderId` is the payment to ask about, where it is not the one that the invoice knows. Throws `unavailable` where the bank does not answer.
 */
export async function settle(
  env: Env,
  bank: Bank,
  invoice: Invoice,
  now: Date,
  orderId: string | null = invoice.orderId,
): Promise<Standing["state"]> {
  if (invoice.state === "paid") return "paid";
  const standing = await bank.standingOf(orderOf(invoice), orderId);
  if (standing.state === "paid") return (await credit(env, bank, invoice, standing.orderId, now)) ? "paid" : "foreign";
  if (standing.state === "foreign") console.error("ALARM: the bank's payment is not the invoice's:", invoice.number);
  if (standing.state === "failed")
    await markFailed(database(env), settings(env).OPERATOR, invoice.number, "the bank ended it", now);
  return standing.state;
}

/**
 * Marks the invoice paid and books the payment, as one and once: repeated, or twice at the same time, it changes nothing more.
 * False where this payment of the bank's has paid for another invoice already.
 */
async function credit(env: Env, bank: Bank, invoice: Invoice, orderId: string, now: Date): Promise<boolean> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const paid = { ...invoice, orderNumber: orderNumberIn(invoice) };
  const { statements, calls } = bookPayment(env, paid, now, ifChanged);
  const mark = markPaid(db, OPERATOR, invoice.number, { provider: bank.name, orderId, at: now });
  try {
    const [marked, booked] = await db.batch([mark, ...statements]);
    if (marked.length === 0) return true; // by somebody else, a moment ago
    if (Array.isArray(booked) && booked.length === 0)
      console.error("ALARM: paid for a contract that is gone:", invoice.number);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    console.error("ALARM: one payment for two invoices:", invoice.number);
    return false;
  }
  await hastenCalls(env, calls);
  await thank(env, invoice, now).catch((error: unknown) => logError("the payer was not told", error));
  return true;
}

/** Under a name of its own, so that it comes once. */
async function thank(env: Env, { number, phone, amount, login }: Invoice, now: Date): Promise<void> {
  const text = `Оплата ${roublesText(amount)} ₽ по договору ${login} зачислена.`;
  await tellPeople(env, [phone], { title: "Платёж принят", text, action: "paySuccess", batch: `paid:${number}` }, now);
}
