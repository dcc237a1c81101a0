import { type Env, settings } from "#env.ts";
import { keyFor, sameText, shortMac } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { dropFiles, keepFile } from "#platform/files.ts";
import { logError } from "#platform/log.ts";
import { cameraBy } from "./event-queries.ts";
import { type Photograph, photograph } from "./photographs.ts";
import { pictureOf } from "./pictures.ts";

// While a door rings, the app shows who stands there by a hash that the push has brought: it names the camera and the
// call's time, and is signed, so that nothing has to be kept for it.

/** A picture belongs to a call when it was taken shortly before, or just while the push was on its way. */
const BEFORE_MS = 60_000;
const AFTER_MS = 10_000;

/** The hash under which `call/live` and `call/camshot` show this camera until `expires`. */
export function callPictureHash(env: Env, deviceId: number, expires: Date, now = new Date()): string {
  const { kid, key } = settings(env).SIGNING_KEYS.current;
  const claim = [deviceId, seconds(now), seconds(expires)].map((number) => number.toString(36)).join(".");
  return `${claim}.${kid}.${macOf(key, claim)}`;
}

const seconds = (at: Date): number => Math.ceil(at.getTime() / 1000);
const macOf = (key: Uint8Array, claim: string) => shortMac(keyFor(key, "call picture"), claim);

interface Call {
  deviceId: number;
  at: Date;
}

/** Throws `forbidden` for a hash that is not ours, or past its end. */
function callOf(env: Env, hash: string, now: Date): Call {
  const [deviceId = "", at = "", until = "", kid = "", mac = "", ...more] = hash.split(".");
  const key = settings(env).SIGNING_KEYS.find(kid);
  const isOurs = key && more.length === 0 && sameText(mac, macOf(key, [deviceId, at, until].join(".")));
  if (!isOurs || Number.parseInt(until, 36) * 1000 < now.getTime())
    throw new AppError("forbidden", "This call is not known, or over");
  return { deviceId: Number.parseInt(deviceId, 36), at: new Date(Number.parseInt(at, 36) * 1000) };
}

/** What the camera of the call sees now. Throws `forbidden`, `not_found`, `unavailable`. */
export async function liveOfCall(env: Env, hash: string, now = new Date()): Promise<Photograph> {
  return pictureOf(env, callOf(env, hash, now));
}

/** What the camera saw when the call began; what it sees now, where no picture was taken then. Throws as `liveOfCall`. */
export async function pictureOfCall(env: Env, hash: string, now = new Date()): Promise<Photograph> {
  const { deviceId, at } = callOf(env, hash, now);
  const kept = await env.FILES.get(keyOf(deviceId));
  const age = kept && at.getTime() - kept.uploaded.getTime();
  // A later call from the same panel has replaced the picture: that visitor is not this one.
  if (!kept || age! > BEFORE_MS || age! < -AFTER_MS) {
    await kept?.body.cancel();
    return pictureOf(env, { deviceId });
  }
  const type = kept.httpMetadata?.contentType === "image/png" ? "image/png" : "image/jpeg";
  return { bytes: new Uint8Array(await kept.arrayBuffer()), type };
}

/** Takes the picture of a call that begins at this camera. Never throws: without it the app shows what the camera sees. */
export async function takeCallPicture(env: Env, deviceId: number): Promise<void> {
  try {
    const [device] = await cameraBy(database(env), settings(env).OPERATOR, { deviceId });
    if (!device?.secrets) return;
    const { bytes, type } = await photograph(env, device);
    await keepFile(env, keyOf(deviceId), bytes, type);
  } catch (error) {
    await dropFiles(env, [keyOf(deviceId)]).catch((cause: unknown) => logError("old call picture", cause));
    if (!(error instanceof AppError)) logError(`camera ${deviceId}: call picture not kept`, error);
    else if (error.code !== "not_found") console.warn(error.message);
  }
}

const keyOf = (deviceId: number) => `calls/${deviceId}.jpg`;
