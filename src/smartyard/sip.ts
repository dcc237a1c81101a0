import { Hono } from "hono";
import * as z from "zod";
import { type Settings, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { describe, ok, type ResidentEnv, signedIn } from "./envelope.ts";

/** POST /api/sip/…: a call to the operator's people (docs/contracts.md, "The apps"). */
export const sip = new Hono<ResidentEnv>();

const Help = z.object({
  server: z.string(),
  port: z.number(),
  transport: z.enum(["udp", "tcp", "tls"]),
  extension: z.string().optional(),
  pass: z.string().optional(),
  dial: z.string().optional(),
});

sip.post("/helpMe", describe("How to call the operator", Help), signedIn("edge"), (c) =>
  ok(c, helpOf(settings(c.env))),
);

/** What the operator has set up. Without a phone and without an extension nobody would answer: `not_connected`. */
function helpOf(config: Settings): z.input<typeof Help> {
  const { SIP_SERVER, SIP_PORT, SIP_TRANSPORT, SIP_HELP_EXTENSION, SIP_HELP_PASS, HELPDESKPHONE, PUBLIC_URL } = config;
  if (!HELPDESKPHONE && !SIP_HELP_EXTENSION)
    throw new AppError("not_found", "Nobody to call is set up", { reason: "not_connected" });
  return {
    ...{ server: SIP_SERVER ?? new URL(PUBLIC_URL).hostname, port: SIP_PORT, transport: SIP_TRANSPORT },
    ...(SIP_HELP_EXTENSION && { extension: SIP_HELP_EXTENSION, pass: SIP_HELP_PASS }),
    ...(HELPDESKPHONE && { dial: HELPDESKPHONE }),
  };
}
