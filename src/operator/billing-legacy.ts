import type { RemoteBilling } from "./billing.ts";

export function legacyBilling(_options: {
  url: string;
  token: string | undefined;
  country: string;
  fresh: boolean;
}): RemoteBilling {
  throw new Error("not written");
}
