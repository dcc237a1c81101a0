import type { Context } from "hono";
import { settings } from "#env.ts";
import type { Audience } from "#operator/error-mapper.ts";
import { languagesIn } from "#operator/error-mapper.ts";
import { type AppEnv, clientAddress } from "#platform/http.ts";
import type { SignedInAdmin } from "../admins/sessions.ts";
import type { Client } from "../clients/tables.ts";
import type { Actor } from "../journal/journal.ts";
import type { Subject } from "../tokens/subject.ts";

/** What the middleware of Shield, Operations and the gateway leaves for the handlers. */
export interface ShieldEnv extends AppEnv {
  Variables: {
    /** A ULID, told as `X-Request-Id`. */
    requestId: string;
    /** Set by `bearer()`. */
    caller: Subject;
    /** Set by `confidential()` and by whoever finds a public client in the body. */
    client: Client;
    /** Set by Operations: the administrator who is signed in. */
    admin: SignedInAdmin;
    /** Whether somebody else's id was taken over, because the caller is trusted. */
    operatorLang: string;
    /** Whose place it is, where neither a client nor a caller says which operator's words are told. */
    place: string;
  };
}

/** The caller as the audit names them. */
export function actorOf(c: Context<ShieldEnv>): Actor {
  const caller = c.get("caller");
  const origin = { ip: clientAddress(c), requestId: c.get("requestId") };
  if (caller) return { kind: caller.kind, id: caller.id, ...origin };
  const admin = c.get("admin");
  if (admin) return { kind: "admin", id: admin.id, ...origin };
  const client = c.get("client");
  return client ? { kind: "service", id: client.id, ...origin } : { kind: "system", id: null, ...origin };
}

/** The caller as long as nobody is signed in: by the account that the call turned out to be about. */
export const actorAs = (c: Context<ShieldEnv>, accountId: string): Actor => ({
  ...{ kind: "account", id: accountId, ip: clientAddress(c), requestId: c.get("requestId") },
});

/** For whom an error is worded. */
export function audienceOf(c: Context<ShieldEnv>): Audience {
  const client = c.get("client");
  const { OPERATOR, COUNTRY } = settings(c.env);
  return {
    operator: client?.operator ?? c.get("caller")?.operator ?? c.get("place") ?? OPERATOR,
    app: client?.appType ?? "*",
    source: client?.source ?? "*",
    languages: languagesIn(c.req.header("accept-language"), c.get("operatorLang") ?? (COUNTRY === "RU" ? "ru" : "en")),
  };
}
