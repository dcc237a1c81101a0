import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { appealPicture, listAppeals, listCategories, takeAppeal } from "#operator/desk/appeals.ts";
import { listBills } from "#operator/desk/housing-bills.ts";
import type { HousingBill } from "#operator/desk/tables.ts";
import { serveFile } from "#platform/files.ts";
import { body } from "#platform/http.ts";
import { photoOf } from "#platform/photos.ts";
import { demandSigned, signedLink } from "#platform/signed-links.ts";
import { localText } from "#platform/time.ts";
import { holdingsOf } from "#premises/homes.ts";
import { describe, ok, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";
import { lived } from "./lived.ts";
import { AnyHome, Id, OneHome } from "./wire.ts";

/** /api/hcs/…: complaints about the house, and what is owed for the housing (docs/contracts.md, "The apps"). */
export const hcs = new Hono<ResidentEnv>();

const Category = z.object({ categoryId: z.number(), categoryName: z.string() });

hcs.post("/appealsCategory", describe("What I may complain of", z.array(Category)), signedIn("edge"), async (c) => {
  const categories = await listCategories(c.env);
  return ok(
    c,
    categories.map(({ id, name }): z.input<typeof Category> => ({ categoryId: id, categoryName: name })),
  );
});

const Appeal = z.object({
  appealsId: z.number(),
  createdUtc: z.string(),
  type: z.string(),
  description: z.string(),
  createdDoc: z.string(),
  status: z.number(),
  statusDescription: z.array(z.object({ stDesc: z.string(), stUtc: z.string() })),
  workerDescription: z.array(z.object({ wrDoc: z.string(), wrDesc: z.string(), wrUtc: z.string() })),
});

hcs.post(
  "/appealsList",
  describe("My home's complaints", z.array(Appeal)),
  signedIn("edge"),
  body(OneHome),
  async (c) => {
    const { uid } = await lived(c.env, c.var.resident, { ...c.req.valid("json"), fresh: wantsFresh(c) });
    const appeals = await listAppeals(c.env, uid);
    return ok(
      c,
      appeals.map((row) => appealView(c, row)),
    );
  },
);

type Listed = Awaited<ReturnType<typeof listAppeals>>[number];

function appealView(c: Context<ResidentEnv>, { appeal, category, steps }: Listed): z.input<typeof Appeal> {
  const local = (at: number | Date) => localText(new Date(at), settings(c.env).TIME_ZONE);
  const of = (kind: Listed["steps"][number]["kind"]) => steps.filter((step) => step.kind === kind);
  return {
    appealsId: appeal.id,
    createdUtc: local(appeal.createdAt),
    type: category,
    description: appeal.description,
    createdDoc: pictureOf(c, appeal.picture),
    status: appeal.status,
    statusDescription: of("status").map(({ text, at }) => ({ stDesc: text, stUtc: local(at) })),
    workerDescription: of("work").map(({ text, picture, at }) => ({
      ...{ wrDoc: pictureOf(c, picture), wrDesc: text, wrUtc: local(at) },
    })),
  };
}

const pictureOf = ({ env }: Context<ResidentEnv>, key: string | null) =>
  key === null ? "" : signedLink(env, `/api/hcs/${key}`, settings(env).LINK_HOURS * 3600);

hcs.get("/appealdoc/:file{[\\w-]+\\.(?:jpg|png)}", async (c) => {
  demandSigned(c.env, new URL(c.req.url));
  return serveFile(c.env, c.req.raw, appealPicture(c.req.param("file")));
});

const NewAppeal = AnyHome.in
  .extend({ type: Id, description: z.string().trim().min(1), createdDoc: z.string().nullish() })
  .transform(({ flatId, houseId, type, description, createdDoc }) => ({
    uid: houseId ?? flatId,
    categoryId: type,
    description: description.slice(0, 4000),
    createdDoc: createdDoc || undefined,
  }))
  .refine(({ uid }) => uid !== undefined, "houseId is needed");

// The app reads the code in the body, and the body of HTTP 204 is none.
const TAKEN = { code: 204, name: "OK", message: "Хорошо" };

hcs.post("/newAppeal", describe("Complain", z.never()), signedIn("strict"), body(NewAppeal), async (c) => {
  const { uid, createdDoc, ...appeal } = c.req.valid("json");
  const photo = createdDoc === undefined ? undefined : photoOf(createdDoc);
  const home = await lived(c.env, c.var.resident, { uid: uid!, fresh: true });
  await takeAppeal(c.env, { ...appeal, photo, uid: home.uid, address: home.address, phone: c.var.resident.phone });
  return c.json(TAKEN);
});

/** All money in kopecks. */
const Bill = z.object({
  name: z.string(),
  client: z.string(),
  paymentlink: z.string(),
  fakeLink: z.boolean(),
  balance: z.number(),
  amount: z.number(),
  currentpayment: z.number(),
  arrears: z.number(),
});

hcs.post("/listPay", describe("What my homes owe", z.array(Bill)), signedIn("edge"), body(AnyHome), async (c) => {
  const { homes } = await holdingsOf(c.env, c.var.resident, { uid: c.req.valid("json").uid, fresh: wantsFresh(c) });
  // What a home owes is nothing for guests.
  const uids = homes.filter(({ role }) => role === "owner").map(({ uid }) => uid);
  const bills = await listBills(c.env, uids);
  return ok(c, bills.map(billView));
});

const billView = (bill: HousingBill): z.input<typeof Bill> => ({
  name: bill.name,
  client: bill.client,
  paymentlink: bill.paymentLink,
  fakeLink: bill.paymentLink === "",
  balance: bill.balance,
  amount: bill.amount,
  currentpayment: bill.current,
  arrears: bill.arrears,
});
