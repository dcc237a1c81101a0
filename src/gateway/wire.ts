// The wire of the SMS gateway's old versions: plain texts or JSON `{"error"}`, and the headers of every answer.
import type { Context, ErrorHandler, MiddlewareHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { AppError, told } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";

const FEATURES =
  "accelerometer ambient-light-sensor autoplay battery camera clipboard-read clipboard-write cross-origin-isolated " +
  "display-capture document-domain encrypted-media execution-while-not-rendered execution-while-out-of-viewport fullscreen " +
  "gamepad geolocation gyroscope magnetometer microphone midi navigation-override payment picture-in-picture " +
  "publickey-credentials-get screen-wake-lock speaker speaker-selection sync-xhr usb web-share xr-spatial-tracking";

const HEADERS = {
  "Strict-Transport-Security": "max-age=63072000; includeSubdomains",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "script-src 'self'; object-src 'self'",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "Cache-Control": "no-cache",
  "Permissions-Policy": FEATURES.split(" ")
    .map((feature) => `${feature}=()`)
    .join(", "),
};

/** What every answer of the gateway carries; a handler that has said another value keeps it. */
export const headers: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  if (c.res.status === 101) return; // a socket's answer has no headers of ours
  for (const [name, value] of Object.entries(HEADERS)) if (!c.res.headers.has(name)) c.header(name, value);
};

/** A text, as the old servers answered; theirs was HTML, which would let an echoed word run in a browser. */
export const text = (c: Context, body: string, status: ContentfulStatusCode = 200) =>
  c.body(body, status, { "content-type": "text/plain; charset=utf-8" });

/** A failure as a text: `AppError` says it word by word, and an empty message is an empty body. */
export const onTextError: ErrorHandler = (error, c) => {
  const { status, message } = ours(error, c);
  return text(c, status === 500 ? "" : message, status);
};

/** What is said of our own faults. */
export const OOPS = "Oops! Something went wrong. Please try again later.";

/** A failure as `{"error"}`; an empty message is an empty body here too. */
export const onJsonError: ErrorHandler = (error, c) => {
  const { status, message } = ours(error, c);
  if (message === "") return c.body(null, status);
  return c.json({ error: status === 500 ? OOPS : message }, status);
};

// What a stranger has written badly was always a 400 here.
function ours(error: unknown, c: Context): { status: ContentfulStatusCode; message: string } {
  const { status, message, retryAfter } = told(error);
  if (retryAfter !== undefined) c.header("Retry-After", String(retryAfter));
  return { status: status === 422 ? 400 : status, message };
}

/**
 * A JSON object as the old servers took it: control characters may stand in its strings as they are, because clients paste a
 * PEM with its line breaks. Throws AppError `invalid` with `complaint` for anything else, and for a form, whose body they never saw.
 */
export async function lenientObject(c: Context, complaint = "poorly formed json"): Promise<Record<string, unknown>> {
  const type = c.req.header("content-type") ?? "";
  const isForm = /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(type);
  if (isForm) throw new AppError("invalid", complaint);
  return anyObject(c, complaint);
}

/** The same whatever the content type says: for paths that no old server had, and that people call by hand. */
export async function anyObject(c: Context, complaint: string): Promise<Record<string, unknown>> {
  const value = parseLeniently(await c.req.text());
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new AppError("invalid", complaint);
  return value as Record<string, unknown>;
}

function parseLeniently(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    try {
      return JSON.parse(source.replace(STRINGS, escaped));
    } catch {
      return undefined;
    }
  }
}

/** A string that nobody closed counts too: it would be looked through again from each of its quotes. */
const STRINGS = /"(?:[^"\\]|\\[\s\S])*"?/g;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u001f]/g;

const escaped = (literal: string): string =>
  literal.replace(CONTROLS, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** A field that must be a string with something in it. Throws AppError `invalid` with `complaint`. */
export function demandText(value: unknown, complaint: string): string {
  if (typeof value !== "string" || value === "") throw new AppError("invalid", complaint);
  return value;
}

/** Answers any other method of a path that is there. After the path's own routes. */
export const onlyMethods =
  (...methods: string[]): MiddlewareHandler<AppEnv> =>
  async (c) =>
    c.text("Method Not Allowed", 405, { Allow: methods.join(", ") });
