import * as z from "zod";
import type { Env } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { answerText, call } from "#platform/outbound.ts";
import { secretsOf } from "../device-secrets.ts";
import type { Camera } from "../homes.ts";
import { mediaUrl } from "./hosts.ts";
import { macroscopUrl } from "./macroscop.ts";
import { nimbleSecret } from "./media-secret.ts";
import { managementUrl } from "./nimble-management.ts";

/** A stretch that is recorded without a gap: Unix seconds, and how many of them. */
export interface Stretch {
  from: number;
  duration: number;
}

export interface Recordings {
  stream: string;
  ranges: Stretch[];
}

/** The beginning that the apps ask for: before any recording. */
const EVER = 1_525_186_456;
const LIMIT_MS = 10_000;
const LIMIT_BYTES = 4 * 1024 * 1024;

/**
 * What of this camera is recorded, as deep as record_days allows. `token` opens the camera on a Flussonic. Empty where the
 * server has no way to tell: Trassir is asked by the apps themselves. Throws `unavailable` when it does not answer.
 */
export async function recordingsOf(env: Env, camera: Camera, token: string, now = new Date()): Promise<Recordings[]> {
  const days = camera.recordDays;
  if (days === 0) return [];
  const seconds = Math.floor(now.getTime() / 1000);
  const opened = Math.max(EVER, days === null ? EVER : seconds - days * 86_400);
  const { stream, ranges } = await askServer(env, camera, { token, opened, seconds });
  const clipped = ranges.flatMap((range) => clip(range, opened));
  return clipped.length > 0 ? [{ stream, ranges: clipped }] : [];
}

const clip = ({ from, duration }: Stretch, opened: number): Stretch[] => {
  const start = Math.max(from, opened);
  const left = Math.floor(from + duration) - Math.ceil(start);
  return left > 0 ? [{ from: Math.ceil(start), duration: left }] : [];
};

interface Question {
  token: string;
  opened: number;
  seconds: number;
}

async function askServer(env: Env, camera: Camera, question: Question): Promise<Recordings> {
  const { stream, uuid, recordDays } = camera;
  switch (camera.serverType) {
    case "flussonic":
      return flussonic(env, camera, question.token);
    case "nimble":
      return { stream, ranges: await nimble(env, camera) };
    case "macroscop":
      return { stream: uuid, ranges: await macroscop(env, camera, question) };
    case "forpost": // tells nobody what it has, so what the operator says it keeps
      return {
        stream: uuid,
        ranges: recordDays ? [{ from: question.opened, duration: question.seconds - question.opened }] : [],
      };
    default:
      return { stream: uuid, ranges: [] };
  }
}

const Seconds = z.number().min(0).max(4_294_967_295);
const Flussonic = z.array(
  z.object({
    stream: z.string().optional(),
    ranges: z.array(z.object({ from: Seconds, duration: Seconds })).default([]),
  }),
);

async function flussonic(env: Env, { url, stream }: Camera, token: string): Promise<Recordings> {
  const text = `${url}/recording_status.json?from=${EVER}&token=${encodeURIComponent(token)}`;
  const [status] = await ask(env, text, Flussonic);
  return { stream: status?.stream ?? stream, ranges: status?.ranges ?? [] };
}

const Timeline = z.object({ start: Seconds, duration: Seconds });
const Nimble = z.array(z.object({ timeline: z.array(Timeline).default([]) }));

async function nimble(env: Env, camera: Camera): Promise<Stretch[]> {
  const { mediaSecret } = await secretsOf(env, camera);
  if (mediaSecret === null) return [];
  const url = managementUrl(nimbleSecret(mediaSecret), `/manage/dvr_status/${camera.stream}`, { timeline: "true" });
  if (url === undefined) return [];
  const [status] = await ask(env, url, Nimble);
  return (status?.timeline ?? []).map(({ start, duration }) => ({ from: start, duration }));
}

const Macroscop = z.object({ Fragments: z.array(z.object({ FromTime: z.string(), ToTime: z.string() })).default([]) });

async function macroscop(env: Env, camera: Camera, { opened, seconds }: Question): Promise<Stretch[]> {
  const { mediaSecret } = await secretsOf(env, camera);
  const times = { from: new Date(opened * 1000), to: new Date(seconds * 1000) };
  const url = macroscopUrl(camera.url, mediaSecret ?? "", "/archivefragments", { ...times, responsetype: "json" });
  const { Fragments } = await ask(env, url, Macroscop);
  return Fragments.flatMap(({ FromTime, ToTime }) => {
    const [from, to] = [Date.parse(FromTime) / 1000, Date.parse(ToTime) / 1000];
    return to > from ? [{ from, duration: to - from }] : [];
  });
}

async function ask<S extends z.ZodType>(env: Env, text: string, schema: S): Promise<z.output<S>> {
  const url = mediaUrl(env, text);
  const silent = (cause?: unknown) =>
    new AppError("unavailable", `${url.hostname} does not tell its archive`, { cause });
  const answer = await call(url, { timeLimitMs: LIMIT_MS });
  if (answer.status !== 200) {
    await answer.body?.cancel();
    throw silent();
  }
  const body = await answerText(answer, LIMIT_BYTES);
  try {
    return schema.parse(JSON.parse(body));
  } catch (cause) {
    throw silent(cause);
  }
}
