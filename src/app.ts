import { Hono } from "hono";
import type { AppEnv } from "#platform/http.ts";
import { flussonic } from "./flussonic/routes.ts";
import { inventory } from "./inventory/routes.ts";
import { kannelHooks } from "./messaging/routes.ts";

/** Every mount of the product on one page. */
export const app = new Hono<AppEnv>();

app.route("/", flussonic); // /api/accessfl, /flussonic/<secret>/*, /rtmp/*, /mediamtx/auth
app.route("/bill/api", inventory);
app.route("/hooks/kannel", kannelHooks);
app.get("/health", (c) => c.json({ status: "ok" }));
