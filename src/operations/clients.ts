import { Hono } from "hono";
import * as z from "zod";
import {
  addClient,
  CLIENT_SCOPES,
  clientView,
  editClient,
  findClient,
  listClients,
  rotateClientSecret,
} from "#identity/clients/directory.ts";
import { OPERATIONS } from "#identity/login/queries.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { idempotent } from "#identity/wire/idempotency.ts";
import { ifMatch, json, Page, query } from "#identity/wire/input.ts";
import { admin, demandAt, demandMatch, ownOperator, Reason, scopeOf } from "./gate.ts";

/** The applications that call us. */
export const clients = new Hono<ShieldEnv>();

const Word = z.string().regex(/^[\w*.-]{1,32}$/);
const Origin = z.url({ protocol: /^https?$/ }).transform((text, context) => {
  const { origin } = new URL(text);
  if (origin !== text.replace(/\/$/, "")) context.addIssue({ code: "custom", message: "is not an origin" });
  return origin;
});

const fields = {
  name: z.string().trim().min(1).max(200),
  app_type: Word,
  source: Word,
  first_party: z.boolean(),
  methods: z.array(z.enum(["password", "sms", "code"])).max(3),
  scopes: z.array(z.enum(CLIENT_SCOPES)).max(CLIENT_SCOPES.length),
  origins: z.array(Origin).max(50),
  aud: z.array(z.string().min(1).max(200)).max(20),
  otp_length: z.literal([4, 6]),
  login_on_activation: z.boolean(),
};

const NewClient = z.object({
  ...fields,
  id: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{3,64}$/)
    .refine((id) => id !== OPERATIONS, "is ours")
    .optional(),
  operator: z.string().min(1).max(32).optional(),
  kind: z.enum(["public", "confidential"]).default("confidential"),
  app_type: fields.app_type.default("server"),
  source: fields.source.default("*"),
  first_party: fields.first_party.default(false),
  methods: fields.methods.default(["password", "sms", "code"]),
  scopes: fields.scopes.default([]),
  origins: fields.origins.default([]),
  aud: fields.aud.default(["urn:yardgate:account", "urn:yardgate:device"]),
  otp_length: fields.otp_length.default(6),
  login_on_activation: fields.login_on_activation.default(true),
});

clients.get("/clients", admin("operator_admin"), query(Page.extend({ operator: z.string().optional() })), async (c) => {
  const { operator, ...page } = c.req.valid("query");
  return c.json(await listClients(c.env, scopeOf(c, "operator_admin", operator), page));
});

clients.post("/clients", admin("operator_admin"), idempotent, json(NewClient), async (c) => {
  const { app_type, first_party, otp_length, login_on_activation, ...input } = c.req.valid("json");
  const { operator = ownOperator(c, "operator_admin"), ...rest } = input;
  demandAt(c, "operator_admin", operator, "operator_not_found");
  const wire = { appType: app_type, firstParty: first_party, otpLength: otp_length };
  const fields = { ...rest, ...wire, loginOnActivation: login_on_activation };
  const { client, secret } = await addClient(c.env, operator, fields, actorOf(c));
  return c.json({ ...clientView(client), ...(secret !== undefined && { client_secret: secret }) }, 201);
});

clients.get("/clients/:id", admin("operator_admin"), async (c) => {
  const client = await findClient(c.env, scopeOf(c, "operator_admin"), c.req.param("id"));
  c.header("ETag", `"${client.ver}"`);
  return c.json(clientView(client));
});

const Change = z.object({ ...fields, status: z.enum(["active", "disabled"]) }).partial();

clients.patch("/clients/:id", admin("operator_admin"), json(Change), async (c) => {
  const client = await findClient(c.env, scopeOf(c, "operator_admin"), c.req.param("id"));
  const { app_type, first_party, otp_length, login_on_activation, ...rest } = c.req.valid("json");
  const wire = { appType: app_type, firstParty: first_party, otpLength: otp_length };
  const all = { ...rest, ...wire, loginOnActivation: login_on_activation };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const changed = await editClient(c.env, client, given, { ver: demandMatch(c) }, actorOf(c));
  c.header("ETag", `"${changed.ver}"`);
  return c.json(clientView(changed));
});

clients.delete("/clients/:id", admin("operator_admin", { fresh: true }), json(Reason), async (c) => {
  const client = await findClient(c.env, scopeOf(c, "operator_admin"), c.req.param("id"));
  const { reason } = c.req.valid("json");
  const how = { ver: ifMatch(c), action: "client.disabled", reason };
  await editClient(c.env, client, { status: "disabled" }, how, actorOf(c));
  return c.body(null, 204);
});

clients.post("/clients/:id/rotate-secret", admin("operator_admin"), async (c) => {
  const client = await findClient(c.env, scopeOf(c, "operator_admin"), c.req.param("id"));
  return c.json({ id: client.id, client_secret: await rotateClientSecret(c.env, client, actorOf(c)) });
});
