import { Hono } from "hono";
import { liveOfCall, pictureOfCall } from "#premises/log/call-pictures.ts";
import type { ResidentEnv } from "./envelope.ts";
import { show } from "./images.ts";

/** GET /api/call/…: who rings at the door. The hash that the push brought is the right to see it, for as long as a call lasts. */
export const call = new Hono<ResidentEnv>();

call.get("/live/:hash", async (c) => show(c, await liveOfCall(c.env, c.req.param("hash"))));

call.get("/camshot/:hash", async (c) => show(c, await pictureOfCall(c.env, c.req.param("hash"))));
