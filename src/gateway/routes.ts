import { Hono } from "hono";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, limitBody } from "#platform/http.ts";
import { clients } from "./clients/routes.ts";
import { publish, sms } from "./inbound/routes.ts";
import { seeds } from "./seeds/routes.ts";
import { sync } from "./sync/routes.ts";
import { syncPage } from "./sync-page/routes.ts";
import { profiles } from "./users/profile-routes.ts";
import { sessions } from "./users/session-routes.ts";
import { keyChecks } from "./users/sync-routes.ts";
import { headers, onJsonError, onTextError } from "./wire.ts";

/** The SMS gateway: /seeds*, /v2/*, /sms/platform/*, /v3/*, /gateway/*; docs/sms-gateway.md. */
export const gateway = new Hono<AppEnv>();

// What no group says: a body that is too large, and a path that is not there.
gateway.onError((error, c) => (/^\/(v3|v2\/users)(\/|$)/.test(c.req.path) ? onJsonError : onTextError)(error, c));

const PATHS = ["/seeds", "/seeds/*", "/seeders", "/v2/*", "/v3/*", "/sms/*", "/gateway/*"];
for (const path of PATHS) gateway.use(path, headers, limitBody);

// Each group names its whole paths and says its failures in its own form.
const groups: Hono<AppEnv>[] = [seeds, sync, keyChecks, profiles, sessions, syncPage, clients, sms, publish];
for (const group of groups) gateway.route("/", group);

for (const path of PATHS) {
  gateway.all(path, () => {
    throw new AppError("not_found", "Not Found");
  });
}
