import { createExecutionContext, createMessageBatch, env, getQueueResult } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { isRevoked, publishRevocations, type RevocationList, revocationList } from "#premises/revocations.ts";
import { revokeCameras } from "#premises/rights-queries.ts";
import { hearSignals } from "#premises/signals.ts";
import { revokedAt } from "../support/billing.ts";
import { aDomain, aMember } from "../support/domains.ts";
import { aPerson, shield } from "../support/shield.ts";

const MINUTE = 60_000;

/** An isolate of its own: nothing in memory, the same storage. */
const anIsolate = (over: Partial<Env> = {}): Env => ({ ...env, ...over });

/** Its KV, with `get` replaced. */
const withKv = (get: () => Promise<string | null>) => anIsolate({ TOKENS: { get, put: async () => {} } as never });

const inBackground = (isolate: Env, now = Date.now()) => {
  const work: Promise<unknown>[] = [];
  const list = revocationList(isolate, (promise) => work.push(promise()), now);
  return { list, work };
};

const aDocument = (over: Partial<Record<keyof RevocationList, unknown>> = {}) =>
  JSON.stringify({ at: 1, since: 0, sessions: { s1: 5 }, contracts: { 501: 7 }, opaqueUntil: 0, ...over });

async function anEndedSession(id: string, endedAt: Date, tokenHash = sha256(id)): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO sessions (operator, id, subject_id, token_hash, acr, created_at, last_seen_at, expires_at, ended_at)
     VALUES ('main', ?, 'a', ?, 'low', 0, 0, 9e12, ?)`,
  )
    .bind(id, tokenHash, endedAt.getTime())
    .run();
}

const list: RevocationList = {
  ...{ at: 1000, since: 100, opaqueUntil: 0 },
  sessions: new Map([["ended", 500]]),
  contracts: new Map([[501, 600]]),
  accounts: new Map([[9, 700]]),
};

test.each([
  ["a session that goes on", { session: "s", contracts: [1], issuedAt: 400 }, false],
  ["before its session ended", { session: "ended", contracts: [], issuedAt: 499 }, true],
  ["in the millisecond its session ended", { session: "ended", contracts: [], issuedAt: 500 }, true],
  ["after its session ended, by an edge that had not heard", { session: "ended", contracts: [], issuedAt: 501 }, true],
  ["before one of its contracts lost a right", { session: "s", contracts: [1, 501], issuedAt: 600 }, true],
  ["before its person lost a domain", { session: "s", account: 9, contracts: [1], issuedAt: 700 }, true],
  ["after its person lost a domain", { session: "s", account: 9, contracts: [1], issuedAt: 701 }, false],
  ["after its contract lost a right", { session: "s", contracts: [1, 501], issuedAt: 601 }, false],
  ["at the time where the list begins", { session: "s", contracts: [1], issuedAt: 100 }, false],
  ["before the list begins", { session: "s", contracts: [], issuedAt: 99 }, true],
  ["before the list begins, bound to nothing", { session: "", contracts: [], issuedAt: 99 }, false],
])("issued %s: revoked %#", (_, token, revoked) => {
  expect(isRevoked(list, token)).toBe(revoked);
});

test("publishing tells every isolate which sessions ended and which contracts lost a right", async () => {
  const now = new Date();
  const session = crypto.randomUUID();
  await anEndedSession(session, now);
  await revokedAt(70_001, now);
  await publishRevocations(anIsolate(), now);
  const read = await revocationList(anIsolate(), () => {}, now.getTime());
  expect(read?.sessions.get(session)).toBe(now.getTime());
  expect(read?.contracts.get(70_001)).toBe(now.getTime());
});

test("the isolate that publishes knows at once, without asking KV", async () => {
  const isolate = anIsolate({ TOKENS: { put: async () => {} } as never });
  const session = crypto.randomUUID();
  await anEndedSession(session, new Date());
  await publishRevocations(isolate);
  expect(((await inBackground(isolate).list) as RevocationList).sessions.has(session)).toBe(true);
});

test("an older list from KV's cache does not undo what the isolate published itself", async () => {
  const isolate = withKv(async () => aDocument());
  const session = crypto.randomUUID();
  const now = new Date();
  await anEndedSession(session, now);
  await publishRevocations(isolate, now);
  const later = await inBackground(isolate, now.getTime() + 2 * MINUTE).list;
  expect(later?.sessions.has(session)).toBe(true);
});

test("what ended longer ago than a token lives is left out and forgotten", async () => {
  const [now, old] = [new Date(), new Date(Date.now() - 380 * MINUTE)];
  const session = crypto.randomUUID();
  await anEndedSession(session, old);
  await revokedAt(70_002, old);
  const isolate = anIsolate();
  await publishRevocations(isolate, now);
  const published = (await inBackground(isolate).list) as RevocationList;
  expect([published.sessions.has(session), published.contracts.has(70_002)]).toEqual([false, false]);
  expect(await env.DB.prepare("SELECT * FROM camera_revocations WHERE subject = 'c70002'").first()).toBeNull();
});

test("a revocation is never taken back by an earlier one", async () => {
  const now = new Date();
  await revokedAt(70_003, new Date(now.getTime() + 60_000));
  await revokeCameras(database(env), "main", [70_003], now);
  const row = await env.DB.prepare("SELECT revoked_at FROM camera_revocations WHERE subject = 'c70003'").first();
  expect(row).toEqual({ revoked_at: now.getTime() + 60_000 });
});

test("a revocation counts from when it is committed, not from when it was begun", async () => {
  const begun = new Date(Date.now() - 5_000);
  const before = Date.now();
  await revokeCameras(database(env), "main", [70_004], begun);
  const row = await env.DB.prepare("SELECT revoked_at FROM camera_revocations WHERE subject = 'c70004'").first<{
    revoked_at: number;
  }>();
  expect(row!.revoked_at).toBeGreaterThanOrEqual(before - 1);
});

test("a cold isolate waits for the list, a warm one never, and after 30 s it is fetched in the background", async () => {
  const get = vi.fn(async () => aDocument());
  const isolate = withKv(get);
  const start = Date.now();
  const cold = inBackground(isolate, start).list;
  expect(cold).toBeInstanceOf(Promise);
  await cold;
  expect(inBackground(isolate, start + 30_000)).toMatchObject({ list: { at: 1 }, work: [] });
  const { list: warm, work } = inBackground(isolate, start + 30_001);
  expect(warm).toMatchObject({ at: 1 });
  expect(inBackground(isolate, start + 30_002).work).toEqual([]);
  expect(work).toHaveLength(1);
  await Promise.all(work);
  expect(inBackground(isolate, start + 60_000)).toMatchObject({ list: { at: 1 }, work: [] });
  expect(get).toHaveBeenCalledTimes(2);
});

test("an isolate that slept for more than a minute waits for the list again", async () => {
  const isolate = withKv(async () => aDocument());
  const start = Date.now();
  await inBackground(isolate, start).list;
  expect(inBackground(isolate, start + 60_001).list).toBeInstanceOf(Promise);
});

test.each([
  ["KV fails", () => Promise.reject(new Error("KV is down"))],
  ["the document is broken", async () => "{"],
  ["the document is another", async () => "{}"],
])("%s: the last list counts for ten minutes, then nothing can be decided", async (_, broken) => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const get = vi.fn<() => Promise<string | null>>(async () => aDocument());
  const isolate = withKv(get);
  const start = Date.now();
  await inBackground(isolate, start).list;
  get.mockImplementation(broken);
  expect(await inBackground(isolate, start + 10 * MINUTE).list).toMatchObject({ at: 1 });
  expect(await inBackground(isolate, start + 10 * MINUTE + 1).list).toBeUndefined();
  get.mockImplementation(async () => aDocument({ at: 2 }));
  expect(await inBackground(isolate, start + 11 * MINUTE).list).toMatchObject({ at: 2 });
  silent.mockRestore();
});

test("while KV fails only one call in five seconds waits for it", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const isolate = withKv(() => Promise.reject(new Error("KV is down")));
  const start = Date.now();
  expect(await inBackground(isolate, start).list).toMatchObject({ at: 0 });
  expect(inBackground(isolate, start + 4_999).list).toMatchObject({ at: 0 });
  expect(inBackground(isolate, start + 5_001).list).toBeInstanceOf(Promise);
  expect(await inBackground(isolate, start + 10 * MINUTE + 1).list).toBeUndefined();
  silent.mockRestore();
});

test("a KV that hangs is waited for one second", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const start = Date.now();
  const hanging = withKv(() => new Promise<never>(() => {}));
  expect(await inBackground(hanging).list).toMatchObject({ at: 0 });
  expect(Date.now() - start).toBeLessThan(2_000);
  silent.mockRestore();
});

test("DOM-4 a lost domain ends camera tokens though its signal never came, once", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const mute = { ...env, SIGNALS: { send: () => Promise.reject(new Error("the queue is down")) } } as unknown as Env;
  const { id, owner } = await aDomain();
  const [member, stranger] = [await aMember(id), await aPerson()];
  const remove = await shield(`/domains/${id}/members/${member.account}`, {
    ...{ method: "DELETE", token: owner.token, env: mute },
  });
  expect(remove.status).toBe(204);
  const numberOf = async (account: string) =>
    (await env.DB.prepare("SELECT n FROM accounts WHERE id = ?").bind(account).first<number>("n"))!;
  const lostBy = async (account: string, now?: Date) => {
    const isolate = anIsolate();
    await publishRevocations(isolate, now);
    return (await inBackground(isolate).list)?.accounts.get(await numberOf(account));
  };
  const lost = await lostBy(member.account);
  expect(lost).toBeGreaterThan(Date.now() - MINUTE);
  expect(await lostBy(member.account, new Date(Date.now() + MINUTE))).toBe(lost);
  expect(await lostBy(owner.account)).toBeUndefined();
  const gone = await shield(`/domains/${id}`, { method: "DELETE", token: owner.token, env: mute });
  expect(gone.status).toBe(202);
  expect(await lostBy(owner.account)).toBeGreaterThanOrEqual(lost!);
  expect(await lostBy(stranger.account)).toBeUndefined();
  silent.mockRestore();
});

const aBatch = (...bodies: unknown[]) =>
  createMessageBatch(
    "signals",
    bodies.map((body, n) => ({ id: `m${n}`, timestamp: new Date(), attempts: 1, body })),
  );

test("signals of ended sessions write tombstones and publish the list once for the batch", async () => {
  const [session, hash] = [crypto.randomUUID(), sha256(crypto.randomUUID())];
  await anEndedSession(session, new Date(), hash);
  const isolate = anIsolate();
  const put = vi.spyOn(env.TOKENS, "put");
  const batch = aBatch({ type: "sessions.ended", tokenHashes: [hash] }, { type: "cameras.revoked" });
  await hearSignals(batch, isolate);
  const { explicitAcks, retryMessages } = await getQueueResult(batch, createExecutionContext());
  expect([explicitAcks.sort(), retryMessages]).toEqual([["m0", "m1"], []]);
  expect(await env.TOKENS.get(`session:${hash}`, "json")).toMatchObject({ ended: true });
  expect(put.mock.calls.filter(([key]) => key === "camera-revocations")).toHaveLength(1);
  expect((await inBackground(isolate).list)?.sessions.has(session)).toBe(true);
  put.mockRestore();
});

test("what is no signal is tried again alone, and a failure tries all again", async () => {
  const silent = vi.spyOn(console, "error").mockImplementation(() => {});
  const mixed = aBatch({ type: "cameras.revoked" }, { type: "nonsense" });
  await hearSignals(mixed, anIsolate());
  const one = await getQueueResult(mixed, createExecutionContext());
  expect([one.explicitAcks, one.retryMessages.map(({ msgId }) => msgId)]).toEqual([["m0"], ["m1"]]);

  const failing = aBatch({ type: "cameras.revoked" });
  await hearSignals(failing, anIsolate({ TOKENS: { put: () => Promise.reject(new Error("KV is down")) } as never }));
  const two = await getQueueResult(failing, createExecutionContext());
  expect([two.explicitAcks, two.retryBatch.retry]).toEqual([[], true]);
  silent.mockRestore();
});
