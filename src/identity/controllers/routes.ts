import { type Context, Hono, type MiddlewareHandler } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { after, clientAddress } from "#platform/http.ts";
import { cityOf } from "../accounts/requester.ts";
import { bearer, confidential } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { idempotent } from "../wire/idempotency.ts";
import { ifMatch, json, Page, query } from "../wire/input.ts";
import { openDeviceTokens } from "./authenticate.ts";
import { claimController } from "./claims.ts";
import { controllerFor, editController, listControllers, ownControllerFor } from "./controllers.ts";
import { PublicKey } from "./credentials.ts";
import { enrolController } from "./enrolment.ts";
import { Model, Serial } from "./import.ts";
import { rotateCredential } from "./rotation.ts";
import { deleteController, resetController } from "./states.ts";
import type { Controller } from "./tables.ts";

/** /devices: controllers, from the factory to whoever owns them. */
export const controllerRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ summary, tags: ["shield"] });

const Enrolment = z.object({
  serial: Serial,
  model: Model,
  fw: z.string().max(64).optional(),
  public_key: PublicKey.optional(),
  enrolment_secret: z.string().max(256).optional(),
});

/** Whoever enrols without any credential is no client that we would not know, but a unit that has proven nothing. */
const withCredential: MiddlewareHandler<ShieldEnv> = async (c, next) => {
  if (c.req.header("authorization") === undefined) throw fail("device_credential_invalid");
  await next();
};

controllerRoutes.post(
  "/devices/enroll",
  describe("Give a controller its own credential and its first tokens"),
  withCredential,
  confidential("devices:enroll"),
  idempotent,
  json(Enrolment),
  async (c) => {
    const client = c.get("client");
    const { controller, secret } = await enrolController(c.env, client.operator, c.req.valid("json"), actorOf(c));
    // The factory's client stays at the factory: its tokens are the unit's own, to be refreshed without a client.
    const tokens = await openDeviceTokens(c.env, controller, null, origin(c), actorOf(c), after(c));
    return c.json({ device_id: controller.id, ...(secret !== undefined && { device_secret: secret }), tokens }, 201);
  },
);

const Label = z.string().trim().min(1).max(100);

const Claim = z.object({
  serial: Serial,
  claim_code: z.string().min(1).max(128),
  domain_id: z.string().min(1).max(64),
  name: Label.optional(),
});

controllerRoutes.post(
  "/devices/claim",
  describe("Take a controller into a domain by the code that is printed on it"),
  bearer(),
  idempotent,
  json(Claim),
  async (c) => {
    const controller = await claimController(c.env, c.get("caller"), c.req.valid("json"), clientAddress(c), actorOf(c));
    return told(c, controller, 201);
  },
);

controllerRoutes.get(
  "/devices",
  describe("List the controllers of a domain, or all around the caller"),
  bearer(),
  query(Page.extend({ domain_id: z.string().min(1).max(64).optional() })),
  async (c) => {
    const { domain_id, ...page } = c.req.valid("query");
    const { items, next } = await listControllers(c.env, c.get("caller"), domain_id, page);
    return c.json({ items: items.map(view), next_cursor: next });
  },
);

controllerRoutes.get(
  "/devices/:id",
  describe("A controller, as its household or it itself sees it"),
  bearer({ kinds: ["account", "device"] }),
  async (c) => told(c, await controllerFor(c.env, c.get("caller"), c.req.param("id"), "view")),
);

controllerRoutes.patch(
  "/devices/:id",
  describe("Name a controller, say where it hangs"),
  bearer({ kinds: ["account", "device"] }),
  json(z.object({ name: Label.nullish(), room: Label.nullish() })),
  async (c) => {
    const caller = c.get("caller");
    const { id } = await controllerFor(c.env, caller, c.req.param("id"), "control");
    const edit = { ...c.req.valid("json"), id, ver: ifMatch(c) };
    return told(c, await editController(c.env, caller.operator, edit, actorOf(c)));
  },
);

controllerRoutes.post(
  "/devices/:id/reset",
  describe("Free a controller that was sold or lost"),
  bearer({ fresh: true }),
  async (c) => {
    const caller = c.get("caller");
    const { id } = await ownControllerFor(c.env, caller, c.req.param("id"));
    await resetController(c.env, caller.operator, { id }, actorOf(c));
    return c.body(null, 204);
  },
);

controllerRoutes.delete("/devices/:id", describe("Delete a controller"), bearer({ fresh: true }), async (c) => {
  const caller = c.get("caller");
  const { id } = await ownControllerFor(c.env, caller, c.req.param("id"));
  await deleteController(c.env, caller.operator, { id }, actorOf(c));
  return c.json({ id, status: "deleted" }, 202);
});

controllerRoutes.post(
  "/devices/:id/credentials/rotate",
  describe("Replace a controller's own credential; the one before lives ten minutes more"),
  bearer({ kinds: ["device"] }),
  json(z.object({ public_key: PublicKey.optional() })),
  async (c) => {
    const { id, operator } = c.get("caller");
    if (c.req.param("id") !== id) throw fail("device_not_found");
    const { secret } = await rotateCredential(c.env, operator, { id, key: c.req.valid("json").public_key }, actorOf(c));
    return c.json(secret === undefined ? {} : { device_secret: secret });
  },
);

const origin = (c: Context<ShieldEnv>) => ({
  address: clientAddress(c),
  city: cityOf(c),
});

function told(c: Context<ShieldEnv>, controller: Controller, status: 200 | 201 = 200) {
  c.header("ETag", `"${controller.ver}"`);
  return c.json(view(controller), status);
}

const view = (controller: Controller) => ({
  ...{ id: controller.id, serial: controller.serial, model: controller.model, fw: controller.fw },
  ...{ name: controller.name, room: controller.room, status: controller.status, version: controller.ver },
  ...{ domain_id: controller.domainId, owner_id: controller.ownerAccountId },
  ...{ created_at: controller.createdAt.toISOString(), enrolled_at: time(controller.enrolledAt) },
  ...{ claimed_at: time(controller.claimedAt), last_seen_at: time(controller.lastSeenAt) },
});

const time = (at: Date | null): string | null => at?.toISOString() ?? null;
