import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { describeRoute, resolver } from "hono-openapi";
import * as z from "zod";
import type { Env } from "#env.ts";
import { AppError } from "./errors.ts";
import { logError } from "./log.ts";

export interface AppEnv {
  Bindings: Env;
}

/** Refuses a body above so many bytes, whether or not its length was announced. */
export const limitBodyTo = (maxSize: number) =>
  bodyLimit({
    maxSize,
    onError: () => {
      throw new AppError("too_large", "The body is too large");
    },
  });

/** What suffices for everything but pictures. */
export const limitBody = limitBodyTo(256 * 1024);

/** Room for a photo of a phone in base64. */
export const limitPhotoBody = limitBodyTo(12 * 1024 * 1024);

/**
 * Parses a JSON body as leniently as the field needs: no body and `{}` are the same, and the content type
 * does not count, because the apps leave it out. A bad body is an AppError, so each surface says it its own way.
 */
export function body<S extends z.ZodType>(
  schema: S,
): MiddlewareHandler<AppEnv, string, { in: { json: z.input<S> }; out: { json: z.output<S> } }> {
  const describe = describeRoute({ requestBody: { content: { "application/json": { schema: resolver(schema) } } } });
  const parse: MiddlewareHandler = async (c, next) => {
    const result = schema.safeParse(await jsonOf(c));
    if (!result.success) throw new AppError("invalid", z.prettifyError(result.error));
    c.req.addValidatedData("json", result.data as object);
    await next();
  };
  return Object.assign(parse, describe) as never;
}

async function jsonOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AppError("invalid", "The body is not JSON");
  }
  if (isDeep(value)) throw new AppError("invalid", "The body is nested too deeply");
  return value;
}

/** Nobody nests as deep. SQLite refuses JSON of a thousand levels, and writing it out again takes a stack of as many calls. */
const MOST_LEVELS = 32;

function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth < MOST_LEVELS; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/** The client's address: what Cloudflare saw. In development it is kept as sent. */
export const clientAddress = (c: Context): string => c.req.header("cf-connecting-ip") ?? "0.0.0.0";

/** Does work after the answer has left. For what may be lost; it is begun only then, so that it delays nobody. */
export type After = (work: () => Promise<unknown>) => void;

export const after =
  (c: Context): After =>
  (work) => {
    const { executionCtx } = c;
    const afterwards = scheduler.wait(0).then(work);
    executionCtx.waitUntil(afterwards.catch((error: unknown) => logError("after the answer", error)));
  };
