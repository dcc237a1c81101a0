import { Hono } from "hono";
import * as z from "zod";
import { blockPhone, unblockPhone } from "#identity/accounts/blocking.ts";
import type { AppEnv } from "#platform/http.ts";
import { describe, done, fields } from "./envelope.ts";

/** POST /bill/api/users/…block/: shutting a person out of the apps. Ours; the old contract had no such thing. */
export const people = new Hono<AppEnv>();

const Phone = z.object({ phone: z.union([z.string(), z.number()]).transform(String) });

people.post(
  "/users/block/",
  describe("Sign a person out everywhere and send no more codes"),
  fields(Phone),
  async (c) => {
    await blockPhone(c.env, c.req.valid("json").phone);
    return done(c);
  },
);

people.post(
  "/users/unblock/",
  describe("Let a person, or a phone with too many wrong codes, in again"),
  fields(Phone),
  async (c) => {
    await unblockPhone(c.env, c.req.valid("json").phone);
    return done(c);
  },
);
