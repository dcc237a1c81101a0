import { type Context, Hono } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { knowsToken } from "#operator/integration-token.ts";
import { sameText } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";
import { describe } from "./envelope.ts";

/** POST /bill/api/auth/: the token, for who can show that it knows it. */
export const auth = new Hono<AppEnv>();

const Login = z.object({ password: z.string() });

auth.post("/auth/", describe("Get the token", z.object({ token: z.string() })), async (c) => {
  const token = settings(c.env).INTEGRATION_TOKEN;
  if (!knowsToken(c) && !sameText(await passwordIn(c), token)) throw new AppError("unauthenticated", "No token");
  return c.json({ token });
});

async function passwordIn(c: Context): Promise<string> {
  const login = Login.safeParse(await c.req.json().catch(() => undefined));
  return login.success ? login.data.password : "";
}
