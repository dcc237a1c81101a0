import { Buffer } from "node:buffer";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
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

/** Lets only the operator's own systems pass: INTEGRATION_TOKEN as a bearer, or as the Basic password of any user. */
export const requireToken: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (!knowsToken(c)) throw new AppError("unauthenticated", "No token");
  await next();
};

function knowsToken(c: Context<AppEnv>): boolean {
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)\s*$/.exec(c.req.header("authorization") ?? "") ?? [];
  const token = settings(c.env).INTEGRATION_TOKEN;
  if (/^bearer$/i.test(scheme)) return sameText(value, token);
  if (!/^basic$/i.test(scheme)) return false;
  const pair = Buffer.from(value, "base64").toString();
  return pair.includes(":") && sameText(pair.slice(pair.indexOf(":") + 1), token);
}

async function passwordIn(c: Context): Promise<string> {
  const login = Login.safeParse(await c.req.json().catch(() => undefined));
  return login.success ? login.data.password : "";
}
