import { env } from "cloudflare:test";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { expect, test } from "vitest";
import { createRoute, deleteRoute, rotateIdentityKey } from "#identity/gateway/routes-admin.ts";
import { verifyIdentity } from "#identity/gateway/verify-identity.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { validate } from "#identity/tokens/validate.ts";
import { aDoorFor, aPlace, aRoute, TARGET } from "../support/gateway.ts";
import { aPerson } from "../support/shield.ts";
import { call, outside } from "../support/world.ts";

const ISSUER = "https://api.example.net/shield/v1";

/** What a target is asked when somebody asks the gateway. */
async function forwarded(fields: Record<string, unknown> = {}, init: RequestInit = {}, target = TARGET) {
  const world = outside();
  const person = await aPerson();
  const route = await aRoute({ provider: target, ...fields });
  const response = await call(`${route.at}/doors/7?a=1`, {
    ...init,
    headers: { authorization: `Bearer ${person.token}`, ...init.headers },
  });
  expect(response.status).toBe(200);
  const [request] = world.asked;
  const { kid, key } = route.identity_key ?? { kid: "none", key: "" };
  const trusted = { issuer: ISSUER, audience: new URL(target).origin, keys: new Map([[kid, key]]) };
  return { ...person, route, request: request!, requestId: response.headers.get("x-request-id"), trusted };
}

test("GW-5 GW-6 the target is told who asks, signed for it, for this request and for a minute", async () => {
  const { request, trusted, account, tokens, requestId } = await forwarded({}, { method: "POST", body: "{}" });
  expect(request.headers.get("x-shield-subject")).toBe(account);
  expect(request.headers.get("x-shield-operator")).toBe("main");
  const claims = await verifyIdentity(request, trusted);
  expect(claims).toEqual({
    ...{ iss: ISSUER, aud: TARGET, sub: account, knd: "account", op: "main", sid: tokens.session_id, scope: "account" },
    ...{ amr: ["pwd"], auth_time: expect.any(Number), rid: requestId, htm: "POST", htu: `${TARGET}/doors/7` },
    ...{ iat: expect.any(Number), exp: claims.iat! + 60 },
  });
  const header = decodeProtectedHeader(request.headers.get("x-shield-identity")!);
  expect(header).toEqual({ alg: "HS256", typ: "shield-id+jwt", kid: [...trusted.keys.keys()][0] });
});

test("GW-5 of a checked resource the target is told the domain", async () => {
  const world = outside();
  const { account, token } = await aPerson();
  const { door, domain } = await aDoorFor(account);
  const { at } = await aRoute({ policy: { action: "open", resource: "door:{params.id}" }, below: "/{id}" });
  await call(`${at}/${door}`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
  expect(decodeJwt(world.asked[0]!.headers.get("x-shield-identity")!)).toMatchObject({ dom: domain });
});

test.each([
  "X-Shield-Subject",
  "x-shield-subject",
  "x_shield_subject",
  "X_Shield-Subject",
  "X-SHIELD-IDENTITY",
  "x_shield_identity",
  "X-Shield-Operator",
  "x-shield-role",
  "X-Forwarded-For",
  "x_forwarded_for",
  "X-Forwarded-Host",
  "X-Real-IP",
  "x_real_ip",
  "CF-Connecting-IP",
  "cf_ipcountry",
  "Forwarded",
  "X-Original-URL",
  "X-HTTP-Method-Override",
  "X-Request-Id",
])("GW-5 a forged %s reaches the target with our value or not at all", async (name) => {
  const forged = "forged-by-the-caller";
  for (const auth of ["required", "none"]) {
    const { request } = await forwarded({ auth }, { headers: { [name]: forged } });
    const told = [...request.headers].filter(([, value]) => value.includes(forged));
    // Our own word for the address: in development it is taken as it was sent.
    expect(told.filter(([header]) => header !== "x-forwarded-for" || name !== "CF-Connecting-IP")).toEqual([]);
  }
});

test("GW-5 of nobody the target is told nothing", async () => {
  const { request } = await forwarded({ auth: "none" }, { headers: { "x-shield-subject": "acc_1" } });
  expect([...request.headers.keys()].filter((name) => name.startsWith("x-shield"))).toEqual([]);
});

test("GW-6 the target gets the bearer token only where the route says so", async () => {
  expect((await forwarded()).request.headers.get("authorization")).toBeNull();
  const { request, token } = await forwarded({ pass_bearer: true, identity: "none" });
  expect(request.headers.get("authorization")).toBe(`Bearer ${token}`);
  expect(request.headers.get("x-shield-identity")).toBeNull();
});

test("GW-6 an assertion is worth nothing elsewhere: not at another target, on another path, by another method, or later", async () => {
  const { request, trusted, route } = await forwarded();
  await expect(verifyIdentity(request, trusted)).resolves.toBeTruthy();
  const headers = request.headers;
  const refused = [
    verifyIdentity(request, { ...trusted, audience: "https://other.example" }),
    verifyIdentity(request, { ...trusted, issuer: "https://other.example" }),
    verifyIdentity(new Request(`${TARGET}/doors/8`, { headers }), trusted),
    verifyIdentity(new Request(request.url, { headers, method: "DELETE" }), trusted),
    verifyIdentity(new Request(request.url), trusted),
    verifyIdentity(request, { ...trusted, keys: new Map() }),
    verifyIdentity(request, {
      ...trusted,
      keys: new Map([[route.identity_key!.kid, btoa("another key, quite as long as ours")]]),
    }),
  ];
  for (const each of refused) await expect(each).rejects.toThrow();
  const claims = decodeJwt(headers.get("x-shield-identity")!);
  const key = Uint8Array.from(atob(route.identity_key!.key), (each) => each.charCodeAt(0));
  const old = await new SignJWT({ ...claims, iat: claims.iat! - 120, exp: claims.exp! - 120 })
    .setProtectedHeader({ alg: "HS256", typ: "shield-id+jwt", kid: route.identity_key!.kid })
    .sign(key);
  const late = new Request(request.url, { headers: { "x-shield-identity": old } });
  await expect(verifyIdentity(late, trusted)).rejects.toThrow(/exp/);
});

test("GW-6 an assertion is no access token, nor is what a target signs with its key", async () => {
  const { request, route } = await forwarded();
  const assertion = request.headers.get("x-shield-identity")!;
  const key = Uint8Array.from(atob(route.identity_key!.key), (each) => each.charCodeAt(0));
  const claims = {
    ...decodeJwt(assertion),
    aud: "urn:yardgate:account",
    jti: "1",
    client_id: "x",
    acr: "normal",
    ep: 1,
  };
  const forged = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: "k1" }).sign(key);
  for (const token of [assertion, forged]) {
    const asked = validate(env, token, { kinds: ["account"], freshness: "edge" }, () => {});
    await expect(asked).rejects.toMatchObject({ reason: "token_invalid" });
  }
});

test("GW-6 each operator has its own key for each target, which no later route brings back", async () => {
  const route = (operator: string, provider: string) =>
    createRoute(env, operator, { method: "GET", pattern: `/${aPlace()}/*`, provider }, SYSTEM);
  const host = `https://${aPlace()}.example`;
  const [first, second, other, foreign] = [
    await route("main", `${host}/a`),
    await route("main", `${host}/b`),
    await route("main", "https://elsewhere.example"),
    await route("another", host),
  ];
  expect(second.identity_key).toEqual(first.identity_key);
  expect(new Set([first, other, foreign].map(({ identity_key }) => identity_key!.key)).size).toBe(3);

  const rotated = await rotateIdentityKey(env, "main", { id: first.id }, SYSTEM);
  expect(rotated).not.toEqual(first.identity_key);
  expect((await route("main", `${host}/c`)).identity_key).toEqual(rotated);
  await expect(rotateIdentityKey(env, "another", { id: first.id }, SYSTEM)).rejects.toMatchObject({
    reason: "route_unknown",
  });
  const { results } = await env.DB.prepare("SELECT * FROM audit_log WHERE target_id = ?").bind(first.id).all();
  expect(results.map((row) => row.action)).toEqual(["gateway_route.created", "gateway_route.key_rotated"]);
  expect(JSON.stringify(results)).not.toContain(rotated.key);
  await deleteRoute(env, "main", { id: first.id }, SYSTEM);
});

test("the page about the header shows the verifier that is tested here", () => {
  const pages = import.meta.glob<string>("../../docs/identity-header.md", {
    query: "?raw",
    import: "default",
    eager: true,
  });
  const sources = import.meta.glob<string>("../../src/identity/gateway/verify-identity.ts", {
    ...{ query: "?raw", import: "default", eager: true },
  });
  const [page, source] = [Object.values(pages)[0]!, Object.values(sources)[0]!];
  expect(page).toContain(source.trim());
  expect(source.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("/**")).length).toBeLessThanOrEqual(
    20,
  );
});
