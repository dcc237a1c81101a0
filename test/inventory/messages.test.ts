import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { registerPush } from "#identity/installs/installs.ts";
import { listInbox } from "#messaging/inbox/inbox.ts";
import { randomId } from "#platform/crypto.ts";
import { aContract, aPhone, aResident, mobile, outside } from "../support/world.ts";
import { bill, json } from "./bill.ts";

afterEach(() => vi.restoreAllMocks());

const texts = async (phone: string) => (await listInbox(env, phone)).map(({ text }) => text);

/** Pushes that were taken for this account: what they are for. */
const pushesTo = async (account: string) =>
  (
    await env.DB.prepare("SELECT purpose FROM messages WHERE channel = 'push' AND account_id = ? ORDER BY created_at")
      .bind(account)
      .all<{ purpose: string }>()
  ).results.map(({ purpose }) => purpose);

async function withPush() {
  const who = await aResident();
  await registerPush(env, who, { platform: "android", pushToken: `push-${randomId()}`, pushService: "fcm" });
  return who;
}

test("a message to a contract is in the inbox of all its people, and rings at their apps", async () => {
  outside();
  const [owner, second, guest, outer, stranger] = [await withPush(), aPhone(), aPhone(), aPhone(), aPhone()];
  const uid = await aContract({ phones: [owner.phone, second] });
  for (const [phone, type] of [
    [guest, "inner"],
    [outer, "outer"],
  ]) {
    await env.DB.prepare(
      "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, ?, ?, ?, 0)",
    )
      .bind(uid, phone, type, Date.now() + 3_600_000, owner.phone)
      .run();
  }
  expect(await json("messages_add/", { uid: String(uid), title: "Ремонт", text: "Завтра не будет воды" })).toEqual({
    sent: 3,
  });
  for (const phone of [owner.phone, second, guest]) expect(await texts(phone)).toEqual(["Завтра не будет воды"]);
  for (const phone of [outer, stranger]) expect(await texts(phone)).toEqual([]);
  expect(await pushesTo(owner.account)).toEqual(["inbox"]);
});

test("a message goes to phones as the operator writes them, to each once", async () => {
  const [one, two] = [aPhone(), aPhone()];
  expect(await json("messages_add/", { phone: `8${one.slice(1)}`, text: "Привет" })).toEqual({ sent: 1 });
  expect(await json("messages_add/", { phone: [Number(one), `+${one}`, two], text: "Всем" })).toEqual({ sent: 2 });
  expect(await texts(one)).toEqual(["Всем", "Привет"]);
  expect(await texts(two)).toEqual(["Всем"]);
});

test("a sending that is repeated with its key adds neither a message nor a push", async () => {
  outside();
  const { phone, account } = await withPush();
  const message = { phone, text: "Один раз", key: randomId() };
  await json("messages_add/", message);
  await json("messages_add/", message);
  expect(await texts(phone)).toEqual(["Один раз"]);
  expect(await pushesTo(account)).toEqual(["inbox"]);
  await json("messages_add/", { ...message, key: randomId() });
  expect(await texts(phone)).toHaveLength(2);
});

test("the list tells what was sent, and what of it was read, by contract or by phone", async () => {
  const { phone, token } = await aResident();
  const uid = await aContract({ phones: [phone] });
  const link = "https://api.example.net/x";
  await json("messages_add/", { uid, title: "Первое", text: "a", link, action: "newAddress" });
  await mobile("inbox/readed", {}, { token });
  await json("messages_add/", { phone, text: "b" });
  const { messages } = await json("messages_list/", { uid });
  const date = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect(messages).toEqual([
    {
      id: expect.any(Number),
      phone,
      title: "",
      text: "b",
      action: "inbox",
      link: null,
      date,
      delivered: null,
      read: null,
    },
    {
      id: expect.any(Number),
      phone,
      title: "Первое",
      text: "a",
      action: "newAddress",
      link,
      date,
      delivered: null,
      read: date,
    },
  ]);
  expect((await json("messages_list/", { phone })).messages).toEqual(messages);
});

test("HTML in a message is text in the resident's page", async () => {
  const { phone, token } = await aResident();
  const evil = `<img src=x onerror="alert(1)">`;
  await json("messages_add/", { phone, title: evil, text: evil });
  const { data } = await (await mobile("inbox/inbox", {}, { token })).json<{ data: { code: string } }>();
  expect(data.code).toContain("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;");
  expect(data.code).not.toContain("<img");
});

test("the operator sees all chats from a line on, answers in one, and the answer rings without lying in the inbox", async () => {
  outside();
  const { phone, token, account } = await withPush();
  await mobile("chat/send", { text: "Вопрос" }, { token });
  const { lines } = await json("chat_list/", { phone });
  const date = expect.any(String);
  const asked = { id: expect.any(Number), phone, author: "resident", name: null, text: "Вопрос", date };
  expect(lines).toEqual([{ ...asked, read: null }]);
  const key = randomId();
  const { id } = await json("chat_add/", { phone: `+${phone}`, text: "Ответ", name: "Анна", key });
  expect((await json("chat_add/", { phone, text: "Ответ", name: "Анна", key })).id).toBe(id);
  const after = lines[0].id - 1;
  const all: { phone: string }[] = (await json("chat_list/", { after })).lines;
  expect(all.filter((line) => line.phone === phone)).toEqual([
    { ...asked, read: date },
    { id, phone, author: "operator", name: "Анна", text: "Ответ", date, read: null },
  ]);
  expect(await pushesTo(account)).toEqual(["chat"]);
  expect(await texts(phone)).toEqual([]);
  expect((await (await mobile("inbox/unreaded", {}, { token })).json<{ data: unknown }>()).data).toEqual({
    count: 0,
    chat: 1,
  });
});

test("the operator marks a resident's lines as read", async () => {
  const { phone, token } = await aResident();
  await mobile("chat/send", { text: "Вопрос" }, { token });
  expect((await bill("chat_read/", { phone })).status).toBe(200);
  expect((await json("chat_list/", { phone })).lines[0].read).toEqual(expect.any(String));
});

test.each([
  ["messages_add/", { text: "x" }],
  ["messages_add/", { uid: 1 }],
  ["messages_add/", { uid: 1, text: " " }],
  ["messages_add/", { uid: 1, text: "x".repeat(4_001) }],
  ["messages_add/", { uid: 1, text: "x", title: "t".repeat(201) }],
  ["messages_add/", { uid: 1, text: "x", action: "call" }],
  ["messages_add/", { uid: 1, text: "x", link: "javascript:alert(1)" }],
  ["messages_add/", { uid: 1, text: "x", link: "https://elsewhere.example.com/" }],
  ["messages_add/", { uid: "x", text: "x" }],
  ["messages_add/", { uid: 1e300, text: "x" }],
  ["messages_add/", { phone: [], text: "x" }],
  ["messages_add/", { phone: "12", text: "x" }],
  ["messages_add/", { phone: ["79161230001", "12"], text: "x" }],
  ["messages_add/", undefined],
  ["messages_list/", { phone: null }],
  ["messages_list/", { phone: "12" }],
  ["chat_list/", { limit: 1 }],
  ["chat_list/", { after: -1 }],
  ["chat_list/", { phone: "12" }],
  ["chat_add/", { phone: "79161230001" }],
  ["chat_add/", { phone: "12", text: "x" }],
  ["chat_read/", {}],
])("%s refuses %j in the apps' envelope", async (path, body) => {
  const response = await bill(path, body);
  expect([response.status, (await response.json<{ code: number }>()).code]).toEqual([422, 422]);
});

test("a contract that nobody lives in is no error", async () => {
  expect(await json("messages_add/", { uid: await aContract(), text: "x" })).toEqual({ sent: 0 });
});

test.each(["messages_add/", "messages_list/", "chat_list/", "chat_add/", "chat_read/"])(
  "%s needs the token",
  async (path) => {
    expect((await bill(path, { phone: aPhone(), text: "x" }, { authorization: "Bearer wrong" })).status).toBe(401);
  },
);
