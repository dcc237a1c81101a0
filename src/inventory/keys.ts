import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { addKey, deleteKey, listKeys } from "#premises/rights.ts";
import { describe, done, fields } from "./envelope.ts";
import { Id, Text } from "./fields.ts";

/** POST /bill/api/keys_*: the RFID keys of a contract. */
export const keys = new Hono<AppEnv>();

const Keys = z.object({ keys: z.array(z.object({ key: z.string(), comment: z.string() })) });

keys.post("/keys_list/", describe("List the keys of a contract", Keys), fields(z.object({ uid: Id })), async (c) => {
  const found = await listKeys(c.env, c.req.valid("json").uid);
  return c.json({ keys: found });
});

const OneKey = z.object({ uid: Id, key: z.string().max(64) });
const NewKey = OneKey.extend({ comment: Text.nullish().transform((text) => text ?? "") });

keys.post("/keys_add/", describe("Add a key"), fields(NewKey), async (c) => {
  await addKey(c.env, c.req.valid("json"));
  return done(c);
});

keys.post("/keys_del/", describe("Delete a key"), fields(OneKey), async (c) => {
  const { uid, key } = c.req.valid("json");
  await deleteKey(c.env, uid, key);
  return done(c);
});
