import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { listIssues } from "#operator/desk/issues.ts";
import { giveRights } from "#premises/rights.ts";
import { fragmentMoment } from "#smartyard/issue-requests.ts";
import { mails } from "../support/mail.ts";
import { aCamera, aHome, aPhone, aResident, envWith, mobile, outside } from "../support/world.ts";

const aNeighbour = async () => {
  const phone = aPhone();
  const home = await aHome({ phones: [phone], address: "г. Тула, ул. Мира, д. 3" });
  return { ...home, ...(await aResident({ phone })) };
};

const keyOf = async (method: string, body: object, token: string, environment: Env = env) => {
  const response = await mobile(method, body, { token, env: environment });
  expect(response.status).toBe(200);
  const { data } = await response.json<{ data: string }>();
  expect(data).toMatch(/^REM-\d+$/);
  return data;
};

const rowOf = (key: string) =>
  env.DB.prepare("SELECT * FROM issues WHERE operator = 'main' AND key = ?").bind(key).first<Record<string, unknown>>();

/** As the apps of version 1 send it. */
const V1 = {
  issue: {
    project: "REM",
    summary: "Авто: Заявка с сайта",
    description: "ФИО: Анна\n Адрес, введённый пользователем: Тула, Мира, 9.\n   клиент подойдет в офис.",
    type: 32,
  },
  customFields: {
    "10011": "-1",
    "11840": "02.08.2026 09:00",
    "12440": "Приложение",
    "10743": "54,19",
    "10744": "37,61",
  },
  actions: ["Начать работу", "Менеджеру ВН"],
};

test("A request of either version is kept with a key of its own", async () => {
  outside();
  const { token } = await aNeighbour();
  const first = await keyOf("issues/create", V1, token);
  const second = await keyOf("issues/createV2", { type: "requestCallback", comments: "После шести" }, token);
  expect(second).not.toBe(first);
  expect(await rowOf(first)).toMatchObject({
    kind: "other",
    summary: "Авто: Заявка с сайта",
    address: "Тула, Мира, 9",
  });
  expect(await rowOf(second)).toMatchObject({
    kind: "requestCallback",
    description: "Комментарий: После шести",
    uid: null,
  });
});

test("A request pressed again gives the same key while it is open, and a new one after", async () => {
  outside();
  const { token } = await aNeighbour();
  const wish = { type: "requestQRCodeOffice", inputAddress: "Тула, Мира, 9" };
  const keys = await Promise.all(Array.from({ length: 8 }, () => keyOf("issues/createV2", wish, token)));
  expect(new Set(keys).size).toBe(1);
  const later = { ...V1, customFields: { ...V1.customFields, "11840": "02.08.2026 09:01" } };
  expect(await keyOf("issues/create", V1, token)).toBe(await keyOf("issues/create", later, token));
  expect((await mobile("issues/actionV2", { key: keys[0], action: "close" }, { token })).status).toBe(204);
  expect(await keyOf("issues/createV2", wish, token)).not.toBe(keys[0]);
});

test("Two people who ask for the same have an issue each", async () => {
  outside();
  const [one, other] = [await aNeighbour(), await aNeighbour()];
  const wish = { type: "requestCallback" };
  expect(await keyOf("issues/createV2", wish, one.token)).not.toBe(await keyOf("issues/createV2", wish, other.token));
});

test.each(["issues/listConnect", "issues/listConnectV2"])("%s shows what is still to be connected", async (method) => {
  outside();
  const { token, uid } = await aNeighbour();
  expect((await mobile(method, undefined, { token })).status).toBe(204);
  await keyOf("issues/createV2", { type: "requestCallback" }, token);
  expect((await mobile(method, {}, { token })).status).toBe(204);
  const v1 = await keyOf("issues/create", V1, token);
  const address = "Тула, Мира, 3";
  const courier = await keyOf("issues/createV2", { type: "requestQRCodeCourier", inputAddress: address }, token);
  const services = { type: "connectServicesNoCommon", inputAddress: "Тула, Мира, 11", services: "Интернет, ТВ" };
  const wires = await keyOf("issues/createV2", services, token);
  const { data } = await (await mobile(method, undefined, { token })).json<{ data: object[] }>();
  expect(data).toHaveLength(3);
  expect(data).toEqual(
    expect.arrayContaining([
      { key: v1, courier: "f", address: "Тула, Мира, 9" },
      { key: courier, courier: "t", address, houseId: String(uid) },
      { key: wires, courier: "f", address: "Тула, Мира, 11", services: "Интернет, ТВ" },
    ]),
  );
});

test.each([
  ["action", { action: "Jelly.Способ доставки", customFields: [{ number: "10941", value: "Курьер" }] }],
  ["actionV2", { action: "changeQRDeliveryType", deliveryType: "courier" }],
  ["actionV2", { action: "changeQRDeliveryType", deliveryType: "couirer" }],
  ["actionV2", { action: "changeQRDeliveryType", customFields: "courier" }],
])("%s changes the delivery as each app writes it (%o)", async (method, action) => {
  outside();
  const { token } = await aNeighbour();
  const key = await keyOf("issues/createV2", { type: "requestQRCodeOffice", inputAddress: "Тула, Мира, 3" }, token);
  expect((await mobile(`issues/${method}`, { key, ...action }, { token })).status).toBe(204);
  expect(await rowOf(key)).toMatchObject({ delivery: "courier", status: "open" });
  const back = { key, action: "Jelly.Способ доставки", customFields: [{ number: "10941", value: "Самовывоз" }] };
  expect((await mobile("issues/action", back, { token })).status).toBe(204);
  expect(await rowOf(key)).toMatchObject({ delivery: "office" });
});

test.each([
  ["issues/action", { action: "Jelly.Закрыть авто" }],
  ["issues/actionV2", { action: "close" }],
])("%s closes an issue, and once more says so again", async (method, action) => {
  outside();
  const { token } = await aNeighbour();
  const key = await keyOf("issues/createV2", { type: "requestQRCodeOffice" }, token);
  for (let press = 0; press < 2; press++) {
    expect((await mobile(method, { key, ...action }, { token })).status).toBe(204);
  }
  expect(await rowOf(key)).toMatchObject({ status: "cancelled" });
  expect((await mobile("issues/listConnect", undefined, { token })).status).toBe(204);
});

test.each(["issues/comment", "issues/commentV2"])("%s reaches the operator's list once", async (method) => {
  outside();
  const { token } = await aNeighbour();
  const key = await keyOf("issues/createV2", { type: "requestCallback" }, token);
  for (let press = 0; press < 2; press++) {
    expect((await mobile(method, { key, comment: "Cменился способ доставки" }, { token })).status).toBe(204);
  }
  const issue = await found(key);
  expect(issue.comments).toEqual([{ author: "resident", text: "Cменился способ доставки", at: expect.any(Number) }]);
});

async function found(key: string) {
  for (let after: string | undefined; ; ) {
    const page = await listIssues(env, { status: "open", after });
    const match = page.find(({ issue }) => issue.key === key);
    if (match) return match;
    expect(page.length).toBeGreaterThan(0);
    after = page.at(-1)!.issue.key;
  }
}

test("Defect 2: nobody closes, changes or comments a neighbour's issue", async () => {
  outside();
  const [owner, stranger] = [await aNeighbour(), await aNeighbour()];
  const key = await keyOf("issues/createV2", { type: "requestQRCodeOffice" }, owner.token);
  const attempts: [string, object][] = [
    ["issues/action", { key, action: "Jelly.Закрыть авто" }],
    ["issues/actionV2", { key, action: "close" }],
    ["issues/actionV2", { key, action: "changeQRDeliveryType", deliveryType: "courier" }],
    ["issues/comment", { key, comment: "чужое" }],
    ["issues/commentV2", { key, comment: "чужое" }],
  ];
  for (const [method, body] of attempts) {
    const refused = await mobile(method, body, { token: stranger.token });
    expect([method, refused.status]).toEqual([method, 404]);
  }
  expect(await rowOf(key)).toMatchObject({ status: "open", delivery: "office" });
  expect((await found(key)).comments).toEqual([]);
});

test("Defect 2: a fragment is asked for of one's own camera or the city's", async () => {
  outside();
  const [owner, stranger] = [await aNeighbour(), await aNeighbour()];
  const city = await aCamera({ title: "Площадь" });
  await giveRights(env, 0, [city.deviceId]);
  const fragment = (cameraId: unknown) => ({
    ...{ type: "requestFragment", cameraId, cameraName: "Подъезд", fragmentDate: "2.08.2026" },
    ...{ fragmentTime: "21-30", fragmentDuration: "10" },
  });
  const key = await keyOf("issues/createV2", fragment(owner.camera.deviceId), owner.token);
  expect((await rowOf(key))!.description).toContain("2026-08-02 21:30");
  await keyOf("issues/createV2", fragment(String(city.deviceId)), stranger.token);
  const refused = await mobile("issues/createV2", fragment(owner.camera.deviceId), { token: stranger.token });
  expect(refused.status).toBe(404);
});

test.each([
  ["2.08.2026", "21-30", "2026-08-02 21:30"],
  ["02.12.2026", "9:30 PM", "2026-12-02 21:30"],
  ["2.08.2026", "12:05\u202fAM", "2026-08-02 00:05"],
  ["2.08.2026", "9:30:15 a.m.", "2026-08-02 09:30"],
  ["2.08.2026", "21:30", "2026-08-02 21:30"],
  ["2.08.2026", "вечером", undefined],
  ["2.13.2026", "21:30", undefined],
  ["2026-08-02", "21:30", undefined],
])("a fragment's date %s and time %s are %s", (date, time, moment) => {
  expect(fragmentMoment(date, time)).toBe(moment);
});

test("An address that is the resident's own is kept with its contract, however it is abbreviated", async () => {
  outside();
  const { token, uid } = await aNeighbour();
  const own = await keyOf("issues/createV2", { type: "removeAddress", inputAddress: "Тула, улица Мира, 3" }, token);
  expect(await rowOf(own)).toMatchObject({ uid });
  const foreign = await keyOf("issues/createV2", { type: "removeAddress", inputAddress: "Тула, Мира, 4" }, token);
  expect(await rowOf(foreign)).toMatchObject({ uid: null });
});

test("A new issue goes to the operator's support by mail, once", async () => {
  outside();
  const printed = mails();
  const { token, phone } = await aNeighbour();
  const to = `tp${phone}@example.net`;
  const supported = envWith({ TP_EMAIL: to });
  await mobile("user/sendName", { name: "Анна", patronymic: "Петровна" }, { token });
  const wish = { type: "requestCallback", comments: "Про домофон" };
  const key = await keyOf("issues/createV2", wish, token, supported);
  await keyOf("issues/createV2", wish, token, supported);
  expect(await printed.to(to)).toMatchObject({
    subject: `Заявка ${key}: Обратный звонок`,
    text: `Комментарий: Про домофон\n\nИмя: Анна Петровна\nТелефон: +${phone}`,
  });
  const sent = env.DB.prepare("SELECT count(*) AS n FROM messages WHERE recipient = ? AND purpose = 'issue'").bind(to);
  expect(await sent.first()).toEqual({ n: 1 });
});

test("A day has only so many issues, and a wrong support address costs nobody theirs", async () => {
  outside();
  const { token } = await aNeighbour();
  const few = envWith({ LIMITS: JSON.stringify({ issuesPerDay: 3 }), TP_EMAIL: "not an address" });
  const ask = (n: number) =>
    mobile("issues/createV2", { type: "requestCallback", comments: `№ ${n}` }, { token, env: few });
  const statuses = await Promise.all([1, 2, 3, 4, 5].map(async (n) => (await ask(n)).status));
  expect(statuses.toSorted()).toEqual([200, 200, 200, 429, 429]);
  const refused = await ask(6);
  expect(refused.headers.get("retry-after")).toBe("3600");
  expect(await refused.json()).toMatchObject({ code: 429 });
});

/** JSON with something in it that is nested as deep. */
const deep = (json: string, levels: number) => json.replace("DEEP", `${"[".repeat(levels)}${"]".repeat(levels)}`);

test("A long text is cut, not refused", async () => {
  outside();
  const { token } = await aNeighbour();
  const key = await keyOf("issues/createV2", { type: "requestCallback", comments: "а".repeat(9000) }, token);
  expect(String((await rowOf(key))!.description)).toHaveLength(4000 + "Комментарий: ".length);
});

test.each([
  ["issues/create", undefined],
  ["issues/create", { issue: "REM" }],
  ["issues/create", { issue: { summary: { a: 1 } } }],
  ["issues/create", { issue: { summary: "s" }, customFields: { "11841": "7".repeat(8000) } }],
  ["issues/create", deep('{"issue":{"summary":"s"},"customFields":{"a":DEEP}}', 3_000)],
  ["issues/actionV2", deep('{"key":"REM-1","action":"changeQRDeliveryType","customFields":DEEP}', 100_000)],
  ["issues/createV2", {}],
  ["issues/createV2", { type: "hack" }],
  ["issues/createV2", { type: 7 }],
  ["issues/createV2", { type: "requestCallback", comments: { a: 1 } }],
  ["issues/action", {}],
  ["issues/action", { key: "REM-1", action: "Начать работу" }],
  ["issues/actionV2", { key: "REM-1", action: "changeQRDeliveryType" }],
  ["issues/actionV2", { key: 1, action: "close" }],
  ["issues/comment", { key: "REM-1" }],
  ["issues/commentV2", { key: "REM-1", comment: "" }],
])("%s with %o is refused", async (method, body) => {
  outside();
  const { token } = await aResident();
  expect((await mobile(method, body, { token })).status).toBe(422);
});
