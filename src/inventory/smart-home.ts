import { Hono } from "hono";
import * as z from "zod";
import { type AppEnv, body } from "#platform/http.ts";
import { allNodes, noteNode, registerNode, reportItems } from "#premises/smart-home/register.ts";
import type { ShNode } from "#premises/smart-home/tables.ts";
import { describe, done, fields } from "./envelope.ts";
import { Flag, Id } from "./fields.ts";

/** POST /bill/api/sh_*: the boxes of the smart home, and what the operator's bridge tells of them (docs/smart-home.md). */
export const smartHome = new Hono<AppEnv>();

const text = (max: number) => z.union([z.string(), z.number()]).transform(String).pipe(z.string().trim().max(max));
const TextId = text(64).pipe(z.string().min(1));
const maybe = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? undefined);

const Mac = z
  .string()
  .max(32)
  .transform((mac) => mac.toLowerCase().replace(/[\s:.-]/g, ""))
  .pipe(z.string().regex(/^[0-9a-f]{12}$/, "not a MAC"))
  .transform((digits) => digits.match(/../g)!.join(":"));

const Facts = z.object({
  type: maybe(TextId),
  vendor: maybe(text(128)),
  is_up: maybe(Flag),
  hw_version: maybe(text(64)),
  os_version: maybe(text(64)),
  sw_version: maybe(text(64)),
  sw_date: maybe(text(64)),
  needs_upgrade: maybe(Flag),
});

/** The facts that a request names, as columns. */
function factsOf(facts: z.output<typeof Facts>) {
  const columns = {
    ...{ type: facts.type, vendor: facts.vendor, isUp: facts.is_up, needsUpgrade: facts.needs_upgrade },
    ...{ hwVersion: facts.hw_version, osVersion: facts.os_version, swVersion: facts.sw_version, swDate: facts.sw_date },
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as Partial<ShNode>;
}

const NewNode = Facts.extend({ uuid: maybe(TextId), mac: Mac, type: TextId });

smartHome.post(
  "/sh_nodes_add/",
  describe("Register a controller", z.object({ node_uuid: z.string() })),
  fields(NewNode),
  async (c) => {
    const { uuid, mac, ...facts } = c.req.valid("json");
    const id = await registerNode(c.env, { ...factsOf(facts), id: uuid, mac, type: facts.type });
    return c.json({ node_uuid: id });
  },
);

const ChangedNode = Facts.extend({ node_uuid: TextId, free: maybe(Flag) });

smartHome.post(
  "/sh_nodes_mod/",
  describe("Note what is known of a controller, or take it from its contract"),
  fields(ChangedNode),
  async (c) => {
    const { node_uuid, free, ...facts } = c.req.valid("json");
    await noteNode(c.env, node_uuid, { ...factsOf(facts), isFreed: free });
    return done(c);
  },
);

const Listed = z.object({
  node_uuid: z.string(),
  mac: z.string(),
  uid: z.int().nullable(),
  name: z.string().nullable(),
  type: z.string(),
  vendor: z.string(),
  is_up: z.boolean(),
  hw_version: z.string(),
  os_version: z.string(),
  sw_version: z.string(),
  sw_date: z.string(),
  needs_upgrade: z.boolean(),
  seen_at: z.string().nullable(),
});

const listed = (node: ShNode): z.input<typeof Listed> => ({
  ...{ node_uuid: node.id, mac: node.mac, uid: node.uid, name: node.name, type: node.type, vendor: node.vendor },
  ...{ is_up: node.isUp, hw_version: node.hwVersion, os_version: node.osVersion, sw_version: node.swVersion },
  ...{ sw_date: node.swDate, needs_upgrade: node.needsUpgrade, seen_at: node.seenAt?.toISOString() ?? null },
});

smartHome.post(
  "/sh_nodes_list/",
  describe("List controllers: a thousand at most, after `after`", z.object({ nodes: z.array(Listed) })),
  body(z.object({ uid: maybe(Id), after: maybe(text(64)) })),
  async (c) => {
    const nodes = await allNodes(c.env, c.req.valid("json"));
    return c.json({ nodes: nodes.map(listed) });
  },
);

const orNull = <S extends z.ZodType>(schema: S) => schema.nullish().transform((value) => value ?? null);

const Reported = z
  .object({
    id: TextId,
    type: text(128).pipe(z.string().min(1)),
    name: maybe(text(128)),
    vendor: maybe(text(128)),
    multitype: orNull(text(256)),
    meta: orNull(text(4_000)),
  })
  .transform(({ name, vendor = "", ...item }) => ({ ...item, vendor, name: name || item.type }));

const Report = z.object({
  node_uuid: TextId,
  items: maybe(z.array(Reported).max(1_000)),
  removed: maybe(z.array(TextId).max(1_000)),
});

smartHome.post("/sh_items_update/", describe("Take what a controller has now"), fields(Report), async (c) => {
  const { node_uuid, items = [], removed = [] } = c.req.valid("json");
  await reportItems(c.env, node_uuid, { items, removed });
  return done(c);
});
