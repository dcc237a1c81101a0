import { type Context, Hono } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import * as z from "zod";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, body, clientAddress } from "#platform/http.ts";
import { describe } from "../clients/views.ts";
import { onJsonError, onlyMethods } from "../wire.ts";
import { logoOf } from "./logo.ts";
import { demandOwnUsers } from "./own-users.ts";
import { PlatformView } from "./platforms.ts";
import { Password } from "./profile-routes.ts";
import { openUserSession, platformsOfSession, SESSION_SECONDS } from "./user-session.ts";

/** /v2/users/{id}/verify and /platforms, by which other servers know a user, and the platforms' pictures. */
export const sessions = new Hono<AppEnv>().onError(onJsonError);

const COOKIE = "SWOB";

sessions.use("/v2/users/:id/verify", demandOwnUsers);
sessions.use("/v2/users/:id/platforms", demandOwnUsers);

/** The session is the browser's or server's that asked for it. Throws AppError `invalid` without the header. */
function userAgentOf(c: Context): string {
  const userAgent = c.req.header("user-agent");
  if (!userAgent) throw new AppError("invalid", "No User-Agent");
  return userAgent;
}

sessions.post(
  "/v2/users/:id/verify",
  describe("Check a user's password and open a session of ten minutes, in the cookie SWOB"),
  body(z.object({ password: Password })),
  async (c) => {
    const [userId, userAgent, address] = [c.req.param("id"), userAgentOf(c), clientAddress(c)];
    const session = await openUserSession(c.env, { userId, userAgent, address, ...c.req.valid("json") });
    setCookie(c, COOKIE, session, {
      ...{ httpOnly: true, sameSite: "Strict", maxAge: SESSION_SECONDS },
      ...{ secure: settings(c.env).PUBLIC_URL.startsWith("https:"), path: `/v2/users/${encodeURIComponent(userId)}` },
    });
    return c.body(null, 200);
  },
);
sessions.all("/v2/users/:id/verify", onlyMethods("POST"));

const Listed = z.object({ saved_platforms: z.array(PlatformView), unsaved_platforms: z.array(PlatformView) });

sessions.get("/v2/users/:id/platforms", describe("List a user's platforms, and the others", Listed), async (c) => {
  const caller = { userId: c.req.param("id"), userAgent: c.req.header("user-agent") ?? "" };
  const { saved, unsaved } = await platformsOfSession(c.env, { ...caller, session: getCookie(c, COOKIE) ?? "" });
  return c.json({ saved_platforms: saved, unsaved_platforms: unsaved });
});
sessions.all("/v2/users/:id/platforms", onlyMethods("GET", "HEAD"));

sessions.get("/v2/platforms/:file{[a-z0-9_-]+-icon\\.svg}", (c) =>
  c.body(logoOf(c.env, c.req.param("file").replace(/-icon\.svg$/, "")), 200, {
    "content-type": "image/svg+xml",
    "cache-control": "public, max-age=86400",
  }),
);
