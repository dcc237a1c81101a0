import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { dropFiles, keepFile } from "#platform/files.ts";
import { logError } from "#platform/log.ts";
import { signedLink } from "#platform/signed-links.ts";
import { cameraBy } from "./event-queries.ts";
import { timedId, timeOf } from "./ids.ts";
import { livePicture } from "./live-pictures.ts";
import { type Photograph, photograph } from "./photographs.ts";

const FOLDER = "events/";

/** Where the picture of this id lies in R2. */
export const pictureKey = (id: string): string => `${FOLDER}${id}.jpg`;

/** Takes a picture with this camera and keeps it. Returns its id, or undefined where there is none; never throws. */
export async function takePicture(env: Env, deviceId: number, now = new Date()): Promise<string | undefined> {
  try {
    const [device] = await cameraBy(database(env), settings(env).OPERATOR, { deviceId });
    if (!device?.secrets) return undefined;
    const { bytes, type } = await photograph(env, device);
    const id = timedId(now);
    await keepFile(env, pictureKey(id), bytes, type);
    return id;
  } catch (error) {
    if (!(error instanceof AppError)) logError(`camera ${deviceId}: picture not kept`, error);
    else if (error.code !== "not_found") console.warn(error.message);
    return undefined;
  }
}

/** What this camera sees now. Throws `not_found` where there is no such camera or it gives no pictures, and `unavailable`. */
export async function pictureOf(env: Env, camera: { uuid: string } | { deviceId: number }): Promise<Photograph> {
  const [device] = await cameraBy(database(env), settings(env).OPERATOR, camera);
  if (!device) throw new AppError("not_found", "There is no such camera");
  return livePicture(env, device);
}

/** An event's picture by a URL that works for LINK_HOURS. */
export const pictureLink = (env: Env, id: string, now = new Date()): string =>
  signedLink(env, `/api/images/event/${id}.jpg`, settings(env).LINK_HOURS * 3600, now);

/** As long as a call rings and is spoken. */
const CALL_SECONDS = 180;

/** What a camera sees, whenever this URL is loaded while a call lasts. */
export const liveLink = (env: Env, uuid: string, now = new Date()): string =>
  signedLink(env, `/api/images/${uuid}.jpg`, CALL_SECONDS, now);

const FILES_OF_A_ROUND = 500;

/**
 * Deletes the oldest pictures that were taken before `time`, whatever has become of their events: their ids begin with their
 * time, so a listing has them first.
 */
export async function dropPicturesBefore(env: Env, time: Date): Promise<void> {
  const { objects } = await env.FILES.list({ prefix: FOLDER, limit: FILES_OF_A_ROUND });
  const takenAt = ({ key, uploaded }: R2Object) => timeOf(key.slice(FOLDER.length).replace(/\.jpg$/, "")) ?? uploaded;
  const old = objects.filter((object) => takenAt(object) < time);
  if (old.length > 0)
    await dropFiles(
      env,
      old.map(({ key }) => key),
    );
}
