import type { RemoteBilling } from "./billing.ts";

export function httpBilling(_options: { url: string; token: string | undefined; fresh: boolean }): RemoteBilling {
  throw new Error("not written");
}
