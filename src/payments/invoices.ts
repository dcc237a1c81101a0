import { type Env, settings } from "#env.ts";
import { forgiveGuess, takeGuess } from "#identity/codes/budgets.ts";
import { orderNumberOf } from "#operator/billing-money.ts";
import { ownContract } from "#operator/ownership.ts";
import { database, isDuplicate } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { type Bank, bankOf, type Registered } from "./banks/bank.ts";
import { openInvoice } from "./new-invoices.ts";
import { orderNumberIn, orderOf } from "./orders.ts";
import { invoiceByOrder, noteRegistration } from "./queries.ts";
import { settle } from "./settle.ts";
import type { Invoice } from "./tables.ts";

/** Who pays: an account with its phone. */
export interface Payer {
  phone: string;
  account: string;
}

/** A bank's page is good for so long; after that the bank is asked whether it still is. */
const FORM_LIFE_MS = 10 * 60_000;
/** When to look whether another press has got the form that the bank refuses to this one: it has to be written down first. */
const LOOKS_MS = [0, 200, 500];
/** Whoever shows no token, as iOS does, pays what was prepared a moment ago. */
const OPEN_TO_ALL_MS = 3_600_000;

/** An invoice for a contract of the payer's, in kopecks. Throws `invalid` above PAY_MAX, `not_found` for a foreign contract, `too_many`. */
export async function prepareInvoice(
  env: Env,
  { phone, account }: Payer,
  { login, amount }: { login: string; amount: number },
  now = new Date(),
): Promise<Invoice> {
  const { PAY_MAX } = settings(env);
  if (amount > PAY_MAX) throw new AppError("invalid", `No more than ${PAY_MAX} kopecks are paid at once`);
  const { uid } = await ownContract(env, phone, { login }, { fresh: true });
  const billingNumber = (await orderNumberOf(env, login, { amount, phone })) ?? null;
  const invoice = { uid, login, amount, phone, accountId: account, billingNumber, createdAt: now };
  try {
    return await openInvoice(env, invoice);
  } catch (error) {
    if (!isDuplicate(error)) throw error;
    return theSame(env, invoice);
  }
}

/** An old billing may give one number to one press that came twice; to another payment it must not. */
async function theSame(
  env: Env,
  { uid, billingNumber, accountId, amount }: Pick<Invoice, "uid" | "billingNumber" | "accountId" | "amount">,
): Promise<Invoice> {
  const known = await invoiceByOrder(database(env), settings(env).OPERATOR, billingNumber ?? "");
  const isSame = known?.accountId === accountId && known.uid === uid && known.amount === amount;
  if (known && isSame && isPayable(known)) return known;
  throw new AppError("unavailable", "The billing gave a number twice", { reason: "billing_down" });
}

/** Who asks for a form: somebody signed in, or an address of which nothing is known. */
export type Asking = { payer: Payer } | { address: string };

/**
 * The bank's page for an unpaid invoice, with the invoice's own amount; asked again while it lives it is the same page. Throws
 * `not_found` for an invoice that is not the payer's, is paid or is over; `too_many` for strangers who guess numbers; `forbidden` or
 * `unavailable`, reason `bank`.
 */
export async function registerInvoice(
  env: Env,
  orderNumber: string,
  asking: Asking,
  now = new Date(),
): Promise<Registered> {
  const invoice = await payableInvoice(env, orderNumber, asking, now);
  const bank = bankOf(env);
  if (!bank) throw new AppError("forbidden", "No bank is set up", { reason: "bank" });
  if (invoice.state === "registered") return livingForm(env, bank, invoice, now);
  const form = await orWhatIsThere(env, invoice, () => bank.register(orderOf(invoice)));
  const [noted] = await noteRegistration(database(env), settings(env).OPERATOR, invoice.number, {
    provider: bank.name,
    registeredAt: now,
    ...form,
  });
  return noted ? form : formOf(await invoiceAgain(env, invoice));
}

async function payableInvoice(env: Env, orderNumber: string, asking: Asking, now: Date): Promise<Invoice> {
  const { OPERATOR } = settings(env);
  const find = () => invoiceByOrder(database(env), OPERATOR, orderNumber);
  const missing = new AppError("not_found", "There is no such invoice to pay");
  if ("payer" in asking) {
    const invoice = await find();
    if (!invoice || invoice.accountId !== asking.payer.account || !isPayable(invoice)) throw missing;
    return invoice;
  }
  // Numbers can be guessed one after the other, so wrong ones count, and only fresh ones are right.
  if (!(await takeGuess(env, asking.address, now)))
    throw new AppError("too_many", "Too many guesses", { retryAfter: 3600 });
  const invoice = await find();
  if (!invoice || !isPayable(invoice) || now.getTime() - invoice.createdAt.getTime() > OPEN_TO_ALL_MS) throw missing;
  await forgiveGuess(env, asking.address, now);
  return invoice;
}

const isPayable = ({ state }: Invoice) => state === "open" || state === "registered";

/** Two presses at once: the bank refuses the second, and the first is about to have its form. */
async function orWhatIsThere(env: Env, invoice: Invoice, register: () => Promise<Registered>): Promise<Registered> {
  try {
    return await register();
  } catch (error) {
    for (const pause of LOOKS_MS) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      const now = await invoiceAgain(env, invoice);
      if (now.formUrl) return formOf(now);
    }
    throw error;
  }
}

const invoiceAgain = async (env: Env, invoice: Invoice): Promise<Invoice> =>
  (await invoiceByOrder(database(env), settings(env).OPERATOR, orderNumberIn(invoice))) ?? invoice;

async function livingForm(env: Env, bank: Bank, invoice: Invoice, now: Date): Promise<Registered> {
  const age = now.getTime() - (invoice.registeredAt ?? now).getTime();
  if (age < FORM_LIFE_MS || invoice.provider !== bank.name) return formOf(invoice);
  // An order is paid once or never: where its page is over, the app prepares another invoice.
  const state = await settle(env, bank, invoice, now);
  if (state !== "pending") throw new AppError("not_found", "There is no such invoice to pay");
  return formOf(invoice);
}

function formOf({ orderId, formUrl, state }: Invoice): Registered {
  if (state === "paid" || !orderId || !formUrl)
    throw new AppError("forbidden", "The bank has no page for this payment", { reason: "bank" });
  return { orderId, formUrl };
}
