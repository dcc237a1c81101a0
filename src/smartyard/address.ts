import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { body } from "#platform/http.ts";
import { instantOf, localText } from "#platform/time.ts";
import { openDoor } from "#premises/doors.ts";
import { reaches } from "#premises/guests/roles.ts";
import { type Door, type Home, holdingsOf, homeSettings, newDoorCode } from "#premises/homes.ts";
import { contractList } from "./contract-list.ts";
import { describe, done, ok, okOrEmpty, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";
import { guestAccess } from "./guest-access.ts";
import { changeOf, IntercomSettings, IntercomView, intercomView } from "./intercom.ts";
import { registerQr } from "./register-qr.ts";
import { type Language, languageOf, textOf } from "./texts.ts";
import { AnyHome, Flag, flag, Id, OneHome } from "./wire.ts";

/** POST /api/address/…: the resident's homes, and the doors that lead to them (docs/contracts.md, "The apps"). */
export const address = new Hono<ResidentEnv>();

for (const group of [contractList, guestAccess, registerQr]) address.route("/", group);

const DoorView = z.object({
  domophoneId: z.string(),
  doorId: z.number(),
  entrance: z.string().optional(),
  icon: z.enum(["entrance", "wicket", "gate", "barrier"]), // an unknown one makes iOS drop all doors of the house
  name: z.string(),
  blocked: z.string().optional(),
});
const HomeView = z.object({
  houseId: z.string(),
  address: z.string(),
  hasPlog: Flag,
  cctv: z.number(),
  doors: z.array(DoorView),
  hasCctv: Flag,
  frsEnabled: z.boolean(),
  hasFrs: Flag,
  hasHcs: Flag,
  hasSh: Flag,
});

address.post("/getAddressList", describe("List my homes", z.array(HomeView)), signedIn("edge"), async (c) => {
  const { homes } = await holdingsOf(c.env, c.var.resident, { fresh: wantsFresh(c) });
  return okOrEmpty(
    c,
    homes.map((home) => ({ ...homeView(home, languageOf(c)), ...switchesOf(home, settings(c.env).FRS_URL) })),
  );
});

// What the home's screen offers to those who live there: a guest for the gates lives elsewhere.
function switchesOf({ role }: Home, faceServer: string | undefined) {
  const livesThere = reaches(role, "inner");
  const faces = livesThere && faceServer !== undefined;
  return { frsEnabled: faces, hasFrs: flag(faces), hasHcs: flag(livesThere), hasSh: flag(livesThere) };
}

const homeView = ({ uid, address, cameras, doors, hasLog }: Home, language: Language) => ({
  houseId: String(uid),
  address,
  hasPlog: flag(hasLog),
  cctv: cameras.length,
  hasCctv: flag(cameras.length > 0),
  doors: doors.filter(({ state }) => state > 0).map((door) => doorView(door, language)),
});

const doorView = ({ id, lockId, entrance, icon, name, state }: Door, language: Language): z.input<typeof DoorView> => ({
  domophoneId: String(lockId),
  doorId: id,
  icon,
  name,
  ...(entrance !== null && { entrance }),
  ...(state === 1 && { blocked: textOf("payment_required", 402, language).message }),
});

const IntercomRequest = AnyHome.in
  .extend({ settings: IntercomSettings.nullish() })
  .transform(({ flatId, houseId, settings }) => ({ uid: houseId ?? flatId, settings: settings ?? {} }))
  .refine(({ uid }) => uid !== undefined, "flatId or houseId is needed");

address.post(
  "/intercom",
  describe("Read or change a flat's intercom", IntercomView),
  signedIn("strict"),
  body(IntercomRequest),
  async (c) => {
    const { uid, settings: wanted } = c.req.valid("json");
    const { TIME_ZONE } = settings(c.env);
    const change = changeOf(wanted, (text) => instantOf(text, TIME_ZONE));
    const home = await homeSettings(c.env, c.var.resident, { uid: uid!, fresh: wantsFresh(c) }, change);
    return ok(
      c,
      intercomView(home, (at) => localText(at, TIME_ZONE)),
    );
  },
);

address.post(
  "/resetCode",
  describe("Give my flat a new door code", z.object({ code: z.number() })),
  signedIn("strict"),
  body(OneHome),
  async (c) => {
    const { doorCode } = await homeSettings(c.env, c.var.resident, c.req.valid("json"), { doorCode: newDoorCode() });
    return ok(c, { code: Number(doorCode) });
  },
);

const DoorRequest = AnyHome.in
  .extend({ domophoneId: Id, doorId: Id.nullish() }) // the web app's call screen names no doorId
  .transform(({ flatId, houseId, domophoneId, doorId }) => ({
    lockId: domophoneId,
    doorId: doorId ?? undefined,
    uid: houseId ?? flatId,
  }));

address.post(
  "/openDoor",
  describe("Open a door, gate or barrier"),
  signedIn("strict"),
  body(DoorRequest),
  async (c) => {
    await openDoor(c.env, c.var.resident, c.req.valid("json"));
    return done(c); // the iOS widget takes nothing but 204 for success
  },
);
