// How the PBX, the panels' services and the controllers are answered: in the form of each call, and a refusal as one
// line of plain text, which a dialplan can log.
import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import { told } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";

export const onError: ErrorHandler<AppEnv> = (error, c) => {
  const { status, message } = told(error);
  if (status === 401) return c.text("Unauthorized", 401, { "www-authenticate": 'Basic realm="Yardgate"' });
  // Bad input never gets this far: what is left is the database, or a system that we asked.
  return c.text(status >= 500 ? "Unavailable" : message, status >= 500 ? 503 : status);
};

/** An empty text: how these calls say "done". */
export const DONE = "";

/** Documents one call: what it does and, when it answers JSON, the shape of it. */
export function describe(summary: string, answer?: z.ZodType): MiddlewareHandler<AppEnv> {
  const content = answer
    ? { "application/json": { schema: resolver(answer) } }
    : { "text/html": { schema: resolver(z.string()) } };
  return describeRoute({
    summary,
    tags: ["intercom"],
    security: [{ integration: [] }],
    responses: { 200: { description: "OK", content }, 401: { description: "No token" } },
  });
}

/** The fields of a form, in whatever type of content it comes. */
export const formOf = async (c: Context): Promise<URLSearchParams> =>
  new URLSearchParams(new TextDecoder().decode(await c.req.arrayBuffer()));
