import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { aHome, aPhone, aResident, mobile, outside } from "../support/world.ts";
import { bill, DONE, json, said } from "./bill.ts";

const aNeighbour = async () => {
  const phone = aPhone();
  const home = await aHome({ phones: [phone] });
  return { ...home, ...(await aResident({ phone })) };
};

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
const dataOf = async (method: string, body: unknown, token: string): Promise<any> =>
  (await (await mobile(method, body, { token })).json<{ data: unknown }>()).data;

const inboxOf = async (phone: string) => {
  const all = env.DB.prepare(
    "SELECT title, text FROM inbox_messages WHERE operator = 'main' AND phone = ? ORDER BY id",
  );
  return (await all.bind(phone).all<{ title: string; text: string }>()).results;
};

/** Walks the pages of a list until it meets the one that is looked for. */
async function inList(call: string, list: string, id: string, wanted: unknown, filter: object) {
  for (let after: unknown = 0; ; ) {
    const page = (await json(call, { ...filter, ...(after !== 0 && { after }) }))[list];
    const match = page.find((row: Record<string, unknown>) => row[id] === wanted);
    if (match || page.length === 0) return match;
    after = page.at(-1)[id];
  }
}

test("The operator sees an issue with what was said, changes it, and its resident is told", async () => {
  outside();
  const { token, phone } = await aNeighbour();
  const key = await dataOf("issues/createV2", { type: "requestQRCodeOffice", inputAddress: "Тула, Мира, 5" }, token);
  await mobile("issues/commentV2", { key, comment: "Зайду завтра" }, { token });
  const issue = await inList("issues_list/", "issues", "key", key, { status: "open" });
  expect(issue).toMatchObject({ type: "requestQRCodeOffice", phone, address: "Тула, Мира, 5", delivery: "office" });
  expect(issue.comments).toMatchObject([{ author: "resident", text: "Зайду завтра" }]);

  expect(await said("issues_mod/", { key, delivery: "courier", comment: "Привезём в субботу" })).toEqual(DONE);
  expect(await said("issues_mod/", { key, status: "done" })).toEqual(DONE);
  const done = await inList("issues_list/", "issues", "key", key, { status: "done" });
  expect(done).toMatchObject({ status: "done", delivery: "courier" });
  expect(done.comments).toMatchObject([{ author: "resident" }, { author: "operator", text: "Привезём в субботу" }]);
  expect(await inboxOf(phone)).toEqual([
    { title: `Заявка ${key}`, text: "Код привезёт курьер.\nПривезём в субботу" },
    { title: `Заявка ${key}`, text: "Заявка выполнена." },
  ]);
});

test("An issue is not opened again beside one that asks for the same", async () => {
  outside();
  const { token } = await aNeighbour();
  const wish = { type: "requestCallback" };
  const first = await dataOf("issues/createV2", wish, token);
  await bill("issues_mod/", { key: first, status: "done" });
  await dataOf("issues/createV2", wish, token);
  expect((await bill("issues_mod/", { key: first, status: "open" })).status).toBe(409);
});

const PNG = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(400_000, 7)]).toString("base64");

test("The operator writes down what came of a complaint, with a photo, and who complained is told", async () => {
  outside();
  const { token, phone, uid } = await aNeighbour();
  await mobile("hcs/newAppeal", { houseId: uid, type: 1, description: "Стоит лифт", createdDoc: PNG }, { token });
  const [{ appealsId: id }] = await dataOf("hcs/appealsList", { houseId: uid }, token);
  const appeal = await inList("appeals_list/", "appeals", "appeal_id", id, { status: 1 });
  expect(appeal).toMatchObject({
    uid,
    phone,
    category: "Лифт",
    description: "Стоит лифт",
    steps: [{ text: "Принято" }],
  });
  expect(appeal.document).toContain("/api/hcs/appealdoc/");

  const work = { appeal_id: String(id), status: "14", work: "Заменён трос", document: PNG };
  expect(await said("appeals_mod/", work)).toEqual(DONE);
  const [told] = await dataOf("hcs/appealsList", { houseId: uid }, token);
  expect(told).toMatchObject({ status: 14, workerDescription: [{ wrDesc: "Заменён трос" }] });
  expect(await inboxOf(phone)).toEqual([{ title: `Обращение № ${id}`, text: "Закрыто\nЗаменён трос" }]);
});

test.each([undefined, {}])("Complaints are listed without a filter, asked with %o", async (body) => {
  const response = await bill("appeals_list/", body);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ appeals: expect.any(Array) });
});

test("Housing bills come in roubles, replace what their contract had, and leave the others alone", async () => {
  outside();
  const [one, other] = [await aNeighbour(), await aNeighbour()];
  const water = { uid: one.uid, name: "Водоканал", client: 100200 };
  expect(
    await said("bills_update/", {
      bills: [
        { ...water, amount: "50.5" },
        { ...water, uid: other.uid },
      ],
    }),
  ).toEqual(DONE);
  const power = { ...water, name: "Энергосбыт", paymentlink: "https://pay.example.org/2", arrears: 12.34 };
  expect(await said("bills_update/", { bills: [power] })).toEqual(DONE);
  expect(await dataOf("hcs/listPay", {}, one.token)).toMatchObject([
    { name: "Энергосбыт", arrears: 1234, fakeLink: false },
  ]);
  expect(await dataOf("hcs/listPay", {}, other.token)).toMatchObject([
    { name: "Водоканал", client: "100200", amount: 0 },
  ]);
  expect(await said("bills_update/", { bills: [], uids: [one.uid] })).toEqual(DONE);
  expect(await dataOf("hcs/listPay", {}, one.token)).toEqual([]);
});

test("Defect 23: the desk's calls need the operator's token", async () => {
  const calls = [
    "issues_list/",
    "issues_mod/",
    "appeals_list/",
    "appeals_mod/",
    "appeal_categories_update/",
    "bills_update/",
  ];
  for (const path of calls) {
    expect([path, (await bill(path, { status: "open" }, { authorization: "" })).status]).toEqual([path, 401]);
  }
});

test.each([
  ["issues_list/", {}, 422],
  ["issues_list/", { status: "lost" }, 422],
  ["issues_mod/", { key: "REM-0", status: "done" }, 404],
  ["issues_mod/", { key: 7, status: "done" }, 422],
  ["appeals_list/", { after: "x" }, 422],
  ["appeals_mod/", { appeal_id: 999_999_999, status: 2 }, 404],
  ["appeals_mod/", { appeal_id: 1, status: -1 }, 422],
  ["appeals_mod/", { appeal_id: 1, document: Buffer.from("<html>").toString("base64") }, 422],
  ["appeal_categories_update/", { categories: [{ id: 0, name: "" }] }, 422],
  ["bills_update/", { bills: [{ uid: 1, name: "А", client: "1", paymentlink: "javascript:alert(1)" }] }, 422],
  ["bills_update/", { bills: [{ uid: 1, name: "А", client: "1", amount: "много" }] }, 422],
])("%s with %o is refused", async (path, body, status) => {
  expect((await bill(path, body)).status).toBe(status);
});
