import { Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { hmac, sameText } from "#platform/crypto.ts";
import { AppError, told } from "#platform/errors.ts";
import { type AppEnv, body, limitBody } from "#platform/http.ts";
import { noteCallFrom } from "./calls.ts";

/** POST /hooks/pbx/call: the operator's PBX saw a call to one of the confirmation numbers. */
export const pbxHooks = new Hono<AppEnv>();

const MAX_AGE_S = 60;

const Call = z.object({
  caller: z.string().max(32),
  /** The number of ours that was called. May be left out when there is only one. */
  called: z.string().max(32).optional(),
  /** Unix seconds. */
  time: z.coerce.number().int(),
  /** Hex HMAC-SHA-256 of `caller|called|time` under PBX_HOOK_SECRET. */
  signature: z.string().max(128),
});

pbxHooks.post("/call", limitBody, body(Call), async (c) => {
  const { caller, called, time, signature } = c.req.valid("json");
  const secret = settings(c.env).PBX_HOOK_SECRET;
  const expected = secret && hmac(secret, `${caller}|${called ?? ""}|${time}`).toString("hex");
  const isRecent = Math.abs(Date.now() / 1000 - time) <= MAX_AGE_S;
  if (!expected || !sameText(expected, signature.toLowerCase()) || !isRecent)
    throw new AppError("forbidden", "Bad signature");
  return c.json({ awaited: await noteCallFrom(c.env, { caller, called, at: new Date(time * 1000) }) });
});

pbxHooks.onError((error, c) => {
  const { status, message } = told(error);
  return c.json({ error: message }, status);
});
