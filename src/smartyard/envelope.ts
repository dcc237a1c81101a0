import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import { type Freshness, sessionOf } from "#identity/sessions/sessions.ts";
import { AppError, told } from "#platform/errors.ts";
import { type AppEnv, after } from "#platform/http.ts";
import type { Resident } from "#premises/homes.ts";
import { languageOf, textOf } from "./texts.ts";

// The apps read every answer as { code, name, message, data }, and 204 as "done, nothing to say". A key without a
// value is left out: an explicit null is an error to Android (docs/contracts.md, "The apps").

export interface ResidentEnv extends AppEnv {
  Variables: { resident: Resident };
}

export const ok = <T>(c: Context, data: T) => c.json({ code: 200, name: "OK", message: "Хорошо", data });

export const done = (c: Context) => c.body(null, 204);

/** A list, or 204 where the apps take that for an empty one (docs/contracts.md, "The apps"). */
export const okOrEmpty = <T>(c: Context, list: T[]) => (list.length > 0 ? ok(c, list) : done(c));

export const onError: ErrorHandler = (error, c) => {
  const { status, reason, retryAfter } = told(error);
  if (retryAfter !== undefined) c.header("Retry-After", String(retryAfter));
  return c.json({ code: status, ...textOf(reason, status, languageOf(c)) }, status);
};

/** The web app may live on another origin, and must be able to read refusals too. */
export const allowOrigins = cors({
  origin: "*",
  allowMethods: ["POST", "GET", "OPTIONS"],
  allowHeaders: [
    "authorization",
    "content-type",
    "accept-language",
    "x-system-info",
    "x-dm-api-refresh",
    "x-app-version",
  ],
  exposeHeaders: ["Retry-After"],
  maxAge: 86_400,
});

/**
 * Who is asking. 422 without a token, 401 for one that is unknown or ended, and never 401 for anything else: the apps
 * sign themselves out on it.
 */
export function signedIn(freshness: Freshness): MiddlewareHandler<ResidentEnv> {
  return async (c, next) => {
    const [scheme = "", token = ""] = (c.req.header("authorization") ?? "").trim().split(/\s+/, 2);
    if (scheme === "" || (token === "" && scheme.toLowerCase() === "bearer")) {
      throw new AppError("invalid", "The authorization token is missing", { reason: "no_token" });
    }
    const session =
      scheme.toLowerCase() === "bearer" ? await sessionOf(c.env, token.toLowerCase(), freshness, after(c)) : undefined;
    if (!session) throw new AppError("unauthenticated", "Unknown or ended session");
    c.set("resident", session);
    await next();
  };
}

/** The reader asked to see the latest: caches of remote systems are passed by. */
export const wantsFresh = (c: Context): boolean => c.req.header("x-dm-api-refresh") !== undefined;

interface Documented {
  /** Anybody may call it. */
  isPublic?: boolean;
}

/** Documents one method: what it does and, when it answers with data, the shape of `data`. */
export function describe(summary: string, data?: z.ZodType, { isPublic = false }: Documented = {}) {
  return describeRoute({
    summary,
    tags: ["smartyard"],
    security: isPublic ? [] : [{ resident: [] }],
    responses: data
      ? { 200: { description: "OK", content: { "application/json": { schema: resolver(enveloped(data)) } } } }
      : { 204: { description: "Done" } },
  });
}

const enveloped = (data: z.ZodType) => z.object({ code: z.literal(200), name: z.string(), message: z.string(), data });
