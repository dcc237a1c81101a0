import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { forgetEndedInstalls } from "#identity/installs/installs.ts";
import { PROTECTED } from "../support/methods.ts";
import { aHome, aPhone, aResident, call, envWith, mobile } from "../support/world.ts";

const UNKNOWN = "6f1d2c1e-0f0b-4a51-9d0a-3c2b7a1e5f90";

test.each(PROTECTED)(
  "Defect 7: %s refuses a missing token with 422 and an unknown one with 401, in the envelope",
  async (method) => {
    for (const authorization of [undefined, "", "Bearer", "Bearer "]) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const response = await mobile(method, {}, { headers });
      expect([authorization, response.status]).toEqual([authorization, 422]);
      expect(await response.json()).toMatchObject({ code: 422, message: "Отсутствует токен авторизации" });
    }
    for (const authorization of [
      `Bearer ${UNKNOWN}`,
      "Bearer not-a-uuid",
      `Bearer ${"x".repeat(5000)}`,
      "Basic dTpw",
      UNKNOWN,
    ]) {
      const response = await mobile(method, {}, { headers: { authorization } });
      expect([authorization, response.status]).toEqual([authorization, 401]);
      expect(await response.json()).toEqual({ code: 401, name: "Не авторизован", message: "Не авторизован" });
      expect(response.headers.get("access-control-allow-origin")).toBe("*");
    }
  },
);

const NEEDS_BODY = [
  "user/appVersion",
  "user/registerPushToken",
  "user/sendName",
  "user/endSession",
  "address/intercom",
  "address/resetCode",
  "address/openDoor",
  "cctv/door",
];
const NONSENSE: unknown[] = [
  undefined,
  "",
  "{}",
  "[]",
  "null",
  "0",
  '""',
  "{",
  '{"flatId":{}}',
  '{"domophoneId":-1,"doorId":-1,"flatId":-1}',
  '{"flatId":1e99,"domophoneId":1e99,"doorId":1e99}',
];
NONSENSE.push(
  '{"name":17,"version":{},"platform":"amiga","id":[]}',
  '{"flatId":"٣","domophoneId":"0x10","doorId":" 1"}',
  "\u0000",
  "💥".repeat(100),
);

test.each(NEEDS_BODY)("Defect 49: %s answers a 422 envelope to whatever makes no sense", async (method) => {
  const { token } = await aResident();
  for (const body of NONSENSE) {
    const response = await mobile(method, body, { token });
    expect([body, response.status]).toEqual([body, 422]);
    expect(await response.json()).toMatchObject({ code: 422, name: "Unprocessable Entity" });
  }
});

const TAKES_NO_BODY = [
  "user/ping",
  "user/pushTokens",
  "user/getName",
  "user/notification",
  "user/sessions",
  "address/getAddressList",
  "address/getSettingsList",
];
TAKES_NO_BODY.push("cctv/all", "cctv/allTree", "cctv/camMap", "cctv/overview", "ext/options", "ext/list");

test.each(TAKES_NO_BODY)(
  "Defect 48: %s takes no body, an empty one and {} without any content type",
  async (method) => {
    const { token } = await aResident();
    for (const body of [undefined, "", "{}", "  "]) {
      const init = {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        ...(body !== undefined && { body }),
      };
      const response = await call(`/mobile/${method}`, init);
      expect([200, 204]).toContain(response.status);
      if (response.status === 204) expect(await response.text()).toBe("");
      else
        expect(await response.json()).toMatchObject({
          code: 200,
          name: "OK",
          message: "Хорошо",
          data: expect.anything(),
        });
    }
  },
);

test.each(["user/requestCode", "address/openDoor", "cctv/all"])(
  "%s refuses a body above 256 KiB, announced or not",
  async (method) => {
    const { token } = await aResident();
    const large = JSON.stringify({ userPhone: "x".repeat(257 * 1024) });
    const streamed = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(large));
        controller.close();
      },
    });
    for (const body of [large, streamed]) {
      const headers = {
        authorization: `Bearer ${token}`,
        ...(body === large && { "content-length": String(large.length) }),
      };
      const response = await call(`/api/${method}`, { method: "POST", headers, body, duplex: "half" } as RequestInit);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({ code: 413 });
    }
  },
);

test("a page of another origin may ask, and may read answers and refusals", async () => {
  const preflight = await call("/mobile/cctv/all", {
    method: "OPTIONS",
    headers: {
      origin: "https://web.example.net",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization,content-type",
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-methods")).toContain("POST");
  expect(preflight.headers.get("access-control-allow-headers")).toContain("authorization");
  const { token } = await aResident();
  for (const response of [
    await mobile("user/ping", undefined, { token }),
    await mobile("user/ping"),
    await mobile("no/suchMethod"),
  ]) {
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
  }
});

test.each([
  ["/api/no/suchMethod", "POST"],
  ["/mobile/user/nothing", "POST"],
  ["/api/user/ping", "GET"],
  ["/api", "GET"],
  ["/mobile/%ff%fe", "GET"],
])("%s by %s is a 404 envelope and no page", async (path, method) => {
  const response = await call(path, { method });
  expect(response.status).toBe(404);
  expect(await response.json()).toEqual({ code: 404, name: "Not Found", message: "Не найдено" });
});

test.each([
  ["android", 77, "none"],
  ["android", "76", "upgrade"],
  ["android", "74", "force_upgrade"],
  ["ios", 1, "none"],
] as const)("version %s %s is answered with %s", async (platform, version, verdict) => {
  const { token } = await aResident();
  const limits = envWith({ APP_VERSIONS: JSON.stringify({ android: { upgrade: 77, force: 75 } }) });
  const response = await mobile("user/appVersion", { platform, version }, { token, env: limits });
  expect(await response.json()).toMatchObject({ data: verdict });
});

test("Defect 11: a name is kept, told to its owner, and told again at the next sign-in", async () => {
  const { token } = await aResident();
  expect((await mobile("user/sendName", { name: " Анна ", patronymic: "Петровна" }, { token })).status).toBe(204);
  expect(await (await mobile("user/getName", {}, { token })).json()).toMatchObject({
    data: { name: "Анна", patronymic: "Петровна", last: "" },
  });
});

test("switches for notifications are read, changed one at a time, and remembered", async () => {
  const { token } = await aResident();
  const ask = async (body?: object) =>
    (await (await mobile("user/notification", body, { token })).json<{ data: object }>()).data;
  expect(await ask()).toEqual({ money: "t", enable: "t" });
  expect(await ask({ enable: "f" })).toEqual({ money: "t", enable: "f" });
  expect(await ask({ money: false })).toEqual({ money: "f", enable: "f" });
  expect(await ask()).toEqual({ money: "f", enable: "f" });
});

test("a push token belongs to the install that told it last, and leaves with it", async () => {
  const [one, two] = [await aResident(), await aResident()];
  const pushToken = `fcm-${one.id}-token-long-enough`;
  const mine = async (token: string) =>
    (await (await mobile("user/pushTokens", {}, { token })).json<{ data: object }>()).data;
  await mobile("user/registerPushToken", { platform: "android", pushToken, pushService: "fcm" }, { token: one.token });
  expect(await mine(one.token)).toEqual({ pushToken, voipToken: "off" });
  await mobile(
    "user/registerPushToken",
    { platform: "ios", pushToken, voipToken: "voip", production: "t", type: 3 },
    { token: two.token },
  );
  expect(await mine(one.token)).toEqual({ pushToken: "", voipToken: "off" });
  expect(await mine(two.token)).toEqual({ pushToken, voipToken: "voip" });
  expect(
    (await mobile("user/registerPushToken", { platform: "web", pushToken: "" }, { token: two.token })).status,
  ).toBe(204);
  expect(await mine(two.token)).toEqual({ pushToken: "", voipToken: "off" });
});

test.each([
  [
    { type: 3, production: "t" },
    { push_service: null, production: 1 },
  ],
  [
    { type: "0", production: "f" },
    { push_service: null, production: 0 },
  ],
  [{ type: 1 }, { push_service: "apns", production: 1 }],
  [
    { type: 2, production: "t" },
    { push_service: "apns", production: 0 },
  ],
  [
    { type: "odd", voipToken: "off", clientId: "1" },
    { push_service: null, production: 1, voip_token: null },
  ],
  [{ voipToken: "v".repeat(64) }, { voip_token: "v".repeat(64) }],
  [
    { platform: "android", pushService: "rustore", type: 2 },
    { push_service: "rustore", production: 1 },
  ],
])("an app that says %j about its token is reached so: %j", async (said, expected) => {
  const { token, id } = await aResident();
  const body = { platform: "ios", pushToken: `token-${id}`, ...said };
  expect((await mobile("user/registerPushToken", body, { token })).status).toBe(204);
  const row = await env.DB.prepare("SELECT * FROM app_installs WHERE session_id = ?").bind(id).first();
  expect(row).toMatchObject({ push_token: `token-${id}`, ...expected });
});

test.each([[{}], [{ platform: "symbian", pushToken: "token-1234567890" }], [{ platform: 3 }]])(
  "a push token of no platform is refused: %j",
  async (body) => {
    const { token } = await aResident();
    expect((await mobile("user/registerPushToken", body, { token })).status).toBe(422);
  },
);

test("a device that is signed out elsewhere loses its push token", async () => {
  const phone = aPhone();
  const [one, two] = [await aResident({ phone }), await aResident({ phone })];
  await mobile("user/registerPushToken", { platform: "android", pushToken: `token-${two.id}` }, { token: two.token });
  await mobile("user/endSession", { id: two.id }, { token: one.token });
  await forgetEndedInstalls(env);
  expect(await env.DB.prepare("SELECT * FROM app_installs WHERE session_id = ?").bind(two.id).first()).toBeNull();
});

test("options come with the zone of every date, and with what the operator set", async () => {
  const { token } = await aResident();
  const options = envWith({
    APP_OPTIONS: JSON.stringify({ supportPhone: "+74742000001", cctvView: "tree" }),
    TIME_ZONE: "Asia/Omsk",
  });
  const { data } = await (await mobile("ext/options", undefined, { token, env: options })).json<{ data: object }>();
  expect(data).toMatchObject({
    timeZone: "Asia/Omsk",
    supportPhone: "+74742000001",
    cctvView: "tree",
    issuesVersion: "2",
    cityCams: "f",
  });
  expect(JSON.stringify(data)).not.toContain("null");
});

test("the menu has the operator's entries", async () => {
  const { token } = await aResident();
  const entry = { caption: "Магазин", icon: "data:image/png;base64,AA==", extId: "shop", order: 150 };
  const response = await mobile("ext/list", {}, { token, env: envWith({ EXTENSIONS: JSON.stringify([entry]) }) });
  expect(await response.json()).toMatchObject({ data: [entry] });
});

test("the pattern of phone numbers is told before anybody has signed in, whatever the header says", async () => {
  const response = await mobile("user/phonePattern", undefined, { headers: { authorization: "Bearer" } });
  expect(await response.json()).toMatchObject({ data: "+7 (###) ###-##-##" });
});

test("the web app deletes an account: its phone, pushes and sessions go, its name later, its contract stays", async () => {
  const phone = aPhone();
  const [one, two] = [await aResident({ phone }), await aResident({ phone })];
  const { uid } = await aHome({ phones: [phone] });
  await mobile("user/sendName", { name: "Анна" }, { token: one.token });
  expect((await mobile("user/deleteAccount", {}, { token: one.token })).status).toBe(204);
  for (const { token } of [one, two]) expect((await mobile("user/ping", {}, { token })).status).toBe(401);
  const account = await env.DB.prepare("SELECT status, erase_at FROM accounts WHERE id = ?").bind(one.account).first();
  expect(account).toMatchObject({ status: "deleted" });
  const newcomer = await aResident({ phone });
  expect(newcomer.account).not.toBe(one.account);
  expect(await (await mobile("address/getAddressList", {}, { token: newcomer.token })).json()).toMatchObject({
    data: [{ houseId: String(uid) }],
  });
});

test("every method of the app stands in the OpenAPI document, and in the tables of these tests", async () => {
  const { paths } = await (await call("/openapi.json")).json<{ paths: Record<string, object> }>();
  const documented = Object.keys(paths).flatMap(
    (path) => /^\/api\/((?:user|address|cctv|ext|inbox|chat|sip|sh|issues|hcs|geo|frs|pay)\/.*)$/.exec(path)?.[1] ?? [],
  );
  const open = ["user/requestCode", "user/confirmCode", "user/checkPhone", "user/phonePattern", "pay/register"];
  expect(documented.toSorted()).toEqual([...PROTECTED, ...open].toSorted());
});
