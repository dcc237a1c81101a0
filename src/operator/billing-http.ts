// The operator's system as functions: POST {BILLING_URL}/v2/{function}, a JSON object of the named
// arguments in, {"result": …} out. The functions are those of docs/contracts.md, "The operator's billing".
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
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

/**
 * One function of an http billing: named arguments in, its checked `result` out. `fresh` goes past the short cache and is for
 * whatever decides about money and doors; `once` also leaves nothing in it, for what changes something or holds a secret. Throws `unavailable` when the billing does not answer or makes no sense.
 */
export async function askFunction<S extends z.ZodType>(
  env: Env,
  name: string,
  question: Record<string, unknown>,
  Result: S,
  { fresh = false, once = false }: { fresh?: boolean; once?: boolean } = {},
): Promise<z.output<S>> {
  const { BILLING_URL = "", BILLING_TOKEN } = settings(env);
  const address = { url: BILLING_URL, token: BILLING_TOKEN, fresh, once };
  const answer = await askBilling(address, `v2/${name}`, question, z.object({ result: z.unknown() }));
  const checked = Result.safeParse(answer.result);
  if (!checked.success)
    throw new AppError("unavailable", "The billing makes no sense", { reason: "billing_down", cause: checked.error });
  return checked.data;
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
