// Kannel's user guide, "Delivery reports" and "get-url"; what Kannel 1.4.5 makes of an answer: 200 and 202 are taken,
// anything else is tried again, and the body of an answer to an inbound SMS would be sent back as one.
import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { AppError, told } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";
import { receiveSms } from "./inbound.ts";
import { isInbound, isReportOf, operatorOf } from "./kannel-hooks.ts";
import { takeReport } from "./reports.ts";

/** GET /hooks/kannel/…: what Kannel tells us. */
export const kannelHooks = new Hono<AppEnv>();

kannelHooks.onError((error, c) => {
  const { status } = told(error);
  c.header("content-type", "text/plain");
  return c.body(null, status >= 500 ? 503 : status === 403 ? 403 : 400);
});

const Dlr = z.object({
  id: z.string().max(64).default(""),
  sig: z.string().default(""),
  type: z
    .string()
    .regex(/^\d{1,4}$/)
    .transform(Number),
  smsc: z.string().default(""),
});

kannelHooks.get("/dlr", async (c) => {
  const { id = "", op, sig = "" } = queryOf(c);
  const operator = operatorOf(op);
  if (!isReportOf(settings(c.env), id, operator, sig)) throw new AppError("forbidden", "The signature is wrong");
  const { type, smsc } = parse(Dlr, c);
  await takeReport(c.env, { id, operator, type, smscId: smsc });
  return c.text("");
});

const Mo = z.object({
  id: z.string().min(1).max(64),
  from: z.string().min(1),
  to: z.string().default(""),
  text: z.string().default(""),
  ts: z.coerce.number().optional().catch(undefined),
});

kannelHooks.get("/mo", async (c) => {
  if (!isInbound(settings(c.env), queryOf(c).sig ?? "")) throw new AppError("forbidden", "The signature is wrong");
  const { ts, ...sms } = parse(Mo, c);
  await receiveSms(c.env, { ...sms, sentAt: ts });
  return c.text("");
});

// `URLSearchParams` never throws; a broken escape or byte becomes U+FFFD.
const queryOf = (c: Context): Record<string, string> => Object.fromEntries(new URL(c.req.url).searchParams);

function parse<S extends z.ZodType>(schema: S, c: Context): z.output<S> {
  const result = schema.safeParse(queryOf(c));
  if (!result.success) throw new AppError("invalid", z.prettifyError(result.error));
  return result.data;
}
