import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { banAccount, deleteAccount } from "#identity/accounts/accounts.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { endAllSessions, endSession, repairTombstones } from "#identity/sessions/sessions.ts";
import { validate } from "#identity/tokens/validate.ts";
import type { After } from "#platform/http.ts";
import { countedEnv } from "../support/counted.ts";
import { aClient, aPerson, type Signed, shield } from "../support/shield.ts";
import { envWith, outside } from "../support/world.ts";

outside(); // owners are told of what happens to their accounts

const KEY = Buffer.alloc(32, 7); // `k1` of the tests' SIGNING_KEYS
const now = () => Math.floor(Date.now() / 1000);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const mac = (text: string, hash = "sha256", key: Uint8Array = KEY) =>
  createHmac(hash, key).update(text).digest("base64url");

type Members = Record<string, unknown>;
const parts = (token: string) =>
  token
    .split(".")
    .slice(0, 2)
    .map((each) => JSON.parse(Buffer.from(each, "base64url").toString()) as Members);

/** The token with other members, signed with our own key: what a check of the signature alone would let through. */
function forged(
  token: string,
  { header = {}, claims = {}, hash = "sha256" }: { header?: Members; claims?: Members; hash?: string },
) {
  const [ownHeader, ownClaims] = parts(token);
  const text = `${part({ ...ownHeader, ...header })}.${part({ ...ownClaims, ...claims })}`;
  return `${text}.${mac(text, hash)}`;
}

const gone = undefined;

const NEGATIVE: [string, (token: string) => string, string?][] = [
  [
    "alg none, without a signature",
    (t) =>
      `${forged(t, { header: { alg: "none" } })
        .split(".")
        .slice(0, 2)
        .join(".")}.`,
  ],
  ["alg none, with a signature", (t) => forged(t, { header: { alg: "none" } })],
  ["alg RS256 over an HMAC", (t) => forged(t, { header: { alg: "RS256" } })],
  ["alg HS512", (t) => forged(t, { header: { alg: "HS512" }, hash: "sha512" })],
  ["no kid", (t) => forged(t, { header: { kid: gone } })],
  ["an unknown kid", (t) => forged(t, { header: { kid: "k9" } })],
  ["a kid that is a name of every object", (t) => forged(t, { header: { kid: "constructor" } })],
  ["another typ", (t) => forged(t, { header: { typ: "JWT" } })],
  ["no typ", (t) => forged(t, { header: { typ: gone } })],
  ["another issuer", (t) => forged(t, { claims: { iss: "https://evil.example" } })],
  ["another audience", (t) => forged(t, { claims: { aud: "urn:somebody:else" } })],
  [
    "the audiences of two kinds",
    (t) => forged(t, { claims: { aud: ["urn:yardgate:account", "urn:yardgate:device"] } }),
  ],
  ["an end long past", (t) => forged(t, { claims: { exp: now() - 31 } }), "token_expired"],
  ["no end", (t) => forged(t, { claims: { exp: gone } })],
  ["a beginning in the future", (t) => forged(t, { claims: { nbf: now() + 60 } })],
  ["a payload that was changed", (t) => withPayload(t, { scope: "everything" })],
  ["a signature that was cut", (t) => t.slice(0, -4)],
  ["no signature", (t) => `${t.split(".").slice(0, 2).join(".")}.`],
  ["a key of its own, by jwk", (t) => forged(t, { header: { jwk: { kty: "oct", k: KEY.toString("base64url") } } })],
  ["a key of its own, by jku", (t) => forged(t, { header: { jku: "https://evil.example/keys" } })],
  ["a key of its own, by x5u", (t) => forged(t, { header: { x5u: "https://evil.example/cert" } })],
  ["an unknown critical extension", (t) => forged(t, { header: { crit: ["exp"] } })],
  ["a known critical extension", (t) => forged(t, { header: { crit: ["b64"], b64: true } })],
  ["another kind by its claim", (t) => forged(t, { claims: { knd: "device" } })],
  ["another kind throughout", (t) => forged(t, { claims: { knd: "device", aud: "urn:yardgate:device" } })],
  ["another subject", (t) => forged(t, { claims: { sub: "acc_01HZZZZZZZZZZZZZZZZZZZZZZZ" } }), "session_revoked"],
  ["another operator", (t) => forged(t, { claims: { op: "elsewhere" } }), "session_revoked"],
  ["text that is no token", () => "a.b.c"],
];

function withPayload(token: string, claims: Members): string {
  const [header, , signature] = token.split(".");
  return `${header}.${part({ ...parts(token)[1], ...claims })}.${signature}`;
}

test.each(NEGATIVE)("TOK-1 TOK-2 a token with %s is refused", async (_, change, code = "token_invalid") => {
  const { token } = await aPerson();
  expect((await shield("/sessions", { token })).status).toBe(200);
  const changed = change(token);
  const asked = { kinds: ["account"], freshness: "strict" } as const;
  await expect(validate(env, changed, asked, () => {})).rejects.toMatchObject({ reason: code });
  const answer = await shield("/me/device-login", { token: changed, json: { user_code: "BBBB-BBBB", approve: true } });
  expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([401, code]);
  expect(answer.headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
});

test("TOK-1 a token is good for half a minute past its end, because clocks differ", async () => {
  const { token } = await aPerson();
  const asked = { kinds: ["account"], freshness: "strict" } as const;
  await expect(validate(env, forged(token, { claims: { exp: now() - 20 } }), asked, () => {})).resolves.toBeDefined();
});

test("GW-13 TOK-1 a token in the query or in the body counts for nothing", async () => {
  const { token } = await aPerson();
  for (const path of [`/sessions?access_token=${token}`, `/sessions?token=${token}`]) {
    const answer = await shield(path);
    expect([answer.status, (await answer.json<{ code: string }>()).code]).toEqual([401, "token_missing"]);
  }
  const json = { access_token: token, user_code: "BBBB-BBBB", approve: true };
  expect((await shield("/me/device-login", { json })).status).toBe(401);
});

test.each(["strict", "edge"] as const)("TOK-6 %s validation returns whom the token speaks for", async (freshness) => {
  const { token, tokens, account, client } = await aPerson();
  const subject = await validate(env, token, { kinds: ["account"], freshness }, () => {});
  expect(subject).toMatchObject({
    ...{ kind: "account", id: account, operator: "main", session: tokens.session_id, client },
    ...{ scopes: ["account"], amr: ["pwd"], acr: "normal", authAt: expect.any(Date), expiresAt: expect.any(Date) },
  });
});

test.each(["strict", "edge"] as const)(
  "TOK-5 a token that is signed but whose session was never stored, or was removed, is refused: %s",
  async (freshness) => {
    const { token, tokens } = await aPerson();
    const asked = { kinds: ["account"], freshness } as const;
    const never = forged(token, { claims: { sid: "ses_01HZZZZZZZZZZZZZZZZZZZZZZZ" } });
    await expect(validate(env, never, asked, () => {})).rejects.toMatchObject({ reason: "session_revoked" });
    await env.DB.prepare("DELETE FROM sessions WHERE id = ?").bind(tokens.session_id).run();
    await expect(validate(env, token, asked, () => {})).rejects.toMatchObject({ reason: "session_revoked" });
  },
);

test("TOK-5 strict validation asks D1 once and nothing else, edge validation KV once and D1 never", async () => {
  const { token } = await aPerson();
  const strict = countedEnv();
  await validate(strict.env, token, { kinds: ["account"], freshness: "strict" }, () => {});
  expect(strict.trips).toEqual({ d1: 1, d1Writes: 0, kvReads: 0, kvWrites: 0, objects: 0, queue: 0 });
  const edge = countedEnv();
  await settled((later) => validate(edge.env, token, { kinds: ["account"], freshness: "edge" }, later));
  Object.assign(edge.trips, { d1: 0, kvReads: 0, kvWrites: 0 });
  await settled((later) => validate(edge.env, token, { kinds: ["account"], freshness: "edge" }, later));
  expect(edge.trips).toEqual({ d1: 0, d1Writes: 0, kvReads: 1, kvWrites: 0, objects: 0, queue: 0 });
});

/** Calls, and waits for what is done after the answer. */
async function settled<T>(call: (later: After) => Promise<T>): Promise<T> {
  const works: Promise<unknown>[] = [];
  const answer = await call((work) => works.push(work()));
  await Promise.all(works);
  return answer;
}

const refused = (at: Env, { token }: Signed, freshness: "strict" | "edge", when = new Date()) =>
  settled((later) => validate(at, token, { kinds: ["account"], freshness }, later, when)).then(
    () => false,
    () => true,
  );

test.each([
  ["of another subject", { sub: "acc_01HZZZZZZZZZZZZZZZZZZZZZZZ" }],
  ["of another operator", { op: "elsewhere" }],
  ["of an earlier epoch", { ep: 0 }],
])("TOK-5 TOK-10 the edge takes no token %s for a session that it knows", async (_, claims) => {
  const { token } = await aPerson();
  const asked = { kinds: ["account"], freshness: "edge" } as const;
  await settled((later) => validate(env, token, asked, later));
  const changed = forged(token, { claims });
  await expect(validate(env, changed, asked, () => {})).rejects.toMatchObject({ reason: "session_revoked" });
  const { id: user, secret: password } = await aClient({ kind: "confidential", scopes: ["introspect"] });
  const told = await shield("/oauth/introspect", { basic: { user, password }, form: { token: changed } });
  expect(await told.json()).toEqual({ active: false });
});

/** KV as another location sees it: what it once read stays for a while. */
function aFarEdge(): Env {
  const seen = new Map<string, unknown>();
  return envWith({
    TOKENS: {
      get: async (key: string, options: KVNamespaceGetOptions<"json">) => {
        if (!seen.has(key)) seen.set(key, await env.TOKENS.get(key, options));
        return seen.get(key);
      },
      put: env.TOKENS.put.bind(env.TOKENS),
    },
  });
}

const ENDINGS: [string, (person: Signed) => Promise<unknown>][] = [
  [
    "signing out",
    ({ account: subject, tokens }) =>
      endSession(env, "main", { subject, id: tokens.session_id, reason: "test" }, SYSTEM),
  ],
  [
    "signing out everywhere",
    ({ account: subject }) => endAllSessions(env, "main", { subject, reason: "test" }, SYSTEM),
  ],
  [
    "a new password",
    ({ token }) => shield("/me/password", { method: "PUT", token, json: { new: "a long enough pass phrase" } }),
  ],
  ["a ban", ({ account: id }) => banAccount(env, "main", { id, reason: "test" }, SYSTEM)],
  ["deletion", ({ account: id }) => deleteAccount(env, "main", { id, reason: "test" }, SYSTEM)],
];

test.each(ENDINGS)(
  "TOK-10 %s counts at the next strict request, at the edge once KV knows, and never later than the token's end",
  async (_, end) => {
    const person = await aPerson();
    const [near, far] = [env as Env, aFarEdge()];
    for (const at of [near, far]) expect(await refused(at, person, "edge")).toBe(false);
    await end(person);
    for (const at of [near, far]) expect(await refused(at, person, "strict")).toBe(true);
    expect(await refused(near, person, "edge")).toBe(true);
    expect(await refused(aFarEdge(), person, "edge")).toBe(true);
    // The far edge still has its copy. It forgets within the minute that KV keeps one; what it could never outlive is the token.
    expect(await refused(far, person, "edge")).toBe(false);
    expect(await refused(far, person, "edge", new Date(Date.now() + 631_000))).toBe(true);
  },
);

test.each(ENDINGS)("TOK-10 after %s nothing is refreshed", async (_, end) => {
  const person = await aPerson();
  await end(person);
  const form = { grant_type: "refresh_token", refresh_token: person.tokens.refresh_token!, client_id: person.client };
  const answer = await shield("/oauth/token", { form });
  expect([answer.status, (await answer.json<{ error: string }>()).error]).toEqual([400, "invalid_grant"]);
});

test("TOK-10 a session that ends while the edge notes that it lives is not noted", async () => {
  const person = await aPerson();
  const works: (() => Promise<unknown>)[] = [];
  const asked = { kinds: ["account"], freshness: "edge" } as const;
  await validate(env, person.token, asked, (work) => works.push(work));
  await banAccount(env, "main", { id: person.account, reason: "test" }, SYSTEM);
  for (const work of works) await work();
  await repairTombstones(env);
  expect(await refused(env, person, "edge")).toBe(true);
});

test("TOK-10 nobody who was shut out meanwhile gets a session from a proof of before", async () => {
  const { account, phone } = await aPerson();
  await banAccount(env, "main", { id: account, reason: "test" }, SYSTEM);
  await expect(aPerson({ phone })).rejects.toMatchObject({ reason: "session_revoked" });
});
