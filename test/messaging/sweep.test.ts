import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { receiveSms } from "#messaging/inbound.ts";
import { takeReport } from "#messaging/reports.ts";
import { sweepMessagesOf } from "#messaging/sweep.ts";
import { after, aMessage, anOperator, deliver, gateway, printed, rowOf } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

/** Sweeps what belongs to this environment's operator. Other tests' rows are at another point of their lives. */
const sweep = (env: Env, now: Date) => sweepMessagesOf(env, env.OPERATOR!, now);

const HOUR = 3600;
const DAY = 86_400;

test("a message that the queue lost is queued again after twenty seconds, and once a minute from then on", async () => {
  const { env, queued } = anOperator();
  const id = await aMessage(env);
  queued.length = 0;

  await sweep(env, after(19));
  expect(queued).toEqual([]);
  await sweep(env, after(20));
  expect(queued).toEqual([{ id }]);
  await sweep(env, after(30));
  expect(queued).toHaveLength(1);
  await sweep(env, after(80));
  expect(queued).toEqual([{ id }, { id }]);
});

test("a message whose consumer died is queued again when its time is over", async () => {
  const { env, queued } = anOperator();
  const id = await aMessage(env);
  vi.spyOn(globalThis, "fetch").mockImplementation(() => new Promise(() => {}));
  void deliver(env, [id]);
  await vi.waitFor(async () => expect(await rowOf(env, id)).toMatchObject({ state: "sending" }));
  queued.length = 0;

  await sweep(env, after(29));
  expect(queued).toEqual([]);
  await sweep(env, after(30));
  expect(queued).toEqual([{ id }]);
  expect(await rowOf(env, id)).toMatchObject({ state: "queued", attempts: 1 });
});

test("a message past its deadline expires and loses its text; other operators' rows are left alone", async () => {
  const [mine, theirs] = [anOperator(), anOperator()];
  const ids = [await aMessage(mine.env, 60), await aMessage(theirs.env, 60)] as const;
  mine.queued.length = 0;

  await sweep(mine.env, after(60));

  expect(await rowOf(mine.env, ids[0])).toMatchObject({ state: "expired", sealed: null });
  expect(mine.queued).toEqual([]);
  expect(await rowOf(theirs.env, ids[1])).toMatchObject({ state: "queued" });
});

test("a sent message without a report becomes unknown an hour after its deadline", async () => {
  gateway(202);
  const { env } = anOperator();
  const id = await aMessage(env, 300);
  await deliver(env, [id]);

  await sweep(env, after(299 + HOUR));
  expect(await rowOf(env, id)).toMatchObject({ state: "sent" });
  await sweep(env, after(300 + HOUR));
  expect(await rowOf(env, id)).toMatchObject({ state: "unknown" });
});

test("what ended 90 days ago is deleted", async () => {
  gateway(202);
  const { env } = anOperator();
  const id = await aMessage(env);
  await deliver(env, [id]);
  await takeReport(env, { id, type: 1, smscId: "" });
  await receiveSms(env, { id: "mo-1", from: "79161230001", to: "1234", text: "hi", sentAt: undefined }, after(0));

  await sweep(env, after(90 * DAY - 1));
  expect(await inboundOf(env)).toHaveLength(1);
  expect(await rowOf(env, id)).toBeDefined();
  await sweep(env, after(91 * DAY));
  expect(await inboundOf(env)).toHaveLength(0);
  expect(await rowOf(env, id)).toBeUndefined();
});

test("a run takes the 500 oldest, in batches that the queue accepts, and the next run takes the rest", async () => {
  const { env } = anOperator();
  await aMessage(env);
  await copies(env, 599);
  const sizes: number[] = [];
  const sendBatch = async (jobs: Iterable<unknown>) => void sizes.push([...jobs].length);
  const sweeping = { ...env, MESSAGES: { sendBatch } as never };

  await sweep(sweeping, after(60));
  await sweep(sweeping, after(61));

  expect(sizes).toEqual([100, 100, 100, 100, 100, 100]);
});

test("a sweep survives a queue that is away", async () => {
  printed();
  const { env } = anOperator();
  await aMessage(env);
  const sendBatch = () => Promise.reject(new Error("queue is away"));
  await sweep({ ...env, MESSAGES: { sendBatch } as never }, after(60));
});

const inboundOf = async ({ DB, OPERATOR }: Env) =>
  (await DB.prepare("SELECT * FROM inbound_messages WHERE operator = ?").bind(OPERATOR).all()).results;

/** More rows like the operator's only one. */
const copies = ({ DB, OPERATOR }: Env, count: number) =>
  DB.prepare(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO messages (operator, id, channel, recipient, purpose, sealed, parts, state, next_attempt_at, expires_at, created_at, updated_at)
     SELECT operator, id || i, channel, recipient, purpose, sealed, parts, state, next_attempt_at, expires_at, created_at, updated_at
     FROM n, messages WHERE operator = ?`,
  )
    .bind(count, OPERATOR)
    .run();
