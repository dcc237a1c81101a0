import { Hono } from "hono";
import { CATALOGUE, fail, isFailureCode } from "#operator/error-catalogue.ts";
import { identifierRoutes } from "./accounts/identifier-routes.ts";
import { profileRoutes } from "./accounts/profile-routes.ts";
import { registrationRoutes } from "./accounts/registration-routes.ts";
import { controllerRoutes } from "./controllers/routes.ts";
import { invitationRoutes } from "./domains/invitation-routes.ts";
import { memberRoutes } from "./domains/member-routes.ts";
import { domainRoutes } from "./domains/routes.ts";
import { loginRoutes } from "./login/routes.ts";
import { totpRoutes } from "./login/totp-routes.ts";
import { accessRoutes } from "./policies/access-routes.ts";
import { policyRoutes } from "./policies/routes.ts";
import { sessionRoutes } from "./sessions/routes.ts";
import { deviceLoginRoutes } from "./tokens/device-login-routes.ts";
import { metadata } from "./tokens/metadata.ts";
import { oauthRoutes } from "./tokens/routes.ts";
import type { ShieldEnv } from "./wire/context.ts";
import { allowClientOrigins } from "./wire/cors.ts";
import { limitInput } from "./wire/input.ts";
import { identify, nothingHere, problem } from "./wire/problem.ts";

/** /shield/v1: accounts, sessions, controllers, domains and rights. Each room brings its own routes. */
export const shield = new Hono<ShieldEnv>();

shield.use(identify, allowClientOrigins, limitInput);
shield.onError(problem);

shield.get("/problems/:code", (c) => {
  const code = c.req.param("code");
  if (!isFailureCode(code)) throw fail("route_not_found");
  const { num, status, en, ru } = CATALOGUE[code];
  return c.json({ code, num, status, title: en, texts: { en, ru } });
});

shield.route("/", registrationRoutes);
shield.route("/", loginRoutes);
shield.route("/", totpRoutes);
shield.route("/", sessionRoutes);
shield.route("/", profileRoutes);
shield.route("/", identifierRoutes);
shield.route("/", domainRoutes);
shield.route("/", memberRoutes);
shield.route("/", invitationRoutes);
shield.route("/", controllerRoutes);

shield.route("/", policyRoutes);
shield.route("/", accessRoutes);

shield.route("/oauth", oauthRoutes);
shield.route("/", deviceLoginRoutes);
shield.get("/.well-known/oauth-authorization-server", metadata);

shield.all("*", nothingHere(shield));
