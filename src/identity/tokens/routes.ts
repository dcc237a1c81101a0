import { type Context, Hono } from "hono";
import { describeRoute } from "hono-openapi";
import { fail } from "#operator/error-catalogue.ts";
import { after, clientAddress } from "#platform/http.ts";
import type { Client } from "../clients/tables.ts";
import { authenticateByAssertion, openDeviceTokens } from "../controllers/authenticate.ts";
import type { Actor } from "../journal/journal.ts";
import { adoptRequestId } from "../wire/caller.ts";
import { actorAs, actorOf, type ShieldEnv } from "../wire/context.ts";
import { openDeviceGrant, redeemDeviceGrant } from "./device-grants.ts";
import { introspect, revokeToken } from "./introspect.ts";
import { openTokens, type TokenAnswer } from "./issue.ts";
import { GRANTS, tokenUrl } from "./metadata.ts";
import { callingClient, clientIfAny, formOf, needed, oauthProblem } from "./oauth-wire.ts";
import { refresh } from "./refresh.ts";

/** The endpoints of RFC 6749, 7009, 7662 and 8628, below `/oauth`. */
export const oauthRoutes = new Hono<ShieldEnv>();

oauthRoutes.onError(oauthProblem);

const describe = (summary: string) => describeRoute({ summary, tags: ["shield"] });

type Form = Map<string, string>;

oauthRoutes.post("/token", describe("Get tokens for a grant"), async (c) => {
  const form = await formOf(c);
  switch (needed(form, "grant_type")) {
    case GRANTS.refresh:
      return c.json(await byRefreshToken(c, form));
    case GRANTS.client:
      return c.json(await byClientSecret(c, form));
    case GRANTS.assertion:
      return c.json(await byAssertion(c, form));
    case GRANTS.device:
      return c.json(await byDeviceCode(c, form));
    default:
      throw fail("unsupported_grant_type");
  }
});

async function byRefreshToken(c: Context<ShieldEnv>, form: Form): Promise<TokenAnswer> {
  const text = needed(form, "refresh_token");
  const client = (await clientIfAny(c, form)) ?? { id: "", operator: undefined };
  return refresh(c.env, client, text, actorOf(c), after(c));
}

/** A service token: for the scopes that are asked for, of those that the client has; all of them where none are. */
async function byClientSecret(c: Context<ShieldEnv>, form: Form): Promise<TokenAnswer> {
  const client = await callingClient(c, form);
  if (client.kind !== "confidential") throw fail("method_not_allowed_for_client");
  const asked = form.get("scope")?.split(" ").filter(Boolean) ?? client.scopes;
  if (asked.some((scope) => !client.scopes.includes(scope))) throw fail("invalid_scope");
  const session = {
    operator: client.operator,
    kind: "service",
    subject: client.id,
    epoch: 1,
    client: client.id,
  } as const;
  const proof = { amr: [], acr: "normal" as const, ...whereFrom(c) };
  return openTokens(c.env, { ...session, ...proof, scopes: [...new Set(asked)] }, actorOf(c), after(c));
}

async function byAssertion(c: Context<ShieldEnv>, form: Form): Promise<TokenAnswer> {
  const client: Client | undefined = await clientIfAny(c, form);
  const assertion = needed(form, "assertion");
  const proven = await authenticateByAssertion(c.env, client?.operator, assertion, tokenUrl(c.env));
  const actor: Actor = { ...actorOf(c), kind: "device", id: proven.id };
  return openDeviceTokens(c.env, proven, client ?? null, whereFrom(c), actor, after(c));
}

async function byDeviceCode(c: Context<ShieldEnv>, form: Form): Promise<TokenAnswer> {
  const client = await callingClient(c, form);
  const polling = { deviceCode: needed(form, "device_code"), ...whereFrom(c) };
  return redeemDeviceGrant(c.env, client, polling, (account) => actorAs(c, account), after(c));
}

const whereFrom = (c: Context) => ({
  address: clientAddress(c),
  city: (c.req.raw.cf as IncomingRequestCfProperties | undefined)?.city,
});

oauthRoutes.post("/device_authorization", describe("Begin to sign a television in"), async (c) => {
  const form = await formOf(c);
  const client = await callingClient(c, form);
  const device = { name: form.get("device_name")?.slice(0, 100), platform: form.get("device_platform")?.slice(0, 40) };
  const asked = { scope: form.get("scope"), device, address: clientAddress(c) };
  return c.json(await openDeviceGrant(c.env, client, asked));
});

oauthRoutes.post("/introspect", describe("Ask what a token says and whether it lives"), async (c) => {
  const form = await formOf(c);
  const { client, answer } = await introspect(c.env, c.req.header("authorization"), needed(form, "token"));
  c.set("client", client);
  adoptRequestId(c);
  return c.json(answer);
});

oauthRoutes.post("/revoke", describe("End the session of a token"), async (c) => {
  const form = await formOf(c);
  const client = await callingClient(c, form);
  await revokeToken(c.env, client, needed(form, "token"), actorOf(c));
  return c.body(null, 200);
});
