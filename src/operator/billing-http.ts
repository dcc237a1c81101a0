// The operator's system as functions: POST {BILLING_URL}/v2/{function}, a JSON object of the named
// arguments in, {"result": …} out. The functions are those of docs/contracts.md, "The operator's billing".
import * as z from "zod";
import type { BilledContract, RemoteBilling, ServiceState } from "./billing.ts";
import { askBilling, type BillingAddress } from "./billing-wire.ts";

/** A number, as billings write it: as one, or as digits. */
export const Uid = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ])
  .pipe(z.int().min(0));

const Contract = z.object({
  uid: Uid,
  login: z.union([z.string(), z.number()]).transform(String),
  address: z.string(),
  flat: z.union([z.string(), z.number()]).transform(String).nullish(),
  services: z.array(z.string()).optional(),
});
const Contracts = z.object({ result: z.array(Contract) });

const State = z.union([
  z.literal([0, 1, 2]),
  z.enum(["0", "1", "2"]).transform((text) => Number(text) as ServiceState),
]);
const States = z.object({ result: z.record(z.string(), State) });

export function httpBilling(address: BillingAddress): RemoteBilling {
  return {
    async contractsOf(phone) {
      const { result } = await askBilling(address, "v2/addressList", { phone: Number(phone) }, Contracts);
      return result.filter(({ uid }) => uid > 0).map(view);
    },
    async statesOf(uid, deviceIds) {
      if (deviceIds.length === 0) return new Map();
      const ids = [...new Set(deviceIds)].sort((a, b) => a - b);
      const { result } = await askBilling(address, "v2/isActiv", { uid, ids }, States);
      // A device that the billing passes over in silence is not connected.
      return new Map(ids.map((id) => [id, result[id] ?? 0]));
    },
  };
}

const view = ({ uid, login, address, flat, services }: z.output<typeof Contract>): BilledContract => ({
  uid,
  login,
  address,
  flat: flat ?? flatIn(address),
  services: services ?? EVERYTHING,
});

/** A billing that names no services has always meant all of them: what is not paid for says its state. */
export const EVERYTHING = ["internet", "iptv", "ctv", "phone", "cctv", "domophone"];

/** The number after "кв." in an address: how older billings write the flat. */
export const flatIn = (address: string): string | null => /(?:^|[\s,])кв\.?\s*(\d+)/i.exec(address)?.[1] ?? null;
