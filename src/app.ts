import { Hono } from "hono";
import type { AppEnv } from "#platform/http.ts";
import { flussonic } from "./flussonic/routes.ts";
import { gateway as smsGateway } from "./gateway/routes.ts";
import { health } from "./health.ts";
import { invitationPage } from "./identity/domains/invitation-page.ts";
import { gateway } from "./identity/gateway/gateway.ts";
import { pbxHooks } from "./identity/login/pbx-hooks.ts";
import { shield } from "./identity/shield.ts";
import { metadata } from "./identity/tokens/metadata.ts";
import { cams } from "./intercom/cam-init.ts";
import { intercom } from "./intercom/routes.ts";
import { inventory } from "./inventory/routes.ts";
import { kannelHooks } from "./messaging/routes.ts";
import { describeApp } from "./openapi.ts";
import { ops } from "./operations/routes.ts";
import { payments } from "./payments/routes.ts";
import { smartyard, unknownMethod } from "./smartyard/routes.ts";

/** Every mount of the product on one page. */
export const app = new Hono<AppEnv>();

app.route("/", flussonic); // /api/accessfl, /flussonic/<secret>/*, /rtmp/*, /mediamtx/auth
app.route("/", payments); // /api/spaysuccess, /api/paysuccess, /api/upaysuccess
app.route("/api/cams", cams); // /api/cams/caminit
app.route("/api", smartyard);
app.route("/mobile", smartyard);
app.route("/bill/api", inventory);
app.route("/", intercom); // /asterisk/*, /indoor/*, /local/api/*, /z5rweb
app.route("/", smsGateway); // /seeds*, /v2/*, /sms/platform/*, /v3/*, /gateway/*
app.route("/shield/v1", shield);
app.get("/.well-known/oauth-authorization-server/shield/v1", metadata); // where RFC 8414 looks for it
app.route("/ops/v1", ops);
app.route("/hooks/kannel", kannelHooks);
app.route("/hooks/pbx", pbxHooks);

for (const base of ["/api/", "/mobile/"]) app.get(base, (c) => c.text("Yardgate")); // whoever watches the old server asks this
app.get("/i/:code", invitationPage);
app.get("/health", health);
app.get("/openapi.json", describeApp(app));

// The apps read envelopes even where there is nothing. Any other path may be a route to a target outside.
const beyond = gateway((request, env, context) => app.fetch(request, env, context));
app.notFound((c) => (/^\/(api|mobile)(\/|$)/.test(c.req.path) ? unknownMethod(c) : beyond(c as never)));
