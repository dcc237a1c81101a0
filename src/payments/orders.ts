import type { Order } from "./banks/bank.ts";
import type { Invoice } from "./tables.ts";

/** The number that apps and banks know an invoice by: ours, or the one that an old billing gave it. */
export const orderNumberIn = ({ number, billingNumber }: Pick<Invoice, "number" | "billingNumber">): string =>
  billingNumber ?? String(number);

/** An invoice as the bank knows it. */
export const orderOf = (invoice: Invoice): Order => ({
  orderNumber: orderNumberIn(invoice),
  amount: invoice.amount,
  login: invoice.login,
});
