import { Hono } from "hono";
import * as z from "zod";
import {
  adminView,
  banAdmin,
  deleteAdmin,
  editAdmin,
  findAdmin,
  giveRoles,
  inviteAdmin,
  listAdmins,
  resetTotp,
  unbanAdmin,
} from "#identity/admins/directory.ts";
import { ROLES } from "#identity/admins/roles.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { idempotent } from "#identity/wire/idempotency.ts";
import { ifMatch, json, Page, query } from "#identity/wire/input.ts";
import { admin, demandMatch, Reason, reasonIn } from "./gate.ts";

/** Administrators, looked after by superadmins. */
export const admins = new Hono<ShieldEnv>();

const fresh = admin("superadmin", { fresh: true });

admins.get("/admins", admin("superadmin"), query(Page), async (c) =>
  c.json(await listAdmins(c.env, c.var.admin, c.req.valid("query"))),
);

const Roles = z.array(z.object({ role: z.enum(ROLES), operator: z.string().min(1).max(32) })).max(50);
const NewAdmin = z.object({
  login: z.string().trim().min(3).max(254),
  email: z.email().max(254),
  name: z.string().trim().min(1).max(200),
  roles: Roles.min(1),
});

admins.post("/admins", fresh, idempotent, json(NewAdmin), async (c) =>
  c.json(adminView(await inviteAdmin(c.env, c.var.admin, c.req.valid("json"), actorOf(c))), 201),
);

admins.get("/admins/:id", admin("superadmin"), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  c.header("ETag", `"${row.ver}"`);
  return c.json(adminView(row));
});

const Change = z.object({ name: z.string().trim().min(1).max(200).exactOptional(), email: z.email().exactOptional() });

admins.patch("/admins/:id", fresh, json(Change), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  await editAdmin(c.env, row, c.req.valid("json"), demandMatch(c), actorOf(c));
  const changed = await findAdmin(c.env, c.var.admin, row.id);
  c.header("ETag", `"${changed.ver}"`);
  return c.json(adminView(changed));
});

admins.delete("/admins/:id", fresh, json(Reason), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  await deleteAdmin(c.env, c.var.admin, row, reasonIn(c.req.valid("json")), actorOf(c));
  return c.body(null, 204);
});

admins.post("/admins/:id/ban", fresh, json(Reason), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  await banAdmin(c.env, c.var.admin, row, reasonIn(c.req.valid("json")), actorOf(c));
  return c.json({ status: "banned", effective: "now" });
});

admins.post("/admins/:id/unban", fresh, json(Reason), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  await unbanAdmin(c.env, row, reasonIn(c.req.valid("json")), actorOf(c));
  return c.json({ status: row.phc === null ? "invited" : "active", effective: "now" });
});

admins.post("/admins/:id/reset-totp", fresh, json(Reason), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  await resetTotp(c.env, row, reasonIn(c.req.valid("json")), actorOf(c));
  return c.body(null, 204);
});

admins.put("/admins/:id/roles", fresh, json(z.object({ roles: Roles.min(1) })), async (c) => {
  const row = await findAdmin(c.env, c.var.admin, c.req.param("id"));
  await giveRoles(c.env, c.var.admin, row, c.req.valid("json").roles, ifMatch(c), actorOf(c));
  return c.json(adminView(await findAdmin(c.env, c.var.admin, row.id)));
});
