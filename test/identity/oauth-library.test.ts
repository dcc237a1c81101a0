import { env } from "cloudflare:test";
import * as oauth from "oauth4webapi";
import { expect, test } from "vitest";
import { validate } from "#identity/tokens/validate.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { call, outside } from "../support/world.ts";

// A client library that knows the standards and not us.

outside(); // owners are told of what happens to their accounts

const ISSUER = new URL("https://api.example.net/shield/v1");
const http = {
  [oauth.customFetch]: (url: string, init: RequestInit) =>
    call(new URL(url).pathname, { method: init.method!, headers: init.headers!, body: init.body ?? null }),
} as { [oauth.customFetch]: never };

async function discovered(): Promise<oauth.AuthorizationServer> {
  const response = await oauth.discoveryRequest(ISSUER, { algorithm: "oauth2", ...http });
  return oauth.processDiscoveryResponse(ISSUER, response);
}

test("TOK-3 TOK-13 a standard client library refreshes, introspects and revokes", async () => {
  const server = await discovered();
  const { client, tokens, account } = await aPerson();
  const app: oauth.Client = { client_id: client };
  const refreshed = await oauth.processRefreshTokenResponse(
    server,
    app,
    await oauth.refreshTokenGrantRequest(server, app, oauth.None(), tokens.refresh_token!, http),
  );
  expect(refreshed).toMatchObject({ token_type: "bearer", expires_in: 600, scope: "account" });

  const { id, secret } = await aClient({ kind: "confidential", scopes: ["introspect"] });
  const service: oauth.Client = { client_id: id };
  const introspected = async () =>
    oauth.processIntrospectionResponse(
      server,
      service,
      await oauth.introspectionRequest(server, service, oauth.ClientSecretBasic(secret), refreshed.access_token, http),
    );
  expect(await introspected()).toMatchObject({ active: true, sub: account, iss: ISSUER.href, client_id: client });

  await oauth.processRevocationResponse(
    await oauth.revocationRequest(server, app, oauth.None(), refreshed.refresh_token!, http),
  );
  expect(await introspected()).toEqual({ active: false });
});

test("TOK-3 a standard client library gets a service token by client credentials", async () => {
  const server = await discovered();
  const { id, secret } = await aClient({ kind: "confidential", scopes: ["access", "policies"] });
  const service: oauth.Client = { client_id: id };
  const answer = await oauth.processClientCredentialsResponse(
    server,
    service,
    await oauth.clientCredentialsGrantRequest(
      server,
      service,
      oauth.ClientSecretBasic(secret),
      new URLSearchParams({ scope: "access" }),
      http,
    ),
  );
  expect(answer).toMatchObject({ expires_in: 300, scope: "access" });
  expect(answer.refresh_token).toBeUndefined();
});

test("TOK-3 TOK-7 a standard client library signs a television in", async () => {
  const server = await discovered();
  const tv: oauth.Client = { client_id: (await aClient({ appType: "tv" })).id };
  const begun = await oauth.processDeviceAuthorizationResponse(
    server,
    tv,
    await oauth.deviceAuthorizationRequest(
      server,
      tv,
      oauth.None(),
      new URLSearchParams({ device_name: "Hall" }),
      http,
    ),
  );
  expect(begun).toMatchObject({ expires_in: 600, interval: 5 });
  const poll = async () =>
    oauth.processDeviceCodeResponse(
      server,
      tv,
      await oauth.deviceCodeGrantRequest(server, tv, oauth.None(), begun.device_code, http),
    );
  await expect(poll()).rejects.toMatchObject({ error: "authorization_pending", status: 400 });

  const { token, account } = await aPerson();
  const approved = await shield("/me/device-login", { token, json: { user_code: begun.user_code, approve: true } });
  expect(approved.status).toBe(204);
  const { access_token } = await poll();
  await expect(
    validate(env, access_token, { kinds: ["account"], freshness: "strict" }, () => {}),
  ).resolves.toMatchObject({ id: account, client: tv.client_id });
});
