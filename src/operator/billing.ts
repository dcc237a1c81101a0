import { type Env, settings } from "#env.ts";
import { httpBilling } from "./billing-http.ts";
import { legacyBilling } from "./billing-legacy.ts";

/** What the contract has of one device: 0 not connected, 1 connected and unpaid, 2 active. */
export type ServiceState = 0 | 1 | 2;

/** A contract as the operator's billing describes it. */
export interface BilledContract {
  uid: number;
  /** The apps' clientId. */
  login: string;
  address: string;
  flat: string | null;
  services: string[];
}

/** A camera that only an old billing knows: it has no row of ours. */
export interface BilledCamera {
  id: number;
  title: string;
  latitude: string | null;
  longitude: string | null;
  /** Where it plays; the path behind the host is the stream's name. */
  url: string;
}

/** The operator's own billing, asked over HTTP. The embedded one (BILLING=local) is D1 and needs no asking. */
export interface RemoteBilling {
  /** The contracts that this phone may act for; none for a stranger. */
  contractsOf(phone: string): Promise<BilledContract[]>;
  /** The service state of each of these devices for the contract. */
  statesOf(uid: number, deviceIds: readonly number[]): Promise<Map<number, ServiceState>>;
  /** Old billings keep the cameras themselves; undefined for a billing that leaves them to us. */
  camerasOf?(phone: string, uid: number): Promise<{ state: ServiceState; cameras: BilledCamera[] }>;
}

/** The billing that has to be asked, or undefined when contracts are in D1. `fresh` goes past the short cache. */
export function remoteBilling(env: Env, { fresh = false }: { fresh?: boolean } = {}): RemoteBilling | undefined {
  const { BILLING, BILLING_URL = "", BILLING_TOKEN } = settings(env);
  if (BILLING === "http") return httpBilling({ url: BILLING_URL, token: BILLING_TOKEN, fresh });
  if (BILLING === "legacy") return legacyBilling({ url: BILLING_URL, token: BILLING_TOKEN, fresh });
  return undefined;
}
