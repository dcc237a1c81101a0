import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { shieldChores } from "#identity/chores.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { openTokens } from "#identity/tokens/issue.ts";
import { anAdmin } from "../support/ops.ts";
import { aClient } from "../support/shield.ts";
import { envWith } from "../support/world.ts";

test("the minute's round deletes a service's session an hour after its end, and no earlier", async () => {
  const { id: client } = await aClient({ kind: "confidential" });
  const service = { operator: "main", kind: "service" as const, subject: client, epoch: 1, client, scopes: [] };
  const proof = { amr: [], acr: "normal" as const, address: "203.0.113.7" };
  const { session_id } = await openTokens(env, { ...service, ...proof }, SYSTEM, () => {});
  const isThere = async () =>
    Boolean(await env.DB.prepare("SELECT 1 FROM sessions WHERE id = ?").bind(session_id).first());
  const age = (ms: number) =>
    env.DB.prepare("UPDATE sessions SET expires_at = expires_at - ? WHERE id = ?").bind(ms, session_id).run();
  await age(300_000 + 3_500_000);
  await shieldChores(env);
  expect(await isThere()).toBe(true);
  await age(200_000);
  await shieldChores(env);
  expect(await isThere()).toBe(false);
});

test("a chore that fails keeps none of the others from being done, and is told of", async () => {
  const told = vi.spyOn(console, "error").mockImplementation(() => {});
  const kv = { get: () => Promise.reject(new Error("KV is away")), put: () => Promise.reject(new Error("KV is away")) };
  await shieldChores(envWith({ TOKENS: kv }));
  expect(JSON.stringify(told.mock.calls)).toContain("republishRevoked");
  expect(JSON.stringify(told.mock.calls)).not.toContain("sweepSessions");
});

test("the minute's round forgets from which browser an administrator came a month after the session's end", async () => {
  const { id } = await anAdmin();
  const isThere = async () =>
    Boolean(await env.DB.prepare("SELECT 1 FROM admin_sessions WHERE admin_id = ?").bind(id).first());
  const overSince = (ms: number) =>
    env.DB.prepare("UPDATE admin_sessions SET absolute_at = ? WHERE admin_id = ?")
      .bind(Date.now() - ms, id)
      .run();
  await overSince(29 * 86_400_000);
  await shieldChores(env);
  expect(await isThere()).toBe(true);
  await overSince(31 * 86_400_000);
  await shieldChores(env);
  expect(await isThere()).toBe(false);
});
