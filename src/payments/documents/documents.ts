import { Buffer } from "node:buffer";
import { type Env, settings } from "#env.ts";
import { actOf, invoiceOnPaper, shownDay } from "#operator/billing-money.ts";
import { ownContract } from "#operator/ownership.ts";
import { AppError } from "#platform/errors.ts";
import { localText } from "#platform/time.ts";
import type { Payer } from "../invoices.ts";
import { openInvoice } from "../new-invoices.ts";

/** A document for the app: a PDF in base64, and what the app shows beside it. */
export interface Document {
  pdf: string;
  number: string;
  /** DD.MM.YYYY. */
  date: string;
}

/** An invoice over a sum in kopecks. Throws `not_found` for a foreign contract and where the billing gives none, `invalid` above PAY_MAX. */
export async function printedInvoice(
  env: Env,
  payer: Payer,
  { login, amount }: { login: string; amount: number },
  now = new Date(),
): Promise<Document> {
  const { COMPANY, PAY_MAX, TIME_ZONE } = settings(env);
  if (amount > PAY_MAX) throw new AppError("invalid", `No more than ${PAY_MAX} kopecks are paid at once`);
  const contract = await ownContract(env, payer.phone, { login }, { fresh: true });
  const { customer, number: given } = await invoiceOnPaper(env, contract, { amount, phone: payer.phone });
  const number = given ?? (await ownNumber(env, payer, contract, amount, now));
  const date = shownDay(localText(now, TIME_ZONE).slice(0, 10));
  const { invoicePage } = await import("./pages.ts"); // only those who want a paper pay for the library
  const page = { number, date, sum: amount, login, customer, address: contract.address };
  return { pdf: inBase64(await invoicePage(COMPANY, page, now)), number, date };
}

/** Our own billing's invoices on paper have numbers of the same row as those that are paid in the app. */
async function ownNumber(
  env: Env,
  payer: Payer,
  { uid, login }: { uid: number; login: string },
  amount: number,
  now: Date,
) {
  const who = { phone: payer.phone, accountId: payer.account };
  return String((await openInvoice(env, { uid, login, amount, ...who, createdAt: now })).number);
}

/** The act for one charge of the payer's contract. Throws `not_found` for a foreign contract or charge. */
export async function printedAct(
  env: Env,
  { phone }: Payer,
  { login, id }: { login: string; id: number },
  now = new Date(),
): Promise<Document> {
  const contract = await ownContract(env, phone, { login }, { fresh: true });
  const act = await actOf(env, contract, id);
  const { actPage } = await import("./pages.ts");
  const pdf = await actPage(settings(env).COMPANY, { ...act, login, address: contract.address }, now);
  return { pdf: inBase64(pdf), number: act.number, date: act.date };
}

const inBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
