import { Hono } from "hono";
import * as z from "zod";
import { AppError } from "#platform/errors.ts";
import { serveFile } from "#platform/files.ts";
import { after, body } from "#platform/http.ts";
import { demandSigned } from "#platform/signed-links.ts";
import { dislikeFace, faceKey, likeFace, listFaces } from "#premises/faces/faces.ts";
import { describe, done, ok, okOrEmpty, type ResidentEnv, signedIn } from "./envelope.ts";
import { AnyHome, Id, OneHome } from "./wire.ts";

/** /api/frs/…: the faces that a flat's doors open to (docs/contracts.md, "The apps"; docs/faces.md). */
export const frs = new Hono<ResidentEnv>();

const Face = z.object({ faceId: z.string(), image: z.string() });

frs.post("/listFaces", describe("The faces of my flat", z.array(Face)), signedIn("edge"), body(OneHome), async (c) => {
  const faces = await listFaces(c.env, c.var.resident, c.req.valid("json"));
  return okOrEmpty(
    c,
    faces.map(({ id, image }): z.input<typeof Face> => ({ faceId: String(id), image })),
  );
});

const EventId = z.string().trim().min(1).max(64);
const Liked = z.object({ faceId: z.string() });
const ThatEvent = z.object({ event: EventId, comment: z.unknown().optional() });

frs.post("/like", describe("This face may come in", Liked), signedIn("strict"), body(ThatEvent), async (c) => {
  const faceId = await likeFace(c.env, c.var.resident, c.req.valid("json").event, after(c));
  return ok(c, { faceId: String(faceId) });
});

const Disliked = AnyHome.in.extend({ event: EventId.nullish(), faceId: Id.nullish() }).transform((asked) => {
  const uid = asked.houseId ?? asked.flatId;
  if (asked.event) return { eventId: asked.event };
  if (uid !== undefined && asked.faceId !== undefined && asked.faceId !== null) return { uid, id: asked.faceId };
  throw new AppError("invalid", "event, or flatId and faceId, is needed");
});

frs.post("/disLike", describe("This face may not come in"), signedIn("strict"), body(Disliked), async (c) => {
  await dislikeFace(c.env, c.var.resident, c.req.valid("json"), after(c));
  return done(c);
});

frs.get("/faces/:uid{\\d+}/:file{\\d+\\.jpg}", async (c) => {
  demandSigned(c.env, new URL(c.req.url));
  return serveFile(c.env, c.req.raw, faceKey(c.req.param("uid"), c.req.param("file").replace(".jpg", "")));
});
