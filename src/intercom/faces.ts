import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, after, body } from "#platform/http.ts";
import { instantOf } from "#platform/time.ts";
import { openToFace } from "#premises/faces/recognised.ts";
import { Id } from "./fields.ts";
import { describe } from "./wire.ts";

/** POST /local/api/face: the face server has recognised somebody before a camera (docs/faces.md). */
export const faces = new Hono<AppEnv>();

// A face server says the camera in the URL that it was given to call, or in the body.
const Seen = z.object({
  faceId: Id,
  streamId: Id.nullish(),
  deviceId: Id.nullish(),
  eventTime: z.union([z.string().max(64), z.number()]).nullish(),
  date: z.union([z.string().max(64), z.number()]).nullish(),
});
const Verdict = z.object({ action: z.boolean() });

faces.post("/local/api/face", describe("Open the door to a face that is known", Verdict), body(Seen), async (c) => {
  const { faceId, streamId, deviceId, eventTime, date } = c.req.valid("json");
  const cameraId = deviceId ?? streamId ?? Id.safeParse(c.req.query("streamId")).data;
  if (!cameraId) throw new AppError("invalid", "streamId: which camera?");
  const at = timeOf(eventTime ?? date ?? undefined, settings(c.env).TIME_ZONE);
  return c.json({ action: await openToFace(c.env, { faceId, cameraId, at }, after(c)) });
});

/** RFC 3339, a local time of the operator's zone, or Unix seconds. Now, when nothing is said. */
function timeOf(said: string | number | undefined, zone: string, now = new Date()): Date {
  if (said === undefined) return now;
  const at = typeof said === "number" ? new Date(said * 1000) : (instantOf(said, zone) ?? new Date(said));
  if (Number.isNaN(at.getTime())) throw new AppError("invalid", "eventTime: not a time");
  return at > now ? now : at;
}
