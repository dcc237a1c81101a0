import { env } from "cloudflare:test";
import { decodeProtectedHeader } from "jose";
import { expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { clientOf } from "#identity/clients/clients.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { type NewSession, openTokens } from "#identity/tokens/issue.ts";
import { listKeys, republishRevoked, revokeSigningKey, rotateSigningKey } from "#identity/tokens/key-admin.ts";
import { refresh } from "#identity/tokens/refresh.ts";
import { validate } from "#identity/tokens/validate.ts";
import { randomDigits } from "#platform/crypto.ts";
import { aPerson } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

const later = () => {};

/** A deployment with `count` signing keys that no other test has. */
function withKeys(count: number): { env: Env; kids: string[] } {
  const name = `t${randomDigits(10)}`;
  const kids = Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);
  const keys = kids.map((kid) => [kid, btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))]);
  return { env: envWith({ SIGNING_KEYS: JSON.stringify(Object.fromEntries(keys)) }), kids };
}

/** Somebody who signs in at that deployment. */
async function signedIn(at: Env) {
  const { account, client } = await aPerson();
  const opened: NewSession = {
    ...{ operator: "main", kind: "account", subject: account, epoch: 1, client, scopes: ["account"] },
    ...{ amr: ["pwd"], acr: "normal", address: "203.0.113.7" },
  };
  const tokens = await openTokens(at, opened, SYSTEM, later);
  return { account, tokens, token: tokens.access_token, client: await clientOf(at, client) };
}

const ask = (at: Env, token: string, freshness: "strict" | "edge", now = new Date()) =>
  validate(at, token, { kinds: ["account"], freshness }, later, now);
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const reason = (code: string) => expect.objectContaining({ reason: code });

test("TOK-14 a rotation changes who signs, and signs nobody out", async () => {
  const { env: at, kids } = withKeys(2);
  const { tokens, token, client } = await signedIn(at);
  expect(kidOf(token)).toBe(kids[0]);
  expect((await listKeys(at)).slice(0, 2)).toMatchObject([{ state: "active" }, { state: "next", active_at: null }]);

  expect(await rotateSigningKey(at, SYSTEM)).toEqual({ kid: kids[1] });
  expect((await listKeys(at)).slice(0, 2)).toMatchObject([{ state: "retired" }, { state: "active" }]);
  await expect(ask(at, token, "strict")).resolves.toMatchObject({ session: tokens.session_id });
  await expect(ask(at, token, "edge")).resolves.toMatchObject({ session: tokens.session_id });
  const next = await refresh(at, client, tokens.refresh_token!, SYSTEM, later);
  expect(kidOf(next.access_token)).toBe(kids[1]);
  await expect(ask(at, next.access_token, "strict")).resolves.toMatchObject({ session: tokens.session_id });
});

test("TOK-14 a revoked key's tokens are dead, at once where it matters and within the minute at the edge, while refresh goes on", async () => {
  const { env: at, kids } = withKeys(2);
  const { tokens, token, client } = await signedIn(at);
  const far = aFarEdge(at);
  await expect(ask(at, token, "edge")).resolves.toBeDefined();
  await expect(ask(far, token, "edge")).resolves.toBeDefined();

  expect(await revokeSigningKey(at, kids[0]!, "leaked", SYSTEM)).toEqual({ kid: kids[0], active: kids[1] });
  await expect(ask(at, token, "strict")).rejects.toEqual(reason("token_invalid"));
  await expect(ask(far, token, "strict")).rejects.toEqual(reason("token_invalid"));
  await expect(ask(at, token, "edge")).rejects.toEqual(reason("token_invalid"));
  await expect(ask(far, token, "edge", new Date(Date.now() + 31_000))).rejects.toEqual(reason("token_invalid"));

  const next = await refresh(at, client, tokens.refresh_token!, SYSTEM, later);
  expect(kidOf(next.access_token)).toBe(kids[1]);
  await expect(ask(at, next.access_token, "edge")).resolves.toMatchObject({ session: tokens.session_id });
});

/** Another location: an isolate that asked KV a moment ago, and does not hear what happens elsewhere. */
function aFarEdge(at: Env): Env {
  const read = at.TOKENS.get.bind(at.TOKENS) as (...args: unknown[]) => Promise<unknown>;
  return { ...at, TOKENS: { get: read, put: at.TOKENS.put.bind(at.TOKENS) } as unknown as KVNamespace };
}

test("TOK-14 where the only key is revoked a spare takes its place, and that can be revoked too", async () => {
  const { env: at, kids } = withKeys(1);
  const { tokens, token, client } = await signedIn(at);
  const { active: spare } = await revokeSigningKey(at, kids[0]!, "leaked", SYSTEM);
  expect(spare).toMatch(/^spare-\d+$/);
  await expect(ask(at, token, "strict")).rejects.toEqual(reason("token_invalid"));
  const second = await refresh(at, client, tokens.refresh_token!, SYSTEM, later);
  expect(kidOf(second.access_token)).toBe(spare);
  await expect(ask(at, second.access_token, "strict")).resolves.toBeDefined();

  const { active: another } = await revokeSigningKey(at, spare, "leaked too", SYSTEM);
  expect(another).not.toBe(spare);
  await expect(ask(at, second.access_token, "strict")).rejects.toEqual(reason("token_invalid"));
  const third = await refresh(at, client, second.refresh_token!, SYSTEM, later);
  await expect(ask(at, third.access_token, "edge")).resolves.toBeDefined();
});

test("TOK-14 a key is revoked once, and only a key that is ours; a rotation needs another key", async () => {
  const { env: at, kids } = withKeys(2);
  await expect(revokeSigningKey(at, "nobodys", "x", SYSTEM)).rejects.toEqual(reason("key_not_found"));
  await revokeSigningKey(at, kids[1]!, "x", SYSTEM);
  await expect(revokeSigningKey(at, kids[1]!, "x", SYSTEM)).rejects.toEqual(reason("already_in_state"));
  await expect(rotateSigningKey(at, SYSTEM)).rejects.toEqual(reason("no_other_key"));
  const { results } = await env.DB.prepare("SELECT action, reason FROM audit_log WHERE target_id = ?")
    .bind(kids[1])
    .all();
  expect(results).toEqual([{ action: "key.revoked", reason: "x" }]);
});

test("TOK-14 what could not be told to the edge is told by the next minute's round", async () => {
  const { env: at, kids } = withKeys(2);
  const broken = {
    ...at,
    TOKENS: { get: at.TOKENS.get.bind(at.TOKENS), put: () => Promise.reject(new Error("KV PUT failed: 429")) },
  } as unknown as Env;
  vi.spyOn(console, "error").mockImplementation(() => {});
  await revokeSigningKey(broken, kids[0]!, "leaked", SYSTEM);
  const told = () => env.TOKENS.get<string[]>("signing-keys:revoked", "json");
  expect((await told()) ?? []).not.toContain(kids[0]);
  await republishRevoked(at);
  expect(await told()).toContain(kids[0]);
});
