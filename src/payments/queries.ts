import { and, asc, count, eq, gte, inArray, lt, ne, or, sql } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { type Invoice, invoices } from "./tables.ts";

export type NewInvoice = Omit<typeof invoices.$inferInsert, "state">;

/** Nothing comes back where the number is taken. */
export function insertInvoice(db: Db, invoice: NewInvoice) {
  return db
    .insert(invoices)
    .values({ ...invoice, state: "open" })
    .onConflictDoNothing({ target: invoices.number })
    .returning();
}

/** How many invoices an account has asked for since then. */
export function invoicesSince(db: Db, operator: string, accountId: string, since: Date) {
  return db
    .select({ made: count() })
    .from(invoices)
    .where(and(eq(invoices.operator, operator), eq(invoices.accountId, accountId), gte(invoices.createdAt, since)))
    .get();
}

/** By the number that apps and banks know: our own, or an old billing's. */
export function invoiceByOrder(db: Db, operator: string, orderNumber: string) {
  const own = and(eq(invoices.number, Number(orderNumber)), sql`${invoices.billingNumber} IS NULL`);
  const isNumber = /^[1-9]\d{0,14}$/.test(orderNumber);
  const named = eq(invoices.billingNumber, orderNumber);
  return db
    .select()
    .from(invoices)
    .where(and(eq(invoices.operator, operator), isNumber ? or(own, named) : named))
    .get();
}

export function invoiceByPayment(db: Db, operator: string, provider: "sber" | "yookassa", orderId: string) {
  return db
    .select()
    .from(invoices)
    .where(and(eq(invoices.operator, operator), eq(invoices.provider, provider), eq(invoices.orderId, orderId)))
    .get();
}

type Registration = Pick<Invoice, "provider" | "orderId"> & { formUrl?: string | undefined; registeredAt: Date };

/** Notes what the bank calls the payment. An invoice that has a form, or is paid, keeps what it has. */
export function noteRegistration(db: Db, operator: string, number: number, registration: Registration) {
  return db
    .update(invoices)
    .set({ ...registration, state: "registered", error: null })
    .where(
      and(
        isInvoice(operator, number),
        inArray(invoices.state, ["open", "registered"]),
        sql`${invoices.formUrl} IS NULL`,
      ),
    )
    .returning();
}

/** Marks the invoice paid. What follows in the batch happens once, because this changes a row once. */
export function markPaid(
  db: Db,
  operator: string,
  number: number,
  { at, ...payment }: { provider: "sber" | "yookassa"; orderId: string; at: Date },
) {
  return db
    .update(invoices)
    .set({ ...payment, state: "paid", paidAt: at, checkedAt: at, error: null })
    .where(and(isInvoice(operator, number), ne(invoices.state, "paid")))
    .returning({ number: invoices.number });
}

/** Notes that nothing will come of it. A payment that comes all the same is still taken. */
export function markFailed(db: Db, operator: string, number: number, error: string, at: Date) {
  return db
    .update(invoices)
    .set({ state: "failed", error, checkedAt: at })
    .where(and(isInvoice(operator, number), inArray(invoices.state, ["open", "registered"])));
}

/**
 * Takes invoices that the bank should be asked about: first after `patienceMs`, then whenever as long again has passed as
 * half of what had passed before; those that have a form before the others. Of many callers one gets each row.
 */
export function takeUnsettled(
  db: Db,
  operator: string,
  states: Invoice["state"][],
  now: Date,
  patienceMs: number,
  limit: number,
) {
  const { number, state, checkedAt, createdAt } = invoices;
  const at = now.getTime();
  const due = sql`${at} - coalesce(${checkedAt}, ${createdAt}) >= max(${patienceMs}, (coalesce(${checkedAt}, ${createdAt}) - ${createdAt}) / 2)`;
  const some = db
    .select({ number })
    .from(invoices)
    .where(and(eq(invoices.operator, operator), inArray(state, states), due))
    .orderBy(sql`${state} = 'open'`, asc(checkedAt))
    .limit(limit);
  return db
    .update(invoices)
    .set({ checkedAt: now })
    .where(and(eq(invoices.operator, operator), inArray(number, some), inArray(state, states)))
    .returning();
}

/** Gives up what nobody has paid for so long. */
export function endInvoices(db: Db, operator: string, before: Date, limit: number) {
  const { number, state, createdAt } = invoices;
  const old = db
    .select({ number })
    .from(invoices)
    .where(and(eq(invoices.operator, operator), inArray(state, ["open", "registered"]), lt(createdAt, before)))
    .limit(limit);
  return db
    .update(invoices)
    .set({ state: "failed", error: "not paid in time" })
    .where(and(eq(invoices.operator, operator), inArray(number, old)));
}

const isInvoice = (operator: string, number: number) =>
  and(eq(invoices.operator, operator), eq(invoices.number, number));
