import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { editController } from "#identity/controllers/controllers.ts";
import { banController, resetController, unbanController } from "#identity/controllers/states.ts";
import { journal } from "#identity/journal/journal.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { idempotent } from "#identity/wire/idempotency.ts";
import { json, Page, query } from "#identity/wire/input.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { importUnits } from "./device-import.ts";
import { deviceView, findDevice, searchDevices } from "./device-search.ts";
import { admin, demandAt, demandMatch, Reason, reasonIn, scopeOf } from "./gate.ts";

/** Controllers: imported from the factory, found by serial, shut out, freed. */
export const devices = new Hono<ShieldEnv>();

const support = admin("support");
const Search = Page.extend({
  serial: z.string().max(64).optional(),
  status: z.enum(["factory", "enrolled", "claimed", "banned", "deleted"]).optional(),
  operator: z.string().optional(),
});

devices.get("/devices", admin("viewer"), query(Search), async (c) => {
  const { cursor, limit, operator, ...filter } = c.req.valid("query");
  return c.json(await searchDevices(c.env, scopeOf(c, "viewer", operator), filter, { cursor, limit }));
});

devices.get("/devices/:id", admin("viewer"), async (c) => {
  const device = await findDevice(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  const { operator, id } = device;
  const entry = { action: "device.viewed", target: { kind: "device", id }, after: { what: "card" } };
  const db = database(c.env);
  await db.batch(journal(db, operator, actorOf(c), entry, new Date(), "always"));
  c.header("ETag", `"${device.ver}"`);
  return c.json(deviceView(device));
});

const Name = z.string().trim().min(1).max(100).nullable().optional();

devices.patch("/devices/:id", support, json(z.object({ name: Name, room: Name })), async (c) => {
  const { operator, id } = await findDevice(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "device_not_found");
  const edit = { id, ver: demandMatch(c), ...c.req.valid("json") };
  const changed = await editController(c.env, operator, edit, actorOf(c));
  c.header("ETag", `"${changed.ver}"`);
  return c.json(deviceView(changed));
});

const ACTIONS = { ban: banController, unban: unbanController } as const;

for (const [name, act] of Object.entries(ACTIONS)) {
  devices.post(`/devices/:id/${name}`, support, json(Reason), async (c) => {
    const { operator, id } = await findDevice(c.env, scopeOf(c, "viewer"), c.req.param("id")!);
    demandAt(c, "support", operator, "device_not_found");
    const reason = reasonIn(c.req.valid("json"));
    if (!(await act(c.env, operator, { id, reason }, actorOf(c)))) throw fail("already_in_state");
    return c.json(deviceView(await findDevice(c.env, [operator], id)));
  });
}

devices.post("/devices/:id/reset", support, json(Reason), async (c) => {
  const { operator, id } = await findDevice(c.env, scopeOf(c, "viewer"), c.req.param("id"));
  demandAt(c, "support", operator, "device_not_found");
  await resetController(c.env, operator, { id, reason: reasonIn(c.req.valid("json")) }, actorOf(c));
  return c.json(deviceView(await findDevice(c.env, [operator], id)));
});

/** A list of units. A unit says whose it is, or `?operator=` does; else it is the only operator of the administrator, or the deployment's own. */
devices.post(
  "/devices:import",
  admin("operator_admin"),
  idempotent,
  json(z.array(z.unknown()).min(1).max(1000)),
  async (c) => {
    const places = scopeOf(c, "operator_admin", c.req.query("operator"));
    const preset = places.length === 1 ? places[0]! : settings(c.env).OPERATOR;
    const items = await importUnits(c.env, c.req.valid("json"), preset, actorOf(c), (operator) =>
      demandAt(c, "operator_admin", operator, "operator_not_found"),
    );
    return c.json({ items, next_cursor: null });
  },
);
