import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { registerOpaqueToken } from "#premises/opaque-tokens.ts";
import { publishTokenFor } from "#premises/registry.ts";
import { describe, done, fields } from "./envelope.ts";
import { Count, Flag, Id } from "./fields.ts";

/** POST /bill/api/…_tokens_add/: tokens for streams that no resident's app asks for. Ours; the old contract had no such thing. */
export const streamTokens = new Hono<AppEnv>();

const Life = Count.pipe(
  z
    .int()
    .min(60)
    .max(400 * 86_400),
);
const Stream = z.union([
  z
    .string()
    .min(1)
    .max(255)
    .transform((name) => ({ name, recordDays: null })),
  z
    .object({ name: z.string().min(1).max(255), record_days: Count.nullish() })
    .transform(({ name, record_days }) => ({ name, recordDays: record_days ?? null })),
]);
const OpaqueToken = z.object({
  token: z.string().min(8).max(512),
  streams: z.array(Stream).min(1).max(1000),
  expires_in: Life,
  publish: Flag.optional(),
});

streamTokens.post(
  "/camera_tokens_add/",
  describe("Let a token that was made elsewhere open streams; it counts everywhere within a minute"),
  fields(OpaqueToken),
  async (c) => {
    const { token, streams, expires_in, publish = false } = c.req.valid("json");
    await registerOpaqueToken(c.env, token, {
      account: 0,
      streams,
      publish,
      expiresAt: new Date(Date.now() + expires_in * 1000),
    });
    return done(c);
  },
);

streamTokens.post(
  "/publish_tokens_add/",
  describe("Make a token with which a camera or an encoder may send its stream", z.object({ token: z.string() })),
  fields(z.object({ device_id: Id, expires_in: Life })),
  async (c) => {
    const { device_id, expires_in } = c.req.valid("json");
    return c.json({ token: await publishTokenFor(c.env, device_id, expires_in) });
  },
);
