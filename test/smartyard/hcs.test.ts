import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { changeCategories, workOnAppeal } from "#operator/desk/appeals.ts";
import { changeBills } from "#operator/desk/housing-bills.ts";
import { photoOf } from "#platform/photos.ts";
import { aHome, aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

const aNeighbour = async () => {
  const phone = aPhone();
  const home = await aHome({ phones: [phone], address: "г. Тула, ул. Мира, д. 3 кв. 8" });
  return { ...home, ...(await aResident({ phone })) };
};

const JPEG = Buffer.concat([Buffer.from("ffd8ffe000104a464946", "hex"), Buffer.alloc(64, 7)]);
const PNG = Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(16, 7)]);

const complain = (token: string, houseId: unknown, fields: object = {}, environment: Env = env) =>
  mobile(
    "hcs/newAppeal",
    { houseId, type: "1", description: "Не работает лифт", createdDoc: "", ...fields },
    { token, env: environment },
  );

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
const dataOf = async (method: string, body: unknown, token: string, environment: Env = env): Promise<any> => {
  const response = await mobile(method, body, { token, env: environment });
  expect([method, response.status]).toEqual([method, 200]);
  return (await response.json<{ data: unknown }>()).data;
};

test("Defect 27: a complaint is listed with its photo, which loads by a signed link alone", async () => {
  outside();
  const { token, uid } = await aNeighbour();
  expect(await dataOf("hcs/appealsList", { houseId: uid }, token)).toEqual([]);
  const taken = await complain(token, String(uid));
  expect([taken.status, await taken.json()]).toEqual([200, { code: 204, name: "OK", message: "Хорошо" }]);
  const second = { type: 2, description: "Грязно", createdDoc: `data:image/jpeg;base64,${JPEG.toString("base64")}` };
  expect((await complain(token, uid, second)).status).toBe(200);
  const [latest, first] = await dataOf("hcs/appealsList", { houseId: uid }, token);
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect(first).toEqual({
    ...{
      appealsId: expect.any(Number),
      createdUtc: time,
      type: "Лифт",
      description: "Не работает лифт",
      createdDoc: "",
    },
    ...{ status: 1, statusDescription: [{ stDesc: "Принято", stUtc: time }], workerDescription: [] },
  });
  expect(latest).toMatchObject({ type: "Уборка подъезда", description: "Грязно" });
  const { pathname, search, origin } = new URL(latest.createdDoc);
  expect([origin, pathname]).toEqual([
    "https://api.example.net",
    expect.stringMatching(/^\/api\/hcs\/appealdoc\/[\w-]+\.jpg$/),
  ]);
  const picture = await call(pathname + search);
  expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  expect(Buffer.from(await picture.arrayBuffer())).toEqual(JPEG);
  expect((await call(pathname)).status).toBe(403);
});

test("Defect 62: complaints at once have numbers of their own, and nobody is shown any but theirs", async () => {
  outside();
  const [one, other] = [await aNeighbour(), await aNeighbour()];
  const people = Array.from({ length: 12 }, (_, i) => (i % 2 ? one : other));
  await Promise.all(people.map(({ token, uid }, i) => complain(token, uid, { description: `№ ${i}` })));
  const lists = [one, other].map(({ token, uid }) => dataOf("hcs/appealsList", { houseId: uid }, token));
  const all = (await Promise.all(lists)).flat();
  expect(all.map(({ description }) => description).toSorted()).toEqual(people.map((_, i) => `№ ${i}`).toSorted());
  expect(new Set(all.map(({ appealsId }) => appealsId)).size).toBe(12);
});

test("Defect 62: nobody has bills but those of their contract, in kopecks", async () => {
  outside();
  const [one, other] = [await aNeighbour(), await aNeighbour()];
  const bill = { name: "Водоканал", client: "100200", balance: -5050, amount: 5050, current: 2000, arrears: 3050 };
  const paymentLink = "https://pay.example.org/1";
  const bills = [
    { uid: one.uid, paymentLink, ...bill },
    { uid: one.uid, paymentLink: "", ...bill, name: "Энергосбыт" },
  ];
  await changeBills(env, { bills, uids: [] });
  const view = {
    ...{ name: "Водоканал", client: "100200", paymentlink: paymentLink, fakeLink: false, balance: -5050, amount: 5050 },
    ...{ currentpayment: 2000, arrears: 3050 },
  };
  for (const body of [undefined, { houseId: String(one.uid) }]) {
    expect(await dataOf("hcs/listPay", body, one.token)).toEqual([
      view,
      { ...view, name: "Энергосбыт", paymentlink: "", fakeLink: true },
    ]);
  }
  expect(await dataOf("hcs/listPay", {}, other.token)).toEqual([]);
  await changeBills(env, { bills: [], uids: [one.uid] });
  expect(await dataOf("hcs/listPay", {}, one.token)).toEqual([]);
});

test("Defect 2: a neighbour's complaints and bills are neither read nor written", async () => {
  outside();
  const [owner, stranger] = [await aNeighbour(), await aNeighbour()];
  expect((await complain(stranger.token, owner.uid)).status).toBe(404);
  expect((await mobile("hcs/appealsList", { houseId: owner.uid }, { token: stranger.token })).status).toBe(404);
  expect((await mobile("hcs/listPay", { houseId: owner.uid }, { token: stranger.token })).status).toBe(404);
  expect(await dataOf("hcs/appealsList", { houseId: owner.uid }, owner.token)).toEqual([]);
});

test("A guest who comes through the gate has no part in the complaints; one who lives there has", async () => {
  outside();
  const { uid, phone } = await aNeighbour();
  const guest = async (type: "inner" | "outer") => {
    const resident = await aResident({ phone: aPhone() });
    await env.DB.prepare(
      "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, ?, ?, ?, 0)",
    )
      .bind(uid, resident.phone, type, Date.now() + 3_600_000, phone)
      .run();
    return resident.token;
  };
  const [inner, outer] = [await guest("inner"), await guest("outer")];
  expect((await complain(inner, uid)).status).toBe(200);
  expect((await complain(outer, uid)).status).toBe(403);
  expect((await mobile("hcs/appealsList", { houseId: uid }, { token: outer })).status).toBe(403);
  expect(await dataOf("hcs/appealsList", { houseId: uid }, inner)).toHaveLength(1);
});

test.each([
  ["a page", Buffer.from("<html><script>alert(1)</script></html>"), 422],
  ["a GIF", Buffer.from("GIF89a-------------"), 422],
  ["no base64", Buffer.alloc(0), 422],
  ["a PNG", PNG, 200],
  ["more than 8 MiB", Buffer.concat([JPEG, Buffer.alloc(8 * 1024 * 1024)]), 413],
])("Defect 18: %s as a complaint's photo", async (_, bytes, status) => {
  outside();
  const { token, uid } = await aNeighbour();
  const createdDoc = bytes.length > 0 ? bytes.toString("base64") : "это не base64";
  expect((await complain(token, uid, { createdDoc })).status).toBe(status);
  expect(await dataOf("hcs/appealsList", { houseId: uid }, token)).toHaveLength(status === 200 ? 1 : 0);
});

test("The operator's steps are told with their time and picture", async () => {
  outside();
  const { token, uid } = await aNeighbour();
  await complain(token, uid);
  const [{ appealsId }] = await dataOf("hcs/appealsList", { houseId: uid }, token);
  await workOnAppeal(env, appealsId, { status: 2 });
  const photo = photoOf(PNG.toString("base64"));
  await workOnAppeal(env, appealsId, { status: 14, text: "Лифт пущен", work: "Заменён трос", photo });
  const [appeal] = await dataOf("hcs/appealsList", { houseId: uid }, token);
  expect(appeal).toMatchObject({ status: 14 });
  expect(appeal.statusDescription.map(({ stDesc }: { stDesc: string }) => stDesc)).toEqual([
    "Принято",
    "В работе",
    "Лифт пущен",
  ]);
  expect(appeal.workerDescription).toMatchObject([{ wrDesc: "Заменён трос" }]);
  const { pathname, search } = new URL(appeal.workerDescription[0].wrDoc);
  expect((await call(pathname + search)).headers.get("content-type")).toBe("image/png");
});

test("The operator's own categories take the place of the usual ones", async () => {
  outside();
  const own = envWith({ OPERATOR: `cat${aPhone()}` });
  await changeCategories(own, [
    { id: 5, name: "Снег" },
    { id: 4, name: "Лёд" },
  ]);
  await changeCategories(own, [{ id: 5, name: "Снег на крыше" }]);
  // The session is the main operator's, so the list is asked for beside it.
  const { token } = await aResident();
  const usual = await dataOf("hcs/appealsCategory", undefined, token);
  expect(usual[0]).toEqual({ categoryId: 1, categoryName: "Лифт" });
  const { listCategories } = await import("#operator/desk/appeals.ts");
  expect(await listCategories(own)).toEqual([{ id: 5, name: "Снег на крыше" }]);
  await changeCategories(own, []);
  expect((await listCategories(own)).length).toBe(usual.length);
});

test("A day has only so many complaints", async () => {
  outside();
  const { token, uid } = await aNeighbour();
  const few = envWith({ LIMITS: JSON.stringify({ appealsPerDay: 2 }) });
  const all = await Promise.all(
    [1, 2, 3, 4].map(async (n) => (await complain(token, uid, { description: `№ ${n}` }, few)).status),
  );
  expect(all.toSorted()).toEqual([200, 200, 429, 429]);
  expect(await dataOf("hcs/appealsList", { houseId: uid }, token)).toHaveLength(2);
});

test.each([
  ["hcs/appealsList", undefined],
  ["hcs/appealsList", { houseId: "x" }],
  ["hcs/newAppeal", undefined],
  ["hcs/newAppeal", { type: 1, description: "Без дома" }],
  ["hcs/newAppeal", { houseId: 1, type: "лифт", description: "Стоит" }],
  ["hcs/newAppeal", { houseId: 1, type: 1, description: "  " }],
  ["hcs/newAppeal", { houseId: 1, type: 1, description: { a: 1 } }],
  ["hcs/newAppeal", { houseId: 1, type: 1, description: "Стоит", createdDoc: 7 }],
  ["hcs/listPay", { houseId: [1] }],
])("%s with %o is refused", async (method, body) => {
  outside();
  const { token } = await aResident();
  expect((await mobile(method, body, { token })).status).toBe(422);
});

test("A complaint of no known category is refused", async () => {
  outside();
  const { token, uid } = await aNeighbour();
  expect((await complain(token, uid, { type: 999 })).status).toBe(422);
});
