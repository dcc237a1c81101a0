import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { type AppEnv, body } from "#platform/http.ts";
import { localText } from "#platform/time.ts";
import { issueFlatCode } from "#premises/guests/flat-codes.ts";
import { decidePassport, listPassports, passportPicture } from "#premises/guests/passports.ts";
import type { Passport } from "#premises/guests/tables.ts";
import { describe, done, fields } from "./envelope.ts";
import { Id, Text } from "./fields.ts";

/** POST /bill/api/flat_codes_add, passports_*: how residents become owners, and prove it. Ours; the old contract had none. */
export const flatAccess = new Hono<AppEnv>();

const DAY_SECONDS = 86_400;
const Life = Id.pipe(
  z
    .int()
    .min(60)
    .max(366 * DAY_SECONDS),
);
const NewCode = z.object({ uid: Id, expires_in: Life.nullish() });
const Code = z.object({ code: z.string(), url: z.string() });

flatAccess.post("/flat_codes_add/", describe("Make a QR code for a flat", Code), fields(NewCode), async (c) => {
  const { uid, expires_in } = c.req.valid("json");
  return c.json(await issueFlatCode(c.env, uid, expires_in ?? 30 * DAY_SECONDS));
});

const State = z.enum(["sent", "confirmed", "refused"]);
const Listed = z.object({
  id: z.string(),
  uid: z.int(),
  phone: z.string(),
  state: State,
  created_at: z.string(),
  decided_at: z.string().nullable(),
});

flatAccess.post(
  "/passports_list/",
  describe("List pictures of passports", z.object({ passports: z.array(Listed) })),
  body(z.object({ state: State.nullish() })),
  async (c) => {
    const found = await listPassports(c.env, c.req.valid("json").state ?? undefined);
    return c.json({ passports: found.map((passport) => passportView(passport, settings(c.env).TIME_ZONE)) });
  },
);

const passportView = (
  { id, uid, phone, state, createdAt, decidedAt }: Passport,
  zone: string,
): z.input<typeof Listed> => ({
  ...{ id, uid, phone, state },
  created_at: localText(createdAt, zone),
  decided_at: decidedAt && localText(decidedAt, zone),
});

const One = z.object({ id: Text });

flatAccess.post("/passports_get/", describe("The picture of a passport"), fields(One), async (c) => {
  const { bytes, type } = await passportPicture(c.env, c.req.valid("json").id);
  const headers = { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return c.body(new Uint8Array(bytes), 200, headers);
});

const Decision = One.extend({ state: z.enum(["confirmed", "refused"]) });

flatAccess.post("/passports_decide/", describe("Confirm or refuse a passport"), fields(Decision), async (c) => {
  const { id, state } = c.req.valid("json");
  await decidePassport(c.env, id, state);
  return done(c);
});
