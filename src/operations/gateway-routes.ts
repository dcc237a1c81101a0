import { type Context, Hono } from "hono";
import * as z from "zod";
import { holds } from "#identity/admins/roles.ts";
import { operatorsOf, scopesOf } from "#identity/admins/sessions.ts";
import {
  createRoute,
  deleteRoute,
  listRoutes,
  type RouteView,
  rotateIdentityKey,
  updateRoute,
  validateRoutes,
} from "#identity/gateway/routes-admin.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { idempotent } from "#identity/wire/idempotency.ts";
import { ifMatch, json } from "#identity/wire/input.ts";
import { fail } from "#operator/error-catalogue.ts";
import { admin, demandAt, demandEverywhere, demandMatch, Reason } from "./gate.ts";

/** The table of the gateway: which paths lead where, and what they ask for. */
export const gatewayRoutes = new Hono<ShieldEnv>();

const operatorAdmin = admin("operator_admin");
const Document = z.record(z.string(), z.unknown());

gatewayRoutes.get("/gateway/routes", operatorAdmin, async (c) =>
  c.json({ items: await listRoutes(c.env, scopesOf(c.var.admin, "operator_admin")), next_cursor: null }),
);

gatewayRoutes.post("/gateway/routes", operatorAdmin, idempotent, json(Document), async (c) => {
  const { operator, ...input } = c.req.valid("json");
  const route = await createRoute(c.env, placeOf(c, operator), input, actorOf(c));
  return c.json(route, 201);
});

gatewayRoutes.post("/gateway/routes:validate", operatorAdmin, json(z.unknown()), async (c) => {
  const body = c.req.valid("json");
  const { routes } = z.object({ routes: z.array(z.unknown()) }).safeParse(body).data ?? {};
  const given = Array.isArray(body) ? body : (routes ?? [body]);
  const results = await validateRoutes(c.env, given.slice(0, 200));
  return c.json({ ok: results.every(({ ok }) => ok), results });
});

gatewayRoutes.get("/gateway/routes/:id", operatorAdmin, async (c) => {
  const route = await routeOf(c);
  c.header("ETag", `"${route.version}"`);
  return c.json(route);
});

gatewayRoutes.patch("/gateway/routes/:id", operatorAdmin, json(Document), async (c) => {
  const { id, operator } = await routeOf(c);
  const { reason, ...patch } = c.req.valid("json");
  const about = { id, version: demandMatch(c), reason: typeof reason === "string" ? reason : undefined };
  const route = await updateRoute(c.env, operator, about, patch, actorOf(c));
  c.header("ETag", `"${route.version}"`);
  return c.json(route);
});

gatewayRoutes.delete("/gateway/routes/:id", operatorAdmin, json(Reason), async (c) => {
  const { id, operator } = await routeOf(c);
  const { reason } = c.req.valid("json");
  await deleteRoute(c.env, operator, { id, version: ifMatch(c), reason }, actorOf(c));
  return c.body(null, 204);
});

gatewayRoutes.post("/gateway/routes/:id/rotate-key", operatorAdmin, json(Reason), async (c) => {
  const { id, operator } = await routeOf(c);
  const { reason } = c.req.valid("json");
  return c.json({ id, identity_key: await rotateIdentityKey(c.env, operator, { id, reason }, actorOf(c)) });
});

/** Whose a new route is: as it says, else of every operator for who may, else of the only operator that the administrator has. */
function placeOf(c: Context<ShieldEnv>, operator: unknown): string {
  const { admin: who } = c.var;
  if (typeof operator === "string") {
    if (operator === "*") demandEverywhere(c, "operator_admin");
    else demandAt(c, "operator_admin", operator, "operator_not_found");
    return operator;
  }
  if (holds(who.roles, "operator_admin", "*")) return "*";
  const [only, ...others] = operatorsOf(who, "operator_admin");
  if (only === undefined || others.length > 0)
    throw fail("validation_failed", { extra: { errors: [{ pointer: "/operator", code: "required" }] } });
  return only;
}

async function routeOf(c: Context<ShieldEnv>): Promise<RouteView> {
  const routes = await listRoutes(c.env, scopesOf(c.var.admin, "operator_admin"));
  const route = routes.find(({ id }) => id === c.req.param("id"));
  if (!route) throw fail("route_unknown");
  return route;
}
