import { Hono } from "hono";
import { type AppEnv, limitBody } from "#platform/http.ts";
import { syncPage } from "./sync-page/routes.ts";
import { headers } from "./wire.ts";

/** The SMS gateway: /seeds*, /v2/*, /sms/platform/*, /v3/*, /gateway/*; docs/sms-gateway.md. */
export const gateway = new Hono<AppEnv>();

const PATHS = ["/seeds", "/seeds/*", "/seeders", "/v2/*", "/v3/*", "/sms/*", "/gateway/*"];
for (const path of PATHS) gateway.use(path, headers, limitBody);

// Each group names its whole paths and says its failures in its own form.
const groups: Hono<AppEnv>[] = [syncPage];
for (const group of groups) gateway.route("/", group);
