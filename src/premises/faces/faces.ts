import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { dropFiles, keepFile } from "#platform/files.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { signedLink } from "#platform/signed-links.ts";
import { demandPaid } from "../cameras.ts";
import { demandRole, reaches } from "../guests/roles.ts";
import { type Home, holdingsOf, type Resident } from "../homes.ts";
import { eventStore } from "../log/event-store.ts";
import { pictureLink } from "../log/pictures.ts";
import type { Event } from "../log/tables.ts";
import {
  Box,
  bestPicture,
  demandFaceServer,
  facePicture,
  forgetFaces,
  registerFace,
  showFaces,
} from "./face-server.ts";
import { dropFace, FACES_OF_FLAT, faceForgotten, facesOf, facesToDelete, keepFace } from "./queries.ts";
import type { Face } from "./tables.ts";

// Faces that a flat's doors open to. Which person it is nobody asks; the face server knows a number.

const FORGOTTEN_AT_ONCE = 50;

/** The key of a face's picture in R2, and the end of its link. */
export const faceKey = (uid: number | string, id: number | string): string => `faces/${uid}/${id}.jpg`;

export interface KnownFace {
  id: number;
  /** Its picture, by a URL that works for LINK_HOURS. */
  image: string;
}

/** The faces that a flat has marked. Throws `not_found` for a foreign flat, and `not_connected` without a face server. */
export async function listFaces(env: Env, resident: Resident, { uid }: { uid: number }): Promise<KnownFace[]> {
  demandFaceServer(env);
  const { homes } = await holdingsOf(env, resident, { uid });
  demandRole(homes[0]!.role, "inner");
  const rows = await facesOf(database(env), settings(env).OPERATOR, uid);
  const life = settings(env).LINK_HOURS * 3600;
  return rows.map(({ id }) => ({ id, image: signedLink(env, `/api/frs/${faceKey(uid, id)}`, life) }));
}

/**
 * Marks the face in an event of one of the resident's flats, whose doors open to it from now on, and answers its number; again the
 * same for the same event. Throws `not_found` for a foreign event, `payment_required`, `forbidden` (`faces_off`), `invalid`
 * (`face_unclear`), `conflict` (`too_many_faces`), and `unavailable` when the face server does not answer.
 */
export async function likeFace(env: Env, resident: Resident, eventId: string, later: After, now = new Date()) {
  demandFaceServer(env);
  const { home, event } = await eventOfResident(env, resident, eventId, now);
  demandPaid(devicesBehind(home, event));
  if (!home.knowsFaces) throw new AppError("forbidden", "Face recognition is off", { reason: "faces_off" });
  const faces = await facesOf(database(env), settings(env).OPERATOR, home.uid);
  const known = faceIn(faces, event);
  if (known) return known.id;
  if (faces.length >= FACES_OF_FLAT) throw new AppError("conflict", "Too many faces", { reason: "too_many_faces" });

  const face = await registerFace(env, event.deviceId, await pictureIn(env, event));
  const { OPERATOR: operator } = settings(env);
  const row = { operator, uid: home.uid, id: face.faceId, eventId, accountId: resident.account, createdAt: now };
  await database(env).batch([...keepFace(database(env), row)]);
  const picture = await facePicture(env, face.faceImage);
  if (picture) await keepFile(env, faceKey(home.uid, face.faceId), picture.bytes, picture.type);
  later(() => showAtDoors(env, home, event.deviceId, face.faceId));
  return face.faceId;
}

/** Takes a face from a flat: by the event in which it is, or by its number. Throws `not_found` when the flat has no such face. */
export async function dislikeFace(
  env: Env,
  resident: Resident,
  named: { eventId: string } | { uid: number; id: number },
  later: After,
  now = new Date(),
): Promise<void> {
  demandFaceServer(env);
  const face = "eventId" in named ? await faceOfEvent(env, resident, named.eventId, now) : named;
  const { homes } = await holdingsOf(env, resident, { uid: face.uid }, now);
  demandRole(homes[0]!.role, "inner");
  const { OPERATOR: operator } = settings(env);
  const [[dropped]] = await database(env).batch([...dropFace(database(env), { operator, ...face }, now)]);
  if (!dropped) throw new AppError("not_found", "The flat has no such face");
  later(async () => {
    await dropFiles(env, [faceKey(face.uid, face.id)]);
    await sweepFaces(env);
  });
}

/** Has the face server forget what nobody marks any more. After each removal, and every minute for what was not heard then. */
export async function sweepFaces(env: Env): Promise<void> {
  if (!settings(env).FRS_URL) return;
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const list = await facesToDelete(db, OPERATOR, FORGOTTEN_AT_ONCE);
  if (list.length === 0) return;
  await forgetFaces(
    env,
    list.map(({ id }) => id),
  );
  await faceForgotten(db, OPERATOR, list);
}

async function faceOfEvent(env: Env, resident: Resident, eventId: string, now: Date) {
  const { home, event } = await eventOfResident(env, resident, eventId, now);
  const face = faceIn(await facesOf(database(env), settings(env).OPERATOR, home.uid), event);
  if (!face) throw new AppError("not_found", "The flat has no such face");
  return { uid: home.uid, id: face.id };
}

/** The event, with the home of the resident's in whose log it stands. */
async function eventOfResident(
  env: Env,
  resident: Resident,
  id: string,
  now: Date,
): Promise<{ home: Home; event: Event }> {
  const { homes } = await holdingsOf(env, resident, {}, now);
  const readable = homes.filter(({ role, hasLog }) => hasLog && reaches(role, "inner"));
  const store = eventStore(env);
  const found = await Promise.all(readable.map(async (home) => ({ home, event: await store.one(home.uid, id) })));
  for (const { home, event } of found) {
    if (event && !event.hidden && devicesBehind(home, event).length > 0) return { home, event };
  }
  throw new AppError("not_found", "You have no such event");
}

/** What the home has of the event's camera: the camera itself, and the doors that it looks at. */
const devicesBehind = ({ cameras, doors }: Home, { deviceId }: Event) => [
  ...cameras.filter(({ id }) => id === deviceId),
  ...doors.filter(({ cameraId }) => cameraId === deviceId),
];

/** That of the flat's faces which is in the event: it was marked there, or recognised. */
const faceIn = (faces: readonly Face[], { id, extra }: Event): Face | undefined =>
  faces.find((face) => face.eventId === id || String(face.id) === String(extra.faceId ?? ""));

/** The picture to learn from: the event's own when it tells where the face is, or the server's best of that time. */
async function pictureIn(env: Env, { picture, extra, deviceId, at }: Event): Promise<{ url: string; box?: Box }> {
  const box = Box.safeParse(extra.face);
  const own = picture === null ? undefined : { url: pictureLink(env, picture), ...(box.success && { box: box.data }) };
  if (own?.box) return own;
  const best = (await bestPicture(env, deviceId, at)) ?? own;
  if (!best) throw new AppError("invalid", "There is no picture of this event", { reason: "face_unclear" });
  return best;
}

/** The other cameras at the home's doors learn the face too. One that the server does not know is passed over. */
async function showAtDoors(env: Env, home: Home, seenBy: number, faceId: number): Promise<void> {
  const cameras = new Set(home.doors.map(({ cameraId }) => cameraId));
  cameras.delete(seenBy);
  for (const deviceId of cameras) {
    await showFaces(env, deviceId, [faceId]).catch((error: unknown) => logError("a face at another door", error));
  }
}
