import { Hono } from "hono";
import * as z from "zod";
import { contractOfFlat, flatNumber } from "#operator/billing-houses.ts";
import { type AppEnv, body } from "#platform/http.ts";
import { Id, Text } from "./fields.ts";
import { describe } from "./wire.ts";

/** POST /indoor/uidfromuids: the service of the indoor units asks which contract a flat is. */
export const indoor = new Hono<AppEnv>();

indoor.post(
  "/indoor/uidfromuids",
  describe("The contract of a flat among these, as a plain number; 0 for none"),
  body(z.object({ uids: z.array(Id).max(10_000), flat: Text })),
  async (c) => {
    const { uids, flat } = c.req.valid("json");
    return c.html(String((await contractOfFlat(c.env, uids, flatNumber(flat))) ?? 0));
  },
);
