import type { Amr, Session } from "../sessions/tables.ts";

/** Who an access token speaks for, once it has been validated. */
export interface Subject {
  kind: "account" | "device" | "service";
  /** `acc_…`, `dev_…`, or the client's id. */
  id: string;
  operator: string;
  /** The session's id, `ses_…`. */
  session: string;
  client: string;
  scopes: string[];
  amr: Amr[];
  /** `low`: four digits opened the session, and nothing stronger was shown since. */
  acr: Session["acr"];
  /** When the person last proved who they are. */
  authAt: Date;
  expiresAt: Date;
  /** Of a device, when it was asked for strictly: the domain that it belongs to. */
  domain?: string | null;
}
