import { env } from "cloudflare:test";
import { Hono } from "hono";
import { expect, test } from "vitest";
import type { ShieldEnv } from "#identity/wire/context.ts";
import { forgetIdempotency, idempotent } from "#identity/wire/idempotency.ts";
import { problem } from "#identity/wire/problem.ts";
import { fail } from "#operator/error-catalogue.ts";
import { anAdmin, ops } from "../support/ops.ts";
import { aPerson, shield } from "../support/shield.ts";

const aKey = () => crypto.randomUUID();
const create = (token: string, key: string, name: string) =>
  shield("/domains", { token, json: { name }, headers: { "idempotency-key": key } });
const domainsOf = async (account: string) =>
  (await env.DB.prepare("SELECT domain_id FROM domain_members WHERE account_id = ?").bind(account).all()).results
    .length;

test("the same call under the same key creates once and gets the first answer again", async () => {
  const { token, account } = await aPerson();
  const key = aKey();
  const first = await create(token, key, "Home");
  expect([first.status, first.headers.get("idempotency-replayed")]).toEqual([201, null]);
  const again = await create(token, key, "Home");
  expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
  expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
  expect(again.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
  expect(await again.text()).toBe(await first.text());
  expect(await domainsOf(account)).toBe(1);
});

test("another body under the same key is refused", async () => {
  const { token, account } = await aPerson();
  const key = aKey();
  await create(token, key, "Home");
  const other = await create(token, key, "Dacha");
  expect([other.status, (await other.json<{ code: string }>()).code]).toEqual([409, "idempotency_conflict"]);
  expect(await domainsOf(account)).toBe(1);
});

test("a key is its caller's and its route's own", async () => {
  const [one, two] = [await aPerson(), await aPerson()];
  const key = aKey();
  const first = await (await create(one.token, key, "Home")).json<{ id: string }>();
  const second = await (await create(two.token, key, "Home")).json<{ id: string }>();
  expect(second.id).not.toBe(first.id);
});

test("fifty calls at once under one key create one object", async () => {
  const { token, account } = await aPerson();
  const key = aKey();
  const answers = await Promise.all(Array.from({ length: 50 }, () => create(token, key, "Home")));
  const created = answers.filter(({ status }) => status === 201);
  expect(created.length).toBeGreaterThan(0);
  const ids = await Promise.all(created.map(async (answer) => (await answer.json<{ id: string }>()).id));
  expect(new Set(ids).size).toBe(1);
  const others = await Promise.all(
    answers.filter(({ status }) => status !== 201).map((answer) => answer.json<{ code: string }>()),
  );
  expect(new Set(others.map(({ code }) => code)).size).toBeLessThanOrEqual(1);
  expect(others.every(({ code }) => code === "idempotency_in_progress")).toBe(true);
  expect(await domainsOf(account)).toBe(1);
});

test("a call that failed leaves its key free", async () => {
  const { token, account } = await aPerson();
  const key = aKey();
  expect((await create(token, key, "")).status).toBe(422);
  expect((await create(token, key, "Home")).status).toBe(201);
  expect(await domainsOf(account)).toBe(1);
});

test("a key that could be no header is refused", async () => {
  const { token } = await aPerson();
  expect((await create(token, "k".repeat(256), "Home")).status).toBe(400);
});

/** A route whose handler does what a test wants. */
function aRoute(handle: () => Response | Promise<Response>) {
  const app = new Hono<ShieldEnv>();
  app.onError(problem);
  app.use((c, next) => {
    c.set("requestId", "r");
    return next();
  });
  app.post("/things", idempotent, handle);
  return (key: string) =>
    app.request("/things", { method: "POST", body: "{}", headers: { "idempotency-key": key } }, env);
}

test("what breaks is not kept", async () => {
  let calls = 0;
  const post = aRoute(() => {
    calls++;
    throw calls === 1 ? fail("upstream_unavailable") : fail("maintenance");
  });
  const key = aKey();
  expect([(await post(key)).status, (await post(key)).status, calls]).toEqual([502, 503, 2]);
});

test("an answer without a body is repeated without one", async () => {
  const post = aRoute(() => new Response(null, { status: 204 }));
  const key = aKey();
  expect((await post(key)).status).toBe(204);
  const again = await post(key);
  expect([again.status, again.headers.get("idempotency-replayed"), await again.text()]).toEqual([204, "true", ""]);
});

test("a call that died is taken over after a minute, and one that is at work is not", async () => {
  let finish = () => {};
  const hanging = aRoute(() => new Promise<Response>((done) => (finish = () => done(new Response("first")))));
  const key = aKey();
  const first = hanging(key);
  const post = aRoute(() => new Response("second"));
  await expect.poll(async () => (await post(key)).status).toBe(409);
  await env.DB.prepare(
    "UPDATE idempotency SET created_at = created_at - 61000 WHERE operator = '*' AND status IS NULL",
  ).run();
  expect(await (await post(key)).text()).toBe("second");
  finish();
  expect(await (await first).text()).toBe("first");
  expect(await (await post(key)).text()).toBe("second");
});

test("an answer is stored sealed, and forgotten after a day", async () => {
  let calls = 0;
  const post = aRoute(() => new Response(`secret-${++calls}`));
  const key = aKey();
  await post(key);
  const { results } = await env.DB.prepare("SELECT * FROM idempotency").all();
  expect(JSON.stringify(results)).not.toContain("secret-");
  const age = (ms: number) =>
    env.DB.prepare("UPDATE idempotency SET created_at = created_at - ? WHERE operator = '*'").bind(ms).run();
  await age(86_400_000 - 5_000);
  await forgetIdempotency(env);
  expect(await (await post(key)).text()).toBe("secret-1");
  await age(10_000);
  await forgetIdempotency(env);
  expect(await (await post(key)).text()).toBe("secret-2");
});

test("a secret that is shown once is shown again to the same administrator under the same key", async () => {
  const [one, two] = [await anAdmin(), await anAdmin()];
  const headers = { "idempotency-key": aKey() };
  const json = { operator: "main", name: "Billing", app_type: "service", source: "test", kind: "confidential" };
  const create = async (cookie: string) => {
    const answer = await ops("/clients", { cookie, headers, json });
    expect(answer.status).toBe(201);
    return answer.json<{ id: string; client_secret: string }>();
  };
  const first = await create(one.cookie);
  expect(first.client_secret).toMatch(/./);
  expect(await create(one.cookie)).toEqual(first);
  expect((await create(two.cookie)).id).not.toBe(first.id);
});
