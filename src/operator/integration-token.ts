import { Buffer } from "node:buffer";
import type { Context, MiddlewareHandler } from "hono";
import { settings } from "#env.ts";
import { sameText } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";

// What the operator's own systems show: billing and CRM, the PBX, the panels' services.

/** Lets only the operator's own systems pass: INTEGRATION_TOKEN as a bearer, or as the Basic password of any user. */
export const requireToken: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (!knowsToken(c)) throw new AppError("unauthenticated", "No token");
  await next();
};

/** Whether the request carries INTEGRATION_TOKEN. */
export function knowsToken(c: Context<AppEnv>): boolean {
  const token = settings(c.env).INTEGRATION_TOKEN;
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)\s*$/.exec(c.req.header("authorization") ?? "") ?? [];
  if (/^bearer$/i.test(scheme)) return sameText(value, token);
  const login = basicLogin(c);
  return login !== undefined && sameText(login.password, token);
}

/** The name and the password of HTTP Basic; undefined when the request has none. */
export function basicLogin(c: Context): { user: string; password: string } | undefined {
  const [, value = ""] = /^basic +(\S+)\s*$/i.exec(c.req.header("authorization") ?? "") ?? [];
  const pair = Buffer.from(value, "base64").toString();
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : { user: pair.slice(0, colon), password: pair.slice(colon + 1) };
}
