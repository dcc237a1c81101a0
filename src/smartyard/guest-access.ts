import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { body, clientAddress } from "#platform/http.ts";
import { instantOf } from "#platform/time.ts";
import { changeAccess, inviteAgain } from "#premises/guests/access.ts";
import { describe, done, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { languageOf } from "./texts.ts";
import { AnyHome } from "./wire.ts";

/** POST /api/address/access, resend: whom a flat's owner lets in (docs/contracts.md, "Guests"). */
export const guestAccess = new Hono<ResidentEnv>();

const PhoneText = z.union([z.string(), z.number().transform(String)]).pipe(z.string().trim().max(32));
const NEEDS_HOME = "flatId or houseId is needed";

const Access = AnyHome.in
  .extend({
    guestPhone: PhoneText.nullish(),
    type: z.enum(["inner", "outer", "owner"]).nullish(),
    expire: z.string().max(32).nullish(),
    clientId: z
      .union([z.string(), z.number().transform(String)])
      .pipe(z.string().max(64))
      .nullish(),
  })
  .transform(({ flatId, houseId, ...rest }) => ({ ...rest, uid: houseId ?? flatId }))
  .refine(({ uid }) => uid !== undefined, NEEDS_HOME);

const ASK_OPERATOR = {
  ru: "Этот номер записан в договоре. Чтобы убрать его, обратитесь к оператору",
  en: "This number belongs to the contract. Please ask the operator to remove it",
};

guestAccess.post(
  "/access",
  describe("Let a phone into my home, change how, or end it", z.string()),
  signedIn("strict"),
  body(Access),
  async (c) => {
    const request = accessOf(c, c.req.valid("json"));
    const outcome = await changeAccess(c.env, c.var.resident, request, clientAddress(c));
    return outcome === "done" ? done(c) : ok(c, ASK_OPERATOR[languageOf(c)]);
  },
);

function accessOf(c: Context<ResidentEnv>, { uid, guestPhone, type, expire, clientId }: z.output<typeof Access>) {
  const expiresAt = expire ? instantOf(expire, settings(c.env).TIME_ZONE) : undefined;
  if (expire && !expiresAt) throw new AppError("invalid", "expire: not YYYY-MM-DD HH:MM:SS");
  // The apps send the type of a roommate along when they end it; nobody is made an owner this way.
  const isNew = !expiresAt || expiresAt > new Date();
  if (type === "owner" && isNew) throw new AppError("invalid", "An owner is made by the operator");
  return {
    uid: uid!,
    login: clientId || undefined,
    phone: guestPhone || undefined,
    type: type === "owner" ? undefined : (type ?? undefined),
    expiresAt,
  };
}

const Again = AnyHome.in
  .extend({ guestPhone: PhoneText.pipe(z.string().min(1)) })
  .transform(({ flatId, houseId, guestPhone }) => ({ uid: houseId ?? flatId, phone: guestPhone }))
  .refine(({ uid }) => uid !== undefined, NEEDS_HOME);

guestAccess.post("/resend", describe("Send a guest's invitation again"), signedIn("strict"), body(Again), async (c) => {
  const { uid, phone } = c.req.valid("json");
  await inviteAgain(c.env, c.var.resident, { uid: uid!, phone }, clientAddress(c));
  return done(c);
});
