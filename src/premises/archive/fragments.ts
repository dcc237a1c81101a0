import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { serveFile } from "#platform/files.ts";
import { demandSignedFile, signedFileLink } from "#platform/signed-links.ts";
import { localText } from "#platform/time.ts";
import { cameraFor } from "../cameras.ts";
import type { Resident } from "../homes.ts";
import { canExport } from "../media/exports.ts";
import { fileName } from "./file-names.ts";
import { fileKey } from "./files.ts";
import { hastenFragments } from "./jobs.ts";
import { addReader, fragmentOfReader, requestedFragment, requestFragment } from "./queries.ts";
import { GONE } from "./source.ts";
import type { Fragment } from "./tables.ts";

/** How long a fragment may be: what the apps offer. */
const LONGEST_SECONDS = 15 * 60;
const DAY_MS = 86_400_000;

export interface Stretch {
  cameraId: number;
  from: Date;
  to: Date;
}

/**
 * Lets a stretch of a camera's archive be made into a file, and answers its number at once. Asking again gives the same number;
 * for one that failed it begins anew. Throws as the camera's state demands; `forbidden` (`fragment_too_long`) above 15 minutes;
 * `invalid` for a stretch that is none or not over yet; `not_found` (`no_archive`) where there is no archive; `too_many` above
 * the day's limit.
 */
export async function prepareFragment(
  env: Env,
  resident: Resident,
  { cameraId, ...stretch }: Stretch,
  now = new Date(),
): Promise<number> {
  demandStretch(stretch, now);
  const { camera, uid } = await cameraFor(env, resident, cameraId, now);
  const { recordDays } = camera;
  const isKept = recordDays === null || stretch.from.getTime() >= now.getTime() - recordDays * DAY_MS;
  if (!isKept || !(await canExport(env, camera))) throw noArchive();

  const [db, { OPERATOR, LIMITS, FRAGMENT_DAYS }] = [database(env), settings(env)];
  const key = {
    ...{ operator: OPERATOR, deviceId: cameraId },
    ...{ from: Math.floor(stretch.from.getTime() / 1000), to: Math.floor(stretch.to.getTime() / 1000) },
  };
  const { title, url, serverType } = camera;
  const expiresAt = new Date(now.getTime() + FRAGMENT_DAYS * DAY_MS);
  const reader = { accountId: resident.account, phone: resident.phone, uid };
  const limit = { since: new Date(now.getTime() - DAY_MS), most: LIMITS.fragmentsPerDay };
  const [, , [requested]] = await db.batch([
    requestFragment(db, { ...key, title, url, serverType, createdAt: now, expiresAt }, reader, limit),
    addReader(db, key, reader, limit, now),
    requestedFragment(db, key, resident.account),
  ]);
  if (!requested) throw new AppError("too_many", "Too many fragments today", { retryAfter: 3600 });
  const isDone = requested.state === "ready" && requested.toldAt !== null;
  if (!isDone) await hastenFragments(env, [requested.id]);
  return requested.id;
}

function demandStretch({ from, to }: Omit<Stretch, "cameraId">, now: Date): void {
  const seconds = (to.getTime() - from.getTime()) / 1000;
  if (!(seconds > 0) || to > now) throw new AppError("invalid", "This stretch of time is none, or not over yet");
  if (seconds > LONGEST_SECONDS)
    throw new AppError("forbidden", "A fragment has 15 minutes at most", { reason: "fragment_too_long" });
}

const noArchive = () => new AppError("not_found", "There is no such archive", { reason: "no_archive" });

/**
 * A link to the file that somebody asked for; undefined while it is being made. Throws `not_found` for a fragment of somebody
 * else's, one that has been deleted, or one that the media server does not have; `unavailable` when it could not be loaded.
 * The camera must still be theirs and paid for.
 */
export async function fragmentLink(
  env: Env,
  resident: Resident,
  id: number,
  now = new Date(),
): Promise<string | undefined> {
  const { OPERATOR, LINK_HOURS } = settings(env);
  const found = await fragmentOfReader(database(env), OPERATOR, id, resident.account);
  if (!found || found.fragment.expiresAt <= now)
    throw new AppError("not_found", "There is no such fragment", { reason: "no_fragment" });
  const { fragment } = found;
  await cameraFor(env, resident, fragment.deviceId, now);
  if (fragment.state === "failed") throw failureOf(fragment);
  if (fragment.state !== "ready") return undefined;
  const seconds = Math.min(LINK_HOURS * 3600, (fragment.expiresAt.getTime() - now.getTime()) / 1000);
  return linkTo(env, fragment, seconds, now);
}

function failureOf({ error }: Fragment): AppError {
  if (error === GONE) return noArchive();
  return new AppError("unavailable", `The fragment was not loaded: ${error}`, { reason: "fragment_failed" });
}

const folderOf = (id: number) => `/api/cctv/download/${id}`;

/** A link that ends in the plain name of the file, as Android wants it. */
export function linkTo(env: Env, fragment: Fragment, seconds: number, now: Date): string {
  const { TIME_ZONE } = settings(env);
  const [from, to] = [fragment.from, fragment.to].map((at) => localText(new Date(at * 1000), TIME_ZONE));
  const name = fileName(fragment.title, from!, to!);
  return signedFileLink(env, { folder: folderOf(fragment.id), name }, seconds, now);
}

/** The file behind a link that `fragmentLink` made. Throws `forbidden` for another link, `not_found` when it has been deleted. */
export function serveFragment(
  env: Env,
  request: Request,
  { id, signature, name }: { id: number; signature: string; name: string },
): Promise<Response> {
  demandSignedFile(env, { folder: folderOf(id), name, signature });
  return serveFile(env, request, fileKey(settings(env).OPERATOR, id), { download: name });
}
