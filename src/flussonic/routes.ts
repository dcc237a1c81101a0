import { Hono } from "hono";
import type { AppEnv } from "#platform/http.ts";

export const flussonic = new Hono<AppEnv>();
