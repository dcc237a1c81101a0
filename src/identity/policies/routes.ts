import { type Context, Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { callersOperator, personOrService, service } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { idempotent } from "../wire/idempotency.ts";
import { check, ifMatch, json, Page, query } from "../wire/input.ts";
import type { Publisher } from "./grantor.ts";
import { listPolicies } from "./list.ts";
import { Id, Name, policyView, readPolicy, writtenView } from "./policy-wire.ts";
import { publishPolicy, replacePolicy, type Written, withdrawPolicy } from "./publish.ts";
import { registerResource } from "./registry.ts";

/** /policies, /resources: who may do what, as households and the operator's services say it. */
export const policyRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ summary, tags: ["shield"] });

/** What is wrong with a rule is told as `policy_invalid`, so it is read behind this. */
const Anything = z.record(z.string(), z.unknown());

policyRoutes.post(
  "/policies",
  describe("Publish a right or a prohibition"),
  personOrService("policies", { firm: true }),
  idempotent,
  json(Anything),
  async (c) => {
    const draft = readPolicy(c.req.valid("json"));
    return written(c, await publishPolicy(c.env, publisherOf(c), draft, actorOf(c)), 201);
  },
);

policyRoutes.put(
  "/policies/:id",
  describe("Replace a rule"),
  personOrService("policies", { firm: true }),
  json(Anything),
  async (c) => {
    const draft = readPolicy(c.req.valid("json"));
    const change = { id: c.req.param("id"), expected: ifMatch(c), draft };
    return written(c, await replacePolicy(c.env, publisherOf(c), change, actorOf(c)), 200);
  },
);

policyRoutes.delete("/policies/:id", describe("Withdraw a rule"), personOrService("policies"), async (c) => {
  await withdrawPolicy(c.env, publisherOf(c), { id: c.req.param("id"), expected: ifMatch(c) }, actorOf(c));
  return c.body(null, 204);
});

/** `account:acc_1`, `door:*`, or the id alone. */
const Reference = z
  .string()
  .max(200)
  .regex(/^([^:]+:)?[^:].*$/)
  .transform((text) => {
    const [, type, id = text] = /^([^:]+):(.+)$/.exec(text) ?? [];
    return { type, id };
  });
const Who = z.object({
  type: z.union([z.enum(["account", "device", "role", "service"]), z.undefined()]),
  id: z.string(),
});

const Filter = Page.extend({
  domain: z.string().min(1).max(128).optional(),
  subject: Reference.pipe(Who).optional(),
  resource: Reference.optional(),
});

policyRoutes.get("/policies", describe("List rules"), personOrService("policies"), query(Filter), async (c) => {
  const { limit, cursor, ...filter } = c.req.valid("query");
  const { items, next } = await listPolicies(c.env, publisherOf(c), filter, { limit, cursor });
  return c.json({ items: items.map(policyView), next_cursor: next });
});

const Registered = z.object({
  domain: Id,
  owner: Id.nullish(),
  parent: z.object({ type: Name, id: Id }).nullish(),
});

policyRoutes.put(
  "/resources/:type/:id",
  describe("Register what rights can hang on"),
  service("resources"),
  json(Registered),
  async (c) => {
    const { type, id } = check(z.object({ type: Name, id: Id }), c.req.param());
    const { domain, owner = null, parent = null } = c.req.valid("json");
    await registerResource(c.env, callersOperator(c), { type, id }, { domain, owner, parent }, actorOf(c));
    return c.json({ type, id, domain, owner, parent });
  },
);

function written(c: Context<ShieldEnv>, answer: Written, status: 200 | 201) {
  c.header("ETag", `"${answer.policy.ver}"`);
  return c.json(writtenView(answer), status);
}

function publisherOf(c: Context<ShieldEnv>): Publisher {
  const caller = c.get("caller");
  if (!caller) return { kind: "service", id: c.get("client").id, operator: c.get("client").operator };
  const { id, operator, authAt } = caller;
  return { kind: caller.kind === "account" ? "account" : "service", id, operator, authAt };
}
