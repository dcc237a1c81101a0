import type { Env } from "#env.ts";
import { database, type Statement } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { addPictureTo, addPictureToCameraEvent } from "./event-queries.ts";
import { takePicture } from "./pictures.ts";
import { tellSubscribers } from "./subscriptions.ts";
import type { CameraEvent, Event } from "./tables.ts";

/** Later than this a camera no longer shows who it was. */
const PICTURE_WITHIN_MS = 10_000;

/**
 * What follows an event that has been recorded: its picture, and the word to those who want to know of it. For after the answer;
 * never throws.
 */
export async function followUp(env: Env, event: Event, now = new Date()): Promise<void> {
  await Promise.all([
    addPicture(env, event, now).catch((error: unknown) => logError("an event's picture", error)),
    tellSubscribers(env, event, now).catch((error: unknown) => logError("an event's subscribers", error)),
  ]);
}

async function addPicture(env: Env, event: Event, now: Date): Promise<void> {
  if (event.picture !== null) return;
  await withPicture(env, { deviceId: event.deviceId, at: event.at }, now, (id) =>
    addPictureTo(database(env), event, id),
  );
}

/** The same for an event of a camera's analytics, of which nobody is told. */
export async function followUpCamera(env: Env, event: CameraEvent, now = new Date()): Promise<void> {
  await withPicture(env, { deviceId: event.deviceId, at: event.startedAt }, now, (id) =>
    addPictureToCameraEvent(database(env), event, id),
  ).catch((error: unknown) => logError("a camera event's picture", error));
}

async function withPicture(
  env: Env,
  { deviceId, at }: { deviceId: number; at: Date },
  now: Date,
  keep: (id: string) => Statement,
): Promise<void> {
  if (now.getTime() - at.getTime() > PICTURE_WITHIN_MS) return;
  const id = await takePicture(env, deviceId, now);
  if (id) await database(env).batch([keep(id)]);
}
