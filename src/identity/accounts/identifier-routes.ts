import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { after } from "#platform/http.ts";
import { targetOf } from "../login/targets.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { idempotent } from "../wire/idempotency.ts";
import { json } from "../wire/input.ts";
import { ChallengeId, Code } from "./fields.ts";
import { addIdentifier, removeIdentifier, verifyIdentifier } from "./identifiers.ts";
import { callersRequester } from "./requester.ts";
import { accountView } from "./view.ts";

/** /me/identifiers: the phones and addresses by which the caller is known. */
export const identifierRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ tags: ["shield"], summary });
/** A thief with an open session, or with a guessed four-digit code, must not make the account their own. */
const owner = bearer({ fresh: true, firm: true });

const Identifier = z.object({ type: z.enum(["phone", "email"]), value: z.string().min(1).max(254) });

const adding = [describe("Add a phone or e-mail"), owner, json(Identifier), idempotent] as const;

identifierRoutes.post("/me/identifiers", ...adding, async (c) => {
  const requester = await callersRequester(c);
  const target = targetOf(requester.operator, c.req.valid("json"));
  return c.json(await addIdentifier(c.env, requester, { account: c.var.caller.id, target }, actorOf(c)), 202);
});

const Verification = z.object({ challenge_id: ChallengeId, code: Code });

identifierRoutes.post(
  "/me/identifiers/:id/verify",
  describe("Prove a phone or e-mail"),
  owner,
  json(Verification),
  async (c) => {
    const { operator, id: account } = c.var.caller;
    const { challenge_id: challengeId, code } = c.req.valid("json");
    const proof = { account, id: c.req.param("id"), challengeId, code };
    await verifyIdentifier(c.env, await callersRequester(c), proof, actorOf(c), after(c));
    return c.json(await accountView(c.env, operator, account));
  },
);

identifierRoutes.delete("/me/identifiers/:id", describe("Remove a phone or e-mail"), owner, async (c) => {
  const { operator, id: account } = c.var.caller;
  await removeIdentifier(c.env, operator, { account, id: c.req.param("id") }, actorOf(c), after(c));
  return c.body(null, 204);
});
