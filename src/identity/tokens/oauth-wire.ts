import type { Context, ErrorHandler } from "hono";
import { type FailureCode, fail, failureCodeOf } from "#operator/error-catalogue.ts";
import { errorText } from "#operator/error-mapper.ts";
import { confidentialClient, publicClient } from "../clients/clients.ts";
import type { Client } from "../clients/tables.ts";
import { audienceOf, type ShieldEnv } from "../wire/context.ts";
import { failureOf } from "../wire/problem.ts";

// RFC 6749 has a format of its own for requests (§3.2: forms, each parameter once) and for errors (§5.2), which standard clients need.

/** The form of an OAuth request. A parameter without a value counts as left out. Throws `malformed_request`. */
export async function formOf(c: Context<ShieldEnv>): Promise<Map<string, string>> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(c.req.header("content-type") ?? ""))
    throw fail("malformed_request");
  const form = new Map<string, string>();
  const text = new TextDecoder().decode(await c.req.arrayBuffer());
  for (const [name, value] of new URLSearchParams(text)) {
    if (form.has(name)) throw fail("malformed_request");
    form.set(name, value);
  }
  return new Map([...form].filter(([, value]) => value !== ""));
}

/** The value of a parameter that has to be there. */
export function needed(form: Map<string, string>, name: string): string {
  const value = form.get(name);
  if (value === undefined) throw fail("malformed_request");
  return value;
}

/**
 * Who calls: a confidential client by Basic, a public one by `client_id`. A secret in the form is not taken: forms end up
 * in logs. Throws `invalid_client`.
 */
export async function callingClient(c: Context<ShieldEnv>, form: Map<string, string>): Promise<Client> {
  const named = form.get("client_id");
  if (form.has("client_secret")) throw fail("invalid_client");
  const authorization = c.req.header("authorization");
  const isBasic = /^Basic /i.test(authorization ?? "");
  const client = isBasic ? await confidentialClient(c.env, authorization) : await publicClient(c.env, named);
  if (named !== undefined && named !== client.id) throw fail("invalid_client");
  c.set("client", client);
  return client;
}

/** The same, for a controller, which may come without a client. */
export async function clientIfAny(c: Context<ShieldEnv>, form: Map<string, string>): Promise<Client | undefined> {
  const isNamed = form.has("client_id") || form.has("client_secret");
  const isBasic = /^Basic /i.test(c.req.header("authorization") ?? "");
  return isNamed || isBasic ? callingClient(c, form) : undefined;
}

/** What OAuth calls our failures; all others are `invalid_request`. */
const ERRORS: Partial<Record<FailureCode, string>> = {
  ...{ invalid_client: "invalid_client", insufficient_scope: "insufficient_scope", invalid_scope: "invalid_scope" },
  ...{ invalid_grant: "invalid_grant", refresh_reused: "invalid_grant", session_revoked: "invalid_grant" },
  ...{ unsupported_grant_type: "unsupported_grant_type", method_not_allowed_for_client: "unauthorized_client" },
  ...{ authorization_pending: "authorization_pending", slow_down: "slow_down", expired_token: "expired_token" },
  ...{ access_denied: "access_denied", internal_error: "server_error" },
  ...{ maintenance: "temporarily_unavailable", rate_limited: "temporarily_unavailable" },
};

/** Says a failure as RFC 6749 §5.2 does, with our code and number beside; the sentence is the operator's. */
export const oauthProblem: ErrorHandler<ShieldEnv> = async (error, c) => {
  const failure = failureOf(error);
  const code = failureCodeOf(failure);
  const waiting = failure.retryAfter === undefined ? {} : { retry_after: failure.retryAfter };
  const { num, detail, lang } = await errorText(c.env, code, audienceOf(c), { ...failure.extra, ...waiting });
  c.header("Content-Language", lang);
  if (code === "invalid_client") c.header("WWW-Authenticate", 'Basic realm="yardgate"');
  if (failure.retryAfter !== undefined) c.header("Retry-After", String(failure.retryAfter));
  const kept = code === "invalid_client" || code === "insufficient_scope" || failure.status === 429;
  const status = kept || failure.status >= 500 ? failure.status : 400;
  return c.json({ error: ERRORS[code] ?? "invalid_request", error_description: detail, code, num }, status);
};
