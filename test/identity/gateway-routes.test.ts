import { env } from "cloudflare:test";
import { ulid } from "ulid";
import { expect, test, vi } from "vitest";
import { app } from "#app.ts";
import { isOwn } from "#identity/gateway/own-paths.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { endSession } from "#identity/sessions/sessions.ts";
import { countedEnv } from "../support/counted.ts";
import { aDoorFor, aPlace, aRoute } from "../support/gateway.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { call, envWith, outside } from "../support/world.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const NOTHING = { d1: 0, d1Writes: 0, kvReads: 0, kvWrites: 0, objects: 0, queue: 0 };
const ULID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

/** The problem document of an answer, which every refusal is. */
async function problemOf(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const document = await response.json<Record<string, unknown>>();
  expect(document.instance).toBe(`urn:req:${response.headers.get("x-request-id")}`);
  expect(document.status).toBe(response.status);
  return document;
}

test("GW-1 a path is one route's, another is nobody's, and another method is refused by naming those that there are", async () => {
  const world = outside(() => new Response("here"));
  const { at } = await aRoute({ auth: "none", method: ["GET", "PUT"], below: "/things/{id}" });
  const found = await call(`${at}/things/7`);
  expect([found.status, await found.text()]).toEqual([200, "here"]);

  const unmapped = await call(`${at}/others/7`);
  expect([unmapped.status, (await problemOf(unmapped)).code]).toEqual([404, "route_not_found"]);
  const wrong = await call(`${at}/things/7`, { method: "DELETE" });
  expect(wrong.headers.get("allow")).toBe("GET, HEAD, PUT");
  expect([wrong.status, (await problemOf(wrong)).code]).toEqual([405, "method_not_allowed"]);
  expect(world.asked).toHaveLength(1);
});

test.each(["/x%2f7", "//7", "/%252e%252e/7", "/a;b", "/..%5c7"])(
  "GW-1 a path that the target could read as another one is nobody's: %s",
  async (tail) => {
    const world = outside();
    const { at } = await aRoute({ auth: "none" });
    expect((await call(at + tail)).status).toBe(404);
    expect(world.asked).toHaveLength(0);
  },
);

test.each(["/", "/%ff%fe", "/health/x", "/hooks/nothing"])(
  "GW-1 %s is nobody's, and no route is even looked for",
  async (path) => {
    await call(path);
    const { env: counted, trips } = countedEnv();
    const response = await call(path, {}, counted);
    expect([response.status, (await problemOf(response)).code]).toEqual([404, "route_not_found"]);
    expect(trips).toEqual(NOTHING);
  },
);

test("GW-1 no route can be put in front of a path that the product has", () => {
  const firsts = new Set(app.routes.map(({ path }) => path.split("/")[1]!));
  expect(firsts.size).toBeGreaterThan(8);
  expect([...firsts].filter((first) => !/^[*:]/.test(first) && !isOwn(first))).toEqual([]);
});

test("GW-1 the apps read an envelope where their surface has nothing", async () => {
  for (const path of ["/api/nothing", "/mobile/nothing/at/all"]) {
    const response = await call(path, { method: "POST" });
    expect(await response.json()).toMatchObject({ code: 404 });
  }
});

test("GW-3 management without a token is refused before anything is asked, ours and a target's", async () => {
  const world = outside();
  const counted = countedEnv();
  const direct = await shield("/domains", { json: { name: "Home" }, env: counted.env });
  expect([direct.status, (await problemOf(direct)).code]).toEqual([401, "token_missing"]);
  // What may be read is the refusal's wording.
  expect(counted.trips).toEqual({ ...NOTHING, d1: expect.toBeOneOf([0, 1]) });

  const managed = await aRoute({ provider: "module:/shield/v1/domains" });
  const forwarded = await aRoute();
  for (const { at } of [managed, forwarded]) {
    const response = await call(`${at}/x`, { method: "POST", body: "{}" });
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect([response.status, (await problemOf(response)).code]).toEqual([401, "token_missing"]);
  }
  expect(world.asked).toHaveLength(0);
});

test("GW-3 creating an account takes no token, through a route of the operator's own as well", async () => {
  outside();
  const { id } = await aClient();
  const { at } = await aRoute({ auth: "none", method: "POST", provider: "module:/shield/v1", below: "/accounts" });
  const response = await call(`${at}/accounts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_id: id, login: "nobody at all" }),
  });
  expect(response.status).toBe(422);
  expect((await problemOf(response)).code).not.toBe("token_missing");
});

test("GW-11 a managed call is answered by the surface behind, under the same request id", async () => {
  const { token } = await aPerson();
  const { at } = await aRoute({ provider: "module:/shield/v1", method: ["GET", "POST"], below: "/domains" });
  const mine = await call(`${at}/domains`, { headers: bearer(token) });
  expect([mine.status, await mine.json()]).toEqual([200, expect.objectContaining({ items: [] })]);
  expect(mine.headers.get("x-request-id")).toMatch(ULID);
  const refused = await call(`${at}/domains`, { method: "POST", headers: bearer(token), body: "no json" });
  expect([refused.status, (await problemOf(refused)).code]).toEqual([415, "unsupported_media_type"]);
});

test("GW-11 every answer names its request, and only a service may name it itself", async () => {
  const world = outside();
  const { id, secret } = await aClient({ kind: "confidential", scopes: ["access"] });
  const basic = { user: id, password: secret };
  const granted = await shield("/oauth/token", { form: { grant_type: "client_credentials" }, basic });
  const service = (await granted.json<{ access_token: string }>()).access_token;
  const { token } = await aPerson();
  const { at } = await aRoute({ knd: ["account", "service"] });
  const own = ulid();
  const ask = async (by: string, given: string) => {
    const response = await call(`${at}/x`, { headers: { ...bearer(by), "x-request-id": given } });
    const name = response.headers.get("x-request-id")!;
    expect(name).toMatch(ULID);
    expect(world.asked.at(-1)!.headers.get("x-request-id")).toBe(name);
    return name;
  };
  expect(await ask(service, own)).toBe(own);
  expect(await ask(service, "../../etc")).not.toBe("../../etc");
  expect(await ask(token, own)).not.toBe(own);
});

test.each<[string, Record<string, string>, string, string]>([
  ["a made-up token", bearer("a.b.c"), "", "token_invalid"],
  ["another scheme", { authorization: "Basic YTpi" }, "", "token_missing"],
  ["two tokens", { authorization: "Bearer a, Bearer b" }, "", "token_missing"],
  ["GW-13 a token in the query", {}, "?access_token=TOKEN&token=TOKEN", "token_missing"],
  ["GW-13 a token in a cookie", { cookie: "access_token=TOKEN" }, "", "token_missing"],
])("GW-4 %s stops at the gateway", async (_, headers, query, code) => {
  const world = outside();
  const { token } = await aPerson();
  const { at } = await aRoute();
  const withToken = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.replace("TOKEN", token)]));
  const response = await call(`${at}/x${query.replaceAll("TOKEN", token)}`, { headers: withToken });
  expect([response.status, (await problemOf(response)).code]).toEqual([401, code]);
  expect(world.asked).toHaveLength(0);
});

test("GW-4 a token of a session that has ended, and one of another kind, are refused", async () => {
  const world = outside();
  const { account, token, tokens } = await aPerson();
  const devicesOnly = await aRoute({ knd: ["device"] });
  const kind = await call(`${devicesOnly.at}/x`, { headers: bearer(token) });
  expect((await problemOf(kind)).code).toBe("token_invalid");

  const { at } = await aRoute();
  expect((await call(`${at}/x`, { method: "POST", headers: bearer(token) })).status).toBe(200);
  await endSession(env, "main", { subject: account, id: tokens.session_id!, reason: "logout" }, SYSTEM);
  const ended = await call(`${at}/x`, { method: "POST", headers: bearer(token) });
  expect([ended.status, (await problemOf(ended)).code]).toEqual([401, "session_revoked"]);
  expect(world.asked).toHaveLength(1);
});

test("GW-7 the right is asked at every request, and without it the target is not called", async () => {
  const world = outside();
  const { account, token } = await aPerson();
  const { door, withdraw } = await aDoorFor(account);
  const policy = { action: "open", resource: "door:{params.id}" };
  const { at } = await aRoute({ method: "POST", policy, below: "/doors/{id}/open" });
  const open = (id: string) => call(`${at}/doors/${id}/open`, { method: "POST", headers: bearer(token) });

  expect((await open(door)).status).toBe(200);
  for (const foreign of ["another", "*", `${door}%20`]) expect((await open(foreign)).status).not.toBe(200);
  await withdraw();
  const denied = await open(door);
  expect([denied.status, (await problemOf(denied)).code]).toEqual([403, "access_denied"]);
  expect(world.asked).toHaveLength(1);
});

test("GW-7 a scope that the token lacks stops the call", async () => {
  const world = outside();
  const { token } = await aPerson();
  const { at } = await aRoute({ scopes: ["account", "doors"] });
  const response = await call(`${at}/x`, { headers: bearer(token) });
  expect([response.status, (await problemOf(response)).code]).toEqual([403, "insufficient_scope"]);
  expect(world.asked).toHaveLength(0);
});

test("GW-7 while rights or sessions cannot be read, nothing passes", async () => {
  const world = outside();
  const { account, token } = await aPerson();
  const { door } = await aDoorFor(account);
  const policy = { action: "open", resource: "door:{params.id}" };
  const { at } = await aRoute({ policy, below: "/{id}" });
  let isDown = false;
  const down = () => {
    throw new Error("D1 is down");
  };
  const DB = new Proxy(env.DB, {
    get: (db, name) => (isDown ? down : (Reflect.get(db, name) as () => unknown).bind(db)),
  });
  const failing = envWith({ DB });
  const ask = (method: string) => call(`${at}/${door}`, { method, headers: bearer(token) }, failing);
  expect((await ask("GET")).status).toBe(200);
  isDown = true;
  for (const method of ["GET", "POST"]) {
    const response = await ask(method);
    expect([response.status, (await problemOf(response)).code]).toEqual([503, "maintenance"]);
  }
  expect(world.asked).toHaveLength(1);
});

test("a route of one operator takes no token of another, and one for everybody does", async () => {
  outside();
  const { token } = await aPerson();
  const own = await aRoute({ operator: "elsewhere" });
  expect((await call(`${own.at}/x`, { headers: bearer(token) })).status).toBe(403);
  const shared = await aRoute({ operator: "*" });
  expect((await call(`${shared.at}/x`, { headers: bearer(token) })).status).toBe(200);
});

test("where a token is optional nobody may pass, but not with a bad token", async () => {
  const world = outside();
  const { token, account } = await aPerson();
  const { at } = await aRoute({ auth: "optional" });
  expect((await call(`${at}/x`)).status).toBe(200);
  expect((await call(`${at}/x`, { headers: bearer("a.b.c") })).status).toBe(401);
  expect((await call(`${at}/x`, { headers: bearer(token) })).status).toBe(200);
  expect(world.asked.map((request) => request.headers.get("x-shield-subject"))).toEqual([null, account]);
});

test("GW-14 reads are answered from the edge, changes from the truth, unless the route says otherwise", async () => {
  outside();
  const { token } = await aPerson();
  const routes = {
    plain: await aRoute(),
    strict: await aRoute({ class: "strict" }),
    lax: await aRoute({ class: "lax" }),
  };
  const { env: counted, trips } = countedEnv();
  const cost = async (at: string, method: string) => {
    await call(`${at}/x`, { method, headers: bearer(token) }, counted);
    Object.assign(trips, { d1: 0, kvReads: 0 });
    const response = await call(`${at}/x`, { method, headers: bearer(token) }, counted);
    expect(response.status).toBe(200);
    return { d1: trips.d1, kvReads: trips.kvReads };
  };
  const EDGE = { d1: 0, kvReads: 1 };
  const STRICT = { d1: 1, kvReads: 0 };
  expect(await cost(routes.plain.at, "GET")).toEqual(EDGE);
  expect(await cost(routes.plain.at, "POST")).toEqual(STRICT);
  expect(await cost(routes.strict.at, "GET")).toEqual(STRICT);
  expect(await cost(routes.lax.at, "POST")).toEqual(EDGE);
});

test("GW-12 what another isolate saved counts within a minute, and reading it delays nobody meanwhile", async () => {
  outside();
  const { at, id } = await aRoute({ auth: "none" });
  const { env: counted, trips } = countedEnv();
  vi.useFakeTimers({ toFake: ["Date"] });
  try {
    expect((await call(`${at}/x`, {}, counted)).status).toBe(200);
    await env.DB.prepare("UPDATE gateway_routes SET enabled = 0 WHERE id = ?").bind(id).run();
    trips.d1 = 0;
    vi.setSystemTime(Date.now() + 29_000);
    expect((await call(`${at}/x`, {}, counted)).status).toBe(200);
    expect(trips.d1).toBe(0);
    vi.setSystemTime(Date.now() + 2_000);
    expect((await call(`${at}/x`, {}, counted)).status).toBe(200);
    expect((await call(`${at}/x`, {}, counted)).status).toBe(404);

    await env.DB.prepare("UPDATE gateway_routes SET enabled = 1 WHERE id = ?").bind(id).run();
    vi.setSystemTime(Date.now() + 3_600_000);
    expect((await call(`${at}/x`, {}, counted)).status).toBe(200);
  } finally {
    vi.useRealTimers();
  }
});

test("GW-8 a refusal has the operator's words for the app, its source and the reader's language", async () => {
  outside();
  const source = aPlace();
  const { id } = await aClient({ appType: "stb", source });
  const { token } = await aPerson({ client: id });
  const texts = [
    ["main", "stb", source, "ru", "Нет доступа с приставки"],
    ["main", "stb", source, "en", "Not from the box"],
  ] as const;
  for (const [operator, app, from, lang, text] of texts) {
    await env.DB.prepare(
      "INSERT INTO error_texts (operator, app, source, code, lang, num, status, text, ver) VALUES (?, ?, ?, 'insufficient_scope', ?, 77, NULL, ?, 1)",
    )
      .bind(operator, app, from, lang, text)
      .run();
  }
  const { at } = await aRoute({ scopes: ["doors"] });
  const ask = async (language: string) => {
    const response = await call(`${at}/x`, { headers: { ...bearer(token), "accept-language": language } });
    return { ...(await problemOf(response)), lang: response.headers.get("content-language") };
  };
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
  try {
    expect(await ask("ru-RU,ru;q=0.9")).toMatchObject({
      detail: "Нет доступа с приставки",
      num: 77,
      lang: "ru",
      status: 403,
    });
    expect(await ask("en")).toMatchObject({ detail: "Not from the box", lang: "en" });
  } finally {
    vi.useRealTimers();
  }
  const other = await aPerson();
  const response = await call(`${at}/x`, { headers: { ...bearer(other.token), "accept-language": "en" } });
  expect((await problemOf(response)).detail).not.toBe("Not from the box");
});
