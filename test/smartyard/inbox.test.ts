import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { putIntoInbox } from "#messaging/inbox/inbox.ts";
import { countedEnv } from "../support/counted.ts";
import { aHome, aPhone, aResident, envWith, mobile, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const put = async (phone: string, message: Partial<Parameters<typeof putIntoInbox>[2]> = {}, now = new Date()) =>
  (await putIntoInbox(env, [phone], { title: "Ремонт", text: "Завтра", action: "inbox", ...message }, now)).get(phone)!
    .id;

async function pageFor(token: string, asking: object = {}): Promise<string> {
  const response = await mobile("inbox/inbox", undefined, { token, ...asking });
  expect(response.status).toBe(200);
  return (await response.json<{ data: { code: string } }>()).data.code;
}
const counts = async (token: string) =>
  (await (await mobile("inbox/unreaded", undefined, { token })).json<{ data: unknown }>()).data;

/** What a browser makes of the page: elements, attributes and all. */
async function parsed(page: string) {
  const found: { name: string; attributes: [string, string][] }[] = [];
  const element = (e: Element) => {
    found.push({ name: e.tagName, attributes: [...e.attributes] as [string, string][] });
  };
  await new HTMLRewriter().on("*", { element }).transform(new Response(page)).text();
  return found;
}

const EVIL = [
  `<script>alert(1)</script>`,
  `<img src=x onerror="alert(1)">`,
  `"><svg/onload=alert(1)>`,
  `' onmouseover='alert(1)`,
  `</style><script>alert(1)</script>`,
  `</article></main></body><iframe src="javascript:alert(1)">`,
  `<!--`,
  `&lt;b&gt; &amp;`,
  `\u0000<\u0000script>`,
];

test("Defect 71: the base of the inbox page is our own URL, with one slash at its end and no backslash", async () => {
  const { token } = await aResident();
  const response = await mobile("inbox/inbox", {}, { token, env: envWith({ PUBLIC_URL: "https://dm.example.net/" }) });
  const text = await response.text();
  expect(JSON.parse(text).data.basePath).toBe("https://dm.example.net/");
  expect(text).not.toContain("\\/");
});

test("the page shows the newest message first, at the operator's hour, and then they count as read", async () => {
  const { token, phone } = await aResident();
  await put(phone, { title: "Первое" }, new Date("2026-01-02T20:30:00Z"));
  await put(phone, { title: "Второе", text: "две\nстроки" }, new Date("2026-07-02T20:30:00Z"));
  expect(await counts(token)).toEqual({ count: 2, chat: 0 });
  const page = await pageFor(token, { env: envWith({ TIME_ZONE: "Asia/Yekaterinburg" }) });
  expect(page).toMatch(/^<!DOCTYPE html>\s*<html lang="ru">/);
  expect(page.indexOf("Второе")).toBeLessThan(page.indexOf("Первое"));
  expect(page).toContain("03.01.2026 01:30");
  expect(page).toContain("две\nстроки");
  expect(page.match(/yg-message yg-fresh/g)).toHaveLength(2);
  expect(await counts(token)).toEqual({ count: 0, chat: 0 });
  expect(await pageFor(token)).not.toContain("yg-message yg-fresh");
});

test("an empty inbox is a page too, in the reader's language", async () => {
  const { token } = await aResident();
  expect(await pageFor(token)).toContain("Сообщений пока нет");
  expect(await pageFor(token, { headers: { "accept-language": "en-US,en" } })).toContain("No messages yet");
});

test.each(EVIL)("%j in a title and a text stays text, in a page as in a part of another page", async (evil) => {
  const { token, phone } = await aResident();
  const shape = async () => (await parsed(await pageFor(token))).map(({ name, attributes }) => [name, attributes]);
  await put(phone, { title: "a", text: "b" });
  await mobile("inbox/readed", {}, { token });
  const plain = await shape();
  const other = await aResident();
  await put(other.phone, { title: evil, text: evil });
  await mobile("inbox/readed", {}, { token: other.token });
  const page = await pageFor(other.token);
  expect((await parsed(page)).map(({ name, attributes }) => [name, attributes])).toEqual(plain);
  expect(page).not.toMatch(/<script|<iframe|<img|<svg|\p{Cc}(?<![\n\t])/u);
});

test("no rule of its style reaches what is not its own", async () => {
  const { token } = await aResident();
  const page = await pageFor(token);
  const style = /<style>(.*?)<\/style>/s.exec(page)![1]!.replace(/@media[^{]*\{/, "");
  const selectors = [...style.matchAll(/([^{}]+)\{/g)].flatMap((match) => match[1]!.trim().split(","));
  expect(selectors.length).toBeGreaterThan(8);
  expect(selectors.filter((selector) => !/^\.yg-[a-z-]+$/.test(selector))).toEqual([]);
});

const linksIn = (page: string) => [...page.matchAll(/<a [^>]*href="([^"]*)"/g)].map((match) => match[1]);

test.each([
  [
    "https://api.example.net/api/cctv/download/17.mp4?e=1&s=k.x",
    "https://api.example.net/api/cctv/download/17.mp4?e=1&amp;s=k.x",
  ],
  ["https://pay.example.org/a?b=1", "https://pay.example.org/a?b=1"],
  ["https://vd.example.net/x.mp4", "https://vd.example.net/x.mp4"],
])("a link to %s, which is ours or the operator's, can be followed", async (link, href) => {
  const { token, phone } = await aResident();
  await put(phone, { link });
  const known = envWith({ MEDIA_HOSTS: "vd.example.net", PAY_RETURN_URL: "https://pay.example.org/back" });
  expect(linksIn(await pageFor(token, { env: known }))).toEqual([href]);
});

test.each([
  "javascript:alert(1)",
  "data:text/html,<script>alert(1)</script>",
  "intent://x#Intent;end",
  "https://elsewhere.example.com/",
  "https://api.example.net@elsewhere.example.com/",
  "https://user:pass@api.example.net/",
  "//elsewhere.example.com/",
  `https://elsewhere.example.com/"onclick="alert(1)`,
  "no url",
])("no page leads to %s", async (link) => {
  const { token, phone } = await aResident();
  await put(phone, { link });
  expect(linksIn(await pageFor(token))).toEqual([]);
});

test("Defect 64: with the addresses as the main screen the counts come with 201 for who has one, and 200 for who has none", async () => {
  const main = envWith({ MAIN_SCREEN_ADDRESS: "True" });
  const [home, none] = [await aResident(), await aResident()];
  await aHome({ phones: [home.phone] });
  await put(home.phone);
  const asked = await mobile("inbox/unreaded", undefined, { token: home.token, env: main });
  expect([asked.status, await asked.json()]).toEqual([
    200,
    { code: 201, name: "OK", message: "Хорошо", data: { count: 1, chat: 0 } },
  ]);
  expect(await (await mobile("inbox/unreaded", {}, { token: none.token, env: main })).json()).toMatchObject({
    code: 200,
  });
  expect(await (await mobile("inbox/unreaded", {}, { token: home.token })).json()).toMatchObject({ code: 200 });
});

test("a billing that is away does not take the counts with it", async () => {
  outside(() => new Response("", { status: 500 }));
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { token, phone } = await aResident();
  await put(phone);
  const away = { MAIN_SCREEN_ADDRESS: "True", BILLING: "http", BILLING_URL: "https://billing.example.net" };
  const response = await mobile("inbox/unreaded", {}, { token, env: envWith(away) });
  expect(await response.json()).toMatchObject({ code: 200, data: { count: 1, chat: 0 } });
});

test.each(["inbox/readed", "inbox/delivered"])(
  "%s takes the id of a message of one's own, as number or text, again and again",
  async (method) => {
    const { token, phone } = await aResident();
    const id = await put(phone);
    for (const messageId of [id, String(id), id]) {
      expect((await mobile(method, { messageId }, { token })).status).toBe(204);
    }
  },
);

test.each(["inbox/readed", "inbox/delivered"])("%s knows nothing of a neighbour's message", async (method) => {
  const [mine, theirs] = [await aResident(), await aResident()];
  const messageId = await put(theirs.phone);
  expect((await mobile(method, { messageId }, { token: mine.token })).status).toBe(404);
  expect((await mobile(method, { messageId: 999_999_999 }, { token: mine.token })).status).toBe(404);
  expect(await counts(theirs.token)).toEqual({ count: 1, chat: 0 });
});

test("readed with an id marks that message, without one all", async () => {
  const { token, phone } = await aResident();
  const [first] = [await put(phone), await put(phone), await put(phone)];
  await mobile("inbox/readed", { messageId: first }, { token });
  expect(await counts(token)).toEqual({ count: 2, chat: 0 });
  await mobile("inbox/readed", undefined, { token });
  expect(await counts(token)).toEqual({ count: 0, chat: 0 });
});

test("alert is the newest unread message, and 204 when there is none", async () => {
  const { token, phone } = await aResident();
  expect((await mobile("inbox/alert", {}, { token })).status).toBe(204);
  await put(phone, { title: "Старое" });
  const id = await put(phone, { title: "Новое", action: "newAddress" }, new Date("2026-07-02T20:30:00Z"));
  const { data } = await (await mobile("inbox/alert", {}, { token })).json<{ data: unknown }>();
  const date = "2026-07-02 23:30:00";
  expect(data).toEqual({ messageId: String(id), title: "Новое", text: "Завтра", action: "newAddress", date });
});

test("Defect 2: a phone's messages go with the phone, and no claim in the body changes whose they are", async () => {
  const [mine, theirs] = [await aResident(), await aResident()];
  await put(theirs.phone, { title: "Чужое" });
  const claim = { phone: theirs.phone, userPhone: theirs.phone, account: theirs.account };
  expect(await (await mobile("inbox/inbox", claim, { token: mine.token })).text()).not.toContain("Чужое");
  await mobile("inbox/readed", claim, { token: mine.token });
  await mobile("inbox/chatReaded", claim, { token: mine.token });
  expect(await counts(theirs.token)).toEqual({ count: 1, chat: 0 });
});

test("the counts are one trip to the database, with the addresses one more at the same time", async () => {
  const { token, phone } = await aResident();
  await aHome({ phones: [phone] });
  await mobile("inbox/unreaded", {}, { token });
  const plain = countedEnv();
  await mobile("inbox/unreaded", {}, { token, env: plain.env });
  expect(plain.trips.d1).toBe(1);
  const main = countedEnv({ MAIN_SCREEN_ADDRESS: "true" });
  await mobile("inbox/unreaded", {}, { token, env: main.env });
  expect(main.trips.d1).toBe(2);
});

const METHODS = ["inbox/inbox", "inbox/unreaded", "inbox/delivered", "inbox/readed", "inbox/alert", "inbox/chatReaded"];

test.each(METHODS)("%s needs a session", async (method) => {
  expect((await mobile(method, {})).status).toBe(422);
  expect((await mobile(method, {}, { token: crypto.randomUUID() })).status).toBe(401);
});

test.each([
  { messageId: "x" },
  { messageId: -1 },
  { messageId: {} },
  { messageId: 1e300 },
  { messageId: "9".repeat(400) },
  "[1]",
  "{",
])("delivered and readed refuse %j with 422", async (body) => {
  const { token } = await aResident({ phone: aPhone() });
  expect((await mobile("inbox/delivered", body, { token })).status).toBe(422);
  expect((await mobile("inbox/readed", body, { token })).status).toBe(422);
});
