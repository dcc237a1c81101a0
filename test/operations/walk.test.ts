import { env } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { addClient } from "#identity/clients/directory.ts";
import { createRoute } from "#identity/gateway/routes-admin.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { ops as routes } from "#operations/routes.ts";
import { randomId } from "#platform/crypto.ts";
import { aController, aDomain, aMember } from "../support/domains.ts";
import { anAdmin, anOperator, ops, type SignedAdmin } from "../support/ops.ts";
import { aPerson } from "../support/shield.ts";

// Every route of Operations, as the router knows them: one that is added is walked too.

const ROUTES = [
  ...new Set(
    routes.routes
      .filter(({ method, path }) => method !== "ALL" && !path.endsWith("*"))
      .map(({ method, path }) => `${method} ${path}`),
  ),
].toSorted();
const OPEN = ["POST /bootstrap", "POST /auth/login", "POST /auth/totp", "POST /auth/setup"];
const CLOSED = ROUTES.filter((route) => !OPEN.includes(route));

const at = (route: string, ids: Record<string, string> = {}) => {
  const [method = "", path = ""] = route.split(" ");
  return { method, path: path.replace(/:(id|kid|account|device)\b/g, (_, name: string) => ids[name] ?? "some-id") };
};
const ask = (
  route: string,
  {
    ids,
    ...call
  }: { ids?: Record<string, string>; cookie?: string; headers?: Record<string, string>; json?: unknown } = {},
) => {
  const { method, path } = at(route, ids);
  const { json = {}, ...rest } = call;
  return ops(path, { ...rest, method, ...(method !== "GET" && { json }) });
};

test("the walk knows all routes", () => {
  expect(CLOSED.length).toBeGreaterThan(60);
  expect(ROUTES).toEqual(expect.arrayContaining([...OPEN, "GET /customers/:id/sessions", "POST /devices:import"]));
});

test.each(CLOSED)("OPS-6 nobody without a session: %s", async (route) => {
  const answer = await ask(route);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect([answer.status, await answer.json()]).toEqual([401, expect.objectContaining({ code: "token_missing" })]);
  expect((await ask(route, { cookie: randomId(32) })).status).toBe(401);
});

let customer: Awaited<ReturnType<typeof aPerson>>;
beforeAll(async () => {
  customer = await aPerson();
});

test.each(CLOSED)("OPS-1 no customer by their token: %s", async (route) => {
  const answer = await ask(route, { headers: { authorization: `Bearer ${customer.token}` } });
  expect([answer.status, await answer.json()]).toEqual([401, expect.objectContaining({ code: "token_missing" })]);
  expect((await ask(route, { cookie: customer.token })).status).toBe(401);
});

// What another operator's superadmin sends: good in itself, so that only whose it is can be refused.
const BODIES: Record<string, unknown> = {
  "PUT /admins/:id/roles": { roles: [{ role: "viewer", operator: "main" }] },
  "POST /admins": {
    login: "foreign-newcomer",
    email: "a@example.net",
    name: "A",
    roles: [{ role: "viewer", operator: "main" }],
  },
  "PUT /operators/:id": { name: "Taken over", country: "RU", lang: "ru" },
  "POST /clients": { operator: "main", name: "X", app_type: "mobile", kind: "public" },
  "POST /customers": { operator: "main", login: { type: "phone", value: "+79161234567" } },
  "POST /gateway/routes": { operator: "main", pattern: "/foreign/*", method: "GET", provider: "https://x.example.net" },
  "POST /keys/rotate": { use: "sign" },
  "POST /devices:import": [{ serial: "FOREIGN-1", model: "hub-1", operator: "main" }],
  "POST /customers/:id/send-activation": { channel: "sms" },
  "POST /customers/:id/send-login-code": { channel: "sms" },
  "POST /policies:explain": {
    ...{ operator: "main", subject: { type: "account", id: "acc_x" }, action: { name: "view" } },
    resource: { type: "domain", id: "dom_x" },
  },
};
/** Routes that are about whoever asks, or about nobody. */
const OWN = [
  ...[
    "GET /auth/me",
    "POST /auth/logout",
    "POST /auth/reauth",
    "POST /auth/recovery-codes",
    "GET /health/integrations",
  ],
  ...["GET /audit/verify", "POST /gateway/routes:validate"],
];
const QUERIES: Record<string, string> = { "GET /messages": "account", "GET /customers": "id", "GET /domains": "q" };

interface Foreign {
  ids: (path: string) => Record<string, string>;
  all: string[];
}
let foreign: Foreign;
let stranger: SignedAdmin;

beforeAll(async () => {
  const operator = await anOperator();
  stranger = await anAdmin({ roles: [{ role: "superadmin", operator }] });
  const { id: domain } = await aDomain(customer);
  const member = await aMember(domain);
  const device = await aController({ domainId: domain });
  const fields = { name: "App", appType: "mobile", source: "*", firstParty: false, methods: [], scopes: [] };
  const more = { origins: [], aud: [], otpLength: 6, loginOnActivation: true, kind: "confidential" } as const;
  const { client } = await addClient(env, "main", { ...fields, ...more, origins: [], aud: [] }, SYSTEM);
  const input = { method: "GET", pattern: `/w${randomId(6)}/*`, provider: "https://x.example.net" };
  const route = await createRoute(env, "main", input, SYSTEM);
  const someAdmin = await anAdmin({ roles: [{ role: "viewer", operator: "main" }] });
  const byNoun: Record<string, string> = {
    ...{ customers: customer.account, domains: domain, devices: device, clients: client.id, gateway: route.id },
    ...{ operators: "main", admins: someAdmin.id, messages: customer.account },
  };
  foreign = {
    ids: (path) => ({ id: byNoun[path.split("/")[1]!] ?? "none", kid: "k1", account: member.account, device }),
    all: [customer.account, member.account, domain, device, client.id, route.id, someAdmin.id],
  };
});

test.each(CLOSED.filter((route) => !OWN.includes(route)))(
  "OPS-6 not for the superadmin of another operator: %s",
  async (route) => {
    const path = route.split(" ")[1]!;
    const ids = foreign.ids(path);
    const headers = { "if-match": "*" };
    const json = BODIES[route] ?? { reason: "x", confirm: ids.id, field: "phone" };
    const asked = QUERIES[route] ? `${route}?${QUERIES[route]}=${ids.id}` : route;
    const answer = await ask(asked, { ids, cookie: stranger.cookie, headers, json });
    const text = await answer.text();
    const isList = route.startsWith("GET") && answer.ok;
    // Of the deployment's keys even the names are for those whose role holds everywhere.
    const refused = path.startsWith("/keys") ? 403 : 404;
    expect(isList ? "a list" : answer.status, text).toBe(path.includes(":id") || !isList ? refused : "a list");
    for (const id of foreign.all) expect(isList && text.includes(id)).toBe(false);
  },
);

test("OPS-6 nothing of it has changed", async () => {
  const { cookie } = await anAdmin();
  const [account, , domain, device, client, route, admin] = foreign.all;
  const statusOf = async (path: string) => {
    const card = (await (await ops(path, { cookie })).json()) as Record<string, unknown>;
    return card.status ?? card.enabled;
  };
  expect(await statusOf(`/customers/${account}`)).toBe("active");
  expect(await statusOf(`/domains/${domain}`)).toBe("active");
  expect(await statusOf(`/devices/${device}`)).toBe("claimed");
  expect(await statusOf(`/clients/${client}`)).toBe("active");
  expect(await statusOf(`/gateway/routes/${route}`)).toBe(true);
  expect(await statusOf(`/admins/${admin}`)).toBe("active");
});
