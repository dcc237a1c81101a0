import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Env, settings } from "#env.ts";
import { logError } from "#platform/log.ts";
import { secretsOf } from "../device-secrets.ts";
import type { Device } from "../tables.ts";
import { nimbleSecret } from "./media-secret.ts";

/** The media server behind a camera, as far as the apps' URLs and tokens depend on it. */
export interface MediaServer {
  serverType: Device["serverType"];
  /** Null: as the operator's HLS_MODE says. */
  hlsMode: Device["hlsMode"];
  hasSound: boolean;
  /** Names the stream; and what the secrets are sealed for. */
  uuid: string;
  /** Sealed. Null for Flussonic, whose tokens are ours. */
  secrets: string | null;
}

/** What a camera that only an old billing knows plays from. */
export const UNKNOWN_SERVER: MediaServer = {
  ...{ serverType: "flussonic", hlsMode: null, hasSound: false },
  ...{ uuid: "", secrets: null },
};

/**
 * Where a camera plays. Flussonic and Nimble have a stream for each camera, named by its uuid, below the server's URL; for the
 * others the operator enters the camera's own URL, channel and all.
 */
export function placeOf(url: string, { uuid, serverType }: Pick<MediaServer, "uuid" | "serverType">): string {
  const base = url.replace(/\/+$/, "");
  return serverType === "flussonic" || serverType === "nimble" ? `${base}/${uuid}` : base;
}

/** What the media server calls the stream that plays at this URL: all that stands behind the host. */
export const streamOf = (url: string): string => url.replace(/^[a-z]+:\/\/[^/]*\/?/i, "").replace(/[?#].*$/, "");

/**
 * The token with which the apps play a camera of a server that asks no callout: Nimble's signature, or what the others want
 * appended to their query. Empty when none was entered, or it cannot be opened: that camera does not play, the others do.
 */
export async function mediaToken(
  env: Env,
  camera: MediaServer & { id: number; stream: string },
  now: Date,
): Promise<string> {
  try {
    const { mediaSecret } = await secretsOf(env, camera);
    if (mediaSecret === null) return "";
    if (camera.serverType !== "nimble") return mediaSecret;
    return nimbleSignature(nimbleSecret(mediaSecret).key, camera.stream, settings(env).EXPIRE, now);
  } catch (error) {
    logError(`the media secret of device ${camera.id} cannot be read`, error);
    return "";
  }
}

/**
 * Nimble's wmsAuthSign for one stream, without the viewer's address, which changes on mobile networks: base64 of
 * `server_time=…&hash_value=…&validminutes=…&strm_len=…`, the hash being MD5 of key, time, minutes and stream
 * (https://blog.wmspanel.com/2014/10/stream-name-hotlink-protection.html). The time moves in steps of half a life, so that the
 * same signature comes again until half of it is over.
 */
export function nimbleSignature(key: string, stream: string, validMinutes: number, now: Date): string {
  const step = validMinutes * 30_000;
  const time = nimbleTime(new Date(Math.floor(now.getTime() / step) * step));
  const hash = createHash("md5").update(`${key}${time}${validMinutes}${stream}`).digest("base64");
  const length = Buffer.byteLength(stream);
  const signature = `server_time=${time}&hash_value=${hash}&validminutes=${validMinutes}&strm_len=${length}`;
  return Buffer.from(signature).toString("base64");
}

/** `11/22/2026 9:05:00 PM`, in UTC. */
function nimbleTime(at: Date): string {
  const two = (part: number) => String(part).padStart(2, "0");
  const hours = at.getUTCHours();
  const date = `${at.getUTCMonth() + 1}/${at.getUTCDate()}/${at.getUTCFullYear()}`;
  return `${date} ${hours % 12 || 12}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())} ${hours < 12 ? "AM" : "PM"}`;
}
