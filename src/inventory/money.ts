import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { addEntry, listEntries } from "#operator/entries.ts";
import type { ContractEntry, Tariffs as Prices } from "#operator/tables.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";
import { kopecksOf, roubles } from "#platform/money.ts";
import { instantOf, localText } from "#platform/time.ts";
import { describe, fields } from "./envelope.ts";
import { Id, optional, Text } from "./fields.ts";

/** POST /bill/api/entries_…/: the statements of the embedded billing's contracts (BILLING=local). Ours; the old contract had none. */
export const entries = new Hono<AppEnv>();

/** Roubles, as a number or in a text; kopecks inside. A number's parts of a kopeck are rounded: billings sum up fractions. */
export const Money = z.union([z.number(), z.string()]).transform((sum, context) => {
  const kopecks = kopecksOf(typeof sum === "number" && Math.abs(sum) < 1e12 ? sum.toFixed(2) : sum);
  if (kopecks !== undefined) return kopecks;
  context.issues.push({ code: "custom", message: "is not a sum in roubles", input: sum });
  return z.NEVER;
});

const Day = z.iso.date();

const Price = z.object({
  price: Money.pipe(z.int().min(0)),
  until: optional(Day).transform((day) => day ?? undefined),
  name: optional(Text).transform((name) => name ?? undefined),
});

/** What a contract pays each month, by service. */
export const Tariffs = z
  .object({ internet: Price.nullish(), tv: Price.nullish(), phone: Price.nullish(), cams: Price.nullish() })
  .transform((tariffs): Prices => Object.fromEntries(Object.entries(tariffs).filter(([, tariff]) => tariff)) as Prices);

export const tariffsView = (tariffs: Prices) =>
  Object.fromEntries(
    Object.entries(tariffs).map(([name, { price, ...rest }]) => [name, { price: roubles(price), ...rest }]),
  );

const NewEntry = z.object({
  uid: Id,
  date: optional(z.string().max(32)),
  sum: Money,
  dsc: Text.pipe(z.string().trim().min(1)),
  service: optional(Text),
  start: optional(Day),
  end: optional(Day),
  key: optional(Text.pipe(z.string().max(200))),
});

entries.post(
  "/entries_add/",
  describe("Book a line of a statement", z.object({ id: z.int() })),
  fields(NewEntry),
  async (c) => {
    demandLocal(settings(c.env));
    const { uid, date, sum, dsc, service, start, end, key } = c.req.valid("json");
    const at = date ? timeOf(date, settings(c.env).TIME_ZONE) : new Date();
    const period = { service, periodStart: start, periodEnd: end };
    return c.json({ id: await addEntry(c.env, { uid, at, amount: sum, description: dsc, key, ...period }) });
  },
);

const Wanted = z.object({ uid: Id, year: Id.pipe(z.int().min(1970).max(9998)) });
const Listed = z.object({
  id: z.int(),
  date: z.string(),
  sum: z.number(),
  dsc: z.string(),
  service: z.string().nullable(),
  start: z.string().nullable(),
  end: z.string().nullable(),
});

entries.post(
  "/entries_list/",
  describe("A contract's statement of one year", z.object({ entries: z.array(Listed) })),
  fields(Wanted),
  async (c) => {
    demandLocal(settings(c.env));
    const { uid, year } = c.req.valid("json");
    const { TIME_ZONE } = settings(c.env);
    return c.json({ entries: (await listEntries(c.env, uid, year)).map((entry) => entryView(entry, TIME_ZONE)) });
  },
);

/** Statements of another billing are its own. */
function demandLocal({ BILLING }: { BILLING: string }): void {
  if (BILLING !== "local") throw new AppError("conflict", "Statements are kept by the billing");
}

function timeOf(date: string, zone: string): Date {
  const at = instantOf(date, zone);
  if (!at) throw new AppError("invalid", `${date} is no date`);
  return at;
}

const entryView = (entry: ContractEntry, zone: string): z.input<typeof Listed> => ({
  id: entry.id,
  date: localText(entry.at, zone),
  sum: roubles(entry.amount),
  dsc: entry.description,
  service: entry.service,
  start: entry.periodStart,
  end: entry.periodEnd,
});
