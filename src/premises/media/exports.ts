import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";
import { instantOf, localText } from "#platform/time.ts";
import { mintExportToken } from "../camera-tokens.ts";
import { secretsOf } from "../device-secrets.ts";
import type { Device } from "../tables.ts";
import { mediaUrl } from "./hosts.ts";
import { macroscopUrl } from "./macroscop.ts";
import { nimbleSecret } from "./media-secret.ts";
import { managementUrl } from "./nimble-management.ts";
import { streamOf } from "./servers.ts";

/** A camera as far as its archive can be had as a file. */
export interface Exported {
  /** Where it plays. */
  url: string;
  serverType: Device["serverType"];
  /** What its secrets are sealed for, and the secrets. */
  uuid: string;
  secrets: string | null;
}

/** A stretch of archive in Unix seconds. */
export interface Span {
  from: number;
  to: number;
}

/** Longer than any attempt to load a file may take. */
const TOKEN_SECONDS = 20 * 60;

/**
 * Where the media server gives this stretch as one mp4; undefined where it cannot. Throws `unavailable` when the server has to be
 * asked for that and does not answer, or may not be called.
 */
export async function exportUrl(env: Env, camera: Exported, span: Span, now = new Date()): Promise<URL | undefined> {
  const text = await exportText(env, camera, span, now);
  return text === undefined ? undefined : mediaUrl(env, text);
}

async function exportText(env: Env, camera: Exported, span: Span, now: Date): Promise<string | undefined> {
  const { from, to } = span;
  if (camera.serverType === "flussonic") {
    const window = { from: new Date(from * 1000), to: new Date(to * 1000) };
    const grant = { account: 0, stream: streamOf(camera.url), ...window, lifeSeconds: TOKEN_SECONDS };
    return `${camera.url}/archive-${from}-${to - from}.mp4?token=${mintExportToken(env, grant, now)}`;
  }
  const { mediaSecret } = await secretsOf(env, camera);
  if (mediaSecret === null) return undefined;
  switch (camera.serverType) {
    case "nimble":
      return managementUrl(nimbleSecret(mediaSecret), `/manage/dvr/export_mp4/${streamOf(camera.url)}`, {
        ...{ start: String(from), end: String(to) },
      });
    case "macroscop":
      return macroscopUrl(camera.url, mediaSecret, "/exportarchive", {
        ...{ from: new Date(from * 1000), to: new Date(to * 1000) },
      });
    case "forpost":
      return forpostUrl(env, camera.url, mediaSecret, span);
    default: // Trassir makes a file only in a session of several calls
      return undefined;
  }
}

/** Whether this camera's archive can be had as a file at all. */
export async function canExport(env: Env, { serverType, uuid, secrets }: Exported): Promise<boolean> {
  if (serverType === "flussonic") return true;
  const { mediaSecret } = await secretsOf(env, { uuid, secrets });
  if (serverType === "nimble") return mediaSecret !== null && nimbleSecret(mediaSecret).management_url !== undefined;
  return mediaSecret !== null && serverType !== "trassir";
}

const Answer = z.object({ URL: z.url() });

/** Forpost prepares the file first, and tells where it will be. It counts in whole minutes. */
async function forpostUrl(env: Env, camera: string, secret: string, { from, to }: Span): Promise<string> {
  const url = mediaUrl(env, camera);
  const form = new URLSearchParams(url.search);
  for (const [name, value] of new URLSearchParams(secret)) form.set(name, value);
  form.delete("Format");
  const times = { TS: from, TZ: zoneSeconds(from, settings(env).TIME_ZONE), Duration: Math.ceil((to - from) / 60) };
  for (const [name, value] of Object.entries({ Container: "mp4", ...times })) form.set(name, String(value));
  url.search = "";
  url.pathname = "/system-api/GetDownloadURL";
  const answer = await call(url, { method: "POST", body: form });
  const text = await answerText(answer, 64 * 1024);
  const told = Answer.safeParse(safeJson(text));
  if (answer.status !== 200 || !told.success) throw new AppError("unavailable", "Forpost names no file");
  return told.data.URL;
}

/** By how many seconds the zone is ahead of UTC at that time. */
function zoneSeconds(at: number, zone: string): number {
  const local = instantOf(localText(new Date(at * 1000), zone), "UTC")!;
  return local.getTime() / 1000 - at;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
