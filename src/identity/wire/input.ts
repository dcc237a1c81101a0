import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import type { ShieldEnv } from "./context.ts";

/** 1 MiB, whether or not the length was announced. */
export const limitInput = bodyLimit({
  maxSize: 1024 * 1024,
  onError: () => {
    throw fail("payload_too_large");
  },
});

type Validated<S extends z.ZodType, T extends "json" | "form" | "query"> = MiddlewareHandler<
  ShieldEnv,
  string,
  { in: { [K in T]: z.input<S> }; out: { [K in T]: z.output<S> } }
>;

/**
 * The JSON body, checked and described for OpenAPI; no body counts as `{}`. What cannot be read is 400
 * `malformed_request`, another type 415, what does not fit 422 `validation_failed` with a JSON pointer per field.
 */
export function json<S extends z.ZodType>(schema: S): Validated<S, "json"> {
  const describe = describeRoute({ requestBody: { content: { "application/json": { schema: resolver(schema) } } } });
  const parse: MiddlewareHandler = async (c, next) => {
    c.req.addValidatedData("json", check(schema, await jsonOf(c)) as object);
    await next();
  };
  return Object.assign(parse, describe) as never;
}

/** The query, checked the same way. A parameter that comes twice counts once, as it came first. */
export function query<S extends z.ZodType>(schema: S): Validated<S, "query"> {
  const parse: MiddlewareHandler = async (c, next) => {
    c.req.addValidatedData("query", check(schema, c.req.query()) as object);
    await next();
  };
  return parse as never;
}

/** Checks a value as `json` does. */
export function check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, code, message }) => ({
    pointer: `/${path.map((step) => String(step).replaceAll("~", "~0").replaceAll("/", "~1")).join("/")}`,
    code,
    message,
  }));
  throw fail("validation_failed", { extra: { errors } });
}

async function jsonOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  if (text.trim() === "") return {};
  const type = c.req.header("content-type");
  if (type && !/^application\/([\w.+-]+\+)?json\b/i.test(type)) throw fail("unsupported_media_type");
  try {
    return JSON.parse(text);
  } catch {
    throw fail("malformed_request");
  }
}

/** `?limit=1..100&cursor=`; the cursor is whatever the list before said. */
export const Page = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(200).optional(),
});

/** The version that `If-Match` names; undefined where none is named. `*` is any. */
export function ifMatch(c: Context): number | undefined {
  const header = c.req.header("if-match");
  if (header === undefined || header.trim() === "*") return undefined;
  const version = /^(?:W\/)?"?(\d+)"?$/.exec(header.trim())?.[1];
  if (version === undefined) throw fail("precondition_failed");
  return Number(version);
}

/** A phone or an address as it is typed: `{ type, value }`, or one text from which the type shows. */
export const Login = z.union([
  z.object({ type: z.enum(["phone", "email"]), value: z.string().min(1).max(254) }),
  z
    .string()
    .min(1)
    .max(254)
    .transform((value) => ({ type: value.includes("@") ? ("email" as const) : ("phone" as const), value })),
]);
