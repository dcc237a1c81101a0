import type { MiddlewareHandler } from "hono";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";

/** Lets pass where the users are ours to keep, and the gateway is in use. */
export const demandOwnUsers: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { GATEWAY_USERS, GATEWAY_PRIVATE_KEY } = settings(c.env);
  if (GATEWAY_USERS !== "local") throw new AppError("not_found", "Another server keeps the users");
  if (!GATEWAY_PRIVATE_KEY) throw new AppError("unavailable", "");
  await next();
};
