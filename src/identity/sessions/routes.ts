import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { bearer, demandFresh } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { Page, query } from "../wire/input.ts";
import { endAllSessions, endSession, listSessions } from "./sessions.ts";
import type { Session } from "./tables.ts";

/** /sessions and /auth/logout: where somebody is signed in, and how they end that. */
export const sessionRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ tags: ["shield"], summary });

sessionRoutes.get("/sessions", describe("Where I am signed in"), bearer(), query(Page), async (c) => {
  const { operator, id, session } = c.var.caller;
  const { limit, cursor } = c.req.valid("query");
  const live = await listSessions(c.env, operator, id);
  // They are few: a session that ended since the page before only makes the list begin anew.
  const from = live.findIndex((one) => one.id === cursor) + 1;
  const page = live.slice(from, from + limit);
  const isLast = from + limit >= live.length;
  return c.json({
    items: page.map((one) => viewOf(one, session)),
    next_cursor: isLast ? null : page.at(-1)!.id,
  });
});

const viewOf = (session: Session, current: string) => ({
  ...{ id: session.id, current: session.id === current, client: session.clientId },
  ...{ device_name: session.device, platform: session.platform },
  ...{ created_at: session.createdAt.toISOString(), last_seen_at: session.lastSeenAt.toISOString() },
  ...{ ip_prefix: session.ipPrefix, city: session.city, amr: session.amr },
});

sessionRoutes.delete("/sessions/:id", describe("Sign one device out"), bearer(), async (c) => {
  const { operator, id: subject, session } = c.var.caller;
  const id = c.req.param("id");
  // Whoever stole a token must not sign the owner out of everything else.
  if (id !== session) demandFresh(c, c.var.caller);
  await endSession(c.env, operator, { subject, id, reason: "signed out by its owner" }, actorOf(c));
  return c.body(null, 204);
});

const Which = z.object({ except: z.literal("current").optional() });

sessionRoutes.delete("/sessions", describe("Sign out everywhere"), bearer({ fresh: true }), query(Which), async (c) => {
  const { operator, id: subject, session } = c.var.caller;
  const except = c.req.valid("query").except === "current" ? session : "";
  await endAllSessions(c.env, operator, { subject, reason: "signed out by its owner", except }, actorOf(c));
  return c.body(null, 204);
});

sessionRoutes.post("/auth/logout", describe("Sign out"), bearer({ kinds: ["account", "device"] }), async (c) => {
  const { operator, id: subject, session } = c.var.caller;
  await endSession(c.env, operator, { subject, id: session, reason: "signed out" }, actorOf(c));
  return c.body(null, 204);
});
