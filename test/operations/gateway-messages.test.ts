import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { aGateway, aSender, bring, deliver, rowOf, stateOf } from "../gateway/inbound-world.ts";
import { anAdmin, anOperator, ops } from "../support/ops.ts";
import { outside } from "../support/world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const staff = (operator: string, role: "operator_admin" | "support" = "operator_admin") =>
  anAdmin({ roles: [{ role, operator }] });

interface Listed {
  items: Record<string, unknown>[];
  next_cursor: string | null;
}
const list = async (env: Env, cookie: string, query = "") =>
  (await (await ops(`/gateway/messages${query}`, { cookie, env })).json()) as Listed;

/** A dead SMS: opened, unless it died before that. */
async function aDeadSms(env: Env, { isOpened = true, at = new Date() } = {}) {
  const sender = await aSender(env);
  const text = sender.write("t:private words");
  const id = await bring(env, { sender: sender.msisdn, text, client: "+237600000001" }, at);
  if (isOpened) {
    outside(() => new Response("", { status: 503 }));
    await deliver(env, id, at);
  }
  const dead = `UPDATE gateway_messages SET state = 'dead', error = 'The publisher answered 503', attempts = 60,
    next_attempt_at = ? WHERE id = ?`;
  await env.DB.prepare(dead).bind(at.getTime(), id).run();
  return { id, sender, text };
}

test("dead SMS are listed without text, number or user", async () => {
  const { env } = aGateway();
  const { cookie } = await staff(env.OPERATOR!);
  const { id, sender, text } = await aDeadSms(env);
  const { items, next_cursor } = await list(env, cookie);
  expect(items).toEqual([
    {
      ...{ id, source: "android", client: "+237600000001", state: "dead", attempts: 60 },
      ...{ error: "The publisher answered 503", created_at: expect.any(String), updated_at: expect.any(String) },
      next_attempt_at: expect.any(String),
    },
  ]);
  expect(next_cursor).toBeNull();
  for (const secret of [sender.msisdn, sender.id, "private", text]) expect(JSON.stringify(items)).not.toContain(secret);
});

test("SMS are listed by their state, page by page", async () => {
  const { env } = aGateway();
  const { cookie } = await staff(env.OPERATOR!);
  const start = Date.now();
  const ids: string[] = [];
  for (const second of [1, 2, 2, 3])
    ids.push((await aDeadSms(env, { isOpened: false, at: new Date(start + second * 1000) })).id);
  const waiting = await bring(env, { sender: "1", text: "x" });
  const found: unknown[] = [];
  let cursor: string | null = "";
  for (let page = 0; cursor !== null && page < 9; page++) {
    const answer: Listed = await list(env, cookie, `?limit=2${cursor && `&cursor=${cursor}`}`);
    found.push(...answer.items.map((item) => item.id));
    cursor = answer.next_cursor;
  }
  expect(found).toHaveLength(4);
  expect([found[0], found.at(-1), new Set(found)]).toEqual([ids[3], ids[0], new Set(ids)]);
  expect((await list(env, cookie, "?state=received")).items).toMatchObject([{ id: waiting, state: "received" }]);
  expect((await list(env, cookie, "?state=published")).items).toEqual([]);
  expect((await ops("/gateway/messages?state=lost", { cookie, env })).status).toBe(422);
});

test.each([
  ["opened", true],
  ["received", false],
])("Hole 16: a dead SMS that was %s is sent again, once, and that is written down", async (state, isOpened) => {
  const { env, queued } = aGateway();
  const { cookie, id: admin } = await staff(env.OPERATOR!);
  const { id, sender } = await aDeadSms(env, { isOpened, at: new Date(Date.now() - 90 * 3_600_000) });
  queued.length = 0;
  vi.restoreAllMocks();
  const answer = await ops(`/gateway/messages/${id}/replay`, { cookie, env, method: "POST" });
  expect([answer.status, await answer.json()]).toEqual([202, { replayed: 1 }]);
  expect(await rowOf(env, id)).toMatchObject({ state, attempts: 0, error: null });
  expect(queued).toEqual([{ id }]);
  expect(await codeIn(await ops(`/gateway/messages/${id}/replay`, { cookie, env, method: "POST" }))).toEqual([
    409,
    "already_in_state",
  ]);
  const world = outside();
  await deliver(env, id);
  expect(await world.asked[0]!.json()).toEqual({ MSISDN: sender.msisdn, message: "t:private words" });
  expect(await auditOf(env)).toEqual([
    { action: "gateway_message.replayed", actor_id: admin, target_id: id, after: null, before: null },
  ]);
});

test("of many who send a dead SMS again at once one does, and it is published once", async () => {
  const { env, queued } = aGateway();
  const { cookie, id: admin } = await staff(env.OPERATOR!);
  const { id } = await aDeadSms(env);
  queued.length = 0;
  const world = outside();
  const paths = [1, 2, 3].map(() => `/gateway/messages/${id}/replay`);
  const answers = await Promise.all(paths.map((path) => ops(path, { cookie, env, method: "POST" })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409, 409]);
  expect(queued).toEqual([{ id }]);
  await Promise.all([id, id, id].map((each) => deliver(env, each)));
  expect(world.asked).toHaveLength(1);
  expect(await auditOf(env)).toMatchObject([{ actor_id: admin, target_id: id }]);
});

const auditOf = async (env: Env) =>
  (
    await env.DB.prepare("SELECT action, actor_id, target_id, before, after FROM audit_log WHERE operator = ?")
      .bind(env.OPERATOR)
      .all()
  ).results;

test("all dead SMS are sent again at once, and what is alive is left alone", async () => {
  const { env, queued } = aGateway();
  const { cookie } = await staff(env.OPERATOR!);
  const again = () => ops("/gateway/messages:replay", { cookie, env, method: "POST" });
  const dead = [(await aDeadSms(env)).id, (await aDeadSms(env)).id];
  const alive = await bring(env, { sender: "1", text: "x" });
  queued.length = 0;
  expect(await (await again()).json()).toEqual({ replayed: 2 });
  expect(queued.map(({ id }) => id).toSorted()).toEqual(dead.toSorted());
  expect(await Promise.all([...dead, alive].map((id) => stateOf(env, id)))).toEqual(["opened", "opened", "received"]);
  expect(await (await again()).json()).toEqual({ replayed: 0 });
  expect(await auditOf(env)).toMatchObject([{ action: "gateway_messages.replayed" }]);
});

test("SMS are for an administrator of the deployment's operator", async () => {
  const { env } = aGateway();
  const { id } = await aDeadSms(env);
  const [support, foreign, own] = [
    await staff(env.OPERATOR!, "support"),
    await staff(await anOperator()),
    await staff(env.OPERATOR!),
  ];
  for (const [path, method] of [
    ["/gateway/messages", "GET"],
    [`/gateway/messages/${id}/replay`, "POST"],
    ["/gateway/messages:replay", "POST"],
  ] as const) {
    expect(await codeIn(await ops(path, { cookie: support.cookie, env, method }))).toEqual([403, "role_insufficient"]);
    expect(await codeIn(await ops(path, { cookie: foreign.cookie, env, method }))).toEqual([404, "operator_not_found"]);
  }
  expect(await codeIn(await ops("/gateway/messages/none/replay", { cookie: own.cookie, env, method: "POST" }))).toEqual(
    [404, "message_not_found"],
  );
  expect(await stateOf(env, id)).toBe("dead");
});
