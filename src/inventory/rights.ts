import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { giveRights, rightsOf, takeRights } from "#premises/rights.ts";
import { typeName } from "./devices.ts";
import { describe, done, fields } from "./envelope.ts";
import { Ids, Uid } from "./fields.ts";

/** POST /bill/api/rights_*: which devices a contract may use. Contract 0 is everybody. */
export const rights = new Hono<AppEnv>();

const Right = z.object({ device_id: z.int(), device_type: z.string(), title: z.string() });
const Rights = z.object({ rights: z.array(Right) });

rights.post(
  "/rights_list/",
  describe("List a contract's devices", Rights),
  fields(z.object({ uid: Uid })),
  async (c) => {
    const found = await rightsOf(c.env, c.req.valid("json").uid);
    return c.json({
      rights: found.map(({ deviceId, type, title }) => ({ device_id: deviceId, device_type: typeName(type), title })),
    });
  },
);

const Some = z.object({ uid: Uid, device_id: Ids });

rights.post("/rights_add/", describe("Give devices to a contract"), fields(Some), async (c) => {
  const { uid, device_id } = c.req.valid("json");
  await giveRights(c.env, uid, device_id);
  return done(c);
});

rights.post("/rights_del/", describe("Take devices from a contract"), fields(Some), async (c) => {
  const { uid, device_id } = c.req.valid("json");
  await takeRights(c.env, uid, device_id);
  return done(c);
});
