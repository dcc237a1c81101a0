import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { addPlate, deletePlate, listPlates } from "#premises/plates.ts";
import { describe, done, fields } from "./envelope.ts";
import { Id, Text } from "./fields.ts";

/** POST /bill/api/plates_*: the number plates of a contract. Ours; the old contract left them to the operator's billing. */
export const plates = new Hono<AppEnv>();

const Plates = z.object({ plates: z.array(z.object({ plate: z.string(), comment: z.string() })) });

plates.post(
  "/plates_list/",
  describe("List the number plates of a contract", Plates),
  fields(z.object({ uid: Id })),
  async (c) => {
    const found = await listPlates(c.env, c.req.valid("json").uid);
    return c.json({ plates: found });
  },
);

const OnePlate = z.object({ uid: Id, plate: z.string().max(64) });
const NewPlate = OnePlate.extend({ comment: Text.nullish().transform((text) => text ?? "") });

plates.post("/plates_add/", describe("Add a number plate"), fields(NewPlate), async (c) => {
  await addPlate(c.env, c.req.valid("json"));
  return done(c);
});

plates.post("/plates_del/", describe("Delete a number plate"), fields(OnePlate), async (c) => {
  const { uid, plate } = c.req.valid("json");
  await deletePlate(c.env, uid, plate);
  return done(c);
});
