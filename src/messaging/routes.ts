import { Hono } from "hono";
import type { AppEnv } from "#platform/http.ts";

export const kannelHooks = new Hono<AppEnv>();
