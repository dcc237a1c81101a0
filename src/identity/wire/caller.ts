import type { Context, MiddlewareHandler } from "hono";
import { settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { after } from "#platform/http.ts";
import { confidentialClient } from "../clients/clients.ts";
import type { Freshness } from "../sessions/sessions.ts";
import type { Subject } from "../tokens/subject.ts";
import { validate } from "../tokens/validate.ts";
import type { ShieldEnv } from "./context.ts";
import { trustedId } from "./request-ids.ts";

interface Wanted {
  /** Which tokens are taken here: people's, unless something else is said. */
  kinds?: readonly Subject["kind"][];
  /** Where it is not said: `edge` to read, `strict` to change. */
  freshness?: Freshness;
  /** The person must have proven who they are within LIMITS.freshSeconds. */
  fresh?: boolean;
  /** A session opened with four digits will not do. */
  firm?: boolean;
}

/** Who is asking, by access token in the `Authorization` header and nowhere else. Leaves `c.var.caller`. */
export function bearer({
  kinds = ["account"],
  freshness,
  fresh = false,
  firm = false,
}: Wanted = {}): MiddlewareHandler<ShieldEnv> {
  return async (c, next) => {
    const caller = await validate(
      c.env,
      bearerIn(c),
      { kinds, freshness: freshness ?? freshnessOf(c.req.method, fresh) },
      after(c),
    );
    c.set("caller", caller);
    if (caller.kind === "service") adoptRequestId(c);
    if (fresh) demandFresh(c, caller);
    if (firm && caller.acr === "low") throw fail("acr_too_low");
    await next();
  };
}

const freshnessOf = (method: string, fresh: boolean): Freshness =>
  !fresh && (method === "GET" || method === "HEAD") ? "edge" : "strict";

/** The bearer token of the request; throws `token_missing`. */
export function bearerIn(c: Context): string {
  const token = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (token === undefined) throw fail("token_missing");
  return token;
}

/** Throws `reauthentication_required` unless the caller has proven who they are within LIMITS.freshSeconds. */
export function demandFresh(c: Context<ShieldEnv>, { authAt }: Subject): void {
  const age = Date.now() - authAt.getTime();
  if (age > settings(c.env).LIMITS.freshSeconds * 1000) throw fail("reauthentication_required");
}

/** Which client is asking, by Basic. Leaves `c.var.client`. Throws `invalid_client`, and `insufficient_scope` where it lacks `scope`. */
export function confidential(scope?: string): MiddlewareHandler<ShieldEnv> {
  return async (c, next) => {
    const client = await confidentialClient(c.env, c.req.header("authorization"));
    c.set("client", client);
    adoptRequestId(c);
    if (scope && !client.scopes.includes(scope)) throw fail("insufficient_scope");
    await next();
  };
}

/**
 * A service of the operator: a confidential client by Basic, or by the bearer token that it got for itself. Leaves `c.var.client`
 * or `c.var.caller`; whose it is says `callersOperator(c)`. Throws `insufficient_scope` where it lacks `scope`.
 */
export function service(scope: string): MiddlewareHandler<ShieldEnv> {
  const basic = confidential(scope);
  const token = bearer({ kinds: ["service"], freshness: "strict" });
  return (c, next) => {
    if (/^Basic /i.test(c.req.header("authorization") ?? "")) return basic(c, next);
    return token(c, () => scoped(c, scope, next));
  };
}

/** A person by bearer token, or a service as `service` knows it. `firm` is asked of people as `bearer` does. */
export function personOrService(scope: string, { firm = false } = {}): MiddlewareHandler<ShieldEnv> {
  const basic = confidential(scope);
  const token = bearer({ kinds: ["account", "service"], firm });
  return (c, next) => {
    if (/^Basic /i.test(c.req.header("authorization") ?? "")) return basic(c, next);
    return token(c, () => scoped(c, scope, next));
  };
}

/** Only services carry such scopes: a person's rights are asked of the policies. */
async function scoped(c: Context<ShieldEnv>, scope: string, next: () => Promise<void>): Promise<void> {
  const { kind, scopes } = c.get("caller");
  if (kind === "service" && !scopes.includes(scope)) throw fail("insufficient_scope");
  await next();
}

/** The operator for whom the caller asks. */
export const callersOperator = (c: Context<ShieldEnv>): string => (c.get("caller") ?? c.get("client")).operator;

/** A trusted client may name its request itself, so that one id runs through its logs and ours. */
export function adoptRequestId(c: Context<ShieldEnv>): void {
  const given = trustedId(c.req.header("x-request-id"));
  if (given !== undefined) c.set("requestId", given);
}
