// How /bill/api answers: JSON or an empty text on success; on failure the apps' envelope where a field is
// missing, and the text "Ошибка запроса" where a change was refused.
import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import { AppError, told } from "#platform/errors.ts";
import { type AppEnv, body } from "#platform/http.ts";

/** An empty text: how the contract says "done". */
export const done = (c: Context) => c.html("");

const REFUSED = "Ошибка запроса";
const UNREADABLE = "Необрабатываемый экземпляр";
const NO_FIELDS = "no_fields";

const NAMES: Record<number, string> = {
  404: "Not Found",
  409: "Conflict",
  413: "Payload Too Large",
  422: "Unprocessable Entity",
};

export const onError: ErrorHandler<AppEnv> = (error, c) => {
  const { status, reason, message } = told(error);
  if (status === 401) return c.text("Не авторизован", 401, { "www-authenticate": 'Basic realm="Yardgate"' });
  // Bad input never gets this far: what is left is the database.
  if (status >= 500) return c.html(REFUSED, 503);
  const isChange =
    /(?<!_tokens|entries|messages|chat|sh_nodes|sh_items|issues|appeals|appeal_categories|bills|places)_(?:add|mod|del|update)\/?$/.test(
      c.req.path,
    );
  if (isChange && reason !== NO_FIELDS && status !== 413) return c.html(REFUSED, 422);
  // The calls that are ours so they may say what is wrong; the others say what the contract says.
  const isOurs =
    /\/users\/|_tokens_add|\/(?:entries|messages|chat|sh|issues|appeals?|bills|places)_/.test(c.req.path) &&
    reason !== NO_FIELDS;
  const text = status === 422 && !isOurs ? UNREADABLE : message;
  return c.json({ code: status, name: NAMES[status] ?? "Bad Request", message: text }, status);
};

/** The fields of a call. A body that has none, because it is empty or no object, is refused before they are looked at. */
export function fields<S extends z.ZodType>(schema: S): ReturnType<typeof body<S>> {
  const parse = body(schema);
  const check: MiddlewareHandler<AppEnv> = async (c, next) => {
    if (!hasFields(await c.req.text())) throw new AppError("invalid", UNREADABLE, { reason: NO_FIELDS });
    return parse(c, next);
  };
  return Object.assign(check, parse); // with what `body` says about itself to OpenAPI
}

function hasFields(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  } catch {
    return false;
  }
}

/** Documents one call: what it does and, when it answers JSON, the shape of it. */
export function describe(summary: string, answer?: z.ZodType) {
  const content = answer
    ? { "application/json": { schema: resolver(answer) } }
    : { "text/html": { schema: resolver(z.literal("")) } };
  return describeRoute({
    summary,
    tags: ["inventory"],
    security: [{ integration: [] }],
    responses: { 200: { description: "OK", content }, 401: { description: "No token" } },
  });
}
