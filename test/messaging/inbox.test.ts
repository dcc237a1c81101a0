import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import {
  listInbox,
  markAllRead,
  markDelivered,
  markRead,
  newestUnreadOf,
  putIntoInbox,
  unreadOf,
} from "#messaging/inbox/inbox.ts";
import { sweepMessagesOf } from "#messaging/sweep.ts";
import { randomId } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { aPhone, envWith } from "../support/world.ts";

const NEWS = { title: "Ремонт", text: "Завтра не будет воды", action: "inbox" };
const DAY_MS = 86_400_000;
const texts = async (phone: string) => (await listInbox(env, phone)).map(({ text }) => text);

test("a message to several phones is one trip, and each phone is told its id and how much it has not read", async () => {
  const [one, two] = [aPhone(), aPhone()];
  await putIntoInbox(env, [one], NEWS);
  const { env: counted, trips } = countedEnv();
  const put = await putIntoInbox(counted, [one, two, two], NEWS);
  expect(trips.d1).toBe(1);
  expect([...put.keys()].toSorted()).toEqual([one, two].toSorted());
  expect(put.get(one)).toEqual({ id: expect.any(Number), unread: 2, isNew: true });
  expect(put.get(two)).toEqual({ id: expect.any(Number), unread: 1, isNew: true });
  expect((await listInbox(env, two)).map(({ id }) => id)).toEqual([put.get(two)!.id]);
});

test("a sending that is repeated under its name adds only to who has not got it", async () => {
  const [one, two, batch] = [aPhone(), aPhone(), randomId()];
  const first = await putIntoInbox(env, [one], { ...NEWS, batch });
  const again = await putIntoInbox(env, [one, two], { ...NEWS, text: "Другой текст", batch });
  expect(again.get(one)).toEqual({ ...first.get(one)!, isNew: false });
  expect(again.get(two)).toMatchObject({ unread: 1, isNew: true });
  expect(await texts(one)).toEqual(["Завтра не будет воды"]);
  expect(await texts(two)).toEqual(["Другой текст"]);
});

test("to ten thousand phones it is still one statement", async () => {
  const phones = Array.from({ length: 10_000 }, (_, i) => `700${randomId(3)}${i}`);
  const put = await putIntoInbox(env, phones, NEWS);
  expect(put.size).toBe(10_000);
});

test("nobody to write to is no message", async () => {
  expect(await putIntoInbox(env, [], NEWS)).toEqual(new Map());
});

test("the list is the latest hundred, newest first", async () => {
  const phone = aPhone();
  for (let i = 0; i < 102; i++) await putIntoInbox(env, [phone], { ...NEWS, text: `${i}` }, new Date(1_000 + i));
  const shown = await texts(phone);
  expect([shown.length, shown[0], shown.at(-1)]).toEqual([100, "101", "2"]);
});

test("what comes in after the reader has looked stays unread", async () => {
  const phone = aPhone();
  const seen = (await putIntoInbox(env, [phone], NEWS)).get(phone)!.id;
  await putIntoInbox(env, [phone], { ...NEWS, text: "Позже" });
  await markAllRead(env, phone, seen);
  expect(await unreadOf(env, phone)).toEqual({ count: 1, chat: 0 });
  expect(await newestUnreadOf(env, phone)).toMatchObject({ text: "Позже" });
  await markAllRead(env, phone);
  expect(await unreadOf(env, phone)).toEqual({ count: 0, chat: 0 });
  expect(await newestUnreadOf(env, phone)).toBeUndefined();
});

test("a message is marked by its own reader alone, and keeps its first time", async () => {
  const [reader, other] = [aPhone(), aPhone()];
  const { id } = (await putIntoInbox(env, [reader], NEWS)).get(reader)!;
  for (const mark of [markRead, markDelivered]) {
    await expect(mark(env, other, id)).rejects.toMatchObject({ code: "not_found" });
  }
  expect(await listInbox(env, reader)).toMatchObject([{ readAt: null, deliveredAt: null }]);
  await markDelivered(env, reader, id, new Date(5_000));
  await markDelivered(env, reader, id, new Date(6_000));
  await markRead(env, reader, id, new Date(7_000));
  await markRead(env, reader, id, new Date(8_000));
  expect(await listInbox(env, reader)).toMatchObject([{ readAt: new Date(7_000), deliveredAt: new Date(5_000) }]);
});

test("a long title and text are cut between characters", async () => {
  const phone = aPhone();
  await putIntoInbox(env, [phone], { ...NEWS, title: "🏠".repeat(300), text: "🏠".repeat(4_100) });
  const [message] = await listInbox(env, phone);
  expect(message!.title).toBe("🏠".repeat(200));
  expect(message!.text).toBe("🏠".repeat(4_000));
});

test("the minute's sweep deletes what is older than half a year, of its own operator", async () => {
  const [mine, theirs] = [envWith({ OPERATOR: randomId() }), envWith({ OPERATOR: randomId() })];
  const [phone, now] = [aPhone(), new Date()];
  const ago = (days: number) => new Date(now.getTime() - days * DAY_MS);
  await putIntoInbox(mine, [phone], { ...NEWS, text: "стар" }, ago(184));
  await putIntoInbox(mine, [phone], { ...NEWS, text: "нов" }, ago(182));
  await putIntoInbox(theirs, [phone], { ...NEWS, text: "чужой" }, ago(184));
  await sweepMessagesOf(mine, mine.OPERATOR!, now);
  expect((await listInbox(mine, phone)).map(({ text }) => text)).toEqual(["нов"]);
  expect((await listInbox(theirs, phone)).map(({ text }) => text)).toEqual(["чужой"]);
});
