import { env } from "cloudflare:test";
import bcrypt from "bcryptjs";
import { beforeEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { randomDigits } from "#platform/crypto.ts";
import { endGuests } from "#premises/guests/sweep.ts";
import { bill } from "../inventory/bill.ts";
import { mails } from "../support/mail.ts";
import {
  aContract,
  aPhone,
  aResident,
  envWith,
  mobile,
  type Outside,
  outside,
  type SignedInResident,
} from "../support/world.ts";

// How somebody who has signed in becomes an owner: by a password, by a new password, by a code on paper.

let resident: SignedInResident;
let world: Outside;

beforeEach(async () => {
  world = outside();
  resident = await aResident();
});

interface Asking {
  who?: SignedInResident;
  env?: Env;
  headers?: Record<string, string>;
}

const ask = (method: string, body: unknown, { who = resident, env: environment = env, headers = {} }: Asking = {}) =>
  mobile(method, body, { token: who.token, env: environment, headers });
const uidsOf = async (who = resident): Promise<string[]> => {
  const answer = await mobile("address/getAddressList", {}, { token: who.token });
  if (answer.status === 204) return [];
  return (await answer.json<{ data: { houseId: string }[] }>()).data.map(({ houseId }) => houseId);
};

// As an imported hash: cheap to make and to check.
const HASH = bcrypt.hashSync("pa55word", 4);

async function aLockedContract({ phones = [] as string[], email = null as string | null } = {}) {
  const password = "pa55word";
  const uid = await aContract({ phones, email });
  await env.DB.prepare("UPDATE contracts SET password = ? WHERE uid = ?").bind(HASH, uid).run();
  return { uid, login: `c${uid}`, password };
}

const fromAnywhere = () => ({ headers: { "cf-connecting-ip": `10.9.${randomDigits(2)}.${randomDigits(2)}` } });

test("a contract is added by its login and password, once and again, and with it its homes", async () => {
  const { uid, login, password } = await aLockedContract();
  for (let i = 0; i < 2; i++) {
    const added = await ask("user/addMyPhone", { login, password, comment: "мой дом", notification: "t" });
    expect([added.status, await added.text()]).toEqual([204, ""]);
  }
  expect(await uidsOf()).toEqual([String(uid)]);
});

test("where the operator's own app begins with the addresses it is told so in the body's code", async () => {
  const { login, password } = await aLockedContract();
  const added = await ask("user/addMyPhone", { login, password }, { env: envWith({ MAIN_SCREEN_ADDRESS: "True" }) });
  expect([added.status, await added.json()]).toEqual([200, { code: 201, name: "OK", message: "Хорошо" }]);
});

test("Defects 2, 12: a wrong password, an unknown login and a contract without a password are one and the same refusal", async () => {
  const { login } = await aLockedContract();
  const bare = `c${await aContract()}`;
  const answers = [];
  for (const wrong of [login, bare, "nobody's"]) {
    const answer = await ask("user/addMyPhone", { login: wrong, password: "guess" }, fromAnywhere());
    answers.push([answer.status, await answer.json()]);
  }
  const refusal = {
    code: 403,
    name: "Неверный номер договора или пароль",
    message: "Неверный номер договора или пароль",
  };
  expect(answers).toEqual([
    [403, refusal],
    [403, refusal],
    [403, refusal],
  ]);
  expect(await uidsOf()).toEqual([]);
});

// The guesses are counted before anybody looks at them: here by a billing that says no, which costs no hash.
test("Defect 12: a contract's password is guessed a few times, by however many people, and a new one is tried at once", async () => {
  const { uid, login } = await aLockedContract();
  const no = aBilling({ addMyPhone: false }, { LIMITS: '{"passwordFailuresPerHour":5}' });
  const guess = async () => {
    const who = await aResident();
    return ask("user/addMyPhone", { login, password: "guess" }, { who, env: no.env, ...fromAnywhere() });
  };
  for (let i = 0; i < 5; i++) expect((await guess()).status).toBe(403);
  const waits = await guess();
  expect([waits.status, Number(waits.headers.get("retry-after")) > 0]).toEqual([429, true]);
  const strict = envWith({ LIMITS: '{"passwordFailuresPerHour":5}' });
  expect((await ask("user/addMyPhone", { login, password: "pa55word" }, { env: strict })).status).toBe(429);
  await bill("users/clients/change_password/", { uid, password: "another" });
  expect((await ask("user/addMyPhone", { login, password: "another" }, { env: strict })).status).toBe(204);
  expect(no.asked.filter(({ name }) => name === "addMyPhone")).toHaveLength(5);
});

test("Defect 12: a login that a billing may take in several spellings has one count for all of them", async () => {
  const no = aBilling({ addMyPhone: false }, { LIMITS: '{"passwordFailuresPerHour":5}' });
  const digits = randomDigits(9);
  const guess = async (login: string) => {
    const who = await aResident();
    return (await ask("user/addMyPhone", { login, password: "1" }, { who, env: no.env, ...fromAnywhere() })).status;
  };
  const statuses = [];
  for (const login of [`ab${digits}`, `AB${digits}`, `Ab-${digits}`, `a b${digits}`, `00AB${digits}`, `ＡＢ${digits}`])
    statuses.push(await guess(login));
  expect(statuses).toEqual([403, 403, 403, 403, 403, 429]);
});

test("Defect 12: one person guesses a few times, at however many contracts", async () => {
  const no = aBilling({ addMyPhone: false }, { LIMITS: '{"passwordFailuresPerHour":5}' });
  const guess = () =>
    ask("user/addMyPhone", { login: `x${randomDigits(9)}`, password: "1" }, { env: no.env, ...fromAnywhere() });
  for (let i = 0; i < 5; i++) expect((await guess()).status).toBe(403);
  expect((await guess()).status).toBe(429);
});

test("an operator may leave out each of the ways", async () => {
  const { login, password } = await aLockedContract({ phones: [aPhone()] });
  const closed = envWith({
    PERMIT_ADDMYPHONE: "False",
    PERMIT_SHOWRESTOREPHONE: "False",
    PERMIT_RESTOREPASSWD: "False",
  });
  const [{ id }] = await contactsOf(login);
  expect((await ask("user/addMyPhone", { login, password }, { env: closed })).status).toBe(404);
  expect((await ask("user/restore", { contract: login }, { env: closed })).status).toBe(404);
  expect((await ask("user/restore", { contract: login, contact_id: id }, { env: closed })).status).toBe(404);
});

test.each(["user/addMyPhone", "user/restore", "user/sendPassport", "address/registerQR"])(
  "%s without its fields is 422",
  async (method) => {
    for (const body of [
      undefined,
      {},
      { login: {}, contract: [], houseId: "1", passport: 7, QR: 5 },
      { login: "", contract: "", QR: "", flatId: "" },
    ])
      expect([method, (await ask(method, body)).status]).toEqual([method, 422]);
  },
);

interface Contact {
  id: string;
  contact: string;
  type: string;
}

async function contactsOf(contract: string, who = resident): Promise<[Contact, ...Contact[]]> {
  const answer = await ask("user/restore", { contract }, { who });
  return (await answer.json<{ data: [Contact, ...Contact[]] }>()).data;
}

test("a lost password is replaced in three steps, as the published apps take them", async () => {
  const phone = aPhone();
  const { uid, login, password } = await aLockedContract({ phones: [phone] });
  const contacts = await contactsOf(login);
  expect(contacts).toEqual([
    { id: expect.any(String), contact: `+7 (${phone.slice(1, 4)}) ***-**-${phone.slice(-2)}`, type: "phone" },
  ]);
  expect(await contactsOf(login)).toEqual(contacts);
  const sent = await ask("user/restore", { contract: login, contact_id: contacts[0].id });
  expect([sent.status, await sent.text()]).toEqual([204, ""]);
  const code = await world.codeFor(phone);
  const done = await ask("user/restore", { contract: login, code });
  expect([done.status, await done.text()]).toEqual([204, ""]);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));
  const fresh = /: ([A-Za-z0-9]{12})$/.exec(world.smsTo(phone)[1]!)![1]!;
  expect((await ask("user/addMyPhone", { login, password })).status).toBe(403);
  expect((await ask("user/addMyPhone", { login, password: fresh })).status).toBe(204);
  expect(await uidsOf()).toEqual([String(uid)]);
});

test("Defect 9: a code for a contract signs nobody in, and a code for signing in restores nothing", async () => {
  const phone = aPhone();
  const { login } = await aLockedContract({ phones: [phone] });
  const [{ id }] = await contactsOf(login);
  await ask("user/restore", { contract: login, contactId: id });
  const code = await world.codeFor(phone);
  expect((await mobile("user/confirmCode", { userPhone: phone, smsCode: code })).status).toBe(404);
  expect((await ask("user/restore", { contract: login, code })).status).toBe(204);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));

  const other = aPhone();
  const second = await aLockedContract({ phones: [other] });
  const [contact] = await contactsOf(second.login);
  await ask("user/restore", { contract: second.login, contact_id: contact.id });
  await world.codeFor(other);
  const later = envWith({ OTP_RESEND_GAPS: "0" });
  await mobile("user/requestCode", { userPhone: other }, { env: later });
  await vi.waitFor(() => expect(world.smsTo(other)).toHaveLength(2));
  const signIn = await world.codeFor(other);
  expect((await ask("user/restore", { contract: second.login, code: signIn })).status).toBe(404);
});

test("Defect 9: a code is for who asked, for that contract, and once", async () => {
  const phone = aPhone();
  const mine = await aLockedContract({ phones: [phone] });
  const theirs = await aLockedContract({ phones: [phone] });
  const [{ id }] = await contactsOf(mine.login);
  await ask("user/restore", { contract: mine.login, contact_id: id });
  const code = await world.codeFor(phone);
  const thief = await aResident();
  expect((await ask("user/restore", { contract: mine.login, code }, { who: thief })).status).toBe(404);
  expect((await ask("user/restore", { contract: theirs.login, code })).status).toBe(404);
  expect((await ask("user/restore", { contract: mine.login, contact_id: "another", code })).status).toBe(404);
  const wrong = await ask("user/restore", { contract: mine.login, code: code === "0000" ? "0001" : "0000" });
  expect([wrong.status, (await wrong.json<{ code: number }>()).code]).toEqual([403, 403]);
  expect((await ask("user/restore", { contract: mine.login, contact_id: id, code })).status).toBe(204);
  expect((await ask("user/restore", { contract: mine.login, code })).status).toBe(404);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));
});

test("Defect 9: guesses at a code are few, and codes are sent seldom", async () => {
  const phone = aPhone();
  const { login } = await aLockedContract({ phones: [phone] });
  const [{ id }] = await contactsOf(login);
  await ask("user/restore", { contract: login, contact_id: id });
  const code = await world.codeFor(phone);
  const wrong = code.startsWith("0") ? `1${code.slice(1)}` : `0${code.slice(1)}`;
  for (let i = 0; i < 3; i++) expect((await ask("user/restore", { contract: login, code: wrong })).status).toBe(403);
  expect((await ask("user/restore", { contract: login, code })).status).toBe(403);
  const again = await ask("user/restore", { contract: login, contact_id: id });
  expect([again.status, again.headers.has("retry-after")]).toEqual([429, true]);
  const others = await aResident();
  expect((await ask("user/restore", { contract: login, contact_id: id }, { who: others })).status).toBe(429);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(1));
});

test("Defect 9: nobody goes through all contracts to see whose they are", async () => {
  const { login } = await aLockedContract({ phones: [aPhone()] });
  const bare = `c${await aContract()}`;
  const unknown = await ask("user/restore", { contract: "no such" });
  const empty = await ask("user/restore", { contract: bare });
  expect([unknown.status, await unknown.json()]).toEqual([empty.status, await empty.json()]);
  const strict = envWith({ LIMITS: '{"passwordFailuresPerHour":5}' });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++)
    statuses.push((await ask("user/restore", { contract: login }, { env: strict, ...fromAnywhere() })).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
});

test("a password may go to the contract's mail address, as it is", async () => {
  const inbox = mails();
  const address = `ivan${randomDigits(9)}@example.net`;
  const { login } = await aLockedContract({ email: address });
  const silent = envWith({ ENVIRONMENT: "production", PUBLIC_URL: "https://sa.example.net", MAIL_URL: "" });
  expect((await ask("user/restore", { contract: login }, { env: silent })).status).toBe(404);
  const [{ id, contact, type }] = await contactsOf(login);
  expect([contact, type]).toEqual(["i***@example.net", "email"]);
  expect((await ask("user/restore", { contract: login, contact_id: id })).status).toBe(204);
  const code = /\d{4,6}$/.exec((await inbox.to(address)).text)![0];
  expect((await ask("user/restore", { contract: login, code })).status).toBe(204);
  const password = await vi.waitFor(async () => /: ([A-Za-z0-9]{12})$/.exec((await inbox.to(address)).text)![1]!);
  expect((await ask("user/addMyPhone", { login, password })).status).toBe(204);
});

/** The operator's own billing, which answers these functions and remembers what it was asked. */
function aBilling(functions: Record<string, unknown>, vars: Record<string, string> = {}) {
  const asked: Record<string, unknown>[] = [];
  world = outside(async (request) => {
    const name = new URL(request.url).pathname.split("/").at(-1)!;
    asked.push({ name, ...(await request.json<object>()) });
    return Response.json({ result: functions[name] });
  });
  return {
    asked,
    env: envWith({ BILLING: "http", BILLING_URL: `https://billing-${randomDigits(9)}.example.net`, ...vars }),
  };
}

test("with the operator's own billing it decides about passwords, and gives the one that it has", async () => {
  const phone = aPhone();
  const { asked, env: remote } = aBilling({
    addMyPhone: false,
    getRestoreInfo: { code: 200, data: [{ id: "a1", contact: "8 (916) ***-*01", type: "phone" }] },
    getRestorePhone: `8${phone.slice(1)}`,
    getRestorePasswd: "HasLower",
  });
  expect((await ask("user/addMyPhone", { login: "20017", password: "x" }, { env: remote })).status).toBe(403);
  expect(asked).toContainEqual({ name: "addMyPhone", login: "20017", password: "x", phone: Number(resident.phone) });
  const list = await ask("user/restore", { contract: "20017" }, { env: remote });
  expect(await list.json()).toMatchObject({ data: [{ id: "a1", contact: "8 (916) ***-*01", type: "phone" }] });
  expect((await ask("user/restore", { contract: "20017", contact_id: "a1" }, { env: remote })).status).toBe(204);
  const code = await world.codeFor(phone);
  expect((await ask("user/restore", { contract: "20017", code }, { env: remote })).status).toBe(204);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2));
  expect(world.smsTo(phone)[1]).toBe("Новый пароль договора: HasLower");
});

const scan = async (QR: string, options: Asking = {}): Promise<string> => {
  const answer = await ask("address/registerQR", { QR }, options);
  expect(answer.status).toBe(200);
  return (await answer.json<{ data: string }>()).data;
};
const aCode = async (uid: number, more: object = {}) =>
  (await bill("flat_codes_add/", { uid, ...more })).json<{ code: string; url: string }>();

test("a flat's code makes whoever scans it first an owner, and nobody after them", async () => {
  const uid = await aContract();
  const { code, url } = await aCode(uid);
  expect(code).toMatch(/^[A-Za-z0-9]{16,}$/);
  expect(url.endsWith(`/${code}`)).toBe(true);
  const { results } = await env.DB.prepare("SELECT * FROM flat_codes WHERE uid = ?").bind(uid).all();
  expect(JSON.stringify(results)).not.toContain(code);
  expect(await scan(url)).toContain("Ваш запрос принят");
  expect(await uidsOf()).toEqual([String(uid)]);
  expect(await scan(code)).toBe("Этот пользователь уже зарегистрирован в системе");
  const late = await aResident();
  expect(await scan(code, { who: late })).toContain("уже использован");
  expect(await uidsOf(late)).toEqual([]);
});

test("of two who scan a code at once one is the owner", async () => {
  const uid = await aContract();
  const { code } = await aCode(uid);
  const people = await Promise.all(Array.from({ length: 5 }, () => aResident()));
  const texts = await Promise.all(people.map((who) => scan(code, { who })));
  expect(texts.filter((text) => text.startsWith("Ваш запрос принят"))).toHaveLength(1);
  const phones = await env.DB.prepare("SELECT count(*) AS n FROM contract_phones WHERE uid = ?").bind(uid).first("n");
  expect(phones).toBe(1);
});

test.each([
  ["https://example.net/menu", "Некорректный QR-код!"],
  ["x", "Некорректный QR-код!"],
  ["https://example.net/aaaaaaaaaaaaaaaaaaaa", "QR-код не является кодом для доступа к квартире"],
])("what is scanned and is no flat's code, %s, gets its text", async (QR, text) => {
  expect(await scan(QR)).toBe(text);
});

test("a code ends, and a contract that nobody has gets none", async () => {
  const uid = await aContract();
  const { code } = await aCode(uid, { expires_in: 60 });
  await env.DB.prepare("UPDATE flat_codes SET expires_at = ? WHERE uid = ?")
    .bind(Date.now() - 1, uid)
    .run();
  expect(await scan(code)).toContain("больше не действует");
  expect(await uidsOf()).toEqual([]);
  await endGuests(env);
  expect(await env.DB.prepare("SELECT count(*) AS n FROM flat_codes WHERE uid = ?").bind(uid).first("n")).toBe(0);
  expect((await bill("flat_codes_add/", { uid: 999_999_999_999 })).status).toBe(422);
});

test("codes are tried a few times and no more, still with a 200 that says so", async () => {
  const strict = envWith({ LIMITS: '{"passwordFailuresPerHour":5}' });
  const texts: string[] = [];
  for (let i = 0; i < 6; i++) texts.push(await scan(`${"a".repeat(16)}${i}`, { env: strict, ...fromAnywhere() }));
  expect(texts.at(-2)).toContain("не является кодом");
  expect(texts.at(-1)).toContain("Слишком много попыток");
});

test("with the operator's own billing a scanned code adds the phone there, and is not used up where billing refuses", async () => {
  const uid = await aContract();
  const { code } = await aCode(uid);
  const refuses = aBilling({ addressList: [], addPhone: false });
  expect(await scan(code, { env: refuses.env })).toContain("обратитесь к оператору");
  const agrees = aBilling({ addressList: [], addPhone: true });
  expect(await scan(code, { env: agrees.env })).toContain("Ваш запрос принят");
  expect(agrees.asked).toContainEqual({ name: "addPhone", uid, phone: Number(resident.phone) });
});

test("a code whose scan broke off stays its scanner's: they may scan it again, and nobody else", async () => {
  const { code } = await aCode(await aContract());
  const breaks = aBilling({ addressList: [], addPhone: "who knows" });
  expect((await ask("address/registerQR", { QR: code }, { env: breaks.env })).status).toBe(503);
  const agrees = aBilling({ addressList: [], addPhone: true });
  expect(await scan(code, { env: agrees.env, who: await aResident() })).toContain("уже использован");
  expect(await scan(code, { env: agrees.env })).toContain("Ваш запрос принят");
  expect(await scan(code, { env: agrees.env })).toContain("уже использован");
});

test("an owner whom the operator has taken off does not come back by the code that was theirs", async () => {
  const uid = await aContract();
  const { code } = await aCode(uid);
  expect(await scan(code)).toContain("Ваш запрос принят");
  expect(await scan(code)).toContain("уже зарегистрирован");
  await bill("users/clients/edit/", { uid, phones: [aPhone()] });
  expect(await scan(code)).toContain("уже использован");
  expect(await uidsOf()).toEqual([]);
});
