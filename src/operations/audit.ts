import { type Context, Hono } from "hono";
import * as z from "zod";
import { scopesOf } from "#identity/admins/sessions.ts";
import { type AuditFilter, exportAudit, listAudit, targetNamed } from "#identity/journal/audit.ts";
import { journal } from "#identity/journal/journal.ts";
import { verifyAudit } from "#identity/journal/seals.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { Page, query } from "#identity/wire/input.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { admin } from "./gate.ts";
import { From, To } from "./moments.ts";

/** Who did what to whom. Nothing here changes a row. */
export const audit = new Hono<ShieldEnv>();

const security = admin("security");
const Filter = Page.extend({
  operator: z.string().max(32).optional(),
  actor: z.string().max(100).optional(),
  target: z.string().max(100).optional(),
  action: z.string().max(100).optional(),
  from: From.optional(),
  to: To.optional(),
});

audit.get("/audit", security, query(Filter), async (c) => {
  const { cursor, limit, ...filter } = c.req.valid("query");
  return c.json(await listAudit(c.env, filterOf(c, filter), { cursor, limit }));
});

audit.get("/audit/export", admin("security", { fresh: true }), query(Filter), async (c) => {
  const { cursor: _, limit: __, ...given } = c.req.valid("query");
  const filter = filterOf(c, given);
  const db = database(c.env);
  const [first, ...others] = filter.operators;
  const entry = { action: "audit.exported", target: { kind: "audit", id: null }, after: { ...given } };
  await db.batch(journal(db, others.length > 0 ? "*" : first!, actorOf(c), entry, new Date(), "always"));
  return c.body(exportAudit(c.env, filter), 200, { "Content-Type": "application/x-ndjson" });
});

audit.get("/audit/verify", security, query(Filter.pick({ operator: true })), async (c) =>
  c.json(await verifyAudit(c.env, placesOf(c, c.req.valid("query").operator))),
);

type Given = Omit<z.output<typeof Filter>, "cursor" | "limit">;

function filterOf(c: Context<ShieldEnv>, { operator, target, ...rest }: Given): AuditFilter {
  return { ...rest, operators: placesOf(c, operator), target: target === undefined ? undefined : targetNamed(target) };
}

/** Where the administrator may look; what belongs to no operator is for those whose role holds everywhere. */
function placesOf(c: Context<ShieldEnv>, wanted: string | undefined): string[] {
  const places = scopesOf(c.var.admin, "security");
  if (wanted === undefined) return places;
  if (!places.includes(wanted)) throw fail("operator_not_found");
  return [wanted];
}
