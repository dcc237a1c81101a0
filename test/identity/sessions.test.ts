import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { banAccount, unbanAccount } from "#identity/accounts/accounts.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import {
  endSession,
  entomb,
  listSessions,
  openSession,
  repairTombstones,
  sessionOf,
} from "#identity/sessions/sessions.ts";
import { sha256 } from "#platform/crypto.ts";
import { aPhone, aResident, envWith, mobile } from "../support/world.ts";

const now = (env: unknown, token: string, freshness: "strict" | "edge", at = new Date()) => {
  const later: Promise<unknown>[] = [];
  return sessionOf(env as never, token, freshness, (work) => later.push(work()), at).then(async (live) => {
    await Promise.all(later);
    return live;
  });
};

/** KV as another location sees it: what it once read stays for a while. */
function aFarEdge() {
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

test("a session that ended is refused at once where it matters, and within KV's minute elsewhere", async () => {
  const { token, account, id } = await aResident();
  const far = aFarEdge();
  expect(await now(env, token, "edge")).toMatchObject({ account });
  expect(await now(far, token, "edge")).toMatchObject({ account });

  await endSession(env, "main", { subject: account, id, reason: "test" }, SYSTEM);
  expect(await now(far, token, "strict")).toBeUndefined();
  expect(await now(far, token, "edge")).toMatchObject({ account });
  expect(await now(aFarEdge(), token, "edge")).toBeUndefined();
  expect(await now(env, token, "edge")).toBeUndefined();
});

test("an ordinary read asks KV and not the database", async () => {
  const { token, account } = await aResident();
  await now(env, token, "edge");
  const withoutDatabase = envWith({ DB: undefined });
  expect(await now(withoutDatabase, token, "edge")).toMatchObject({ account });
});

test("a token that KV has not heard of yet is good", async () => {
  const { token, account } = await aResident();
  const { phone } = await aResident();
  expect(phone).toBeDefined();
  expect(await now(aFarEdge(), token, "edge")).toMatchObject({ account });
});

test("a session that ends while it is being remembered is not remembered", async () => {
  const { token, account, id } = await aResident();
  const later: (() => Promise<unknown>)[] = [];
  expect(await sessionOf(env, token, "edge", (work) => later.push(work))).toBeDefined();
  await endSession(env, "main", { subject: account, id, reason: "test" }, SYSTEM);
  for (const work of later) await work();
  expect(await now(env, token, "edge")).toBeUndefined();
});

test("a session whose tombstone and signal were both lost is refused within the minute's cron, or after ten minutes", async () => {
  const { token, account, id } = await aResident();
  await now(env, token, "edge");
  const lost = envWith({
    TOKENS: { get: env.TOKENS.get.bind(env.TOKENS), put: () => Promise.reject(new Error("KV PUT failed: 429")) },
    SIGNALS: { send: () => Promise.reject(new Error("queue is away")) },
  });
  vi.spyOn(console, "error").mockImplementation(() => {});
  await endSession(lost, "main", { subject: account, id, reason: "test" }, SYSTEM);
  expect(await now(env, token, "edge")).toBeDefined();
  expect(await now(env, token, "edge", new Date(Date.now() + 600_000))).toBeUndefined();
  await repairTombstones(env);
  expect(await now(env, token, "edge")).toBeUndefined();
});

test("garbage is refused without a look anywhere", async () => {
  const nothing = envWith({ DB: undefined, TOKENS: undefined });
  for (const token of ["", "x", "null", "6F1D2C1E-0F0B-4A51-9D0A-3C2B7A1E5F9", "'; --"])
    expect(await now(nothing, token, "edge")).toBeUndefined();
});

test("a session expires unless it is used, and lives on while it is", async () => {
  const { token } = await aResident();
  const day = (n: number) => new Date(Date.now() + n * 86_400_000);
  await now(env, token, "edge");
  expect(await now(env, token, "edge", day(300))).toBeDefined();
  expect(await now(env, token, "strict", day(500))).toBeDefined();
  expect(await now(env, token, "strict", day(900))).toBeUndefined();
  expect(await now(env, token, "edge", day(900))).toBeUndefined();
});

test("a person has many devices, lists them, and signs one or all others out", async () => {
  const phone = aPhone();
  const devices = [
    await aResident({ phone, device: "a" }),
    await aResident({ phone, device: "b" }),
    await aResident({ phone, device: "c" }),
  ];
  const [one, two, three] = devices.map(({ token }) => token);
  const listed = await (await mobile("user/sessions", {}, { token: one })).json<{
    data: { id: string; device: string; current: string }[];
  }>();
  expect(listed.data.map(({ device }) => device).toSorted()).toEqual(["a", "b", "c"]);
  expect(listed.data.filter(({ current }) => current === "t")).toMatchObject([{ device: "a" }]);

  const b = listed.data.find(({ device }) => device === "b")!;
  expect((await mobile("user/endSession", { id: b.id }, { token: one })).status).toBe(204);
  expect((await mobile("user/ping", {}, { token: two })).status).toBe(401);
  expect((await mobile("user/endOtherSessions", {}, { token: one })).status).toBe(204);
  expect((await mobile("user/ping", {}, { token: three })).status).toBe(401);
  expect((await mobile("user/ping", {}, { token: one })).status).toBe(204);
});

test("the twenty-first device signs out the one seen longest ago", async () => {
  const { account, token: first } = await aResident();
  const start = Date.now();
  for (let i = 1; i <= 20; i++)
    await openSession(env, { account, acr: "low", device: String(i) }, new Date(start + i * 1000));
  expect(await listSessions(env, "main", account, new Date(start + 21_000))).toHaveLength(20);
  expect(await now(env, first, "strict")).toBeUndefined();
  const rows = await env.DB.prepare(
    "SELECT action, count(*) AS n FROM audit_log WHERE actor_id = ? AND action LIKE 'session%' GROUP BY action",
  )
    .bind(account)
    .all();
  expect(rows.results).toEqual([
    { action: "session.opened", n: 21 },
    { action: "sessions.ended", n: 1 },
  ]);
});

test("a ban ends every session, and nobody can open one until it is lifted", async () => {
  const { token, account } = await aResident();
  await banAccount(env, "main", { id: account, reason: "test" }, SYSTEM);
  expect(await now(env, token, "edge")).toBeUndefined();
  const opened = await openSession(env, { account, acr: "low", device: null });
  expect(await now(env, opened, "strict")).toBeUndefined();
  await unbanAccount(env, "main", { id: account, reason: "test" }, SYSTEM);
  expect(await now(env, opened, "strict")).toMatchObject({ account });
});

test("a tombstone that could not be written is announced, so that it will be", async () => {
  const { token, account, id } = await aResident();
  await now(env, token, "edge");
  const signals: unknown[] = [];
  const broken = envWith({
    TOKENS: { get: env.TOKENS.get.bind(env.TOKENS), put: () => Promise.reject(new Error("KV PUT failed: 429")) },
    SIGNALS: { send: async (signal: unknown) => void signals.push(signal) },
  });
  vi.spyOn(console, "error").mockImplementation(() => {});
  await endSession(broken, "main", { subject: account, id, reason: "test" }, SYSTEM);
  expect(signals).toEqual([{ type: "sessions.ended", tokenHashes: [sha256(token)] }]);
  expect(await now(env, token, "edge")).toBeDefined();
  await entomb(env, [sha256(token)]);
  expect(await now(env, token, "edge")).toBeUndefined();
});

test("the token itself is nowhere in the stores", async () => {
  const { token } = await aResident();
  await now(env, token, "edge");
  const { keys } = await env.TOKENS.list({ prefix: "session:" });
  const values = await Promise.all(keys.map(({ name }) => env.TOKENS.get(name)));
  expect(JSON.stringify([keys, values])).not.toContain(token);
});
