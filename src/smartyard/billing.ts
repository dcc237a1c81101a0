import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { type Account, accountsOf } from "#operator/billing-accounts.ts";
import { roubles } from "#platform/money.ts";
import { describe, ok, okOrEmpty, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";
import { Flag, flag } from "./wire.ts";

/** POST /api/user/get…List: what the resident's contracts have and owe (docs/contracts.md, "The apps"). */
export const billing = new Hono<ResidentEnv>();

const Bill = z.looseObject({
  login: z.string(),
  address: z.string(),
  balans: z.number(),
  payment: z.number(),
  internet: z.string(),
  tv: z.string(),
  phone: z.string(),
  cams: z.string(),
  invoice: z.boolean(),
  detail: z.boolean(),
  receipt: z.boolean(),
});

billing.post("/getBillingList", describe("What I have and owe", z.array(Bill)), signedIn("edge"), async (c) => {
  const accounts = await accountsOf(c.env, c.var.resident.phone, { fresh: wantsFresh(c) });
  const buttons = buttonsOf(settings(c.env));
  if (accounts.length > 0)
    return ok(
      c,
      accounts.map((account) => ({ ...billView(account), ...buttons })),
    );
  // The apps of this method read the number in the body.
  return c.json({ code: 204, name: "OK", message: "Хорошо", data: [] });
});

/** Which documents there are: an old billing has none, and papers need to say who issues them. */
const buttonsOf = ({ BILLING, COMPANY }: { BILLING: string; COMPANY: { name: string } }) => {
  const onPaper = BILLING !== "legacy" && COMPANY.name !== "";
  return { invoice: onPaper, detail: BILLING !== "legacy", receipt: onPaper };
};

/** Each key in the newer spelling and in the one before, with underscores. */
function billView({ login, address, balance, payAdvice, tariffs }: Account): z.input<typeof Bill> {
  const prices = (["internet", "tv", "phone", "cams"] as const).flatMap((name) => {
    const until = tariffs[name]?.until ?? "";
    return [
      [name, priceText(tariffs[name]?.price ?? 0)],
      [`${name}data`, until],
      [`${name}_data`, until],
    ];
  });
  const camsname = tariffs.cams?.name ?? "";
  const sums = { balans: roubles(balance), payment: roubles(payAdvice) };
  return { login, address, ...sums, ...Object.fromEntries(prices), camsname, cams_name: camsname };
}

/** `450.0`, `199.9`: as the apps have always been sent it. */
const priceText = (price: number): string => String(roubles(price)).replace(/^(\d+)$/, "$1.0");

const PaymentAccount = z.object({
  clientId: z.string(),
  clientName: z.string().optional(),
  contractName: z.string(),
  contractPayName: z.string(),
  blocked: Flag,
  balance: z.number(),
  bonus: z.number(),
  payAdvice: z.number(),
  services: z.array(z.string()),
});
const Payments = z.object({
  houseId: z.string().optional(),
  flatId: z.string().optional(),
  address: z.string(),
  accounts: z.array(PaymentAccount),
});

billing.post("/getPaymentsList", describe("My accounts by address", z.array(Payments)), signedIn("edge"), async (c) =>
  okOrEmpty(c, (await accountsOf(c.env, c.var.resident.phone, { fresh: wantsFresh(c) })).map(paymentsView)),
);

/** What iOS knows; another word would cost it the whole list. */
const KNOWN_SERVICES = new Set(["internet", "iptv", "ctv", "phone", "cctv", "domophone", "gsm"]);

const paymentsView = (account: Account): z.input<typeof Payments> => ({
  ...(account.uid !== null && { houseId: String(account.uid), flatId: String(account.uid) }),
  address: account.address,
  accounts: [
    {
      clientId: account.login,
      ...(account.clientName && { clientName: account.clientName }),
      contractName: `Договор ${account.login}`,
      contractPayName: account.login,
      blocked: flag(account.isBlocked),
      balance: roubles(account.balance),
      bonus: 0,
      payAdvice: roubles(account.payAdvice),
      services: account.services.filter((service) => KNOWN_SERVICES.has(service)),
    },
  ],
});
