import { Hono } from "hono";
import * as z from "zod";
import { listKeys, revokeSigningKey, rotateSigningKey } from "#identity/tokens/key-admin.ts";
import { actorOf, type ShieldEnv } from "#identity/wire/context.ts";
import { json } from "#identity/wire/input.ts";
import { admin, demandEverywhere, Reason, reasonIn } from "./gate.ts";

/** The keys that sign access tokens: their states, never their material. They belong to the deployment, so the role must hold everywhere. */
export const keys = new Hono<ShieldEnv>();

keys.get("/keys", admin("security"), async (c) => {
  demandEverywhere(c, "security");
  const items = (await listKeys(c.env)).map((key) => ({ ...key, use: "sign" }));
  return c.json({ items, next_cursor: null });
});

/** Which keys: those of access tokens are the only ones that are put to use by hand. */
const Use = z.object({ use: z.enum(["sign", "signing", "access"]).default("sign") });

keys.post("/keys/rotate", admin("security", { fresh: true }), json(Use), async (c) => {
  demandEverywhere(c, "security");
  const { kid } = await rotateSigningKey(c.env, actorOf(c));
  return c.json({ kid, use: "sign", state: "active" });
});

keys.post("/keys/:kid/revoke", admin("security", { fresh: true }), json(Reason), async (c) => {
  demandEverywhere(c, "security");
  const reason = reasonIn(c.req.valid("json"));
  const { kid, active } = await revokeSigningKey(c.env, c.req.param("kid"), reason, actorOf(c));
  return c.json({ kid, use: "sign", state: "revoked", active });
});
