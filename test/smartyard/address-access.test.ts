import { env } from "cloudflare:test";
import { beforeEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { addDoor } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";
import {
  aContract,
  aHome,
  aLock,
  aPhone,
  aResident,
  envWith,
  mobile,
  type Outside,
  outside,
  type SignedInResident,
} from "../support/world.ts";

let owner: SignedInResident;
let uid: number;
let world: Outside;

const HOUR = 3_600_000;
const local = (at: Date) => new Date(at.getTime() + 3 * HOUR).toISOString().slice(0, 19).replace("T", " ");
const access = (body: object, who = owner, environment: Env = env) =>
  mobile("address/access", { flatId: uid, ...body }, { token: who.token, env: environment });
const resend = (guestPhone: string, who = owner) =>
  mobile("address/resend", { flatId: uid, guestPhone }, { token: who.token });

interface Card {
  roommates?: { phone: string; type: string; expire: string }[];
  [key: string]: unknown;
}

async function cardOf(who: SignedInResident, of = uid): Promise<Card> {
  const answer = await mobile("address/getSettingsList", {}, { token: who.token });
  const { data } = await answer.json<{ data: Card[] }>();
  return data.find(({ houseId }) => houseId === String(of))!;
}

const roommate = async (phone: string) => (await cardOf(owner)).roommates!.find((mate) => mate.phone === phone);

beforeEach(async () => {
  world = outside();
  owner = await aResident();
  uid = await aContract({ phones: [owner.phone], clientName: "Иван П." });
});

test("an inner guest stays for ever, an outer one a day, unless the owner says until when", async () => {
  const [inner, outer, timed] = [aPhone(), aPhone(), aPhone()];
  const until = local(new Date(Date.now() + 5 * HOUR));
  await access({ guestPhone: inner, type: "inner" });
  await access({ guestPhone: outer, type: "outer" });
  await access({ guestPhone: timed, type: "outer", expire: until });
  expect(await roommate(inner)).toEqual({ phone: inner, type: "inner", expire: "3001-01-01 00:00:00" });
  expect(await roommate(timed)).toEqual({ phone: timed, type: "outer", expire: until });
  const day = await roommate(outer);
  expect(Math.abs(Date.parse(`${day!.expire.replace(" ", "T")}+03:00`) - Date.now() - 24 * HOUR)).toBeLessThan(60_000);
});

test.each([
  ["Android's", "2001-01-01 00:00:00"],
  ["iOS's, in the year 1,", "0001-01-01 02:30:17"],
])("a date of %s ends an access, and ending it twice is no error", async (_, expire) => {
  const guest = await aResident();
  expect((await access({ guestPhone: guest.phone, type: "inner" })).status).toBe(204);
  expect(await cardOf(guest)).toMatchObject({ contractOwner: "f", flatOwner: "f" });
  for (let i = 0; i < 2; i++)
    expect((await access({ guestPhone: guest.phone, type: "inner", expire })).status).toBe(204);
  expect(await roommate(guest.phone)).toBeUndefined();
  expect((await mobile("address/getAddressList", {}, { token: guest.token })).status).toBe(204);
});

test("Defect 10: a guest's phone is one, whichever way it is written", async () => {
  const phone = aPhone();
  const written = [`+7 (${phone.slice(1, 4)}) ${phone.slice(4)}`, `8${phone.slice(1)}`, Number(phone), phone];
  for (const guestPhone of written) expect((await access({ guestPhone })).status).toBe(204);
  expect((await cardOf(owner)).roommates).toHaveLength(2);
  expect((await access({ guestPhone: `8${phone.slice(1)}`, expire: "2001-01-01 00:00:00" })).status).toBe(204);
  expect((await cardOf(owner)).roommates).toHaveLength(1);
});

test("an access that changes keeps what the request leaves out, and is not announced again", async () => {
  const phone = aPhone();
  await access({ guestPhone: phone, type: "outer" });
  await access({ guestPhone: phone, expire: "2999-01-01 00:00:00" });
  expect(await roommate(phone)).toEqual({ phone, type: "outer", expire: "2999-01-01 00:00:00" });
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(1));
});

test("a new guest is told by SMS where they may come in, and by what app", async () => {
  const phone = aPhone();
  const linked = envWith({ APP_LINK: "https://app.example.net" });
  await access({ guestPhone: phone }, owner, linked);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(1));
  const text = "Вам открыт доступ: г. Тула, ул. Мира, д. 3. Приложение: https://app.example.net";
  expect(world.smsTo(phone)).toEqual([text]);
  const { results } = await env.DB.prepare("SELECT purpose FROM messages WHERE recipient = ?").bind(phone).all();
  expect(results).toEqual([{ purpose: "invitation" }]);
  const told = await env.DB.prepare("SELECT action FROM inbox_messages WHERE phone = ?").bind(phone).all();
  expect(told.results).toEqual([{ action: "newAddress" }]);
});

test("one phone gets no more than its invitations of a day, from whomever, and the access is good all the same", async () => {
  const guest = await aResident();
  const others = await Promise.all([0, 1, 2, 3].map(() => aResident()));
  const homes = await Promise.all(others.map(({ phone }) => aContract({ phones: [phone] })));
  for (const [i, other] of others.entries()) {
    const body = { flatId: homes[i], guestPhone: guest.phone };
    expect((await mobile("address/access", body, { token: other.token })).status).toBe(204);
  }
  const { data } = await (await mobile("address/getAddressList", {}, { token: guest.token })).json<{
    data: unknown[];
  }>();
  expect(data).toHaveLength(4);
  await access({ guestPhone: guest.phone });
  const again = await resend(guest.phone);
  expect(again.status).toBe(429);
  expect(again.headers.get("retry-after")).toMatch(/^\d+$/);
  await vi.waitFor(() => expect(world.smsTo(guest.phone)).toHaveLength(3));
  const sent = await env.DB.prepare("SELECT count(*) AS n FROM messages WHERE recipient = ?")
    .bind(guest.phone)
    .first("n");
  expect(sent).toBe(3);
});

test("granting and taking back again and again sends no more SMS, and neither do many phones of one flat", async () => {
  const phone = aPhone();
  for (let i = 0; i < 6; i++) {
    await access({ guestPhone: phone });
    await access({ guestPhone: phone, expire: "2001-01-01 00:00:00" });
  }
  await Promise.all(Array.from({ length: 12 }, () => access({ guestPhone: aPhone() })));
  const count = (of: string) =>
    env.DB.prepare(`SELECT count(*) AS n FROM guest_invitations WHERE uid = ? AND phone ${of} ?`)
      .bind(uid, phone)
      .first("n");
  expect(await count("=")).toBe(3);
  expect(await count("<>")).toBe(7);
  expect((await cardOf(owner)).roommates).toHaveLength(13);
});

test("an invitation is sent again at the owner's wish, and to nobody who is no guest", async () => {
  const phone = aPhone();
  await access({ guestPhone: phone });
  expect((await resend(`8${phone.slice(1)}`)).status).toBe(204);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));
  const stranger = aPhone();
  expect((await resend(stranger)).status).toBe(404);
  expect(world.smsTo(stranger)).toEqual([]);
});

test("a flat has room for so many guests", async () => {
  const small = envWith({ LIMITS: '{"guestsPerHome":2}' });
  const [first, second, third] = [aPhone(), aPhone(), aPhone()];
  const grants = await Promise.all([first, second].map((guestPhone) => access({ guestPhone }, owner, small)));
  expect(grants.map(({ status }) => status)).toEqual([204, 204]);
  const full = await access({ guestPhone: third }, owner, small);
  expect(full.status).toBe(409);
  expect(await full.json()).toMatchObject({ code: 409, message: "Слишком много гостей, удалите кого-нибудь" });
  expect((await access({ guestPhone: first, type: "outer" }, owner, small)).status).toBe(204);
});

test("whoever deletes an address from their app is off it: a guest, and an owner of a contract here", async () => {
  const guest = await aResident();
  const other = await aResident();
  uid = await aContract({ phones: [owner.phone, other.phone] });
  await access({ guestPhone: guest.phone });
  const past = "2001-01-01 00:00:00";
  expect((await access({ guestPhone: guest.phone, expire: past }, guest)).status).toBe(204);
  expect((await mobile("address/getAddressList", {}, { token: guest.token })).status).toBe(204);
  expect((await access({ expire: past }, other)).status).toBe(204);
  expect((await mobile("address/getAddressList", {}, { token: other.token })).status).toBe(204);
  expect((await cardOf(owner)).roommates).toMatchObject([{ phone: owner.phone, type: "owner" }]);
});

test("another owner's phone is the operator's to remove, and the contract's own billing is asked for nothing", async () => {
  const other = await aResident();
  uid = await aContract({ phones: [owner.phone, other.phone] });
  const answer = await access({ guestPhone: other.phone, expire: "2001-01-01 00:00:00", type: "owner" });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ code: 200, data: expect.stringContaining("оператору") });
  expect(await cardOf(other)).toMatchObject({ contractOwner: "t" });
});

test("an owner whose contract is in the operator's own billing is told to ask there", async () => {
  outside(async (request) => {
    const isList = request.url.endsWith("addressList");
    return Response.json({ result: isList ? [{ uid, login: `c${uid}`, address: "ул. Мира, 3" }] : {} });
  });
  const remote = envWith({ BILLING: "http", BILLING_URL: "https://billing-own.example.net" });
  const answer = await access({ guestPhone: owner.phone, expire: "0001-01-01 00:00:00" }, owner, remote);
  expect([answer.status, (await answer.json<{ data: string }>()).data]).toEqual([
    200,
    expect.stringContaining("оператору"),
  ]);
});

test.each([
  ["no id at all", { flatId: undefined, guestPhone: "79161230001" }, 422],
  ["an empty id", { flatId: "", guestPhone: "79161230001" }, 422],
  ["what is no phone", { guestPhone: "12" }, 422],
  ["a landline", { guestPhone: "+74951234567" }, 422],
  ["another country's phone", { guestPhone: "+12025550123" }, 422],
  ["a date that is none", { guestPhone: "79161230001", expire: "tomorrow" }, 422],
  ["a new owner", { guestPhone: "79161230001", type: "owner" }, 422],
  ["another type", { guestPhone: "79161230001", type: "king" }, 422],
  ["another contract's login", { guestPhone: "79161230001", clientId: "c1" }, 404],
  ["a phone as an object", { guestPhone: {} }, 422],
])("Defect 53: access with %s is refused", async (_, body, status) => {
  const answer = await access(body);
  expect(answer.status).toBe(status);
  expect(await answer.json()).toMatchObject({ code: status });
});

test.each([
  ["winter", "2999-01-15 12:00:00", "2999-01-15T11:00:00Z"],
  ["summer", "2999-07-15 12:00:00", "2999-07-15T10:00:00Z"],
])("Defect 66: the end of an access is read and told by the operator's clock, in %s", async (_, expire, instant) => {
  const berlin = envWith({ TIME_ZONE: "Europe/Berlin" });
  const guestPhone = aPhone();
  await access({ guestPhone, expire }, owner, berlin);
  const at = await env.DB.prepare("SELECT expires_at FROM guests WHERE phone = ?").bind(guestPhone).first("expires_at");
  expect(at).toBe(Date.parse(instant));
  const list = await mobile("address/getSettingsList", {}, { token: owner.token, env: berlin });
  const { data } = await list.json<{ data: Card[] }>();
  expect(data[0]!.roommates!.find(({ phone }) => phone === guestPhone)!.expire).toBe(expire);
});

test("Defect 53: a reset of the door code without an id is refused", async () => {
  for (const body of [undefined, {}, { flatId: "" }, { flatId: null }])
    expect((await mobile("address/resetCode", body, { token: owner.token })).status).toBe(422);
});

test("an id as text, the contract's own login and empty fields are all fine", async () => {
  const body = {
    flatId: undefined,
    houseId: String(uid),
    clientId: `c${uid}`,
    guestPhone: aPhone(),
    expire: "",
    type: null,
  };
  expect((await access(body)).status).toBe(204);
});

test("the settings list says who one is, and tells only owners who else comes in and by which contract", async () => {
  const guest = await aResident();
  await access({ guestPhone: guest.phone });
  const card = await cardOf(owner);
  expect(card).toMatchObject({ contractOwner: "t", flatOwner: "t", clientName: "Иван П.", clientId: `c${uid}` });
  expect(card.roommates!.map(({ type }) => type)).toEqual(["owner", "inner"]);
  const theirs = await cardOf(guest);
  expect(theirs).toMatchObject({ contractOwner: "f", flatOwner: "f", houseId: String(uid), hasPlog: "t" });
  for (const key of ["clientName", "clientId", "contractName", "roommates"]) expect(theirs).not.toHaveProperty(key);
  expect(JSON.stringify(theirs)).not.toContain(owner.phone);
});

test("there are gates to open for a guest where a gate, barrier or wicket of the flat works", async () => {
  expect((await cardOf(owner)).hasGates).toBe("f");
  const home = await aHome({ phones: [owner.phone] });
  expect((await cardOf(owner, home.uid)).hasGates).toBe("f");
  const { deviceId } = await aLock();
  const door = {
    deviceId,
    cam: home.camera.deviceId,
    name: "Шлагбаум",
    open: "http://127.0.0.1:8081/b",
    entrance: null,
  };
  await addDoor(env, { ...door, icon: "barrier" });
  await giveRights(env, home.uid, [deviceId]);
  expect((await cardOf(owner, home.uid)).hasGates).toBe("t");
});

test("Defect 67: a flat that nobody has looked at has its intercom, its log and its doors", async () => {
  const read = await mobile("address/intercom", { flatId: uid }, { token: owner.token });
  expect(read.status).toBe(200);
  const other = await aContract({ phones: [owner.phone] });
  const { data } = await (await mobile("address/getAddressList", {}, { token: owner.token })).json<{ data: Card[] }>();
  expect(data.find(({ houseId }) => houseId === String(other))).toMatchObject({ hasPlog: "t" });
  const reset = await mobile("address/resetCode", { flatId: other }, { token: owner.token });
  const { code } = (await reset.json<{ data: { code: number } }>()).data;
  const stored = await env.DB.prepare("SELECT door_code FROM homes WHERE uid = ?").bind(other).first("door_code");
  expect(stored).toBe(String(code));
});

test("Defect 52: a device that is switched off or gone hides nothing behind it, nor does a lock without a door", async () => {
  const home = await aHome({ phones: [owner.phone], cameras: 2 });
  const bare = await aLock();
  await giveRights(env, home.uid, [bare.deviceId]);
  await env.DB.prepare("UPDATE devices SET is_active = 0 WHERE device_id = ?").bind(home.camera.deviceId).run();
  const { data } = await (await mobile("address/getAddressList", {}, { token: owner.token })).json<{ data: Card[] }>();
  expect(data.find(({ houseId }) => houseId === String(home.uid))).toMatchObject({
    cctv: 1,
    doors: [{ doorId: home.doorId }],
  });
});

test("offices are a setting, and no offices an empty list", async () => {
  const offices = [{ lat: 54.19, lon: 37.61, address: "ул. Мира, 1", opening: "09:00-19:00" }];
  const told = await mobile("address/offices", undefined, {
    token: owner.token,
    env: envWith({ OFFICES: JSON.stringify(offices) }),
  });
  expect(await told.json()).toMatchObject({ code: 200, data: offices });
  const none = await mobile("address/offices", {}, { token: owner.token });
  expect([none.status, (await none.json<{ data: unknown }>()).data]).toEqual([200, []]);
});

test("the housing companies' list has the homes that one lives in, and not those whose gate one may open", async () => {
  const [inner, outer] = [await aResident(), await aResident()];
  await access({ guestPhone: inner.phone });
  await access({ guestPhone: outer.phone, type: "outer" });
  for (const who of [owner, inner]) {
    const list = await mobile("address/getHcsList", undefined, { token: who.token });
    expect(await list.json()).toMatchObject({ data: [{ houseId: String(uid), address: "г. Тула, ул. Мира, д. 3" }] });
  }
  expect((await mobile("address/getHcsList", {}, { token: outer.token })).status).toBe(204);
});
