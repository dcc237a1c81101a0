import { Hono } from "hono";
import * as z from "zod";
import type { Env } from "#env.ts";
import { contractOfPlate } from "#operator/billing-houses.ts";
import { type After, type AppEnv, after, body } from "#platform/http.ts";
import { EVENT } from "#premises/events.ts";
import { normalPlate } from "#premises/plates.ts";
import { noteEntry, whoEnters } from "./entry.ts";
import { Text } from "./fields.ts";
import { describe } from "./wire.ts";

/** POST /local/api/carnumber: a camera at a gate has read a number plate, and opens when it hears `true`. */
export const carNumber = new Hono<AppEnv>();

const Seen = z.object({
  event: Text,
  /** The device, and which of its cameras: its own unless it says that it is the external one. */
  uuid: z.string().trim().toLowerCase().min(1).max(64),
  externalCamera: z
    .union([z.boolean(), z.number(), z.string().max(8)])
    .nullish()
    .transform((side) => (side === undefined || side === null || /^(?:false|f|0|)$/i.test(String(side)) ? 0 : 1)),
});
const Verdict = z.object({ jsonrpc: z.literal("2.0"), action: z.boolean() });

carNumber.post(
  "/local/api/carnumber",
  describe("May the car with this number plate come in?", Verdict),
  body(Seen),
  async (c) => {
    const action = await letCarIn(c.env, c.req.valid("json"), after(c));
    return c.json({ jsonrpc: "2.0", action } satisfies z.input<typeof Verdict>);
  },
);

/** Whether the car may come in; if so, it stands in the flat's log. Throws `not_found` for a camera that belongs to no door. */
async function letCarIn(
  env: Env,
  { event, uuid, externalCamera }: z.output<typeof Seen>,
  later: After,
): Promise<boolean> {
  const plate = normalPlate(event);
  const uid = plate === undefined ? undefined : await contractOfPlate(env, plate);
  const pass = { plate: plate ?? "", uid };
  const entrant = await whoEnters(env, { rubetekUuid: uuid, rubetekExt: externalCamera }, pass);
  if (!entrant || plate === undefined) return false;
  const entry = { kind: EVENT.plate, at: new Date(), detail: `Номер а/м ${plate}`, extra: { plate } };
  await noteEntry(env, entrant, entry, later);
  return true;
}
