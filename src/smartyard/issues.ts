import { type Context, Hono } from "hono";
import * as z from "zod";
import { changeOwnIssue, commentOwnIssue, listOpenIssues } from "#operator/desk/issues.ts";
import type { Issue } from "#operator/desk/tables.ts";
import { AppError } from "#platform/errors.ts";
import { body } from "#platform/http.ts";
import { describe, done, ok, okOrEmpty, type ResidentEnv, signedIn } from "./envelope.ts";
import { deliveryIn, FreeIssue, freeIssue, isAboutConnection, NamedIssue, namedIssue } from "./issue-requests.ts";
import { askOperator } from "./new-issue.ts";
import { Flag, flag } from "./wire.ts";

/** POST /api/issues/…: what residents ask the operator for (docs/contracts.md, "The apps"). `…V2` is what newer apps call. */
export const issues = new Hono<ResidentEnv>();

const Key = z.string().trim().min(1).max(64);

issues.post("/create", describe("Ask the operator", z.string()), signedIn("strict"), body(FreeIssue), async (c) =>
  ok(c, await askOperator(c.env, c.var.resident, freeIssue(c.req.valid("json")), undefined)),
);

issues.post("/createV2", describe("Ask the operator", z.string()), signedIn("strict"), body(NamedIssue), async (c) => {
  const asked = c.req.valid("json");
  return ok(c, await askOperator(c.env, c.var.resident, namedIssue(asked), asked.cameraId));
});

const Connection = z.object({
  key: z.string(),
  courier: Flag,
  address: z.string().optional(),
  houseId: z.string().optional(),
  services: z.string().optional(),
});

const connections = async (c: Context<ResidentEnv>) => {
  const open = await listOpenIssues(c.env, c.var.resident);
  return okOrEmpty(c, open.filter(isAboutConnection).map(connectionView));
};

const connectionView = ({ key, delivery, address, uid, fields }: Issue): z.input<typeof Connection> => ({
  key,
  courier: flag(delivery === "courier"),
  ...(address !== null && { address }),
  ...(uid !== null && { houseId: String(uid) }),
  ...(typeof fields.services === "string" && { services: fields.services }),
});

const Action = z
  .object({
    key: Key,
    action: z.string().max(100),
    deliveryType: z.unknown().optional(),
    customFields: z.unknown().optional(),
  })
  .transform(({ key, action, ...said }) => ({ key, change: changeOf(action, said) }));

/** What an action does, by its name in either version: `Jelly.Закрыть авто` or `close`, `Jelly.Способ доставки` or `changeQRDeliveryType`. */
function changeOf(action: string, said: object): Partial<Pick<Issue, "status" | "delivery">> {
  if (/закрыть|^close$/i.test(action)) return { status: "cancelled" };
  const delivery = /способ доставки|^changeQRDeliveryType$/i.test(action) ? deliveryIn(said) : undefined;
  if (!delivery) throw new AppError("invalid", "There is no such action");
  return { delivery };
}

const Comment = z.object({
  key: Key,
  comment: z
    .string()
    .trim()
    .min(1)
    .transform((text) => text.slice(0, 4000)),
});

for (const version of ["", "V2"]) {
  const list = describe("My requests for a connection that are open", z.array(Connection));
  issues.post(`/listConnect${version}`, list, signedIn("edge"), connections);

  issues.post(`/action${version}`, describe("Close or change"), signedIn("strict"), body(Action), async (c) => {
    const { key, change } = c.req.valid("json");
    await changeOwnIssue(c.env, c.var.resident, key, change);
    return done(c);
  });

  issues.post(`/comment${version}`, describe("Say something"), signedIn("strict"), body(Comment), async (c) => {
    const { key, comment } = c.req.valid("json");
    await commentOwnIssue(c.env, c.var.resident, key, comment);
    return done(c);
  });
}
