// The operator's face server, asked in the way of FALPRS (docs/faces.md): POST {FRS_URL}/api/<method>, JSON both ways.
import { Buffer } from "node:buffer";
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { answerBytes, answerText, call } from "#platform/outbound.ts";
import { type Photo, pictureOf } from "#platform/photos.ts";

/** It loads a picture from us and looks at it, before it answers. */
const LIMIT_MS = 10_000;
/** An answer holds at most a face's picture, in base64. */
const MAX_BYTES = 1024 * 1024;

/** Where a face is in its picture, in pixels from the upper left corner. Without one the whole picture is looked at. */
export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const side = z.coerce.number().int().min(0).max(100_000).catch(0);
export const Box = z.object({ left: side, top: side, width: side, height: side });

/** Throws `not_found` (`not_connected`) where the operator has no face server. */
export function demandFaceServer(env: Env): void {
  if (settings(env).FRS_URL) return;
  throw new AppError("not_found", "There is no face server", { reason: "not_connected" });
}

// Not coerced: nothing, an empty text and a false would all be face 0, which would then be everybody's.
const FaceId = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);
const Registered = z.object({
  faceId: FaceId.pipe(z.int().min(0)),
  faceImage: z.string().optional().catch(undefined),
});

/** Has a face learned, as this camera's. Throws `invalid` (`face_unclear`) when there is none to be seen. */
export async function registerFace(env: Env, deviceId: number, picture: { url: string; box?: Box | undefined }) {
  const answer = await ask(env, "registerFace", { streamId: String(deviceId), url: picture.url, ...picture.box });
  const face = Registered.safeParse(answer);
  if (!face.success) throw new AppError("invalid", "No face was found", { reason: "face_unclear" });
  return face.data;
}

const Best = Box.extend({ screenshot: z.url({ protocol: /^https?$/ }) });

/** The clearest picture that the server has of a face that this camera saw around that time. */
export async function bestPicture(
  env: Env,
  deviceId: number,
  at: Date,
): Promise<{ url: string; box: Box } | undefined> {
  const best = Best.safeParse(await ask(env, "bestQuality", { streamId: String(deviceId), date: at.toISOString() }));
  if (!best.success) return undefined;
  const { screenshot: url, ...box } = best.data;
  return { url, box };
}

/** Has this camera look for known faces too. */
export async function showFaces(env: Env, deviceId: number, faces: readonly number[]): Promise<void> {
  await ask(env, "addFaces", { streamId: String(deviceId), faces });
}

/** Has the server forget faces for good. */
export async function forgetFaces(env: Env, faces: readonly number[]): Promise<void> {
  await ask(env, "deleteFaces", { faces });
}

/**
 * The picture of a face as the server hands it out: within its answer, or at a URL of the face server's own host, which is the
 * only one that is asked. Undefined where there is none to be had.
 */
export async function facePicture(env: Env, image: string | undefined): Promise<Photo | undefined> {
  if (!image) return undefined;
  const [, base64] = /^data:image\/[a-z]+[;,]base64,(.+)$/is.exec(image) ?? [];
  try {
    if (base64) return pictureOf(new Uint8Array(Buffer.from(base64, "base64")));
    const url = new URL(image);
    if (url.origin !== new URL(settings(env).FRS_URL!).origin) return undefined;
    const response = await call(url, { headers: authorization(env) });
    if (response.ok) return pictureOf(await answerBytes(response, MAX_BYTES));
    await response.body?.cancel();
  } catch (error) {
    console.warn("picture of a face:", error instanceof Error ? error.message : "none");
  }
  return undefined;
}

function authorization(env: Env): Record<string, string> {
  const { FRS_TOKEN } = settings(env);
  return FRS_TOKEN ? { authorization: `Bearer ${FRS_TOKEN}` } : {};
}

const Answer = z.object({ data: z.unknown() });

/** The `data` of an answer; undefined for none and for a request that the server could make nothing of (4xx but for 401, 403, 404). */
async function ask(env: Env, method: string, body: object): Promise<unknown> {
  demandFaceServer(env);
  const response = await call(`${settings(env).FRS_URL}/api/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization(env) },
    body: JSON.stringify(body),
    timeLimitMs: LIMIT_MS,
  });
  const text = await answerText(response, MAX_BYTES);
  if (response.status === 400 || response.status === 422 || response.status === 204) return undefined;
  if (!response.ok) throw new AppError("unavailable", `The face server answers HTTP ${response.status} to ${method}`);
  try {
    return text.trim() === "" ? undefined : Answer.parse(JSON.parse(text)).data;
  } catch (cause) {
    throw new AppError("unavailable", "The face server makes no sense", { cause });
  }
}
