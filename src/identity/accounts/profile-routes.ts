import { Hono } from "hono";
import { describeRoute } from "hono-openapi";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { after } from "#platform/http.ts";
import { bearer } from "../wire/caller.ts";
import { actorOf, type ShieldEnv } from "../wire/context.ts";
import { ifMatch, json, Login, query } from "../wire/input.ts";
import { exportAccount } from "./export.ts";
import { Avatar, ChallengeId, Code, Lang, Password, PersonName } from "./fields.ts";
import { deleteOwnAccount } from "./own-deletion.ts";
import { changePassword } from "./passwords.ts";
import { changeProfile } from "./profile.ts";
import { openReauth, type Proof, reauthenticate } from "./reauth.ts";
import { callersRequester } from "./requester.ts";
import { accountView } from "./view.ts";

/** /me: the caller's own account. */
export const profileRoutes = new Hono<ShieldEnv>();

const describe = (summary: string) => describeRoute({ tags: ["shield"], summary });

profileRoutes.get("/me", describe("My account"), bearer(), async (c) => {
  const { operator, id } = c.var.caller;
  const account = await accountView(c.env, operator, id);
  c.header("ETag", `"${account.version}"`);
  return c.json(account);
});

const Profile = z.object({
  name: PersonName.nullish(),
  lang: Lang.nullish(),
  avatar: Avatar.nullish(),
});

profileRoutes.patch("/me", describe("Change my account"), bearer(), json(Profile), async (c) => {
  const { operator, id } = c.var.caller;
  const change = { id, change: c.req.valid("json"), ver: ifMatch(c) };
  await changeProfile(c.env, operator, change, actorOf(c));
  const account = await accountView(c.env, operator, id);
  c.header("ETag", `"${account.version}"`);
  return c.json(account);
});

const Channel = z.object({ channel: z.enum(["sms", "email"]).optional() });

profileRoutes.post("/me/reauth/challenge", describe("A code to prove who I am"), bearer(), json(Channel), async (c) => {
  const requester = await callersRequester(c);
  return c.json(await openReauth(c.env, c.var.caller, requester, c.req.valid("json").channel), 202);
});

const Reauth = z.object({
  method: z.enum(["password", "sms", "code", "totp"]),
  password: Password.optional(),
  code: Code.optional(),
  challenge_id: ChallengeId.optional(),
  login: Login.optional(),
});

profileRoutes.post("/me/reauth", describe("Prove who I am"), bearer(), json(Reauth), async (c) => {
  const proof = proofIn(c.req.valid("json"));
  const requester = await callersRequester(c);
  return c.json(await reauthenticate(c.env, c.var.caller, requester, proof, actorOf(c), after(c)));
});

function proofIn({ method, password, code, challenge_id }: z.output<typeof Reauth>): Proof {
  if (method === "password" && password !== undefined) return { method, password };
  if (method === "totp" && code !== undefined) return { method, code };
  if (method !== "password" && method !== "totp" && code !== undefined && challenge_id !== undefined)
    return { method, code, challengeId: challenge_id };
  const pointer = method === "password" ? "/password" : code === undefined ? "/code" : "/challenge_id";
  throw fail("validation_failed", { extra: { errors: [{ pointer, code: "missing", message: "is needed" }] } });
}

const NewPassword = z.object({ current: Password.optional(), new: Password });
const Keep = z.object({ keep: z.literal("current").optional() });

profileRoutes.put(
  "/me/password",
  describe("Change my password"),
  bearer({ fresh: true }),
  query(Keep),
  json(NewPassword),
  async (c) => {
    const { current, new: password } = c.req.valid("json");
    const keep = c.req.valid("query").keep === "current";
    const { operator, address } = await callersRequester(c);
    const change = { current, password, keep, address };
    await changePassword(c.env, c.var.caller, operator, change, actorOf(c), after(c));
    return c.body(null, 204);
  },
);

profileRoutes.get("/me/export", describe("All that is kept about me"), bearer({ fresh: true }), async (c) => {
  const { operator, id } = c.var.caller;
  return c.json(await exportAccount(c.env, operator, id));
});

const Deletion = z.object({ confirm: z.string().min(1).max(254) });

profileRoutes.delete("/me", describe("Delete my account"), bearer({ fresh: true }), json(Deletion), async (c) => {
  const { operator } = await callersRequester(c);
  const deletion = { account: c.var.caller.id, confirm: c.req.valid("json").confirm };
  const eraseAt = await deleteOwnAccount(c.env, operator, deletion, actorOf(c));
  return c.json({ delete_at: eraseAt.toISOString() }, 202);
});
