import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { keepDeadLetters } from "#platform/dead-letters.ts";
import { printed } from "../messaging/support.ts";
import { anAdmin, anOperator, ops } from "../support/ops.ts";
import { envWith } from "../support/world.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A deployment whose queues only remember what they are given. */
function aDeployment(fails = false) {
  const sent: [string, unknown][] = [];
  const queue = (name: string) => ({
    send: async (body: unknown) => {
      if (fails) throw new Error("queue is away");
      sent.push([name, body]);
    },
  });
  const names = ["MESSAGES", "SIGNALS", "ARCHIVE", "PANELS", "OPERATOR_CALLS", "PUBLICATIONS"];
  const queues = Object.fromEntries(names.map((name) => [name, queue(name)]));
  return { env: envWith({ OPERATOR: randomId(6), ...queues }), sent };
}

/** Lets a queue give up on a body, and tells the letter's id. */
async function aDeadLetter(env: Env, queue: string, body: unknown, at = new Date()): Promise<string> {
  const id = randomId();
  printed();
  await keepDeadLetters({ queue: `${queue}-dead`, messages: [{ id, body, ack() {} }] } as never, env, at);
  return id;
}

const superadmin = ({ OPERATOR }: Env) => anAdmin({ roles: [{ role: "superadmin", operator: OPERATOR! }] });
const codeIn = async (response: Response) => [response.status, ((await response.json()) as { code: string }).code];
const list = async (env: Env, cookie: string, query = "") =>
  (await (await ops(`/dead-letters${query}`, { cookie, env })).json()) as {
    items: { id: string }[];
    next_cursor: string | null;
  };

test.each([
  ["messages", "MESSAGES", { id: "m1", operator: "x" }, "m1"],
  [
    "signals",
    "SIGNALS",
    { type: "push.unregistered", operator: "x", token: "secret-token", at: 1 },
    "push.unregistered",
  ],
  ["archive", "ARCHIVE", { id: 7 }, "7"],
  ["panels", "PANELS", { device: 5, uid: 1, key: "00ABCDEF" }, "5"],
  ["operator-calls", "OPERATOR_CALLS", { id: "paid:17" }, "paid:17"],
  ["publications", "PUBLICATIONS", { id: "p1" }, "p1"],
])(
  "Hole 16: a dead letter of %s is listed by what it is about, and sent to its queue again",
  async (queue, binding, body, about) => {
    const { env, sent } = aDeployment();
    const { cookie, id: admin } = await superadmin(env);
    const id = await aDeadLetter(env, queue, body);
    const listed = { id, queue, about, failed_at: expect.any(String), replayed_at: null };
    expect(await list(env, cookie)).toEqual({ items: [listed], next_cursor: null });
    expect((await ops(`/dead-letters/${id}/replay`, { cookie, env, method: "POST" })).status).toBe(202);
    expect(sent).toEqual([[binding, body]]);
    expect((await list(env, cookie)).items).toEqual([]);
    expect((await list(env, cookie, "?state=replayed")).items).toEqual([
      { ...listed, replayed_at: expect.any(String) },
    ]);
    const again = await ops(`/dead-letters/${id}/replay`, { cookie, env, method: "POST" });
    expect(await codeIn(again)).toEqual([409, "already_in_state"]);
    expect(sent).toHaveLength(1);
    const audit = await env.DB.prepare("SELECT action, actor_id, target_id FROM audit_log WHERE operator = ?")
      .bind(env.OPERATOR)
      .all();
    expect(audit.results).toEqual([{ action: "dead_letter.replayed", actor_id: admin, target_id: id }]);
  },
);

test("a dead letter that its queue does not take stays open", async () => {
  const { env } = aDeployment(true);
  const { cookie } = await superadmin(env);
  const id = await aDeadLetter(env, "messages", { id: "m1" });
  expect((await ops(`/dead-letters/${id}/replay`, { cookie, env, method: "POST" })).status).toBe(500);
  expect((await list(env, cookie)).items).toMatchObject([{ id, replayed_at: null }]);
});

test("dead letters come page by page, the latest first", async () => {
  const { env } = aDeployment();
  const { cookie } = await superadmin(env);
  const ids: string[] = [];
  for (const second of [1, 2, 3]) ids.push(await aDeadLetter(env, "messages", { id: "m" }, new Date(second * 1000)));
  const first = await list(env, cookie, "?limit=2");
  expect(first.items.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
  const second = await list(env, cookie, `?limit=2&cursor=${first.next_cursor}`);
  expect([second.items.map(({ id }) => id), second.next_cursor]).toEqual([[ids[0]], null]);
});

test("a letter of a queue that is no more, and a body that is no object, hold up nobody", async () => {
  const { env, sent } = aDeployment();
  const { cookie } = await superadmin(env);
  const id = await aDeadLetter(env, "gone", "a text");
  expect((await list(env, cookie)).items).toMatchObject([{ id, about: null }]);
  expect((await ops(`/dead-letters/${id}/replay`, { cookie, env, method: "POST" })).status).toBe(409);
  expect(sent).toEqual([]);
});

test("dead letters are for superadmins of the deployment's operator", async () => {
  const { env, sent } = aDeployment();
  const id = await aDeadLetter(env, "messages", { id: "m1" });
  const security = await anAdmin({ roles: [{ role: "security", operator: env.OPERATOR! }] });
  const foreign = await anAdmin({ roles: [{ role: "superadmin", operator: await anOperator() }] });
  for (const [path, method] of [
    ["/dead-letters", "GET"],
    [`/dead-letters/${id}/replay`, "POST"],
  ] as const) {
    expect(await codeIn(await ops(path, { cookie: security.cookie, env, method }))).toEqual([403, "role_insufficient"]);
    expect(await codeIn(await ops(path, { cookie: foreign.cookie, env, method }))).toEqual([404, "operator_not_found"]);
  }
  const { cookie } = await superadmin(env);
  expect((await ops("/dead-letters/none/replay", { cookie, env, method: "POST" })).status).toBe(404);
  expect(sent).toEqual([]);
});
