import { type Context, Hono } from "hono";
import { serveFile } from "#platform/files.ts";
import { demandSigned } from "#platform/signed-links.ts";
import type { Photograph } from "#premises/log/photographs.ts";
import { pictureKey, pictureOf } from "#premises/log/pictures.ts";
import type { ResidentEnv } from "./envelope.ts";

/**
 * GET /api/images/…: pictures of events, and what a camera sees now. The apps load pictures without their token, so the right
 * to one is the signature of its URL (docs/contracts.md, "The apps").
 */
export const images = new Hono<ResidentEnv>();

/** A picture of an event never changes; the link ends before a phone forgets it. */
const MAX_AGE_SECONDS = 86_400;

images.get("/event/:name", async (c) => {
  demandSigned(c.env, new URL(c.req.url));
  const id = c.req.param("name").replace(/\.jpg$/, "");
  return serveFile(c.env, c.req.raw, pictureKey(id), { maxAge: MAX_AGE_SECONDS });
});

images.get("/:name", async (c) => {
  demandSigned(c.env, new URL(c.req.url));
  return show(c, await pictureOf(c.env, { uuid: c.req.param("name").replace(/\.jpg$/, "") }));
});

/** A picture as it was taken, which no cache may keep: the next one is another. */
export function show(c: Context, { bytes, type }: Photograph): Response {
  c.header("Cache-Control", "no-store");
  c.header("X-Content-Type-Options", "nosniff");
  c.header("Content-Length", String(bytes.byteLength));
  c.header("Content-Type", type);
  return c.body(bytes);
}
