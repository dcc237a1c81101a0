import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { body, clientAddress } from "#platform/http.ts";
import { addMyPhone } from "#premises/guests/contract-password.ts";
import { sendPassport } from "#premises/guests/passports.ts";
import { restoreContacts, restorePassword, sendRestoreCode } from "#premises/guests/restore.ts";
import { describe, done, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { AnyHome } from "./wire.ts";

/** POST /api/user/addMyPhone, restore, sendPassport: proving that a contract is one's own (docs/contracts.md, "Becoming an owner"). */
export const ownContract = new Hono<ResidentEnv>();

const text = (max: number) =>
  z.union([z.string(), z.number().transform(String)]).pipe(z.string().trim().min(1).max(max));

const Credentials = z.object({
  login: text(64),
  // As it was given: a space may belong to it.
  password: z.union([z.string(), z.number().transform(String)]).pipe(z.string().min(1).max(256)),
});

ownContract.post(
  "/addMyPhone",
  describe("Add a contract of mine by its password"),
  signedIn("strict"),
  body(Credentials),
  async (c) => {
    await addMyPhone(c.env, c.var.resident, c.req.valid("json"), clientAddress(c));
    if (!settings(c.env).MAIN_SCREEN_ADDRESS) return done(c);
    return c.json({ code: 201, name: "OK", message: "Хорошо" }); // the operator's own app then begins with the addresses
  },
);

const Restore = z
  .object({
    contract: text(64),
    contact_id: text(128).nullish(),
    contactId: text(128).nullish(),
    code: z
      .union([z.string(), z.number().transform(String)])
      .pipe(
        z
          .string()
          .trim()
          .regex(/^\d{4,6}$/),
      )
      .nullish(),
  })
  .transform(({ contract, contact_id, contactId, code }) => ({
    contract,
    contactId: contact_id ?? contactId ?? undefined,
    code: code ?? undefined,
  }));
const Contact = z.object({ id: z.string(), contact: z.string(), type: z.enum(["phone", "email"]) });

ownContract.post(
  "/restore",
  describe("A new password for a contract: whom to ask, a code, the code back", z.array(Contact)),
  signedIn("strict"),
  body(Restore),
  (c) => restore(c, c.req.valid("json")),
);

async function restore(c: Context<ResidentEnv>, { contract, contactId, code }: z.output<typeof Restore>) {
  const [resident, address] = [c.var.resident, clientAddress(c)];
  if (code !== undefined) await restorePassword(c.env, resident, { contract, contactId, code }, address);
  else if (contactId !== undefined) await sendRestoreCode(c.env, resident, { contract, contactId }, address);
  else return ok(c, await restoreContacts(c.env, resident, contract, address));
  return done(c);
}

const PassportPhoto = AnyHome.in
  .extend({ passport: z.string().min(1) })
  .transform(({ flatId, houseId, passport }) => ({ uid: houseId ?? flatId, picture: passport }))
  .refine(({ uid }) => uid !== undefined, "flatId or houseId is needed");

ownContract.post(
  "/sendPassport",
  describe("Show the operator my passport"),
  signedIn("strict"),
  body(PassportPhoto),
  async (c) => {
    const { uid, picture } = c.req.valid("json");
    await sendPassport(c.env, c.var.resident, { uid: uid!, picture });
    return done(c);
  },
);
