import type { Context, MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import * as z from "zod";
import { settings } from "#env.ts";
import { holds, holdsSomewhere, type Role } from "#identity/admins/roles.ts";
import { adminOf, operatorsOf } from "#identity/admins/sessions.ts";
import type { ShieldEnv } from "#identity/wire/context.ts";
import { ifMatch } from "#identity/wire/input.ts";
import { type FailureCode, fail } from "#operator/error-catalogue.ts";
import { after } from "#platform/http.ts";

export const COOKIE = "__Host-ops";

/**
 * Who is asking, by cookie and nothing else; a customer's token means nothing here. The role must hold somewhere: where is
 * the handler's question (`demandAt`, `scopeOf`). `fresh`: password and code were shown within LIMITS.freshSeconds.
 */
export function admin(role: Role, { fresh = false } = {}): MiddlewareHandler<ShieldEnv> {
  return async (c, next) => {
    const who = await adminOf(c.env, getCookie(c, COOKIE), after(c));
    c.set("admin", who);
    if (!holdsSomewhere(who.roles, role)) throw fail("role_insufficient");
    const age = Date.now() - who.authAt.getTime();
    if (fresh && age > settings(c.env).LIMITS.freshSeconds * 1000) throw fail("reauthentication_required");
    await next();
  };
}

/**
 * Refuses what a page elsewhere makes a browser send. The cookie's SameSite=Strict does so too; this holds where a browser
 * does not, and against a sister subdomain.
 */
export const sameOrigin: MiddlewareHandler<ShieldEnv> = async (c, next) => {
  const origin = c.req.header("origin");
  const isSafe = c.req.method === "GET" || c.req.method === "HEAD";
  if (!isSafe && origin !== undefined && !ownOrigins(c).includes(origin)) throw fail("origin_forbidden");
  await next();
};

// In development the server runs on whatever port it was given.
function ownOrigins(c: Context<ShieldEnv>): string[] {
  const { PUBLIC_URL, ENVIRONMENT } = settings(c.env);
  const own = new URL(PUBLIC_URL).origin;
  return ENVIRONMENT === "development" ? [own, new URL(c.req.url).origin] : [own];
}

/** The operators that the request may look into: those where the role holds, or the one of them that it asks for. */
export function scopeOf(c: Context<ShieldEnv>, role: Role, wanted?: string): string[] {
  const operators = operatorsOf(c.var.admin, role);
  if (wanted === undefined) return operators;
  if (!operators.includes(wanted)) throw fail("operator_not_found");
  return [wanted];
}

/** Whose a new thing is where the request does not say: the only operator that the administrator has, else the deployment's own. */
export function ownOperator(c: Context<ShieldEnv>, role: Role): string {
  const [only, ...others] = scopeOf(c, role);
  return only !== undefined && others.length === 0 ? only : settings(c.env).OPERATOR;
}

/**
 * The administrator may do what the role allows at that operator. Throws `missing`, as if the thing were not there, where they
 * may not even look; `role_insufficient` where they may only look.
 */
export function demandAt(c: Context<ShieldEnv>, role: Role, operator: string, missing: FailureCode): void {
  const { roles, operators } = c.var.admin;
  if (!operators.includes(operator) || !holds(roles, "viewer", operator)) throw fail(missing);
  if (!holds(roles, role, operator)) throw fail("role_insufficient");
}

/** The administrator may do what concerns every operator, such as the signing keys. */
export function demandEverywhere(c: Context<ShieldEnv>, role: Role): void {
  if (!holds(c.var.admin.roles, role, "*")) throw fail("role_insufficient");
}

/** The version that an edit is based on; throws `precondition_required` where none is named. Undefined for `*`. */
export function demandMatch(c: Context): number | undefined {
  if (c.req.header("if-match") === undefined) throw fail("precondition_required");
  return ifMatch(c);
}

/** Why something is done. Left out or blank it is `reason_required`: see `reasonIn`. */
export const Reason = z.object({ reason: z.string().max(500).optional() });

export function reasonIn({ reason }: { reason?: string | undefined }): string {
  if (!reason?.trim()) throw fail("reason_required");
  return reason.trim();
}
