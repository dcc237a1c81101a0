import { type Context, Hono } from "hono";
import * as z from "zod";
import { controllersOfDomain } from "#identity/controllers/queries.ts";
import { detach } from "#identity/domains/controllers-of-domain.ts";
import { changeDomain, deleteDomain } from "#identity/domains/domains.ts";
import { membersOf } from "#identity/domains/member-queries.ts";
import { endMember } from "#identity/domains/members.ts";
import { memberView } from "#identity/domains/views.ts";
import { journal } from "#identity/journal/journal.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { json, Page, query } from "#identity/wire/input.ts";
import { database } from "#platform/db.ts";
import { deviceView } from "./device-search.ts";
import { domainView, findDomain, searchDomains } from "./domain-search.ts";
import { admin, demandAt, demandMatch, Reason, reasonIn, scopeOf } from "./gate.ts";

/** The customers' homes, and who and what belongs to them. */
export const domains = new Hono<ShieldEnv>();

const support = admin("support");
const MOST = 1000;
const Search = Page.extend({ q: z.string().trim().min(1).max(200).optional(), operator: z.string().optional() });

domains.get("/domains", admin("viewer"), query(Search), async (c) => {
  const { q, operator, ...page } = c.req.valid("query");
  return c.json(await searchDomains(c.env, scopeOf(c, "viewer", operator), q, page));
});

domains.get("/domains/:id", admin("viewer"), async (c) => {
  const domain = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  await recordDomain(c, { operator: domain.operator, id: domain.id, action: "domain.viewed", after: { what: "card" } });
  c.header("ETag", `"${domain.ver}"`);
  return c.json(domainView(domain));
});

domains.get("/domains/:id/members", admin("viewer"), async (c) => {
  const { operator, id } = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  await recordDomain(c, { operator, id, action: "domain.viewed", after: { what: "members" } });
  const rows = await membersOf(database(c.env), operator, id, { after: "", limit: MOST, now: new Date() });
  return c.json({ items: rows.map(memberView), next_cursor: null });
});

domains.get("/domains/:id/devices", admin("viewer"), async (c) => {
  const { operator, id } = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  await recordDomain(c, { operator, id, action: "domain.viewed", after: { what: "devices" } });
  const rows = await controllersOfDomain(database(c.env), operator, id, { after: "", limit: MOST });
  return c.json({ items: rows.map(deviceView), next_cursor: null });
});

const Change = z.object({
  name: z.string().trim().min(1).max(100).exactOptional(),
  address_ref: z.string().max(200).nullable().exactOptional(),
});

domains.patch("/domains/:id", support, json(Change), async (c) => {
  const { operator, id } = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "domain_not_found");
  const { name, address_ref } = c.req.valid("json");
  const change = { ...(name !== undefined && { name }), ...(address_ref !== undefined && { addressRef: address_ref }) };
  const changed = await changeDomain(c.env, operator, { id, ver: demandMatch(c), change }, actorOf(c));
  c.header("ETag", `"${changed.ver}"`);
  return c.json(domainView(changed));
});

domains.delete("/domains/:id", admin("operator_admin", { fresh: true }), json(Reason), async (c) => {
  const { operator, id } = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "operator_admin", operator, "domain_not_found");
  const reason = reasonIn(c.req.valid("json"));
  await deleteDomain(c.env, operator, { id, detach: true, reason }, actorOf(c));
  return c.body(null, 202);
});

domains.delete("/domains/:id/members/:account", support, json(Reason), async (c) => {
  const { operator, id } = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "domain_not_found");
  const reason = reasonIn(c.req.valid("json"));
  const member = { domainId: id, accountId: c.req.param("account"), own: "owner", reason: "removed" } as const;
  await endMember(c.env, operator, member, actorOf(c));
  await recordDomain(c, {
    operator,
    id,
    action: "domain.member_removed_by_staff",
    reason,
    after: { account: member.accountId },
  });
  return c.body(null, 204);
});

domains.delete("/domains/:id/devices/:device", support, json(Reason), async (c) => {
  const { operator, id } = await findDomain(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "domain_not_found");
  const reason = reasonIn(c.req.valid("json"));
  const deviceId = c.req.param("device");
  await detach(c.env, operator, { domainId: id, deviceId }, actorOf(c));
  await recordDomain(c, {
    operator,
    id,
    action: "domain.device_removed_by_staff",
    reason,
    after: { device: deviceId },
  });
  return c.body(null, 204);
});

interface Look {
  operator: string;
  id: string;
  action: string;
  reason?: string;
  after: Record<string, unknown>;
}

/** That the staff looked into a domain, or why it changed who and what belongs there. */
function recordDomain(c: Context<ShieldEnv>, { operator, id, ...entry }: Look) {
  const db = database(c.env);
  const about = { ...entry, target: { kind: "domain", id } };
  return db.batch(journal(db, operator, actorOf(c), about, new Date(), "always"));
}
