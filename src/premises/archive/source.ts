import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { type Download, download } from "#platform/download.ts";
import { AppError } from "#platform/errors.ts";
import { type Exported, exportUrl } from "../media/exports.ts";
import { mediaUrl } from "../media/hosts.ts";
import { deviceRow } from "../registry-queries.ts";
import type { Fragment } from "./tables.ts";

/** Why a fragment will never come. */
export class Hopeless extends Error {
  override name = "Hopeless";
}

/** What the apps are told that the media server does not have it. */
export const GONE = "no such archive";

/** Below the queue's quarter of an hour. What R2 has by then, the next attempt goes on from. */
export const ATTEMPT_MS = 10 * 60_000;
const STALL_MS = 20_000;
/** A cluster of media servers leads to the one that has the recording. */
const MAX_REDIRECTS = 3;

export interface Source extends Download {
  /** Where in the file the stream begins. */
  offset: number;
  /** The file's strong ETag. */
  etag: string | null;
}

/**
 * Begins the download of a fragment behind its first `have` bytes, where the media server can say that it is still the same
 * file; otherwise from the beginning. Throws Hopeless, or `unavailable` for what may yet come.
 */
export async function openSource(env: Env, fragment: Fragment, have: number, now: Date): Promise<Source> {
  const etag = fragment.sourceEtag;
  const headers: Record<string, string> =
    have > 0 && etag !== null ? { range: `bytes=${have}-`, "if-range": etag } : {};
  const answer = await follow(env, await urlOf(env, fragment, now), headers);
  if (isSpeech(answer.headers) && answer.status < 300) {
    answer.cancel();
    throw new AppError("unavailable", "the media server answered with words instead of a film");
  }
  if (answer.status === 200) return { ...answer, offset: 0, etag: etagOf(answer.headers) };
  if (answer.status === 206 && isFrom(answer.headers, have) && !isPacked(answer.headers))
    return { ...answer, offset: have, etag };
  answer.cancel();
  if (answer.status === 416 && headers.range && endsAt(answer.headers, have)) {
    return { ...answer, chunks: nothing(), offset: have, etag };
  }
  if (answer.status === 404 || answer.status === 410) throw new Hopeless(GONE);
  throw new AppError("unavailable", `the media server answered ${answer.status}`);
}

async function urlOf(env: Env, fragment: Fragment, now: Date): Promise<URL> {
  const url = await exportUrl(env, await exported(env, fragment), fragment, now);
  if (!url) throw new Hopeless(GONE);
  return url;
}

async function exported(env: Env, { operator, deviceId, url, serverType }: Fragment): Promise<Exported> {
  // A Flussonic needs no more than where the camera plays; so it is for one that only an old billing knows.
  if (serverType === "flussonic") return { url, serverType, uuid: "", secrets: null };
  const device = await deviceRow(database(env), operator, deviceId);
  if (device?.serverType !== serverType) throw new Hopeless("the camera is another one now");
  return { url, serverType, uuid: device.uuid, secrets: device.secrets };
}

async function follow(env: Env, first: URL, headers: Record<string, string>): Promise<Download> {
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const answer = await download(url, { headers, timeLimitMs: ATTEMPT_MS, stallLimitMs: STALL_MS });
    const location = answer.headers.get("location");
    if (answer.status < 300 || answer.status > 399 || !location || redirects === MAX_REDIRECTS) return answer;
    answer.cancel();
    const next = mediaUrl(env, URL.parse(location, url)?.href ?? "");
    if (url.protocol === "https:" && next.protocol !== "https:")
      throw new AppError("unavailable", "the media server leads out of TLS");
    url = next;
  }
}

/** A page, or an error in the dress of a success. */
const isSpeech = (headers: Headers) =>
  /^(?:text\/html|[a-z]+\/(?:json|xml)\b)/i.test(headers.get("content-type") ?? "");

/** Of a packed answer the places in it are not those in the file, so that nothing can be gone on with. */
const isPacked = (headers: Headers) => headers.has("content-encoding");

function etagOf(headers: Headers): string | null {
  const etag = headers.get("etag");
  return etag?.startsWith('"') && !isPacked(headers) ? etag : null;
}

const isFrom = (headers: Headers, have: number) => headers.get("content-range")?.startsWith(`bytes ${have}-`) ?? false;

/** Everything had come already, and only the end was not noted. */
const endsAt = (headers: Headers, have: number) => headers.get("content-range") === `bytes */${have}`;

async function* nothing(): AsyncGenerator<Uint8Array> {}
