import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { askFunction, Uid } from "./billing-http.ts";
import { nationalNumber } from "./billing-legacy.ts";
import { SumOrNothing } from "./billing-sums.ts";
import { askBilling } from "./billing-wire.ts";
import { accountsOfPhone } from "./money-queries.ts";
import type { Tariffs } from "./tables.ts";

// What a resident's contracts have and owe, whichever billing knows it. Sums in kopecks.

export interface Account {
  /** Null where the billing does not name it. */
  uid: number | null;
  login: string;
  address: string;
  clientName: string | null;
  balance: number;
  /** What the operator recommends to pay now. */
  payAdvice: number;
  /** Connected and not paid for. */
  isBlocked: boolean;
  services: string[];
  tariffs: Tariffs;
}

interface Asking {
  fresh?: boolean;
}

/** The accounts of the contracts that this phone may act for: one round trip to D1, or one or two questions to the operator's billing. */
export async function accountsOf(env: Env, phone: string, { fresh = false }: Asking = {}): Promise<Account[]> {
  const { BILLING, BILLING_URL = "", BILLING_TOKEN, OPERATOR } = settings(env);
  if (BILLING === "legacy") {
    const address = { url: BILLING_URL, token: BILLING_TOKEN, fresh };
    const { data } = await askBilling(address, "getlist", { phone: nationalNumber(phone) }, z.object({ data: Bills }));
    return (data ?? []).filter(({ login }) => login !== "").map((bill) => accountFrom(bill));
  }
  if (BILLING === "http") {
    const [bills, contracts] = await Promise.all([
      askFunction(env, "billingList", { phone: Number(phone) }, Bills, { fresh }),
      askFunction(env, "addressList", { phone: Number(phone) }, z.array(Listed), { fresh }),
    ]);
    const listed = new Map(contracts.map((contract) => [contract.login, contract]));
    return (bills ?? []).filter(({ login }) => login !== "").map((bill) => accountFrom(bill, listed.get(bill.login)));
  }
  const rows = await accountsOfPhone(database(env), OPERATOR, phone);
  return rows.map(({ state, payAdvice, ...row }) => ({
    ...row,
    isBlocked: state === 1,
    payAdvice: payAdvice ?? missing(row.balance, row.tariffs),
  }));
}

/** What the month's prices take more than there is. */
export function missing(balance: number, tariffs: Tariffs): number {
  const due = Object.values(tariffs).reduce((sum, { price }) => sum + price, 0);
  return Math.max(0, due - balance);
}

const Text = z.union([z.string(), z.number()]).transform(String);
const Maybe = Text.nullish();

/** One contract, in the newer spelling or in the older one with underscores. */
const Bill = z.object({
  login: Text,
  address: z.string().nullish(),
  balans: SumOrNothing,
  payment: SumOrNothing,
  internet: SumOrNothing,
  internetdata: Maybe,
  internet_data: Maybe,
  tv: SumOrNothing,
  tvdata: Maybe,
  tv_data: Maybe,
  phone: SumOrNothing,
  phonedata: Maybe,
  phone_data: Maybe,
  cams: SumOrNothing,
  camsdata: Maybe,
  cams_data: Maybe,
  camsname: Maybe,
  cams_name: Maybe,
});
const Bills = z.array(Bill).nullish();

const Listed = z.object({
  uid: Uid,
  login: Text,
  address: z.string(),
  cams_open: z.boolean().nullish(),
  cams_paid: z.boolean().nullish(),
  services: z.array(z.string()).nullish(),
});

function accountFrom(bill: z.output<typeof Bill>, listed?: z.output<typeof Listed>): Account {
  const tariffs = tariffsIn(bill);
  return {
    uid: listed?.uid ?? null,
    login: bill.login,
    address: bill.address ?? listed?.address ?? "",
    clientName: null,
    balance: bill.balans,
    payAdvice: bill.payment,
    isBlocked: listed?.cams_open === true && listed.cams_paid === false,
    services: listed?.services ?? servicesIn(tariffs),
    tariffs,
  };
}

function tariffsIn(bill: z.output<typeof Bill>): Tariffs {
  const until = {
    internet: bill.internetdata ?? bill.internet_data,
    tv: bill.tvdata ?? bill.tv_data,
    phone: bill.phonedata ?? bill.phone_data,
    cams: bill.camsdata ?? bill.cams_data,
  };
  const names = ["internet", "tv", "phone", "cams"] as const;
  return Object.fromEntries(
    names
      .filter((name) => bill[name] > 0)
      .map((name) => [
        name,
        {
          price: bill[name],
          until: until[name] || undefined,
          name: (name === "cams" && (bill.camsname ?? bill.cams_name)) || undefined,
        },
      ]),
  );
}

/** What a tariff is for, in the words of the apps' list of services. */
const SERVICES = { internet: ["internet"], tv: ["iptv"], phone: ["phone"], cams: ["cctv", "domophone"] };

const servicesIn = (tariffs: Tariffs): string[] =>
  (Object.keys(tariffs) as (keyof Tariffs)[]).flatMap((name) => SERVICES[name]);
