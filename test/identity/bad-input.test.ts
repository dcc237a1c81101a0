import { beforeAll, expect, test } from "vitest";
import { aController, claim } from "../support/controllers.ts";
import { aDomain, aMember } from "../support/domains.ts";
import { aClient, aPerson, type Signed } from "../support/shield.ts";
import { call, envWith } from "../support/world.ts";

// Whatever is sent, to whatever route: the answer says what is wrong with it, and never that something is wrong with us.

const NESTED = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;

/** What nobody should send in the place of a value: each of these in every place, */
const STRANGE: readonly unknown[] = ["a\u0000b", "\ud800", {}];
/** and of these one, in turn. */
const STRANGER: readonly unknown[] = [
  ...[null, true, 1e308, "", "*", "__proto__", "9999-12-31T23:59:59Z", "я".repeat(20_000), [], [null], ["\ud800"]],
  ...[
    { type: "phone", value: "\ud800" },
    { type: "account", id: "\ud800" },
  ],
];
const TEXTS = [NESTED, "null", "[]", "1", '"x"', "{", "\u0000", '{"__proto__":{"x":1}}', '[{"serial":1}]'];
const SEGMENTS = ["%00", "%ff", "%ED%A0%80", "a%2Fb", "%", "x".repeat(3000), "__proto__"];
const QUERIES = [
  ...[
    "limit=1e99",
    "limit=%00",
    "cursor=%ED%A0%80",
    "cursor=%00",
    "domain_id=%00",
    "force=x",
    "keep=%00",
    "except=%00",
  ],
  ...[`cursor=${"x".repeat(5000)}`, "subject=%00&resource=%ff&domain=%00", "subject=account%3A%00&domain=%ED%A0%80"],
];

const VERSIONS = ['"999999999999999999999999"', 'W/"-1"', "x\u00ff", "*"];
const AT_ONCE = 10;

const phone = "+79161230000";
const subject = { type: "account", id: "acc_1" };
const resource = { type: "door", id: "d1" };
const when = {
  not_before: null,
  expires_at: "2099-01-01T00:00:00Z",
  weekly: [{ days: [1], from: "08:00", to: "20:00", tz: "Europe/Moscow" }],
  max_auth_age: 60,
};
const device = { id: "x", name: "x", platform: "x" };

/** Where the limits would answer instead of what is behind them. */
const generous = envWith({
  LIMITS: JSON.stringify({
    invitationsPerDay: 1000,
    invitationsPerTarget: 100,
    domainsPerAccount: 1000,
    claimFailuresPerDay: 1000,
  }),
});

/** The routes with a body that gets far, by who calls them. */
const ROUTES: readonly [
  who: "nobody" | "owner" | "service" | "controller",
  route: string,
  body?: Record<string, unknown>,
][] = [
  ["nobody", "POST /accounts", { login: phone, password: "x", name: "x", lang: "ru", device }],
  [
    "nobody",
    "POST /accounts/activate",
    { login: phone, challenge_id: "ch_1", code: "123456", password: "правильная лошадь, скоба", device },
  ],
  ["nobody", "POST /accounts/activation/resend", { challenge_id: "ch_1" }],
  ["nobody", "POST /accounts/password/forgot", { login: phone, device }],
  [
    "nobody",
    "POST /accounts/password/reset",
    { challenge_id: "ch_1", code: "123456", new_password: "правильная лошадь, скоба", device },
  ],
  ["nobody", "POST /auth/challenges", { login: phone, purpose: "login", channel: "sms", device }],
  ["nobody", "POST /auth/challenges/:id/resend", {}],
  ["nobody", "POST /auth/login", { method: "sms", login: phone, challenge_id: "ch_1", code: "123456", device }],
  ["nobody", "POST /auth/login", { method: "password", login: "dev:SN", password: "x", device }],
  ["nobody", "POST /auth/mfa", { mfa_token: "x", method: "totp", code: "123456", challenge_id: "ch_1" }],
  ["owner", "GET /me"],
  ["owner", "PATCH /me", { name: "x", lang: "ru", avatar: "https://example.net/a.png" }],
  ["owner", "POST /me/reauth", { method: "code", code: "123456", challenge_id: "ch_1" }],
  ["owner", "POST /me/reauth/challenge", { channel: "sms" }],
  // A password that is good would be hashed, each time for a tenth of a second.
  ["owner", "PUT /me/password", { current: "x", new: "x" }],
  ["owner", "POST /me/identifiers", { type: "phone", value: phone }],
  ["owner", "POST /me/identifiers/:id/verify", { challenge_id: "ch_1", code: "123456" }],
  ["owner", "DELETE /me/identifiers/:id"],
  ["owner", "DELETE /me", { confirm: "x" }],
  ["owner", "GET /me/export"],
  ["owner", "POST /me/totp/confirm", { code: "123456" }],
  ["owner", "POST /me/device-login", { user_code: "BDWP-HQPK", approve: true }],
  ["owner", "GET /sessions"],
  ["owner", "DELETE /sessions/:id"],
  ["owner", "POST /domains", { name: "x", address_ref: "x" }],
  ["owner", "GET /domains"],
  ["owner", "GET /domains/:id"],
  ["owner", "PATCH /domains/:id", { name: "x", address_ref: "x" }],
  ["owner", "GET /domains/:id/members"],
  ["owner", "PATCH /domains/:id/members/:member", { role: "member", expires_at: "2099-01-01T00:00:00Z" }],
  ["owner", "DELETE /domains/:id/members/:other"],
  ["owner", "POST /domains/:id/owner", { account_id: "acc_1" }],
  ["owner", "POST /domains/:id/owner/accept", {}],
  [
    "owner",
    "POST /domains/:id/invitations",
    { to: null, role: "guest", expires_in: 60, member_expires_at: "2099-01-01T00:00:00Z", note: "x", max_uses: 2 },
  ],
  ["owner", "POST /domains/:id/invitations", { to: { phone }, role: "member" }],
  ["owner", "GET /domains/:id/invitations"],
  ["owner", "DELETE /domains/:id/invitations/:other"],
  ["owner", "GET /invitations"],
  ["owner", "GET /invitations/:other"],
  ["owner", "POST /invitations/:other/accept", {}],
  ["owner", "POST /invitations/:other/decline", {}],
  ["owner", "PUT /domains/:id/devices/:device", {}],
  ["owner", "DELETE /domains/:id/devices/:other"],
  ["owner", "POST /devices/claim", { serial: "SN", claim_code: "1", domain_id: "dom_1", name: "x" }],
  ["owner", "GET /devices"],
  ["owner", "GET /devices/:device"],
  ["owner", "PATCH /devices/:device", { name: "x", room: "x" }],
  ["owner", "POST /devices/:other/reset", {}],
  ["owner", "DELETE /devices/:other"],
  ["owner", "GET /policies"],
  ["owner", "POST /policies", { subject, resource, actions: ["view"], effect: "allow", condition: when }],
  ["owner", "PUT /policies/:other", { subject, resource, actions: ["view"], effect: "allow", condition: when }],
  ["owner", "DELETE /policies/:other"],
  [
    "controller",
    "POST /devices/:device/credentials/rotate",
    { public_key: { kty: "OKP", crv: "Ed25519", x: "A".repeat(43) } },
  ],
  ["service", "POST /devices/enroll", { serial: "SN-1", model: "x", fw: "x", enrolment_secret: "x" }],
  ["service", "POST /policies", { subject, resource, actions: ["view"], effect: "allow", condition: when }],
  ["service", "PUT /resources/door/:other", { domain: "dom_1", owner: "acc_1", parent: { type: "door", id: "d0" } }],
  [
    "service",
    "POST /access/v1/evaluation",
    {
      subject,
      action: { name: "view" },
      resource,
      context: { min_version: "dom_1:1", auth_time: 1, ip: "x", class: "strict" },
    },
  ],
  [
    "service",
    "POST /access/v1/evaluations",
    {
      subject,
      action: { name: "view" },
      resource,
      evaluations: [{}, { resource }],
      options: { evaluations_semantic: "execute_all" },
      context: {},
    },
  ],
  [
    "service",
    "POST /access/v1/search/subject",
    { subject: { type: "account" }, action: { name: "view" }, resource, context: {}, page: { limit: 1, token: "x" } },
  ],
  [
    "service",
    "POST /access/v1/search/resource",
    { subject, action: { name: "view" }, resource: { type: "door" }, context: {}, page: { limit: 1 } },
  ],
  ["service", "POST /access/v1/search/action", { subject, resource, context: {} }],
];

let world: {
  domain: string;
  owner: Signed;
  member: Signed;
  controller: Awaited<ReturnType<typeof aController>>;
  service: { id: string; secret: string };
};
beforeAll(async () => {
  const { id: domain, owner } = await aDomain(await aPerson());
  const controller = await aController();
  await claim({ token: owner.token, domain }, controller);
  const service = await aClient({
    kind: "confidential",
    scopes: ["introspect", "access", "policies", "resources", "devices:enroll"],
  });
  world = { domain, owner, member: await aMember(domain), controller, service };
});

let turn = 0;

/** Every body that is good but for one member, at any depth. */
function* spoilt(body: Record<string, unknown>): Generator<string> {
  for (const [name, value] of Object.entries(body)) {
    for (const strange of [...STRANGE, STRANGER[turn++ % STRANGER.length]])
      yield JSON.stringify({ ...body, [name]: strange });
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const inner of spoilt(value as Record<string, unknown>))
        yield JSON.stringify({ ...body, [name]: JSON.parse(inner) });
    if (Array.isArray(value) && typeof value[0] === "object")
      for (const inner of spoilt(value[0] as Record<string, unknown>))
        yield JSON.stringify({ ...body, [name]: [JSON.parse(inner)] });
  }
}

test.each(ROUTES)("no input to it is our fault: as %s, %s %j", async (who, route, body) => {
  const { domain, owner, member, controller, service } = world;
  const [method = "", path = ""] = route.split(" ");
  const authorization = {
    nobody: {},
    owner: { authorization: `Bearer ${owner.token}` },
    controller: { authorization: `Bearer ${controller.token}` },
    service: { authorization: `Basic ${btoa(`${service.id}:${service.secret}`)}` },
  }[who] as Record<string, string>;
  const ids: Record<string, string> = { id: domain, device: controller.id, member: member.account };
  const known = path.replace(/:(\w+)/g, (_, name: string) => ids[name] ?? "some-id");
  let asked = 0;
  const ask = async (to: string, text?: string, headers: Record<string, string> = {}) => {
    const from = { "cf-connecting-ip": `198.51.${++asked % 250}.${(asked * 7) % 250}` };
    const json = text === undefined ? {} : { "content-type": "application/json" };
    const answer = await call(
      `/shield/v1${to}`,
      {
        method,
        headers: { ...authorization, ...from, ...json, ...headers },
        ...(text !== undefined && { body: text }),
      },
      generous,
    );
    const said = await answer.text();
    if (answer.status >= 500) failed.push(`${to.slice(0, 200)} ${text?.slice(0, 200)} → ${answer.status} ${said}`);
  };
  const failed: string[] = [];
  const whole = body && { client_id: owner.client, ...body };
  const good = whole && JSON.stringify(whole);
  const odd = (path.match(/:\w+/g) ?? []).flatMap((name) =>
    SEGMENTS.map((segment) =>
      path.replace(name, segment).replace(/:(\w+)/g, (_, other: string) => ids[other] ?? "some-id"),
    ),
  );
  const asks = [
    ...odd.map((to) => () => ask(to, good)),
    // What changes something reads hardly a query.
    ...QUERIES.slice(method === "GET" ? 0 : -3).map((query) => () => ask(`${known}?${query}`, good)),
    ...(["GET", "POST"].includes(method) ? [] : VERSIONS).map(
      (version) => () => ask(known, good, { "if-match": version }),
    ),
    ...(whole ? [...spoilt(whole), ...TEXTS] : []).map((text) => () => ask(known, text)),
  ];
  for (let start = 0; start < asks.length; start += AT_ONCE)
    await Promise.all(asks.slice(start, start + AT_ONCE).map((one) => one()));
  expect(failed).toEqual([]);
});
