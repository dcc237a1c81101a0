import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { body } from "#platform/http.ts";
import { localText } from "#platform/time.ts";
import { cameraEventDays, cameraEventsOfDay, eventDays, eventsOfDay, type LogEntry } from "#premises/log/log.ts";
import { pictureLink } from "#premises/log/pictures.ts";
import type { CameraEvent } from "#premises/log/tables.ts";
import { describe, okOrEmpty, type ResidentEnv, signedIn, wantsFresh } from "./envelope.ts";
import { AnyHome, Flag, flag, Id } from "./wire.ts";

/** POST /api/address/plog…: the event log of a home, day by day (docs/contracts.md, "The apps"; docs/events.md). */
export const homeLog = new Hono<ResidentEnv>();

/** POST /api/cctv/plog…: what a camera's analytics noticed. */
export const cameraLog = new Hono<ResidentEnv>();

const Day = z.string().max(32);
/** Codes of kinds as the apps write them: `1,2`, `2, 1, 3`, one number; nothing at all means all of them. */
const Kinds = z
  .union([
    z.string().max(200),
    z.number().transform(String),
    z.array(z.union([z.string(), z.number()])).transform(String),
  ])
  .transform((text) => text.split(",").map((code) => code.trim()))
  .pipe(z.array(z.union([z.literal(""), z.string().regex(/^\d{1,2}$/)])).max(50))
  .transform((codes) => codes.filter(Boolean).map(Number))
  .nullish()
  .transform((kinds) => (kinds && kinds.length > 0 ? kinds : undefined));

/** iOS has always called a plate 8, everybody else 9; we keep it as 9, and collectors in the field may have written either. */
const PLATES = [8, 9];
const withPlates = (kinds: readonly number[] | undefined) =>
  kinds && [...new Set(kinds.flatMap((kind) => (PLATES.includes(kind) ? PLATES : kind)))];
const kindFor = (c: Context, kind: number): string => {
  if (!PLATES.includes(kind)) return String(kind);
  return /^ios\b/i.test(c.req.header("x-system-info") ?? "") ? "8" : "9";
};

interface Named {
  flatId?: number | undefined;
  houseId?: number | undefined;
}
const asUid = <R extends Named>({ flatId, houseId, ...rest }: R) => ({ ...rest, uid: houseId ?? flatId });
const isNamed = ({ uid }: { uid?: number | undefined }) => uid !== undefined;
const NO_HOME = "flatId or houseId is needed";

const DayRequest = AnyHome.in.extend({ day: Day }).transform(asUid).refine(isNamed, NO_HOME);
const DaysRequest = AnyHome.in.extend({ events: Kinds }).transform(asUid).refine(isNamed, NO_HOME);
const CameraDayRequest = AnyHome.in.extend({ camId: Id, day: Day }).transform(asUid).refine(isNamed, NO_HOME);
const CameraDaysRequest = AnyHome.in.extend({ camId: Id, events: Kinds }).transform(asUid).refine(isNamed, NO_HOME);

const FaceView = z.object({ left: z.string(), top: z.string(), width: z.string(), height: z.string() });
const Details = z.object({
  flags: z.array(z.enum(["canLike", "canDislike", "liked"])),
  opened: Flag.optional(),
  key: z.string().optional(),
  code: z.string().optional(),
  phone: z.string().optional(),
  phone_from: z.string().optional(),
  phone_to: z.string().optional(),
  vehicle: z.string().optional(),
  faceId: z.string().optional(),
  face: FaceView.optional(),
});
const EventView = z.object({
  date: z.string(),
  uuid: z.string(),
  objectId: z.string(), // numbers in place of these four make iOS drop the whole day
  objectType: z.string(),
  objectMechanizma: z.string(),
  event: z.string(),
  mechanizmaDescription: z.string(),
  detail: z.string(),
  houseId: z.string().optional(),
  flatId: z.string().optional(),
  entranceId: z.string().optional(),
  cameraId: z.string(),
  image: z.string().optional(),
  preview: z.string().optional(),
  previewType: z.number(), // without it Android drops the whole day
  detailX: Details, // without it the web app does not open the event
});
type EventView = z.input<typeof EventView>;
const DayView = z.object({ day: z.string(), events: z.string() });

homeLog.post(
  "/plog",
  describe("The events of my home on one day", z.array(EventView)),
  signedIn("edge"),
  body(DayRequest),
  async (c) => {
    const { uid, day } = c.req.valid("json");
    const entries = await eventsOfDay(c.env, c.var.resident, { uid: uid!, day, fresh: wantsFresh(c) });
    return okOrEmpty(
      c,
      entries.map((entry) => eventView(c, entry)),
    );
  },
);

homeLog.post(
  "/plogDays",
  describe("The days on which my home had events", z.array(DayView)),
  signedIn("edge"),
  body(DaysRequest),
  async (c) => {
    const { uid, events } = c.req.valid("json");
    const asked = { uid: uid!, kinds: withPlates(events), fresh: wantsFresh(c) };
    return okOrEmpty(c, (await eventDays(c.env, c.var.resident, asked)).map(dayView));
  },
);

const dayView = ({ day, events }: { day: string; events: number }): z.input<typeof DayView> => ({
  day,
  events: String(events),
});

function eventView(c: Context, { event, flags, doorId }: LogEntry): EventView {
  const { id, uid, at, kind, deviceId, title, detail } = event;
  return {
    date: localText(at, settings(c.env).TIME_ZONE),
    uuid: id,
    ...{ objectId: String(deviceId), objectType: "0", objectMechanizma: "0", cameraId: String(deviceId) },
    ...{ event: kindFor(c, kind), mechanizmaDescription: title, detail },
    ...{ houseId: String(uid), flatId: String(uid) },
    ...(doorId !== undefined && { entranceId: String(doorId) }),
    ...pictureView(c, event),
    detailX: { flags, ...detailsOf(event.kind, event.extra) },
  };
}

const pictureView = (c: Context, { picture, preview }: { picture: string | null; preview: number }) =>
  picture === null
    ? { previewType: 0 }
    : { image: picture, preview: pictureLink(c.env, picture), previewType: preview };

/** Kinds of calls, which the apps show as opened or not. */
const CALLS = [1, 2];
const GATE_CALL = 7;

/** What the apps show of an event, each thing under its own name and as text. */
function detailsOf(kind: number, extra: Record<string, unknown>): Partial<z.input<typeof Details>> {
  const text = (name: string) => (extra[name] === undefined ? undefined : String(extra[name]));
  const phone = text("phone");
  const told = {
    ...{ key: text("key"), code: text("code"), phone, vehicle: text("plate"), faceId: text("faceId") },
    ...(kind === GATE_CALL && { phone_from: text("phoneFrom") ?? phone, phone_to: text("phoneTo") }),
  };
  const opened = extra.opened === undefined && !CALLS.includes(kind) ? undefined : flag(extra.opened === true);
  const face = FaceView.safeParse(extra.face).data;
  const known = Object.entries({ ...told, opened, face }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known);
}

const CameraEventView = EventView.extend({ endDate: z.string(), analysis: z.string().optional() });

cameraLog.post(
  "/plog",
  describe("What a camera of mine noticed on one day", z.array(CameraEventView)),
  signedIn("edge"),
  body(CameraDayRequest),
  async (c) => {
    const { uid, camId, day } = c.req.valid("json");
    const asked = { uid, deviceId: camId, day, fresh: wantsFresh(c) };
    const { camera, events } = await cameraEventsOfDay(c.env, c.var.resident, asked);
    return okOrEmpty(
      c,
      events.map((event) => cameraEventView(c, camera.title, event)),
    );
  },
);

cameraLog.post(
  "/plogDays",
  describe("The days on which a camera of mine noticed something", z.array(DayView)),
  signedIn("edge"),
  body(CameraDaysRequest),
  async (c) => {
    const { uid, camId, events } = c.req.valid("json");
    const asked = { uid, deviceId: camId, kinds: events, fresh: wantsFresh(c) };
    return okOrEmpty(c, (await cameraEventDays(c.env, c.var.resident, asked)).map(dayView));
  },
);

function cameraEventView(c: Context, title: string, event: CameraEvent): z.input<typeof CameraEventView> {
  const { TIME_ZONE } = settings(c.env);
  const { id, startedAt, endedAt, deviceId, kind, description, analysis } = event;
  return {
    ...{ date: localText(startedAt, TIME_ZONE), endDate: localText(endedAt, TIME_ZONE), uuid: id },
    ...{ objectId: String(deviceId), objectType: "0", objectMechanizma: "0", cameraId: String(deviceId) },
    ...{ event: String(kind), mechanizmaDescription: title, detail: description },
    ...pictureView(c, event),
    ...(analysis !== null && { analysis }),
    detailX: { flags: [] },
  };
}
