import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { after } from "#platform/http.ts";
import { tellOwner } from "../accounts/notices.ts";
import { demand } from "../policies/demand.ts";
import type { Subject } from "../tokens/subject.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { json, Page, query } from "../wire/input.ts";
import { offer, takeBack, takeOver, turnDown } from "./hand-over.ts";
import { membersOf } from "./member-queries.ts";
import { changeRole, endMember } from "./members.ts";
import { memberView, pageOf } from "./views.ts";

const about = (summary: string) => describeRoute({ tags: ["shield"], summary });

const Instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
const Change = z
  .object({
    role: z.enum(["owner", "admin", "member", "guest"]).optional(),
    expires_at: Instant.nullable().optional(),
  })
  .refine((change) => change.role !== undefined || change.expires_at !== undefined, "nothing to change");
const Next = z.object({ account_id: z.string().max(64) });

/** A home does not change hands by four digits, on neither side. */
const firm = bearer({ firm: true });

/** Who belongs to a domain, as what; leaving it, and handing it over. */
export const memberRoutes = new Hono<ShieldEnv>()
  .get("/domains/:id/members", about("Who belongs to a domain"), bearer(), query(Page), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    const { role } = await demand(c.env, caller, "view", { type: "domain", id });
    // A guest has no business with who else lives there.
    if (role === "guest") throw fail("role_insufficient");
    const { limit, cursor = "" } = c.req.valid("query");
    const range = { after: cursor, limit: limit + 1, now: new Date() };
    const rows = await membersOf(database(c.env), caller.operator, id, range);
    return c.json(pageOf(rows, limit, ({ member }) => member.accountId, memberView));
  })
  .patch("/domains/:id/members/:account", about("Change a member's role"), bearer(), json(Change), async (c) => {
    const caller = c.get("caller");
    const { id: domainId, account: accountId } = c.req.param();
    const { role: own } = await demand(c.env, caller, "manage_members", { type: "domain", id: domainId });
    const { role, expires_at: expiresAt } = c.req.valid("json");
    if (role === "owner") demandRecentProof(c.env, caller);
    const wanted = { domainId, accountId, own, by: caller.id, change: { role, expiresAt } };
    return c.json(memberView(await changeRole(c.env, caller.operator, wanted, actorOf(c))));
  })
  .delete("/domains/:id/members/:account", about("Take a member out"), bearer(), async (c) => {
    const caller = c.get("caller");
    const { id: domainId, account: accountId } = c.req.param();
    const isSelf = accountId === caller.id;
    const action = isSelf ? "view" : "manage_members";
    const { role } = await demand(c.env, caller, action, { type: "domain", id: domainId });
    const ending = isSelf
      ? ({ own: "self", reason: "left" } as const)
      : ({ own: role, by: caller.id, reason: "removed" } as const);
    await endMember(c.env, caller.operator, { domainId, accountId, ...ending }, actorOf(c));
    if (!isSelf) after(c)(() => tellOwner(c.env, caller.operator, accountId, "removed_from_domain"));
    return c.body(null, 204);
  })
  .post("/domains/:id/leave", about("Leave a domain"), bearer(), async (c) => {
    const caller = c.get("caller");
    const domainId = c.req.param("id");
    await demand(c.env, caller, "view", { type: "domain", id: domainId });
    const ending = { domainId, accountId: caller.id, own: "self", reason: "left" } as const;
    await endMember(c.env, caller.operator, ending, actorOf(c));
    return c.body(null, 204);
  })
  .post(
    "/domains/:id/owner",
    about("Offer a domain to its next owner"),
    bearer({ fresh: true, firm: true }),
    json(Next),
    async (c) => {
      const caller = c.get("caller");
      const domainId = c.req.param("id");
      await demand(c.env, caller, "transfer", { type: "domain", id: domainId });
      const { account_id: to } = c.req.valid("json");
      await offer(c.env, caller.operator, { domainId, to, by: caller.id }, actorOf(c));
      return c.json({ domain_id: domainId, offered_to: to, status: "offered" }, 202);
    },
  )
  .delete("/domains/:id/owner", about("Take the offer of a domain back"), bearer(), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    await demand(c.env, caller, "transfer", { type: "domain", id });
    await takeBack(c.env, caller.operator, id, actorOf(c));
    return c.body(null, 204);
  })
  .post("/domains/:id/owner/accept", about("Become the owner of an offered domain"), firm, async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    await demand(c.env, caller, "view", { type: "domain", id });
    const member = await takeOver(c.env, caller.operator, id, caller.id, actorOf(c));
    return c.json(memberView(member));
  })
  .post("/domains/:id/owner/decline", about("Turn an offered domain down"), bearer(), async (c) => {
    const caller = c.get("caller");
    const id = c.req.param("id");
    await demand(c.env, caller, "view", { type: "domain", id });
    await turnDown(c.env, caller.operator, id, caller.id, actorOf(c));
    return c.body(null, 204);
  });

/** Whoever shares the ownership of a home has just proven who they are, and by more than four digits. */
function demandRecentProof(env: ShieldEnv["Bindings"], { authAt, acr }: Subject): void {
  const age = Date.now() - authAt.getTime();
  if (age > settings(env).LIMITS.freshSeconds * 1000) throw fail("reauthentication_required");
  if (acr === "low") throw fail("acr_too_low");
}
