import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { randomId } from "#platform/crypto.ts";
import { anAdmin, anOperator, ops } from "../support/ops.ts";
import { shield } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const anId = () =>
  `op${randomId(6)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "x")}`;
const DOCUMENT = { name: "Kvant", country: "KZ", lang: "ru", params: { two_step: true } };

test("OPS-6 an operator is created by a superadmin, and replaced on the version that was read", async () => {
  const { cookie } = await anAdmin();
  const id = anId();
  const put = (json: object, headers = {}) => ops(`/operators/${id}`, { cookie, method: "PUT", json, headers });
  expect((await put(DOCUMENT)).status).toBe(201);
  const read = await ops(`/operators/${id}`, { cookie });
  expect(await read.json()).toMatchObject({ id, ...DOCUMENT, version: 1 });
  expect(await codeIn(await put(DOCUMENT))).toEqual([428, "precondition_required"]);
  const etag = read.headers.get("etag")!;
  const changed = await put({ ...DOCUMENT, name: "Kvant-2" }, { "if-match": etag });
  expect([changed.status, changed.headers.get("etag")]).toEqual([200, '"2"']);
  expect(await codeIn(await put(DOCUMENT, { "if-match": etag }))).toEqual([412, "precondition_failed"]);
  expect(await codeIn(await put({ ...DOCUMENT, country: "Kazakhstan" }))).toEqual([422, "validation_failed"]);
  const { items } = (await (await ops("/operators", { cookie })).json()) as { items: { id: string }[] };
  expect(items.map((item) => item.id)).toEqual(expect.arrayContaining(["main", id]));
});

test("OPS-6 an operator's administrator changes its own document, and makes no operators", async () => {
  const operator = await anOperator();
  const { cookie } = await anAdmin({ roles: [{ role: "operator_admin", operator }] });
  const put = (id: string) =>
    ops(`/operators/${id}`, { cookie, method: "PUT", json: DOCUMENT, headers: { "if-match": '"1"' } });
  expect((await put(operator)).status).toBe(200);
  expect(await codeIn(await put("main"))).toEqual([404, "operator_not_found"]);
  expect(await codeIn(await put(anId()))).toEqual([403, "role_insufficient"]);
});

test("OPS-6 a confidential client gets a secret once, which works until it is rotated or the client disabled", async () => {
  const { cookie } = await anAdmin();
  const json = { operator: "main", name: "BSS", app_type: "bss", kind: "confidential", scopes: ["introspect"] };
  const made = await ops("/clients", { cookie, json });
  expect(made.status).toBe(201);
  const { id, client_secret } = (await made.json()) as { id: string; client_secret: string };
  const card = await ops(`/clients/${id}`, { cookie });
  expect(await card.text()).not.toContain(client_secret);
  const introspect = (password: string) =>
    shield("/oauth/introspect", { basic: { user: id, password }, form: { token: "x" } });
  const works = async (secret: string) => (await introspect(secret)).status !== 401;
  const rotated = await ops(`/clients/${id}/rotate-secret`, { cookie, method: "POST" });
  const next = ((await rotated.json()) as { client_secret: string }).client_secret;
  expect([await works(client_secret), await works(next)]).toEqual([false, true]);

  const patch = (headers: Record<string, string>) =>
    ops(`/clients/${id}`, { cookie, method: "PATCH", json: { otp_length: 4 }, headers });
  expect(await codeIn(await patch({}))).toEqual([428, "precondition_required"]);
  expect(await codeIn(await patch({ "if-match": card.headers.get("etag")! }))).toEqual([412, "precondition_failed"]);
  expect(await (await patch({ "if-match": "*" })).json()).toMatchObject({ otp_length: 4, scopes: ["introspect"] });

  expect((await ops(`/clients/${id}`, { cookie, method: "DELETE" })).status).toBe(204);
  expect(await works(next)).toBe(false);
  const rows = await env.DB.prepare("SELECT action, after FROM audit_log WHERE target_id = ? ORDER BY n")
    .bind(id)
    .all();
  expect(rows.results.map(({ action }) => action)).toEqual([
    ...["client.created", "client.secret_rotated", "client.updated", "client.disabled"],
  ]);
  expect(JSON.stringify(rows.results)).not.toContain(next);
});

test("OPS-6 a client of which only a name and scopes are said is a confidential one of the administrator's operator", async () => {
  const operator = await anOperator();
  const { cookie } = await anAdmin({ roles: [{ role: "operator_admin", operator }] });
  const made = await ops("/clients", { cookie, json: { name: "BSS", scopes: ["introspect"] } });
  expect(made.status).toBe(201);
  expect(await made.json()).toMatchObject({ operator, kind: "confidential", client_secret: expect.any(String) });
});

test("OPS-6 a client that is asked for twice under one key is made once, and shown its secret again", async () => {
  const { cookie } = await anAdmin();
  const json = { operator: "main", name: "Once", app_type: "bss", kind: "confidential" };
  const make = async () => (await ops("/clients", { cookie, json, headers: { "idempotency-key": json.name } })).json();
  const first = await make();
  expect(first).toHaveProperty("client_secret");
  expect(await make()).toEqual(first);
});

test.each([
  ["a public client has no secret", { kind: "public" }, 201],
  ["an unknown scope", { kind: "confidential", scopes: ["everything"] }, 422],
  ["the name under which Operations sends codes", { kind: "public", id: "operations" }, 422],
  ["five digits", { kind: "public", otp_length: 5 }, 422],
  ["a path for an origin", { kind: "public", origins: ["https://app.example.net/x"] }, 422],
  ["an operator that is not there", { kind: "public", operator: "nowhere" }, 404],
])("OPS-6 a new client: %s", async (_, fields, status) => {
  const { cookie } = await anAdmin();
  const answer = await ops("/clients", {
    cookie,
    json: { operator: "main", name: "App", app_type: "mobile", ...fields },
  });
  expect(answer.status).toBe(status);
  expect(await answer.json()).not.toHaveProperty("client_secret");
});

const aKey = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");

test("TOK-14 the next key is put to use, one is removed in an emergency, and none is ever shown", async () => {
  const [old, next] = [`o${randomId(6)}`, `n${randomId(6)}`];
  const material = { [old]: aKey(), [next]: aKey() };
  const environment = envWith({ SIGNING_KEYS: JSON.stringify(material) });
  const { cookie } = await anAdmin({ roles: [{ role: "security", operator: "*" }] });
  const act = (path: string, json?: object) => ops(path, { cookie, json, env: environment });
  const states = async () => {
    const text = await (await act("/keys")).text();
    for (const key of Object.values(material)) expect(text).not.toContain(key);
    const { items } = JSON.parse(text) as { items: { kid: string; state: string; use: string }[] };
    return items.filter(({ kid }) => kid in material).map(({ kid, state, use }) => [kid, use, state]);
  };
  expect(await states()).toEqual([
    [old, "sign", "active"],
    [next, "sign", "next"],
  ]);
  expect(await (await act("/keys/rotate", {})).json()).toMatchObject({ kid: next, state: "active" });
  expect(await codeIn(await act(`/keys/${old}/revoke`, {}))).toEqual([422, "reason_required"]);
  expect((await act(`/keys/${old}/revoke`, { reason: "leaked" })).status).toBe(200);
  expect(await codeIn(await act("/keys/rotate", { use: "sign" }))).toEqual([409, "no_other_key"]);
  expect(await states()).toEqual([
    [old, "sign", "revoked"],
    [next, "sign", "active"],
  ]);
  expect(await codeIn(await act("/keys/nobodys/revoke", { reason: "x" }))).toEqual([404, "key_not_found"]);
});

test.each([
  ["a security officer of one operator", "security", "main", new Date(), 403, "role_insufficient"],
  ["an operator's administrator", "operator_admin", "*", new Date(), 403, "role_insufficient"],
  ["an old proof", "security", "*", new Date(Date.now() - 301_000), 401, "reauthentication_required"],
] as const)("TOK-14 keys are not touched by %s", async (_, role, operator, authAt, status, code) => {
  const { cookie } = await anAdmin({ roles: [{ role, operator }], authAt });
  expect(await codeIn(await ops("/keys/rotate", { cookie, json: { use: "sign" } }))).toEqual([status, code]);
  expect(await codeIn(await ops("/keys/k1/revoke", { cookie, json: { reason: "x" } }))).toEqual([status, code]);
});

test("GW-12 routes are edited without a deploy, and a bad table is refused", async () => {
  const { cookie } = await anAdmin();
  const path = `/r${randomId(6)}`;
  const json = { method: "GET", pattern: `${path}/*`, provider: "https://bars.example.net" };
  const made = await ops("/gateway/routes", { cookie, json });
  expect(made.status).toBe(201);
  const { id, identity_key, operator } = (await made.json()) as Record<string, unknown>;
  expect([operator, identity_key]).toEqual(["*", { kid: expect.any(String), key: expect.any(String) }]);
  expect(await codeIn(await ops("/gateway/routes", { cookie, json }))).toEqual([422, "route_overlaps"]);
  for (const nothing of [null, 5, {}, { routes: null }])
    expect(await (await ops("/gateway/routes:validate", { cookie, json: nothing })).json()).toMatchObject({
      ok: false,
    });
  const dry = await ops("/gateway/routes:validate", { cookie, json });
  expect(await dry.json()).toMatchObject({ ok: false, results: [{ code: "route_overlaps", route: id }] });
  const patch = (headers = {}) =>
    ops(`/gateway/routes/${id}`, { cookie, method: "PATCH", json: { timeout_ms: 500 }, headers });
  expect(await codeIn(await patch())).toEqual([428, "precondition_required"]);
  const { headers } = await ops(`/gateway/routes/${id}`, { cookie });
  expect(await (await patch({ "if-match": headers.get("etag")! })).json()).toMatchObject({ timeout_ms: 500 });
  const rotated = await ops(`/gateway/routes/${id}/rotate-key`, { cookie, method: "POST" });
  expect(((await rotated.json()) as { identity_key: unknown }).identity_key).not.toEqual(identity_key);
  expect((await ops(`/gateway/routes/${id}`, { cookie, method: "DELETE" })).status).toBe(204);
  expect(await codeIn(await ops(`/gateway/routes/${id}`, { cookie }))).toEqual([404, "route_unknown"]);
});
