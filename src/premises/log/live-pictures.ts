import type { Env } from "#env.ts";
import { type Photograph, type PhotographedDevice, photograph } from "./photographs.ts";

/** The apps ask once a second, each of those who look; the camera is asked once for all of them. */
const FRESH_MS = 1_000;
/** Longer than the slowest camera may take: whoever asked it before is gone. */
const GIVEN_UP_MS = 6_000;
const LOOK_AGAIN_MS = 50;
/** All pictures of this isolate together. */
const MAX_BYTES = 16 * 1024 * 1024;

interface Look {
  /** When the camera was asked; ms since 1970. */
  askedAt: number;
  /** When it answered or was given up. */
  doneAt?: number;
  picture?: Photograph;
  failure?: unknown;
}

// Of this isolate only. Values and no promises: a request may not wait for the I/O of another one.
const looks = new Map<string, Look>();

/**
 * What the camera sees now, a second old at most. Of those who ask at once one asks the camera, the others wait for what it gets.
 * Throws as `photograph`.
 */
export async function livePicture(env: Env, device: PhotographedDevice): Promise<Photograph> {
  for (;;) {
    const look = looks.get(device.uuid);
    const now = Date.now();
    if (!look || now - (look.doneAt ?? look.askedAt) >= (look.doneAt === undefined ? GIVEN_UP_MS : FRESH_MS)) break;
    if (look.picture) return look.picture;
    if (look.failure) throw look.failure;
    await scheduler.wait(LOOK_AGAIN_MS);
  }
  const look: Look = { askedAt: Date.now() };
  looks.set(device.uuid, look);
  try {
    const picture = await photograph(env, device);
    makeRoom(picture.bytes.byteLength);
    look.picture = picture;
    return picture;
  } catch (error) {
    look.failure = error;
    throw error;
  } finally {
    look.doneAt = Date.now();
  }
}

function makeRoom(bytes: number): void {
  let held = bytes;
  for (const [uuid, { doneAt, picture }] of [...looks].toReversed()) {
    held += picture?.bytes.byteLength ?? 0;
    const isStale = doneAt !== undefined && Date.now() - doneAt >= FRESH_MS;
    if (isStale || (picture && held > MAX_BYTES)) looks.delete(uuid);
  }
}
