import type { Context } from "hono";
import type { Env } from "#env.ts";
import { issuer } from "./access-token.ts";

export const GRANTS = {
  refresh: "refresh_token",
  client: "client_credentials",
  assertion: "urn:ietf:params:oauth:grant-type:jwt-bearer",
  device: "urn:ietf:params:oauth:grant-type:device_code",
} as const;

export const tokenUrl = (env: Env): string => `${issuer(env)}/oauth/token`;

/** RFC 8414. There is no `jwks_uri`: whoever could verify an HS256 token could make one, so outsiders introspect. */
export function metadata(c: Context<{ Bindings: Env }>): Response {
  const own = issuer(c.env);
  c.header("Cache-Control", "public, max-age=3600");
  c.header("Access-Control-Allow-Origin", "*");
  return c.json({
    issuer: own,
    token_endpoint: tokenUrl(c.env),
    device_authorization_endpoint: `${own}/oauth/device_authorization`,
    introspection_endpoint: `${own}/oauth/introspect`,
    revocation_endpoint: `${own}/oauth/revoke`,
    grant_types_supported: Object.values(GRANTS),
    response_types_supported: [],
    scopes_supported: ["account", "device", "introspect", "access", "policies", "resources", "devices:enroll"],
    token_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
    introspection_endpoint_auth_methods_supported: ["client_secret_basic"],
    revocation_endpoint_auth_methods_supported: ["client_secret_basic", "none"],
  });
}
