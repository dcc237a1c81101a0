import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { after, body } from "#platform/http.ts";
import { cameraOfDoor, demandPaid, watch, watchCity } from "#premises/cameras.ts";
import type { Camera, Home } from "#premises/homes.ts";
import { SERVER_TYPES } from "#premises/tables.ts";
import { archive } from "./archive.ts";
import { describe, done, ok, okOrEmpty, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";
import { AnyHome, Flag, flag, Id } from "./wire.ts";

/** POST /api/cctv/…: the resident's cameras, each with a token that its media server will ask us about (docs/contracts.md, "The apps"). */
export const cctv = new Hono<ResidentEnv>();

cctv.route("/", archive);

const Playable = z.object({
  url: z.string(),
  token: z.string(),
  serverType: z.enum(SERVER_TYPES),
  hlsMode: z.enum(["fmp4", "mpegts"]), // iOS and the web app disagree about what its absence means
  hasSound: z.boolean(),
});
const CameraView = Playable.extend({
  id: z.number(),
  name: z.string(),
  lat: z.string().optional(),
  lon: z.string().optional(),
  houseId: z.number().optional(), // iOS wants it as a number here, and as text everywhere else
});

cctv.post("/all", describe("List my cameras", z.array(CameraView)), signedIn("edge"), body(AnyHome), async (c) => {
  const { homes, tokenOf } = await watch(c.env, c.var.resident, selection(c), after(c));
  const cameras = camerasOf(homes);
  demandPaid(cameras);
  return okOrEmpty(
    c,
    cameras.map((camera) => cameraView(c, camera, tokenOf(camera))),
  );
});

const Group: z.ZodType = z.object({
  groupId: z.string().optional(),
  groupName: z.string().optional(),
  type: z.enum(["map", "list"]).optional(),
  childGroups: z.array(z.lazy(() => Group)),
  cameras: z.array(CameraView),
});

cctv.post("/allTree", describe("My cameras, by home", Group), signedIn("edge"), body(AnyHome), async (c) => {
  const { homes, tokenOf } = await watch(c.env, c.var.resident, selection(c), after(c));
  demandPaid(camerasOf(homes));
  const groups = homes
    .filter((home) => home.cameras.length > 0)
    .map((home) => ({
      groupId: String(home.uid),
      groupName: home.address,
      type: "list",
      childGroups: [],
      cameras: home.cameras.map((camera) => cameraView(c, { ...camera, uid: home.uid }, tokenOf(camera))),
    }));
  if (groups.length === 0) return done(c);
  return ok(c, groups.length === 1 ? groups[0] : { type: "list", childGroups: groups, cameras: [] });
});

const DoorCamera = Playable.extend({ id: z.string(), entranceId: z.string(), frs: Flag });

cctv.post(
  "/camMap",
  describe("The camera behind each of my doors", z.array(DoorCamera)),
  signedIn("edge"),
  body(AnyHome),
  async (c) => {
    const { homes, tokenOf } = await watch(c.env, c.var.resident, selection(c), after(c));
    const cameras = camerasAtDoors(homes);
    // Asked for everything, the call must not fail: iOS shows no history without it.
    if (selection(c).uid !== undefined) demandPaid(cameras);
    const paid = cameras.filter(({ state }) => state === 2);
    const seesFaces = settings(c.env).FRS_URL !== undefined;
    return okOrEmpty(
      c,
      paid.map(
        (camera): z.input<typeof DoorCamera> => ({
          id: String(camera.id), // a number makes iOS drop the whole list
          entranceId: String(camera.doorId), // and iOS finds the door only by text
          frs: flag(seesFaces && camera.knowsFaces),
          ...playable(c, camera, tokenOf(camera)),
        }),
      ),
    );
  },
);

const DoorRequest = AnyHome.in
  .extend({ doorId: Id })
  .transform(({ flatId, houseId, doorId }) => ({ doorId, uid: houseId ?? flatId }));
const DoorView = Playable.extend({ doorId: z.number(), name: z.string() });

cctv.post("/door", describe("The camera of one door", DoorView), signedIn("edge"), body(DoorRequest), async (c) => {
  const { doorId } = c.req.valid("json");
  const { homes, tokenOf } = await watch(c.env, c.var.resident, selection(c), after(c));
  const { door, camera } = cameraOfDoor(homes, doorId);
  return ok(c, { doorId: door.id, name: camera.title, ...playable(c, camera, tokenOf(camera)) });
});

cctv.post("/overview", describe("The city's cameras", z.array(CameraView)), signedIn("edge"), async (c) => {
  const { homes, tokenOf } = await watchCity(c.env, c.var.resident, after(c));
  return okOrEmpty(
    c,
    camerasOf(homes).map((camera) => cameraView(c, camera, tokenOf(camera))),
  );
});

function selection(c: Context<ResidentEnv, string, { out: { json: { uid?: number | undefined } } }>) {
  return { uid: c.req.valid("json").uid, fresh: wantsFresh(c) };
}

interface CameraOfHome extends Camera {
  /** The home's contract. */
  uid: number;
}

/** Every camera once, in its best state: two contracts may share one. */
function camerasOf(homes: readonly Home[]): CameraOfHome[] {
  return bestById(homes.flatMap(({ uid, cameras }) => cameras.map((camera) => ({ ...camera, uid }))));
}

/** The cameras that look at doors, each with the first door that it looks at. */
function camerasAtDoors(homes: readonly Home[]) {
  const cameras = homes.flatMap(({ cameras, doors, knowsFaces }) =>
    cameras.flatMap((camera) => {
      const door = doors.find(({ cameraId }) => cameraId === camera.id);
      return door ? { ...camera, doorId: door.id, knowsFaces } : [];
    }),
  );
  return bestById(cameras);
}

function bestById<C extends Camera>(cameras: readonly C[]): C[] {
  const best = new Map<number, C>();
  for (const camera of cameras) if ((best.get(camera.id)?.state ?? -1) < camera.state) best.set(camera.id, camera);
  return [...best.values()];
}

const cameraView = (c: Context, camera: CameraOfHome, token: string): z.input<typeof CameraView> => ({
  id: camera.id,
  name: camera.title,
  ...(camera.latitude !== null && camera.longitude !== null && { lat: camera.latitude, lon: camera.longitude }),
  ...(camera.uid > 0 && { houseId: camera.uid }), // the city's cameras belong to no home
  ...playable(c, camera, token),
});

/** A camera that is not paid for plays from an address that says so: the apps show its status (docs/contracts.md, "The apps"). */
function playable(c: Context, camera: Camera, token: string): z.input<typeof Playable> {
  const { PUBLIC_URL, HLS_MODE } = settings(c.env);
  const { url, state, serverType, hasSound } = camera;
  const hlsMode = camera.hlsMode ?? HLS_MODE;
  if (state === 2) return { url, token, serverType, hlsMode, hasSound };
  // The apps append a file's name to the URL of a Flussonic only, and so see the status.
  return { url: `${PUBLIC_URL}/api/${state === 1 ? 402 : 404}`, token, serverType: "flussonic", hlsMode, hasSound };
}
