import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { describe, ok, okOrEmpty, type ResidentEnv, signedIn } from "./envelope.ts";

/** POST /api/ext/…: what the operator has set up in the apps (docs/contracts.md, "The apps"). No database: iOS waits for it on its main thread. */
export const ext = new Hono<ResidentEnv>();

const Options = z.looseObject({ timeZone: z.string() });

ext.post("/options", describe("How this operator's app behaves", Options), signedIn("edge"), (c) => {
  const { APP_OPTIONS, TIME_ZONE } = settings(c.env);
  return ok(c, { ...APP_OPTIONS, timeZone: TIME_ZONE });
});

const Entry = z.object({
  caption: z.string(),
  icon: z.string(),
  extId: z.string(),
  order: z.number(),
  highlight: z.string().optional(),
});

ext.post("/list", describe("Further entries of the menu", z.array(Entry)), signedIn("edge"), (c) =>
  okOrEmpty(c, settings(c.env).EXTENSIONS),
);
