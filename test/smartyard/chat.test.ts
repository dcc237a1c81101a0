import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { mailUnanswered, readChat, writeChat } from "#messaging/inbox/chat.ts";
import { randomId } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { mails } from "../support/mail.ts";
import { aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

interface Line {
  id: number;
  author: string;
  name?: string;
  text: string;
  date: string;
}
const linesOf = async (token: string, body: object = {}) =>
  (await (await mobile("chat/messages", body, { token })).json<{ data: Line[] }>()).data;
const send = (token: string, body: object) => mobile("chat/send", body, { token });
const answer = (phone: string, text = "Добрый день") => writeChat(env, { phone, author: "operator", text });
const unread = async (token: string) =>
  (await (await mobile("inbox/unreaded", {}, { token })).json<{ data: { chat: number } }>()).data.chat;

test("a resident and the operator read each other's lines in their order", async () => {
  const { token, phone } = await aResident();
  const sent = await (await send(token, { text: "  Не работает дверь\nвторой день " })).json<{ data: Line }>();
  await writeChat(env, { phone, author: "operator", text: "Едем", name: "Анна" }, new Date("2026-07-02T20:30:00Z"));
  const lines = await linesOf(token);
  expect(lines).toEqual([
    sent.data,
    { id: expect.any(Number), author: "operator", name: "Анна", text: "Едем", date: "2026-07-02 23:30:00" },
  ]);
  expect(lines[0]).toMatchObject({ author: "resident", text: "Не работает дверь\nвторой день" });
  expect(lines[0]).not.toHaveProperty("name");
  expect(await linesOf(token, { after: lines[0]!.id })).toEqual([lines[1]]);
  expect(await linesOf(token, { after: String(lines[1]!.id) })).toEqual([]);
});

test("a line that comes twice under one key is written once, be it at the same time", async () => {
  const { token } = await aResident();
  const key = randomId();
  const answers = await Promise.all([1, 2, 3].map(() => send(token, { text: "Раз", key })));
  const ids = await Promise.all(answers.map(async (each) => (await each.json<{ data: Line }>()).data.id));
  expect(new Set(ids).size).toBe(1);
  expect(await linesOf(token)).toHaveLength(1);
});

test("one key is free for everybody", async () => {
  const [mine, theirs] = [await aResident(), await aResident()];
  const key = randomId();
  await send(mine.token, { text: "Моё", key });
  await send(theirs.token, { text: "Их", key });
  expect((await linesOf(theirs.token)).map(({ text }) => text)).toEqual(["Их"]);
});

test("Defect 2: nobody reads, writes or marks in a neighbour's chat", async () => {
  const [mine, theirs] = [await aResident(), await aResident()];
  const { id } = await answer(theirs.phone);
  const claim = { phone: theirs.phone, account: theirs.account };
  expect(await linesOf(mine.token, { ...claim, after: 0 })).toEqual([]);
  await send(mine.token, { ...claim, text: "Чужое" });
  await mobile("chat/readed", { ...claim, messageId: id }, { token: mine.token });
  await mobile("inbox/chatReaded", claim, { token: mine.token });
  expect((await linesOf(theirs.token)).map(({ text }) => text)).toEqual(["Добрый день"]);
  expect(await unread(theirs.token)).toBe(1);
});

test("what the operator wrote counts as unread until the chat is read, line by line or as a whole", async () => {
  const { token, phone } = await aResident();
  await send(token, { text: "Вопрос" });
  const first = await answer(phone);
  await answer(phone);
  expect(await unread(token)).toBe(2);
  await mobile("chat/readed", { messageId: first.id }, { token });
  expect(await unread(token)).toBe(1);
  expect((await mobile("inbox/chatReaded", undefined, { token })).status).toBe(204);
  expect(await unread(token)).toBe(0);
});

test("whoever answers has read what came before", async () => {
  const { token, phone } = await aResident();
  await answer(phone);
  await send(token, { text: "Спасибо" });
  expect(await unread(token)).toBe(0);
});

test("the chat opens with the latest hundred lines and goes on from the last one seen", async () => {
  const { token, phone } = await aResident();
  const ids: number[] = [];
  for (let i = 0; i < 103; i++) ids.push((await answer(phone, `${i}`)).id);
  const shown = await linesOf(token);
  expect([shown.length, shown[0]!.text, shown.at(-1)!.text]).toEqual([100, "3", "102"]);
  expect((await linesOf(token, { after: ids[100] })).map(({ text }) => text)).toEqual(["101", "102"]);
});

test("thirty lines a minute are enough for anybody, and a repetition is none", async () => {
  const { token, phone } = await aResident();
  for (let i = 0; i < 30; i++) expect((await send(token, { text: `${i}`, key: `${i}` })).status).toBe(200);
  const refused = await send(token, { text: "ещё" });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
  expect((await send(token, { text: "29", key: "29" })).status).toBe(200);
  expect(await linesOf(token)).toHaveLength(30);
  const line = { phone, author: "resident", text: "через минуту" } as const;
  expect(await writeChat(env, line, new Date(Date.now() + 61_000))).toMatchObject({ text: "через минуту" });
});

test("texts leave as they came, whatever they look like", async () => {
  const { token } = await aResident();
  const text = `<script>alert(1)</script>"'&\\u0000 DROP TABLE`;
  await send(token, { text });
  expect((await linesOf(token))[0]!.text).toBe(text);
});

test("the page may run only its own script, knows nobody, and is the same for the web's prefix", async () => {
  const [one, two] = [await call("/api/chat/"), await call("/mobile/chat/", { headers: { "accept-language": "en" } })];
  const page = await one.text();
  const policy = one.headers.get("content-security-policy")!;
  const [, nonce = ""] = /script-src 'nonce-([\w-]{20,})'/.exec(policy) ?? [];
  expect([...page.matchAll(/<script([^>]*)>/g)].map(([, attributes]) => attributes)).toEqual([` nonce="${nonce}"`]);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain("unsafe");
  expect(two.headers.get("content-security-policy")).not.toContain(nonce);
  expect(page).toContain('<html lang="ru">');
  expect(await two.text()).toContain('<html lang="en">');
  expect(one.headers.get("cache-control")).toBe("no-store");
});

test("a line that nobody answers is mailed to the operator, once an hour for each conversation", async () => {
  const operator = `chat-${randomId()}`;
  const TP_EMAIL = `${randomId()}@desk.example.net`.toLowerCase();
  const desk = envWith({ TP_EMAIL, OPERATOR: operator });
  const [now, phone] = [Date.now(), aPhone()];
  const at = (minutes: number) => new Date(now + minutes * 60_000);
  const count = () =>
    env.DB.prepare("SELECT count(*) AS n FROM messages WHERE operator = ? AND recipient = ?")
      .bind(operator, TP_EMAIL)
      .first("n");
  const ask = async (text: string, minutes: number, who = phone) => {
    const line = await writeChat(desk, { phone: who, author: "resident", text }, at(minutes));
    await mailUnanswered(desk, line, at(minutes));
    return count();
  };
  expect(await ask("Первая", 0)).toBe(1);
  expect(await ask("Вторая", 59)).toBe(1);
  expect(await ask("Из другой квартиры", 59, aPhone())).toBe(2);
  expect(await ask("Третья", 61)).toBe(3);
  await writeChat(desk, { phone, author: "operator", text: "Ответ" }, at(130));
  expect(await ask("Спасибо", 150)).toBe(3);
  expect(await ask("Снова", 195)).toBe(4);
});

test("lines that come at the same time are one mail", async () => {
  const operator = `chat-${randomId()}`;
  const TP_EMAIL = `${randomId()}@desk.example.net`.toLowerCase();
  const desk = envWith({ TP_EMAIL, OPERATOR: operator });
  const [phone, now] = [aPhone(), new Date()];
  const lines = await Promise.all(
    Array.from({ length: 5 }, (_, i) => writeChat(desk, { phone, author: "resident", text: `${i}` }, now)),
  );
  await Promise.all(lines.map((line) => mailUnanswered(desk, line, now)));
  const found = env.DB.prepare("SELECT count(*) AS n FROM messages WHERE operator = ? AND recipient = ?");
  expect(await found.bind(operator, TP_EMAIL).first("n")).toBe(1);
});

test("without an address nobody is mailed", async () => {
  const { env: counted, trips } = countedEnv();
  const line = await writeChat(env, { phone: aPhone(), author: "resident", text: "x" });
  await mailUnanswered(counted, line);
  expect(trips).toMatchObject({ d1: 0, queue: 0 });
});

test("a mail goes out behind the answer to the resident", async () => {
  const TP_EMAIL = `${randomId()}@desk.example.net`.toLowerCase();
  const sent = mails();
  const { token, phone } = await aResident();
  await mobile("chat/send", { text: "Помогите" }, { token, env: envWith({ TP_EMAIL }) });
  const mail = { subject: `Чат: +${phone}`, text: expect.stringContaining("Помогите") };
  expect(await sent.to(TP_EMAIL)).toMatchObject(mail);
});

test("reading and polling is one trip, writing one more", async () => {
  const { token } = await aResident();
  await mobile("inbox/unreaded", {}, { token });
  const read = countedEnv();
  await mobile("chat/messages", { after: 0 }, { token, env: read.env });
  expect(read.trips.d1).toBe(1);
  const write = countedEnv();
  await mobile("chat/send", { text: "x" }, { token, env: write.env });
  expect(write.trips.d1).toBe(2);
});

test.each([
  ["chat/send", {}],
  ["chat/send", { text: "" }],
  ["chat/send", { text: " \n " }],
  ["chat/send", { text: 1 }],
  ["chat/send", { text: "x".repeat(4_001) }],
  ["chat/send", { text: "x", key: "k".repeat(65) }],
  ["chat/send", { text: "x", key: {} }],
  ["chat/messages", { after: "x" }],
  ["chat/messages", { after: -1 }],
  ["chat/messages", { after: 1e300 }],
  ["chat/messages", "{"],
  ["chat/readed", { messageId: [] }],
])("%s refuses %j", async (method, body) => {
  outside();
  const { token } = await aResident();
  expect((await mobile(method, body, { token })).status).toBe(422);
});

test.each(["chat/send", "chat/messages", "chat/readed"])("%s needs a session", async (method) => {
  expect((await mobile(method, { text: "x" })).status).toBe(422);
  expect((await mobile(method, { text: "x" }, { token: crypto.randomUUID() })).status).toBe(401);
});

test("the operator's mark leaves what came later unread", async () => {
  const phone = aPhone();
  const line = (text: string) => writeChat(env, { phone, author: "resident", text });
  const [first] = [await line("1"), await line("2")];
  await readChat(env, phone, "resident", first.id);
  const { results } = await env.DB.prepare(
    "SELECT read_at IS NOT NULL AS seen FROM chat_messages WHERE phone = ? ORDER BY id",
  )
    .bind(phone)
    .all();
  expect(results).toEqual([{ seen: 1 }, { seen: 0 }]);
});
