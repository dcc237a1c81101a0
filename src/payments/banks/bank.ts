import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import type { Invoice } from "../tables.ts";
import { sberbank } from "./sberbank.ts";
import { yookassa } from "./yookassa.ts";

/** What the bank needs to know of an invoice. */
export interface Order {
  /** The number that apps and the bank know. */
  orderNumber: string;
  /** Kopecks. */
  amount: number;
  /** The contract's login, for the payer to read. */
  login: string;
}

export interface Registered {
  /** The bank's number of the payment. */
  orderId: string;
  /** Where the payer pays. */
  formUrl: string;
}

/**
 * What the bank says of a payment: paid in full; not yet; tried in vain, while another try may still succeed; never; or that it is not
 * this invoice's, by its number, sum or currency. `orderId` is the bank's number of it.
 */
export type Standing =
  | { state: "paid"; orderId: string }
  | { state: "pending" | "declined" | "failed" | "foreign" | "unknown" };

export interface Bank {
  name: NonNullable<Invoice["provider"]>;
  /** Opens a payment. Throws `forbidden`, reason `bank`, where the bank refuses, and `unavailable` where it does not answer. */
  register(order: Order): Promise<Registered>;
  /** Asks the bank itself; with `orderId` about that payment. Throws `unavailable` where it does not answer. */
  standingOf(order: Order, orderId: string | null): Promise<Standing>;
}

/** The bank that is configured; undefined where none is. */
export function bankOf(env: Env): Bank | undefined {
  const config = settings(env);
  if (config.SBER_USER) return sberbank(config);
  if (config.YOOKASSA_SHOP) return yookassa(config);
  return undefined;
}
