import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { body } from "#platform/http.ts";
import { instantOf } from "#platform/time.ts";
import { fragmentLink, prepareFragment, serveFragment } from "#premises/archive/fragments.ts";
import { rangesFor } from "#premises/archive/ranges.ts";
import { describe, done, ok, okOrEmpty, type ResidentEnv, signedIn } from "./envelope.ts";
import { Id } from "./wire.ts";

/** POST /api/cctv/ranges, recPrepare, recDownload, youtube: what the cameras have recorded (docs/contracts.md, "The apps"). */
export const archive = new Hono<ResidentEnv>();

const Ranges = z.object({
  stream: z.string(),
  ranges: z.array(z.object({ from: z.number(), duration: z.number() })),
});

archive.post(
  "/ranges",
  describe("What a camera has recorded", z.array(Ranges)),
  signedIn("edge"),
  body(z.object({ cameraId: Id })),
  // A 204 is an error to iOS.
  async (c) => ok(c, await rangesFor(c.env, c.var.resident, c.req.valid("json").cameraId)),
);

const LocalTime = z.string().max(32);
const Prepare = z.object({ id: Id, from: LocalTime, to: LocalTime });

archive.post(
  "/recPrepare",
  describe("Have a stretch of archive made into a file", z.number()),
  signedIn("strict"),
  body(Prepare),
  async (c) => {
    const { id: cameraId, from, to } = c.req.valid("json");
    const at = (text: string) => momentOf(text, settings(c.env).TIME_ZONE);
    return ok(c, await prepareFragment(c.env, c.var.resident, { cameraId, from: at(from), to: at(to) }));
  },
);

function momentOf(text: string, zone: string): Date {
  const moment = instantOf(text, zone);
  if (!moment) throw new AppError("invalid", "from and to are local times");
  return moment;
}

archive.post(
  "/recDownload",
  describe("A link to a file that I had made; 204 while it is not ready", z.string()),
  signedIn("edge"),
  body(z.object({ id: Id })),
  async (c) => {
    const link = await fragmentLink(c.env, c.var.resident, c.req.valid("json").id);
    return link === undefined ? done(c) : ok(c, link);
  },
);

// The apps open it without their token: the link itself says who may.
archive.get("/download/:id{[0-9]{1,15}}/:signature/:name", (c) => {
  const { id, signature, name } = c.req.param();
  return serveFragment(c.env, c.req.raw, { id: Number(id), signature, name });
});

const Video = z.object({
  id: z.number(),
  eventTime: z.string(),
  title: z.string(),
  description: z.string(),
  thumbnailsDefault: z.string(),
  thumbnailsMedium: z.string(),
  thumbnailsHigh: z.string(),
  url: z.string(),
});
const AnyCamera = z.object({ id: z.union([Id, z.literal("")]).nullish() });

archive.post(
  "/youtube",
  describe("The operator's videos, of one camera or all", z.array(Video)),
  signedIn("edge"),
  body(AnyCamera),
  (c) => {
    const wanted = c.req.valid("json").id || undefined;
    const videos = settings(c.env).YOUTUBE.filter(({ camera }) => wanted === undefined || camera === wanted);
    return okOrEmpty(
      c,
      videos.map(({ camera: _, ...video }) => video),
    );
  },
);
