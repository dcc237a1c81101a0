import { expect, test } from "vitest";
import { countedEnv } from "../support/counted.ts";
import { aResident, envWith, mobile } from "../support/world.ts";

const PNG = "data:image/png;base64,iVBORw0KGgo=";
const EXTENSIONS = JSON.stringify([
  { caption: "Погода", icon: PNG, extId: "weather", order: 150, code: "<html><b>+20</b></html>", version: 2 },
  {
    caption: "Магазин",
    icon: PNG,
    extId: "shop",
    order: 160,
    highlight: "t",
    url: 'https://shop.example.net/?a="><script>&b=1',
  },
  { caption: "Пусто", icon: PNG, extId: "7", order: 170 },
]);

const ask = async (method: string, body: unknown, vars: Record<string, unknown>) => {
  const { token } = await aResident();
  return mobile(method, body, { token, env: envWith(vars) });
};
const dataOf = async (method: string, body: unknown, vars: Record<string, unknown> = {}) =>
  (await (await ask(method, body, vars)).json<{ data: Record<string, unknown> }>()).data;

test("the menu's entries go out as the apps read them, without their pages", async () => {
  expect(await dataOf("ext/list", undefined, { EXTENSIONS })).toEqual([
    { caption: "Погода", icon: PNG, extId: "weather", order: 150 },
    { caption: "Магазин", icon: PNG, extId: "shop", order: 160, highlight: "t" },
    { caption: "Пусто", icon: PNG, extId: "7", order: 170 },
  ]);
});

test("an entry's own page goes out as it was set", async () => {
  expect(await dataOf("ext/ext", { extId: "weather" }, { EXTENSIONS })).toEqual({
    basePath: "https://api.example.net/",
    code: "<html><b>+20</b></html>",
    version: 2,
  });
});

test("an entry with a URL is a page that leads there, whatever stands in the URL", async () => {
  const { basePath, code, version } = await dataOf("ext/ext", { extId: "shop" }, { EXTENSIONS });
  expect([basePath, version]).toEqual(['https://shop.example.net/?a="><script>&b=1', 1]);
  expect(code).toContain('content="0;url=https://shop.example.net/?a=&quot;&gt;&lt;script&gt;&amp;b=1"');
  expect(code).not.toContain("<script");
});

test.each([
  [404, { extId: "unknown" }],
  [404, { extId: 7 }],
  [404, { extId: "__proto__" }],
  [422, {}],
  [422, { extId: null }],
  [422, { extId: ["weather"] }],
])("ext/ext answers %i to %j", async (status, body) => {
  expect((await ask("ext/ext", body, { EXTENSIONS })).status).toBe(status);
});

test("the support's phone is the help desk's, unless the options name another", async () => {
  const HELPDESKPHONE = "+74742000001";
  expect(await dataOf("ext/options", undefined)).not.toHaveProperty("supportPhone");
  expect(await dataOf("ext/options", undefined, { HELPDESKPHONE })).toMatchObject({ supportPhone: HELPDESKPHONE });
  const APP_OPTIONS = JSON.stringify({ supportPhone: "+74742000002" });
  expect(await dataOf("ext/options", undefined, { HELPDESKPHONE, APP_OPTIONS })).toMatchObject({
    supportPhone: "+74742000002",
  });
});

test.each([
  [{ chat: "t" }, "https://api.example.net/api/chat/"],
  [{ chat: "t", chatUrl: "https://chat.example.net/" }, "https://chat.example.net/"],
  [{ chat: "t", chatOptions: { id: "1", domain: "d", token: "t" } }, undefined],
  [{ chat: "f" }, undefined],
  [{}, undefined],
])("with the options %j the chat is at %s", async (options, chatUrl) => {
  expect((await dataOf("ext/options", undefined, { APP_OPTIONS: JSON.stringify(options) })).chatUrl).toBe(chatUrl);
});

test("an option that is null is left out", async () => {
  const APP_OPTIONS = JSON.stringify({ paymentsUrl: null, stories: "t" });
  const options = await dataOf("ext/options", undefined, { APP_OPTIONS });
  expect(options).toMatchObject({ stories: "t" });
  expect(options).not.toHaveProperty("paymentsUrl");
});

test("ext and sip ask the database nothing", async () => {
  const { token } = await aResident();
  await mobile("ext/options", undefined, { token });
  const { env, trips } = countedEnv({ EXTENSIONS, HELPDESKPHONE: "+74742000001" });
  for (const [method, body] of [
    ["ext/options"],
    ["ext/list"],
    ["ext/ext", { extId: "shop" }],
    ["sip/helpMe"],
  ] as const) {
    expect((await mobile(method, body, { token, env })).status).toBe(200);
  }
  expect(trips.d1).toBe(0);
});

test("a call for help goes where the settings say", async () => {
  const set = {
    ...{ SIP_SERVER: "sip.example.net", SIP_PORT: "5061", SIP_TRANSPORT: "tls", HELPDESKPHONE: "+74742000001" },
    ...{ SIP_HELP_EXTENSION: "600", SIP_HELP_PASS: "help-pass" },
  };
  expect(await dataOf("sip/helpMe", undefined, set)).toEqual({
    ...{ server: "sip.example.net", port: 5061, transport: "tls", dial: "+74742000001" },
    ...{ extension: "600", pass: "help-pass" },
  });
});

test("without an extension of its own there is only the phone, at our own host", async () => {
  expect(await dataOf("sip/helpMe", {}, { HELPDESKPHONE: "+74742000001" })).toEqual({
    ...{ server: "api.example.net", port: 5401, transport: "tcp", dial: "+74742000001" },
  });
});

test("where nobody can be called the answer says so", async () => {
  const response = await ask("sip/helpMe", {}, {});
  expect([response.status, await response.json()]).toEqual([
    404,
    { code: 404, name: "услуга не подключена", message: "услуга не подключена" },
  ]);
});

test.each(["ext/ext", "sip/helpMe"])("%s needs a session", async (method) => {
  expect((await mobile(method, {})).status).toBe(422);
  expect((await mobile(method, {}, { token: crypto.randomUUID() })).status).toBe(401);
});

test.each([
  ["no bank", {}, "f"],
  ["YooKassa", { YOOKASSA_SHOP: "1", YOOKASSA_KEY: "k" }, "t"],
  [
    "YooKassa, and payments switched off",
    { YOOKASSA_SHOP: "1", YOOKASSA_KEY: "k", APP_OPTIONS: '{"payments":"f"}' },
    "f",
  ],
])("with %s the apps show payments or do not", async (_, vars, payments) => {
  const { token } = await aResident();
  const response = await mobile("ext/options", {}, { token, env: envWith(vars) });
  expect(await response.json()).toMatchObject({ data: { payments } });
});
