import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { demandPaid } from "../cameras.ts";
import { demandRole, reaches } from "../guests/roles.ts";
import { type Camera, type Home, holdingsOf, type Resident, type Selection } from "../homes.ts";
import { type Day, dayOf, recentDays } from "./days.ts";
import type { OfHome } from "./event-queries.ts";
import { type DayCount, eventStore, type MarkedFace } from "./event-store.ts";
import type { CameraEvent, Event } from "./tables.ts";

/** What a resident may do with the face in an event. */
export type FaceFlag = "canLike" | "canDislike" | "liked";

export interface LogEntry {
  event: Event;
  flags: FaceFlag[];
  /** The first door that the event's camera looks at: the one under which `camMap` has the camera. */
  doorId?: number | undefined;
}

interface Asked extends Selection {
  uid: number;
}

/**
 * The events of a home on one local day, newest first; none when its log is off. Throws `invalid` for a text that is no day,
 * `not_found` for a home that is not the resident's or that they only pass the gates of, `forbidden` where the owner hides the log, and what
 * the states of the home's services demand.
 */
export async function eventsOfDay(
  env: Env,
  resident: Resident,
  { day: text, ...asked }: Asked & { day: string },
  now = new Date(),
): Promise<LogEntry[]> {
  const day = theDay(env, text);
  const { home, log } = await readable(env, resident, asked, now);
  if (!log) return [];
  const { events, faces } = await eventStore(env).ofHome(log, day);
  const marksFaces = settings(env).FRS_URL !== undefined && home.knowsFaces;
  return events.map((event) => ({
    event,
    flags: marksFaces ? flagsOf(event, faces) : [],
    doorId: home.doors.find(({ cameraId }) => cameraId === event.deviceId)?.id,
  }));
}

/** The days of the last EVENT_DAYS on which a home had events, of these kinds only if some are named. Throws as `eventsOfDay`. */
export async function eventDays(
  env: Env,
  resident: Resident,
  { kinds, ...asked }: Asked & { kinds?: readonly number[] | undefined },
  now = new Date(),
): Promise<DayCount[]> {
  const { log } = await readable(env, resident, asked, now);
  return log ? eventStore(env).daysOfHome({ ...log, kinds }, keptDays(env, now)) : [];
}

/**
 * What a resident may read of a home's log: the events of cameras that are paid for, by themselves or by a door that they look
 * at. Without `log` it is off.
 */
async function readable(
  env: Env,
  resident: Resident,
  selection: Asked,
  now: Date,
): Promise<{ home: Home; log?: OfHome }> {
  const { homes } = await holdingsOf(env, resident, selection, now);
  const home = homes[0]!;
  if (!reaches(home.role, "inner")) throw new AppError("not_found", "An outer guest has no event log");
  if (home.settings?.eventLogOff) return { home };
  if (!home.hasLog) demandRole(home.role, "owner");
  demandPaid([...home.cameras, ...home.doors]);
  const cameras = [
    ...home.cameras.flatMap(({ id, state }) => (state === 2 ? id : [])),
    ...home.doors.flatMap(({ cameraId, state }) => (state === 2 ? cameraId : [])),
  ];
  return { home, log: { uid: home.uid, devices: [...new Set(cameras)] } };
}

/** A picture of somebody can be marked as known, and unmarked by whoever lives there. */
function flagsOf({ id, picture, extra }: Event, faces: readonly MarkedFace[]): FaceFlag[] {
  if (!picture) return [];
  const isMarked = faces.some((face) => face.eventId === id || String(face.id) === String(extra.faceId ?? ""));
  return isMarked ? ["canDislike", "liked"] : ["canLike"];
}

interface CameraAsked extends Selection {
  deviceId: number;
}

/** What a camera's analytics noticed on one local day. Throws as `eventsOfDay`; the camera must be the resident's and paid for. */
export async function cameraEventsOfDay(
  env: Env,
  resident: Resident,
  { day: text, ...asked }: CameraAsked & { day: string },
  now = new Date(),
): Promise<{ camera: Camera; events: CameraEvent[] }> {
  const day = theDay(env, text);
  const camera = await ownCamera(env, resident, asked, now);
  return { camera, events: await eventStore(env).ofCamera({ deviceId: camera.id }, day) };
}

export async function cameraEventDays(
  env: Env,
  resident: Resident,
  { kinds, ...asked }: CameraAsked & { kinds?: readonly number[] | undefined },
  now = new Date(),
): Promise<DayCount[]> {
  const camera = await ownCamera(env, resident, asked, now);
  return eventStore(env).daysOfCamera({ deviceId: camera.id, kinds }, keptDays(env, now));
}

/** The camera in its best state, where two homes share it. */
async function ownCamera(env: Env, resident: Resident, asked: CameraAsked, now: Date): Promise<Camera> {
  const { homes } = await holdingsOf(env, resident, asked, now);
  const own = homes.flatMap((home) => home.cameras).filter(({ id }) => id === asked.deviceId);
  const camera = own.toSorted((a, b) => b.state - a.state).at(0);
  if (!camera) throw new AppError("not_found", "You have no such camera");
  demandPaid([camera]);
  return camera;
}

function theDay(env: Env, text: string): Day {
  const day = dayOf(text, settings(env).TIME_ZONE);
  if (!day) throw new AppError("invalid", "day: not YYYY-MM-DD");
  return day;
}

const keptDays = (env: Env, now: Date): Day[] => {
  const { TIME_ZONE, EVENT_DAYS } = settings(env);
  return recentDays(TIME_ZONE, EVENT_DAYS, now);
};
