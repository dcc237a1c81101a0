import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { after } from "#platform/http.ts";
import { tellOwner } from "../accounts/notices.ts";
import { demand } from "../policies/demand.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { idempotent } from "../wire/idempotency.ts";
import { ifMatch, json, Page, query } from "../wire/input.ts";
import { attach, detach } from "./controllers-of-domain.ts";
import { changeDomain, createDomain, deleteDomain } from "./domains.ts";
import { domainById, domainsOf } from "./queries.ts";
import { domainView, pageOf } from "./views.ts";

const about = (summary: string) => describeRoute({ tags: ["shield"], summary });

const Name = z.string().trim().min(1).max(100);
const AddressRef = z.string().trim().min(1).max(200).nullable();
const NewDomain = z.object({ name: Name, address_ref: AddressRef.default(null) });
const DomainChange = z
  .object({ name: Name.optional(), address_ref: AddressRef.optional() })
  .refine((change) => Object.keys(change).length > 0, "nothing to change");
const Deletion = z.object({ force: z.literal("detach").optional() });

/** Households: what they are called, and the controllers in them. */
export const domainRoutes = new Hono<ShieldEnv>()
  .post("/domains", about("Make a domain of one's own"), bearer(), idempotent, json(NewDomain), async (c) => {
    const caller = c.get("caller");
    const { name, address_ref: addressRef } = c.req.valid("json");
    const wanted = { accountId: caller.id, name, addressRef };
    const domain = await createDomain(c.env, caller.operator, wanted, actorOf(c));
    return c.json(domainView(domain, { role: "owner", caller: caller.id }), 201);
  })
  .get("/domains", about("One's domains"), bearer(), query(Page), async (c) => {
    const caller = c.get("caller");
    const { limit, cursor = "" } = c.req.valid("query");
    const range = { after: cursor, limit: limit + 1, now: new Date() };
    const rows = await domainsOf(database(c.env), caller.operator, caller.id, range);
    const view = ({ domain, role }: (typeof rows)[number]) => domainView(domain, { role, caller: caller.id });
    return c.json(pageOf(rows, limit, ({ domain }) => domain.id, view));
  })
  .get("/domains/:id", about("One domain"), bearer(), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    const { role } = await demand(c.env, caller, "view", { type: "domain", id });
    const domain = await domainById(database(c.env), caller.operator, id);
    if (!domain) throw fail("domain_not_found");
    c.header("ETag", `"${domain.ver}"`);
    return c.json(domainView(domain, { role, caller: caller.id }));
  })
  .patch("/domains/:id", about("Rename a domain"), bearer(), json(DomainChange), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    const { role } = await demand(c.env, caller, "update", { type: "domain", id });
    const { name, address_ref: addressRef } = c.req.valid("json");
    const change = { ...(name !== undefined && { name }), ...(addressRef !== undefined && { addressRef }) };
    const domain = await changeDomain(c.env, caller.operator, { id, change, ver: ifMatch(c) }, actorOf(c));
    c.header("ETag", `"${domain.ver}"`);
    return c.json(domainView(domain, { role, caller: caller.id }));
  })
  .delete("/domains/:id", about("Delete a domain"), bearer({ fresh: true }), query(Deletion), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    await demand(c.env, caller, "delete", { type: "domain", id });
    const detaching = c.req.valid("query").force === "detach";
    const members = await deleteDomain(c.env, caller.operator, { id, detach: detaching }, actorOf(c));
    after(c)(async () => {
      const others = members.filter((member) => member !== caller.id);
      await Promise.all(others.map((member) => tellOwner(c.env, caller.operator, member, "removed_from_domain")));
    });
    return c.json({ id, status: "deleted" }, 202);
  })
  .put("/domains/:id/devices/:device", about("Attach a controller"), bearer(), async (c) => {
    const caller = c.get("caller");
    const { id: domainId, device: deviceId } = c.req.param();
    await demand(c.env, caller, "manage_devices", { type: "domain", id: domainId });
    await attach(c.env, caller.operator, { domainId, deviceId }, actorOf(c));
    return c.json({ device_id: deviceId, domain_id: domainId });
  })
  .delete("/domains/:id/devices/:device", about("Detach a controller"), bearer(), async (c) => {
    const caller = c.get("caller");
    const { id: domainId, device: deviceId } = c.req.param();
    await demand(c.env, caller, "manage_devices", { type: "domain", id: domainId });
    await detach(c.env, caller.operator, { domainId, deviceId }, actorOf(c));
    return c.body(null, 204);
  });
