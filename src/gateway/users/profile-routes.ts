import { Buffer } from "node:buffer";
import { Hono } from "hono";
import * as z from "zod";
import { requireToken } from "#operator/integration-token.ts";
import { type AppEnv, body } from "#platform/http.ts";
import { describe, secondsOf } from "../clients/views.ts";
import { onJsonError, onlyMethods } from "../wire.ts";
import { demandOwnUsers } from "./own-users.ts";
import { changeUser, createUser, deleteProfile, type Profile, profileOf } from "./profiles.ts";

/** /v2/users and /v2/users/{id}: the operator's systems make and change the gateway's users. */
export const profiles = new Hono<AppEnv>().onError(onJsonError);

profiles.use("/v2/users", demandOwnUsers, requireToken);
profiles.use("/v2/users/:id", demandOwnUsers, requireToken);

/** What the apps can encrypt to us in one block. */
const LONGEST_PASSWORD = 190;
const PLATFORMS = 50;
const TOKEN_CHARACTERS = 16 * 1024;

/** A password: in bytes of UTF-8 as long as one block of RSA holds. What is a good one the operator's own sign-up has decided. */
export const Password = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= LONGEST_PASSWORD, `has more than ${LONGEST_PASSWORD} bytes`);
const Name = z.string().trim().max(200).nullish();
const Word = z.string().max(1024);
const NewGrant = z.object({
  name: z.string().max(32),
  username: Word,
  uniqueId: Word,
  token: z.json().refine((token) => JSON.stringify(token).length <= TOKEN_CHARACTERS, "is too long"),
});
const NewGrants = z
  .array(NewGrant)
  .max(PLATFORMS)
  .refine((grants) => new Set(grants.map(({ name }) => name)).size === grants.length, "has a platform twice");

const NewUser = z.object({
  phone_number: z.string().max(64),
  password: Password,
  name: Name,
  platforms: NewGrants.nullish().transform((grants) => grants ?? []),
});

profiles.post(
  "/v2/users",
  describe("Make a user of the gateway", z.object({ id: z.uuid() }), { status: 201, isGuarded: true }),
  body(NewUser),
  async (c) => {
    const { phone_number: phoneNumber, ...user } = c.req.valid("json");
    return c.json({ id: await createUser(c.env, { phoneNumber, ...user }) }, 201);
  },
);
profiles.all("/v2/users", onlyMethods("POST"));

const User = z.object({
  id: z.string(),
  phone_number: z.string().optional(),
  name: z.string().optional(),
  platforms: z.array(z.string()),
  created_at: z.int(),
  synced_at: z.int().optional(),
});

const view = ({ id, phoneNumber, name, platforms, createdAt, syncedAt }: Profile): z.input<typeof User> => ({
  id,
  ...(phoneNumber !== undefined && { phone_number: phoneNumber }),
  ...(name !== null && { name }),
  platforms,
  created_at: secondsOf(createdAt),
  ...(syncedAt && { synced_at: secondsOf(syncedAt) }),
});

profiles.get("/v2/users/:id", describe("Show a user of the gateway", User, { isGuarded: true }), async (c) =>
  c.json(view(await profileOf(c.env, c.req.param("id")))),
);

const Change = z.object({
  password: Password.optional(),
  name: Name,
  platforms: NewGrants.optional(),
});

profiles.patch(
  "/v2/users/:id",
  describe("Change a user of the gateway; platforms that are not named are given up", User, { isGuarded: true }),
  body(Change),
  async (c) => c.json(view(await changeUser(c.env, c.req.param("id"), c.req.valid("json")))),
);

profiles.delete(
  "/v2/users/:id",
  describe("Delete a user of the gateway; the account stays", undefined, { status: 204, isGuarded: true }),
  async (c) => {
    await deleteProfile(c.env, c.req.param("id"));
    return c.body(null, 204);
  },
);
profiles.all("/v2/users/:id", onlyMethods("GET", "HEAD", "PATCH", "DELETE"));
