import { type Env, settings } from "#env.ts";
import { randomDigits } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { insertInvoice, invoicesSince, type NewInvoice } from "./queries.ts";
import type { Invoice } from "./tables.ts";

/** More than anybody pays or prints in an hour; each is a row, and questions to the bank for a week. */
const PER_HOUR = 60;
const HOUR_MS = 3_600_000;
const ATTEMPTS = 5;

/**
 * Opens an invoice under a number that nobody can guess, because an app without a token pays whatever it can name, and that the bank
 * does not know from the operator's older systems, which count from 1. Throws `too_many` for an account that wants very many.
 */
export async function openInvoice(env: Env, invoice: Omit<NewInvoice, "number" | "operator">): Promise<Invoice> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const since = new Date(invoice.createdAt.getTime() - HOUR_MS);
  const known = await invoicesSince(db, OPERATOR, invoice.accountId, since);
  if (known && known.made >= PER_HOUR) throw new AppError("too_many", "Too many invoices", { retryAfter: 3600 });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const [made] = await insertInvoice(db, { ...invoice, operator: OPERATOR, number: newNumber() });
    if (made) return made;
  }
  throw new AppError("unavailable", "No number is free");
}

/** Ten digits that begin with 1: billings keep the number in 32 bits. */
const newNumber = (): number => Number(`1${randomDigits(9)}`);
