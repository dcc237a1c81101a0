import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { settings } from "#env.ts";
import { verifyPassword } from "#platform/passwords.ts";
import { aPhone, aUid, envWith } from "../support/world.ts";
import { aDevice, bill, DONE, json, said } from "./bill.ts";

const own = async (uid: number) =>
  (await json("users/clients/")).clients.find((client: { uid: number }) => client.uid === uid);

async function aClient(fields: object = {}) {
  const uid = aUid();
  const client = { uid, login: `L${uid}`, address: "г. Тула, ул. Мира, д. 3 кв. 8", flat: "8", phones: [aPhone()] };
  expect(await json("users/clients/create/", { ...client, ...fields })).toEqual({ id: uid });
  return client;
}

const revokedAt = (uid: number) =>
  env.DB.prepare("SELECT revoked_at FROM camera_revocations WHERE subject = ?").bind(`c${uid}`).first("revoked_at");

test("a contract comes back as it was entered, with what was left out", async () => {
  const client = await aClient();
  const untold = { client_name: null, email: null, confirmed: false, pay_advice: null, tariffs: {} };
  expect(await own(client.uid)).toEqual({ ...client, state: 2, balance: 0, services: [], devices: [], ...untold });
});

test("a contract has everything that can be said of it", async () => {
  const all = {
    ...{ state: 1, balance: 12.55, services: ["cctv"], devices: [{ device_id: 30, state: 2 }] },
    ...{ client_name: "Иван П.", email: "ivan@example.net", confirmed: true, pay_advice: 650 },
    tariffs: { cams: { price: 199.9, until: "2026-10-01", name: "Умный двор" }, internet: { price: 450 } },
  };
  const client = await aClient(all);
  expect(await own(client.uid)).toEqual({ ...client, ...all });
  const row = env.DB.prepare("SELECT balance FROM contracts WHERE uid = ?").bind(client.uid);
  expect(await row.first("balance")).toBe(1255);
});

test.each([
  [12.5, 1250],
  ["650.00", 65_000],
  [-0.1, -10],
  [0.29, 29],
  [null, 0],
])("a balance of %j roubles is %i kopecks", async (balance, kopecks) => {
  const { uid } = await aClient({ balance });
  const stored = await env.DB.prepare("SELECT balance FROM contracts WHERE uid = ?").bind(uid).first("balance");
  expect(stored).toBe(kopecks);
});

test("what a contract pays is kept in kopecks, and can be taken back", async () => {
  const tariffs = { cams: { price: "199.90", until: "", name: null }, tv: null };
  const { uid } = await aClient({ pay_advice: "650.00", tariffs });
  const stored = env.DB.prepare("SELECT pay_advice, tariffs FROM contracts WHERE uid = ?").bind(uid);
  expect(await stored.first()).toEqual({ pay_advice: 65_000, tariffs: JSON.stringify({ cams: { price: 19_990 } }) });
  await bill("users/clients/edit/", { uid, pay_advice: null, tariffs: {}, client_name: "Анна", confirmed: "t" });
  expect(await own(uid)).toMatchObject({ pay_advice: null, tariffs: {}, client_name: "Анна", confirmed: true });
  await bill("users/clients/edit/", { uid, address: "д. 4" });
  expect(await own(uid)).toMatchObject({ client_name: "Анна", confirmed: true });
});

test("phones are kept in one form, once", async () => {
  const phone = aPhone();
  const rest = phone.slice(1);
  const { uid } = await aClient({ phones: [`8${rest}`, Number(phone), `+7 (${rest.slice(0, 3)}) ${rest.slice(3)}`] });
  expect((await own(uid)).phones).toEqual([phone]);
});

test("without a uid the next free number is given, and never again", async () => {
  const create = async (uid?: number) =>
    (await json("users/clients/create/", { uid, login: `L${aUid()}`, address: "д. 3", phones: [] })).id;
  const first = await create();
  const second = await create();
  expect(second).toBeGreaterThan(first);
  await bill("users/clients/delete/", { uid: second });
  const third = await create();
  expect(third).toBeGreaterThan(second);
  expect(await create(third + 10)).toBe(third + 10);
  expect(await create()).toBeGreaterThan(third + 10);
});

test.each<[string, object, number]>([
  ["a phone that is none", { phones: ["123"] }, 422],
  ["a landline", { phones: ["84951234567"] }, 422],
  ["a state that is none", { state: 3 }, 422],
  ["an empty login", { login: " " }, 422],
  ["phones that are no list", { phones: "79161230001" }, 422],
  ["a device without a state", { devices: [{ device_id: 1 }] }, 422],
  ["a balance in words", { balance: "much" }, 422],
  ["an advice in words", { pay_advice: "much" }, 422],
  ["a price below nothing", { tariffs: { cams: { price: -1 } } }, 422],
  ["a tariff until some time", { tariffs: { cams: { price: 1, until: "soon" } } }, 422],
  ["an address of e-mail that is none", { email: "ivan" }, 422],
])("create/ and edit/ refuse %s", async (_, wrong, status) => {
  const client = await aClient();
  const uid = aUid();
  const create = await bill("users/clients/create/", { ...client, uid, login: `L${uid}`, ...wrong });
  const edit = await bill("users/clients/edit/", { uid: client.uid, ...wrong });
  for (const response of [create, edit]) {
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code: status, name: "Unprocessable Entity", message: expect.any(String) });
  }
  expect(await own(uid)).toBeUndefined();
  expect(await own(client.uid)).toMatchObject(client);
});

test("a uid and a login are used once", async () => {
  const [one, two] = [await aClient(), await aClient()];
  const conflict = { code: 409, name: "Conflict", message: expect.any(String) };
  expect(await json("users/clients/create/", { ...one, login: `L${aUid()}` })).toEqual(conflict);
  expect(await json("users/clients/create/", { ...one, uid: aUid() })).toEqual(conflict);
  expect(await json("users/clients/edit/", { uid: one.uid, login: two.login })).toEqual(conflict);
  expect(await own(one.uid)).toMatchObject(one);
});

test("edit/ changes what is given and nothing else", async () => {
  const client = await aClient({ devices: [{ device_id: 30, state: 1 }] });
  const before = await own(client.uid);
  expect(await said("users/clients/edit/", { uid: String(client.uid), address: "д. 4", flat: null })).toEqual(DONE);
  expect(await own(client.uid)).toEqual({ ...before, address: "д. 4", flat: null });

  const phones = [aPhone(), aPhone()].sort();
  const devices = [{ device_id: 31, state: 2 }];
  expect(await said("users/clients/edit/", { login: client.login, phones, devices })).toEqual(DONE);
  expect(await own(client.uid)).toEqual({ ...before, address: "д. 4", flat: null, phones, devices });

  expect(await said("users/clients/edit/", { uid: client.uid, phones: [], devices: [] })).toEqual(DONE);
  expect(await own(client.uid)).toMatchObject({ phones: [], devices: [] });
});

test.each(["edit/", "change_password/", "delete/"])("%s of nobody is 404", async (name) => {
  const response = await bill(`users/clients/${name}`, { uid: aUid(), password: "pa55" });
  expect([response.status, await response.json()]).toMatchObject([404, { code: 404, name: "Not Found" }]);
});

test("a deleted contract leaves nothing behind", async () => {
  const { uid, login } = await aClient();
  await bill("rights_add/", { uid, device_id: await aDevice() });
  await bill("keys_add/", { uid, key: "00ff" });
  expect(await said("users/clients/delete/", { login })).toEqual(DONE);
  expect(await own(uid)).toBeUndefined();
  expect(await json("rights_list/", { uid })).toEqual({ rights: [] });
  expect(await json("keys_list/", { uid })).toEqual({ keys: [] });
  const phones = env.DB.prepare("SELECT count(*) AS n FROM contract_phones WHERE uid = ?").bind(uid);
  expect(await phones.first("n")).toBe(0);
  expect(await revokedAt(uid)).not.toBeNull();
});

test("a password is stored as a hash that only the password verifies", async () => {
  const { uid, login } = await aClient();
  expect(await said("users/clients/change_password/", { login, password: "pa55" })).toEqual(DONE);
  const stored = await env.DB.prepare("SELECT password FROM contracts WHERE uid = ?")
    .bind(uid)
    .first<string>("password");
  const { PEPPERS } = settings(env);
  expect(stored).toMatch(/^\$scrypt\$ln=\d+,r=8,p=5,k=k1\$/);
  expect(await verifyPassword("pa55", stored!, PEPPERS)).toBe(true);
  expect(await verifyPassword("pa56", stored!, PEPPERS)).toBe(false);
  expect(JSON.stringify(await json("users/clients/"))).not.toContain("scrypt");
});

const DEVICES = [{ device_id: 30, state: 1 }];

test.each<[string, object, object, boolean]>([
  ["a lower state", {}, { state: 1 }, true],
  ["a device that stands worse", {}, { devices: [{ device_id: 30, state: 0 }] }, true],
  ["a better state ended", { state: 0, devices: DEVICES }, { devices: [] }, true],
  ["a phone removed", {}, { phones: [] }, true],
  ["a higher state", { state: 0 }, { state: 2 }, false],
  ["a worse state ended", { devices: DEVICES }, { devices: [] }, false],
  ["a state below what a device has of its own", { devices: DEVICES }, { devices: DEVICES, state: 2 }, false],
  ["the same once more", { devices: DEVICES }, { state: 2, devices: DEVICES }, false],
  ["another address and balance", {}, { address: "д. 4", balance: 5, services: [] }, false],
])("%s ends camera tokens if it takes something away: %#", async (_, before, change, ends) => {
  const { uid } = await aClient(before);
  const start = Date.now();
  expect(await said("users/clients/edit/", { uid, ...change })).toEqual(DONE);
  if (ends) expect(await revokedAt(uid)).toBeGreaterThanOrEqual(start);
  else expect(await revokedAt(uid)).toBeNull();
});

test("a phone more ends nothing", async () => {
  const { uid, phones } = await aClient();
  expect(await said("users/clients/edit/", { uid, phones: [...phones, aPhone()] })).toEqual(DONE);
  expect(await revokedAt(uid)).toBeNull();
});

test.each(["http", "legacy"])("with BILLING=%s the calls answer as they always have", async (BILLING) => {
  const environment = { env: envWith({ BILLING, BILLING_URL: "https://billing.example.net" }) };
  const answer = async (name: string, body?: unknown) =>
    (await bill(`users/clients/${name}`, body, environment)).text();
  for (const name of ["", "edit/", "change_password/", "delete/"]) expect(await answer(name)).toBe("");
  expect(JSON.parse(await answer("create/", { uid: 501 }))).toEqual({ id: 501 });
  expect(await answer("create/", {})).toBe("");
});
