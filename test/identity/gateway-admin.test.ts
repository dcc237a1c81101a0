import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import {
  createRoute,
  deleteRoute,
  listRoutes,
  routeById,
  updateRoute,
  validateRoutes,
} from "#identity/gateway/routes-admin.ts";
import type { Actor } from "#identity/journal/journal.ts";
import { aPlace, aRoute, TARGET } from "../support/gateway.ts";
import { call, envWith, outside } from "../support/world.ts";

const ADMIN: Actor = { kind: "admin", id: "adm_1" };
const production = envWith({ ENVIRONMENT: "production" });
const route = (fields: Record<string, unknown> = {}) => ({
  ...{ method: "GET", pattern: `/${aPlace()}/{id}`, provider: TARGET },
  ...fields,
});

test("a route is saved with what it does not say filled in, and its key is shown once", async () => {
  const input = route();
  const { identity_key: key, ...created } = await createRoute(env, "main", input, ADMIN);
  expect(created).toEqual({
    ...{
      id: expect.stringMatching(/^rte_/),
      operator: "main",
      ...input,
      auth: "required",
      knd: ["account"],
      scopes: [],
    },
    ...{ class: null, policy: null, identity: "jws", timeout_ms: 10_000, strip_prefix: null, pass_bearer: false },
    ...{ enabled: true, created_at: expect.stringMatching(/Z$/), version: 1 },
  });
  expect(atob(key!.key)).toHaveLength(32);
  expect(await routeById(env, "main", created.id)).toEqual(created);
  expect(await listRoutes(env, ["main"])).toContainEqual(created);
  expect(await listRoutes(env, ["another"])).not.toContainEqual(created);
  const row = await env.DB.prepare("SELECT * FROM gateway_routes WHERE id = ?").bind(created.id).first();
  expect(JSON.stringify(row)).not.toContain(key!.key);
});

test.each<[string, Record<string, unknown>, string]>([
  ["a relative pattern", { pattern: "x/y" }, "/pattern"],
  ["a pattern with a star inside", { pattern: "/x/*/y" }, "/pattern"],
  ["a pattern for everything", { pattern: "/{any}/x" }, "/pattern"],
  ["a path of the apps", { pattern: "/api/user/{x}" }, "/pattern"],
  ["a path of ours", { pattern: "/shield/v1/me" }, "/pattern"],
  ["a path of Operations, in capitals", { pattern: "/OPS/*" }, "/pattern"],
  ["a path of the SMS gateway", { pattern: "/seeds-new/*" }, "/pattern"],
  ["no method", { method: "FETCH" }, "/method"],
  ["no methods", { method: [] }, "/method"],
  ["no URL", { provider: "target.example" }, "/provider"],
  ["another scheme", { provider: "ftp://target.example" }, "/provider"],
  ["plain http", { provider: "http://target.example" }, "/provider"],
  ["a URL with a password", { provider: "https://u:p@target.example" }, "/provider"],
  ["a URL with a query", { provider: "https://target.example/?a=1" }, "/provider"],
  ["an inside address", { provider: "https://10.0.0.7" }, "/provider"],
  ["an inside address in hexadecimal", { provider: "https://0x7f000001" }, "/provider"],
  ["the metadata service", { provider: "https://169.254.169.254" }, "/provider"],
  ["an IPv6 address", { provider: "https://[::1]" }, "/provider"],
  ["an inside name", { provider: "https://billing.internal" }, "/provider"],
  ["this machine", { provider: "https://localhost:8080" }, "/provider"],
  ["ourselves", { provider: "https://api.example.net/x" }, "/provider"],
  ["a binding that is not there", { provider: "service:NOWHERE" }, "/provider"],
  ["a binding that is no Worker", { provider: "service:TOKENS" }, "/provider"],
  ["a surface that is not lent", { provider: "module:/ops/v1" }, "/provider"],
  ["a surface that climbs", { provider: "module:/shield/../ops/v1" }, "/provider"],
  ["a policy without a type", { policy: { action: "open", resource: "{params.id}" } }, "/policy/resource"],
  [
    "a policy of a name that is not there",
    { policy: { action: "open", resource: "door:{params.no}" } },
    "/policy/resource",
  ],
  ["a policy of something else", { policy: { action: "open", resource: "door:{query.id}" } }, "/policy/resource"],
  ["a policy for nobody", { auth: "optional", policy: { action: "open", resource: "door:1" } }, "/policy"],
  [
    "a right of another domain than the resource's",
    { policy: { action: "open", resource: "door:1", domain_from: "header" } },
    "/policy/domain_from",
  ],
  ["limits, which there are none of", { limits: { per_minute: 60 } }, "/limits"],
  ["scopes of nobody", { auth: "none", scopes: ["x"] }, "/scopes"],
  ["a kind that is none", { knd: ["admin"] }, "/knd/0"],
  ["a time without end", { timeout_ms: 60_001 }, "/timeout_ms"],
  ["a prefix that is none", { strip_prefix: "/elsewhere" }, "/strip_prefix"],
  ["half a segment as a prefix", { pattern: "/exact/bars/*", strip_prefix: "/exact/ba" }, "/strip_prefix"],
])("GW-12 %s is refused when it is saved", async (_, fields, pointer) => {
  await expect(createRoute(production, "main", route(fields), ADMIN)).rejects.toMatchObject({
    reason: "validation_failed",
    extra: { errors: expect.arrayContaining([expect.objectContaining({ pointer })]) },
  });
});

test("development may have its targets at home, and an operator may name which there are", async () => {
  for (const provider of ["http://127.0.0.1:9000", "http://localhost:9000/base"])
    await createRoute(env, "main", route({ provider }), ADMIN);
  const listed = envWith({ ENVIRONMENT: "production", GATEWAY_HOSTS: "*.homes.example,10.1.0.0/16" });
  for (const provider of ["https://a.homes.example", "https://10.1.2.3"])
    await createRoute(listed, "main", route({ provider }), ADMIN);
  await expect(createRoute(listed, "main", route(), ADMIN)).rejects.toMatchObject({ reason: "validation_failed" });
});

test.each<[string, Record<string, unknown>, string, Record<string, unknown>, boolean]>([
  ["/bars/*", {}, "/bars/{id}", {}, true],
  ["/bars/{id}", {}, "/bars/7", {}, true],
  ["/bars/{id}/open", {}, "/{kind}/7/*", {}, true],
  ["/bars/{id}", { method: "GET" }, "/bars/{id}", { method: "HEAD" }, true],
  ["/bars/{id}", { method: ["POST", "PUT"] }, "/bars/{id}", { method: "*" }, true],
  ["/bars/{id}", { method: "GET" }, "/bars/{id}", { method: "POST" }, false],
  ["/bars/*", {}, "/bars", {}, false],
  ["/bars/{id}", {}, "/bars/{id}/open", {}, false],
  ["/bars/*", {}, "/cars/*", {}, false],
  ["/bars/*", {}, "/bars/{id}", { enabled: false }, false],
])("GW-1 GW-12 beside %s %j the route %s %j overlaps: %s", async (one, first, two, second, overlaps) => {
  const at = `/${aPlace()}`;
  const { id } = await createRoute(env, "main", route({ pattern: at + one, ...first }), ADMIN);
  // Another operator's routes answer under the same name.
  const saved = createRoute(env, "another", route({ pattern: at + two, ...second }), ADMIN);
  if (overlaps)
    await expect(saved).rejects.toMatchObject({ reason: "route_overlaps", status: 422, extra: { route: id } });
  else await expect(saved).resolves.toBeTruthy();
});

test("what a route may say of limits and the domain is the way it is anyway", async () => {
  const policy = { action: "open", resource: "door:{params.id}" };
  const input = route({ policy: { ...policy, domain_from: "resource" }, limits: {} });
  const { identity_key: _, ...created } = await createRoute(env, "main", input, ADMIN);
  expect(created.policy).toEqual(policy);
  expect(created).not.toHaveProperty("limits");
});

test("GW-12 of ten overlapping routes that are saved at once one is", async () => {
  const at = `/${aPlace()}`;
  const saved = await Promise.allSettled(
    Array.from({ length: 10 }, () => createRoute(env, "main", route({ pattern: `${at}/*` }), ADMIN)),
  );
  expect(saved.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  const rows = (await listRoutes(env)).filter(({ pattern }) => pattern === `${at}/*`);
  expect(rows).toHaveLength(1);
});

test("GW-12 a route that was changed, switched off or deleted counts at the next request here", async () => {
  const world = outside();
  const { at, id } = await aRoute({ auth: "none" });
  const status = async () => (await call(`${at}/x`)).status;
  expect(await status()).toBe(200);

  const closed = await updateRoute(env, "main", { id, version: 1 }, { auth: "required", scopes: ["x"] }, ADMIN);
  expect(closed).toMatchObject({ auth: "required", scopes: ["x"], provider: TARGET, version: 2 });
  expect(closed).not.toHaveProperty("identity_key");
  expect(await status()).toBe(401);
  await expect(updateRoute(env, "main", { id, version: 1 }, {}, ADMIN)).rejects.toMatchObject({
    reason: "precondition_failed",
  });
  const moved = await updateRoute(
    env,
    "main",
    { id },
    { auth: "none", scopes: null, provider: "https://b.example" },
    ADMIN,
  );
  expect(moved).toMatchObject({ scopes: [], identity_key: { key: expect.any(String) } });
  expect(await status()).toBe(200);
  expect(new URL(world.asked.at(-1)!.url).origin).toBe("https://b.example");
  await updateRoute(env, "main", { id }, { enabled: false }, ADMIN);
  expect(await status()).toBe(404);

  await expect(deleteRoute(env, "another", { id }, ADMIN)).rejects.toMatchObject({ reason: "route_unknown" });
  await expect(deleteRoute(env, "main", { id, version: 1 }, ADMIN)).rejects.toMatchObject({
    reason: "precondition_failed",
  });
  await deleteRoute(env, "main", { id, reason: "moved away" }, ADMIN);
  await expect(routeById(env, "main", id)).rejects.toMatchObject({ reason: "route_unknown" });
  const { results } = await env.DB.prepare(
    "SELECT action, actor_id, reason FROM audit_log WHERE target_id = ? ORDER BY n",
  )
    .bind(id)
    .all();
  expect(results.map(({ action }) => action)).toEqual([
    "gateway_route.created",
    ...Array(3).fill("gateway_route.updated"),
    "gateway_route.deleted",
  ]);
  expect(results.at(-1)).toEqual({ action: "gateway_route.deleted", actor_id: "adm_1", reason: "moved away" });
});

test("a change may not make routes overlap either", async () => {
  const { id } = await aRoute();
  const { at: taken, id: other } = await aRoute();
  const patch = { pattern: `${taken}/{id}`, strip_prefix: null };
  await expect(updateRoute(env, "main", { id }, patch, ADMIN)).rejects.toMatchObject({
    ...{ reason: "route_overlaps", extra: { route: other } },
  });
});

test("a table can be tried before it is saved", async () => {
  const { at, id } = await aRoute();
  const own = `/${aPlace()}`;
  const verdicts = await validateRoutes(env, [
    route({ pattern: `${own}/*` }),
    route({ pattern: `${own}/{id}` }),
    route({ pattern: `${at}/{id}` }),
    route({ provider: "nowhere" }),
    "nonsense",
  ]);
  expect(verdicts).toEqual([
    { ok: true },
    { ok: false, code: "route_overlaps", errors: expect.any(Array), route: "#0" },
    { ok: false, code: "route_overlaps", errors: expect.any(Array), route: id },
    { ok: false, code: "validation_failed", errors: [expect.objectContaining({ pointer: "/provider" })] },
    { ok: false, code: "validation_failed", errors: expect.any(Array) },
  ]);
  expect(await validateRoutes(env, [route({ id, pattern: `${at}/{id}` })])).toEqual([{ ok: true }]);
  expect((await listRoutes(env)).some(({ pattern }) => pattern.startsWith(own))).toBe(false);
});
