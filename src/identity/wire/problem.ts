import type { Context, ErrorHandler, Hono, MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { basePath } from "hono/route";
import { METHOD_NAME_ALL } from "hono/router";
import { settings } from "#env.ts";
import { type FailureCode, fail, failureCodeOf } from "#operator/error-catalogue.ts";
import { errorText } from "#operator/error-mapper.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { audienceOf, type ShieldEnv } from "./context.ts";
import { nameOf } from "./request-ids.ts";

/** Every answer names its request; nothing here is for a cache. */
export const identify: MiddlewareHandler<ShieldEnv> = async (c, next) => {
  c.set("requestId", nameOf(c.req.raw));
  c.header("Cache-Control", "no-store");
  c.header("X-Content-Type-Options", "nosniff");
  await next();
  c.header("X-Request-Id", c.get("requestId"));
};

/** Says any failure as `application/problem+json` (RFC 9457), in the operator's words and the reader's language. */
export const problem: ErrorHandler<ShieldEnv> = async (error, c) => {
  const failure = failureOf(error);
  const code = failureCodeOf(failure);
  const { retryAfter, extra } = failure;
  const waiting = retryAfter === undefined ? {} : { retry_after: retryAfter };
  const { status, num, title, detail, lang } = await errorText(c.env, code, audienceOf(c), { ...extra, ...waiting });
  if (retryAfter !== undefined) c.header("Retry-After", String(retryAfter));
  for (const [name, value] of Object.entries(challengeOf(code, status))) c.header(name, value);
  c.header("Content-Language", lang);
  c.header("X-Request-Id", c.get("requestId"));
  const document = {
    ...{
      type: `${settings(c.env).PUBLIC_URL}/shield/v1/problems/${code}`,
      title,
      status,
      detail,
      instance: `urn:req:${c.get("requestId")}`,
    },
    ...{ code, num, ...waiting, ...extra },
  };
  return c.body(JSON.stringify(document), status as 400, { "Content-Type": "application/problem+json" });
};

/** Whatever was thrown, as a failure that may be told. */
export function failureOf(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof HTTPException && error.status < 500) return fail("malformed_request");
  logError("not foreseen", error);
  return fail("internal_error");
}

/** RFC 6750 §3 and, for a proof that is too old, RFC 9470. */
function challengeOf(code: FailureCode, status: number): Record<string, string> {
  const challenge = (text: string) => ({ "WWW-Authenticate": text });
  if (code === "reauthentication_required")
    return challenge('Bearer error="insufficient_user_authentication", max_age="300"');
  if (code === "insufficient_scope") return challenge('Bearer error="insufficient_scope"');
  if (code === "invalid_client") return challenge('Basic realm="yardgate"');
  if (status !== 401) return {};
  return challenge(code === "token_missing" ? "Bearer" : 'Bearer error="invalid_token"');
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/** The answer, where problems are the format, to a path that nobody has among these routes, or not with this method. */
export const nothingHere = (routes: Hono<ShieldEnv>) => (c: Context<ShieldEnv>) => {
  const path = c.req.path.slice(basePath(c).length);
  const answers = (method: string) => {
    const [matches] = routes.router.match(method === "HEAD" ? "GET" : method, path);
    return matches.some(([[, route]]) => route.method !== METHOD_NAME_ALL);
  };
  const allowed = METHODS.filter(answers);
  if (allowed.length === 0) return problem(fail("route_not_found"), c);
  c.header("Allow", allowed.join(", "));
  return problem(fail("method_not_allowed"), c);
};
