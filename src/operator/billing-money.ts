import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { type Condition, database, type Statement } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { roubles } from "#platform/money.ts";
import { localText } from "#platform/time.ts";
import type { BilledContract } from "./billing.ts";
import { askFunction, Uid } from "./billing-http.ts";
import { nationalNumber } from "./billing-legacy.ts";
import { Sum } from "./billing-sums.ts";
import { askBilling } from "./billing-wire.ts";
import { operatorCall } from "./calls/outbox.ts";
import { listEntries } from "./entries.ts";
import { bookEntryWhere, entryOf, forContractOf } from "./entry-queries.ts";
import { payerOf } from "./money-queries.ts";

// What the operator's billing says and is told about payments (docs/contracts.md, "The operator's billing"). Sums in kopecks.

type OwnContract = Pick<BilledContract, "uid" | "login">;

/** A line of a statement; `date` is `HH:MM DD.MM.YYYY` in the operator's zone, as the apps show it. */
export interface StatementLine {
  id: number;
  date: string;
  sum: number;
  description: string;
}

const Text = z.union([z.string(), z.number()]).transform(String);
const Lines = z.array(z.object({ id: Uid, date: z.string(), sum: Sum, dsc: z.string() })).nullish();

/** The statement of a year, the newest line first. An old billing has none: `not_found`, `not_offered`. */
export async function statementOf(env: Env, { uid, login }: OwnContract, year: number): Promise<StatementLine[]> {
  const { BILLING, TIME_ZONE } = settings(env);
  if (BILLING === "legacy") throw notOffered();
  if (BILLING === "http") {
    const lines = (await askFunction(env, "getDetail", { login, year: String(year) }, Lines)) ?? [];
    return lines.map(({ dsc, ...line }) => ({ ...line, description: dsc }));
  }
  const entries = await listEntries(env, uid, year);
  return entries.map(({ id, at, amount, description }) => ({
    id,
    date: shownTime(localText(at, TIME_ZONE)),
    sum: amount,
    description,
  }));
}

/** What an act of services tells. Days are `DD.MM.YYYY`, empty where nobody knows them. */
export interface Act {
  number: string;
  date: string;
  customer: string;
  sum: number;
  description: string;
  service: string;
  start: string;
  end: string;
}

const Receipt = z.object({
  date: z.string(),
  customer: Text.nullish(),
  sum: Sum,
  dsc: z.string().nullish(),
  start: z.string().nullish(),
  end: z.string().nullish(),
  service: z.string().nullish(),
});

/** The act for one charge of the contract. Throws `not_found` for another contract's line, and for what is no charge. */
export async function actOf(env: Env, { uid, login }: OwnContract, id: number): Promise<Act> {
  const { BILLING, OPERATOR, TIME_ZONE } = settings(env);
  if (BILLING === "legacy") throw notOffered();
  const missing = new AppError("not_found", "There is no such charge");
  if (BILLING === "http") {
    const told = await askFunction(env, "getReceipt", { login, receiptId: id }, Receipt.nullable());
    if (!told) throw missing;
    const { dsc, customer, service, start, end, date, sum } = told;
    const named = { customer: customer ?? "", description: dsc ?? "", service: service ?? dsc ?? "" };
    return { number: String(id), date, sum: Math.abs(sum), ...named, start: start ?? "", end: end ?? "" };
  }
  const db = database(env);
  const [entry, payer] = await Promise.all([entryOf(db, OPERATOR, uid, id), payerOf(db, OPERATOR, uid)]);
  if (!entry || !payer || entry.amount >= 0) throw missing;
  const { periodStart, periodEnd, description, amount, service } = entry;
  return {
    number: String(id),
    date: shownDay(periodEnd ?? localText(entry.at, TIME_ZONE).slice(0, 10)),
    customer: payer.clientName ?? "",
    sum: -amount,
    description,
    service: service ?? description,
    start: periodStart ? shownDay(periodStart) : "",
    end: periodEnd ? shownDay(periodEnd) : "",
  };
}

/** `2026-08-01 09:30:00` as `09:30 01.08.2026`. */
const shownTime = (local: string): string => `${local.slice(11, 16)} ${shownDay(local.slice(0, 10))}`;

/** `2026-08-01` as `01.08.2026`. */
export const shownDay = (day: string): string => day.split("-").reverse().join(".");

const NewInvoice = z.object({ clientName: Text.nullish(), invoice_num: Text });

/** The payer's name, and the number that the operator's own billing gives an invoice on paper; no number where it is ours to give. */
export async function invoiceOnPaper(
  env: Env,
  { uid, login }: OwnContract,
  { amount, phone }: { amount: number; phone: string },
): Promise<{ customer: string; number: string | undefined }> {
  const { BILLING, OPERATOR } = settings(env);
  if (BILLING === "legacy") throw notOffered();
  if (BILLING === "http") {
    const question = { login, amount: roubles(amount), phone: Number(phone), customer: "" };
    const { clientName, invoice_num } = await askFunction(env, "newInvoice", question, NewInvoice, { once: true });
    return { customer: clientName ?? "", number: invoice_num };
  }
  const payer = await payerOf(database(env), OPERATOR, uid);
  return { customer: payer?.clientName ?? "", number: undefined };
}

const OrderNumber = z.object({ data: Text.pipe(z.string().regex(/^[\w-]{1,32}$/)) });

/** The number that an old billing (BILLING=legacy) gives a payment; undefined where the number is ours to give. */
export async function orderNumberOf(
  env: Env,
  login: string,
  { amount, phone }: { amount: number; phone: string },
): Promise<string | undefined> {
  const { BILLING, BILLING_URL = "", BILLING_TOKEN } = settings(env);
  if (BILLING !== "legacy") return undefined;
  const question = { login, amount: String(amount), phone: nationalNumber(phone) };
  const address = { url: BILLING_URL, token: BILLING_TOKEN, fresh: true, once: true };
  return (await askBilling(address, "createinvoice", question, OrderNumber)).data;
}

export interface Paid {
  /** Ours; names the payment once and for all. */
  number: number;
  orderNumber: string;
  uid: number;
  login: string;
  amount: number;
  phone: string;
  /** When the payer asked for it. */
  createdAt: Date;
}

/**
 * What a payment changes, for the batch that marks it paid and as far as `condition` holds there: a line and the balance of our own
 * billing, or a call to the operator's. `calls` are to be hastened afterwards.
 */
export function bookPayment(
  env: Env,
  { number, orderNumber, uid, login, amount, phone, createdAt }: Paid,
  now: Date,
  condition: Condition,
): { statements: [Statement, ...Statement[]]; calls: string[] } {
  const { BILLING, OPERATOR } = settings(env);
  if (BILLING === "local") {
    const line = { uid, at: now, amount, description: `Оплата по счёту № ${number}`, key: `invoice:${number}` };
    const paidFor = forContractOf(condition, login, createdAt);
    return { statements: bookEntryWhere(database(env), OPERATOR, line, paidFor), calls: [] };
  }
  const id = `paid:${number}`;
  const told =
    BILLING === "http"
      ? { function: "v2/paySuccess", arguments: { amount: roubles(amount), contract: login, orderNumber: number } }
      : {
          function: "paysuccess",
          arguments: { login, amount: String(amount), orderNumber, phone: nationalNumber(phone) },
        };
  return { statements: [operatorCall(env, { id, ...told }, now, condition)], calls: [id] };
}

/** An old billing has no function for it. */
const notOffered = () => new AppError("not_found", "The billing has no such function", { reason: "not_offered" });
