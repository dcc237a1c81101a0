import { Hono } from "hono";
import * as z from "zod";
import { banAccount, unbanAccount } from "#identity/accounts/accounts.ts";
import { Lang, PersonName } from "#identity/accounts/fields.ts";
import { tellOwner } from "#identity/accounts/notices.ts";
import { changeProfile } from "#identity/accounts/profile.ts";
import { written } from "#identity/accounts/view.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { json, Page, query } from "#identity/wire/input.ts";
import { fail } from "#operator/error-catalogue.ts";
import { after } from "#platform/http.ts";
import { deleteCustomer, endCustomerSessions, forcePasswordReset, unlockCustomer } from "./customer-actions.ts";
import { customerCard, RELATED, recordLook } from "./customer-card.ts";
import { findCustomer, reveal, searchCustomers } from "./customer-search.ts";
import { admin, demandAt, demandMatch, Reason, reasonIn, scopeOf } from "./gate.ts";
import { From, Moment, To } from "./moments.ts";

/** The operators' customers: found, looked at, helped, shut out. */
export const customers = new Hono<ShieldEnv>();

const support = admin("support");
const text = z.string().trim().min(1).max(254).optional();
const Search = Page.extend({
  ...{ q: text, phone: text, email: text, id: text, serial: text, operator: text },
  status: z.enum(["inactive", "active", "banned", "deleted"]).optional(),
  created_from: From.optional(),
  created_to: To.optional(),
});

customers.get("/customers", admin("viewer"), query(Search), async (c) => {
  const { cursor, limit, operator, created_from: createdFrom, created_to: createdTo, ...rest } = c.req.valid("query");
  const scope = scopeOf(c, "viewer", operator);
  const filter = { ...rest, createdFrom, createdTo };
  return c.json(await searchCustomers(c.env, scope, filter, { cursor, limit }, actorOf(c)));
});

customers.get("/customers/:id", admin("viewer"), async (c) => {
  const row = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  await recordLook(c.env, row, "card", actorOf(c));
  c.header("ETag", `"${row.ver}"`);
  return c.json(await customerCard(c.env, row));
});

const Change = z.object({
  name: PersonName.nullable().optional(),
  lang: Lang.nullable().optional(),
  note: z.string().max(2000).nullable().optional(),
});

customers.patch("/customers/:id", support, json(Change), async (c) => {
  const { id, operator } = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "account_not_found");
  await changeProfile(c.env, operator, { id, change: c.req.valid("json"), ver: demandMatch(c) }, actorOf(c));
  const changed = await findCustomer(c.env, [operator], id);
  c.header("ETag", `"${changed.ver}"`);
  return c.json(await customerCard(c.env, changed));
});

const Ban = Reason.extend({ until: Moment.nullish() });

customers.post("/customers/:id/ban", support, json(Ban), async (c) => {
  const { id, operator } = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "account_not_found");
  const { until, ...why } = c.req.valid("json");
  if (until && until <= new Date())
    throw fail("validation_failed", { extra: { errors: [{ pointer: "/until", code: "past" }] } });
  const ban = { id, reason: reasonIn(why), until: until ?? null };
  if (!(await banAccount(c.env, operator, ban, actorOf(c)))) throw fail("already_in_state");
  after(c)(() => tellOwner(c.env, operator, id, "banned"));
  return c.json({ status: "banned", until: until ?? null, effective: "now" });
});

customers.post("/customers/:id/unban", support, json(Reason), async (c) => {
  const { id, operator } = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "account_not_found");
  const reason = reasonIn(c.req.valid("json"));
  if (!(await unbanAccount(c.env, operator, { id, reason }, actorOf(c)))) throw fail("already_in_state");
  return c.json({ status: "active", effective: "now" });
});

const Deletion = Reason.extend({
  confirm: z.string().optional(),
  domains: z.enum(["delete", "transfer"]).optional(),
  to: z.string().max(100).optional(),
});

customers.delete("/customers/:id", admin("operator_admin", { fresh: true }), json(Deletion), async (c) => {
  const row = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "operator_admin", row.operator, "account_not_found");
  const { confirm, ...deletion } = c.req.valid("json");
  const reason = reasonIn(deletion);
  if (confirm !== row.id) throw fail("confirmation_mismatch");
  const deleteAt = await deleteCustomer(c.env, row, { ...deletion, reason }, actorOf(c));
  return c.json({ delete_at: deleteAt }, 202);
});

const ACTIONS = {
  "force-password-reset": forcePasswordReset,
  "end-sessions": endCustomerSessions,
  unlock: unlockCustomer,
} as const;

for (const [name, act] of Object.entries(ACTIONS)) {
  customers.post(`/customers/:id/${name}`, support, json(Reason), async (c) => {
    const row = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id")!);
    demandAt(c, "support", row.operator, "account_not_found");
    await act(c.env, row, reasonIn(c.req.valid("json")), actorOf(c));
    return c.body(null, 204);
  });
}

const Reveal = Reason.extend({ field: z.enum(["phone", "email"]) });

customers.post("/customers/:id/reveal", admin("support", { fresh: true }), json(Reveal), async (c) => {
  const row = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", row.operator, "account_not_found");
  const { field, ...why } = c.req.valid("json");
  const value = await reveal(c.env, row, { field, reason: reasonIn(why) }, c.var.admin, actorOf(c));
  return c.json({ value: written({ type: field, value }) });
});

for (const [what, list] of Object.entries(RELATED)) {
  customers.get(`/customers/:id/${what}`, admin("viewer"), async (c) => {
    const row = await findCustomer(c.env, scopeOf(c, "viewer"), c.req.param("id")!);
    await recordLook(c.env, row, what, actorOf(c));
    return c.json({ items: await list(c.env, row), next_cursor: null });
  });
}
