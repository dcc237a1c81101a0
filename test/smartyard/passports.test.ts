import { env } from "cloudflare:test";
import { beforeEach, expect, test } from "vitest";
import type { Env } from "#env.ts";
import { deleteAccount } from "#identity/accounts/accounts.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { removeContract } from "#premises/contracts.ts";
import { endGuests } from "#premises/guests/sweep.ts";
import { forgetLeavers } from "#premises/leavers.ts";
import { bill } from "../inventory/bill.ts";
import { aContract, aResident, envWith, mobile, outside, type SignedInResident } from "../support/world.ts";

// A picture of one's passport, for the operator to look at.

let resident: SignedInResident;

beforeEach(async () => {
  outside();
  resident = await aResident();
});

const ask = (
  method: string,
  body: unknown,
  { who = resident, env: environment = env }: { who?: SignedInResident; env?: Env } = {},
) => mobile(method, body, { token: who.token, env: environment });

const JPEG = Buffer.concat([
  Buffer.from("ffd8ffe000104a464946", "hex"),
  Buffer.from("the face of a resident"),
]).toString("base64");

async function aSentPassport() {
  const uid = await aContract({ phones: [resident.phone] });
  const sent = await ask("user/sendPassport", { houseId: String(uid), passport: JPEG });
  expect([sent.status, await sent.text()]).toEqual([204, ""]);
  const { passports } = await (await bill("passports_list/", { state: "sent" })).json<{
    passports: { id: string; uid: number; phone: string }[];
  }>();
  return passports.find((passport) => passport.uid === uid)!;
}

test("Defect 17: a passport lies sealed under a name of ours, is shown to the operator alone, and its decision reaches contract and resident", async () => {
  const { uid, id, phone } = await aSentPassport();
  expect(phone).toBe(resident.phone);
  const stored = await env.FILES.get(`passports/${id}`);
  expect(Buffer.from(await stored!.arrayBuffer()).includes("the face of")).toBe(false);
  const picture = await bill("passports_get/", { id });
  expect([picture.headers.get("content-type"), Buffer.from(await picture.arrayBuffer()).toString("base64")]).toEqual([
    "image/jpeg",
    JPEG,
  ]);
  expect((await bill("passports_get/", { id }, { authorization: "" })).status).toBe(401);
  const hasConfirm = async () => {
    const list = await ask("address/getSettingsList", {});
    return (await list.json<{ data: [{ hasConfirm: string }] }>()).data[0].hasConfirm;
  };
  expect(await hasConfirm()).toBe("f");
  for (let i = 0; i < 2; i++) expect((await bill("passports_decide/", { id, state: "confirmed" })).status).toBe(200);
  expect(await hasConfirm()).toBe("t");
  const told = await env.DB.prepare("SELECT title FROM inbox_messages WHERE phone = ?").bind(resident.phone).all();
  expect(told.results).toEqual([{ title: "Паспорт подтверждён" }]);
  expect(
    (await (await bill("passports_list/", {})).json<{ passports: { uid: number; state: string }[] }>()).passports,
  ).toContainEqual(expect.objectContaining({ uid, state: "confirmed" }));
});

test("a passport that was decided about is forgotten a month later, file and all", async () => {
  const { id } = await aSentPassport();
  await bill("passports_decide/", { id, state: "refused" });
  await endGuests(env, new Date(Date.now() + 29 * 86_400_000));
  expect(await env.FILES.head(`passports/${id}`)).not.toBeNull();
  await endGuests(env, new Date(Date.now() + 31 * 86_400_000));
  expect(await env.FILES.head(`passports/${id}`)).toBeNull();
  expect((await bill("passports_get/", { id })).status).toBe(404);
  expect((await bill("passports_decide/", { id, state: "confirmed" })).status).toBe(404);
});

test.each([
  ["text", Buffer.from("hello").toString("base64"), 422],
  ["a page", Buffer.from("<html><script>").toString("base64"), 422],
  ["something large", Buffer.alloc(9 * 1024 * 1024, 0xff).toString("base64"), 413],
])("Defect 17: a passport that is %s is refused", async (_, passport, status) => {
  const uid = await aContract({ phones: [resident.phone] });
  expect((await ask("user/sendPassport", { houseId: uid, passport })).status).toBe(status);
});

test("Defect 2: passports of a contract are sent by its owners, so many a day", async () => {
  const owner = await aResident();
  const uid = await aContract({ phones: [owner.phone] });
  await ask("address/access", { flatId: uid, guestPhone: resident.phone }, { who: owner });
  expect((await ask("user/sendPassport", { houseId: uid, passport: JPEG })).status).toBe(403);
  expect((await ask("user/sendPassport", { houseId: uid, passport: JPEG }, { who: await aResident() })).status).toBe(
    404,
  );
  const strict = envWith({ LIMITS: '{"passportsPerDay":1}' });
  const sends = [];
  for (let i = 0; i < 2; i++)
    sends.push((await ask("user/sendPassport", { houseId: uid, passport: JPEG }, { who: owner, env: strict })).status);
  expect(sends).toEqual([204, 429]);
});

const pictureIsThere = async (id: string) => (await env.FILES.head(`passports/${id}`)) !== null;

test("a passport goes with the contract that it was sent for", async () => {
  const [gone, other] = [await aSentPassport(), await aSentPassport()];
  await removeContract(env, { uid: gone.uid });
  await endGuests(env);
  expect([await pictureIsThere(gone.id), await pictureIsThere(other.id)]).toEqual([false, true]);
  expect((await bill("passports_get/", { id: gone.id })).status).toBe(404);
});

test("a passport goes with the person who sent it", async () => {
  const { id } = await aSentPassport();
  const others = await aResident();
  const uid = await aContract({ phones: [others.phone] });
  await ask("user/sendPassport", { houseId: uid, passport: JPEG }, { who: others });
  await deleteAccount(env, "main", { id: resident.account, reason: "test" }, SYSTEM);
  await forgetLeavers(env);
  await endGuests(env);
  expect(await pictureIsThere(id)).toBe(false);
  const { passports } = await (await bill("passports_list/", {})).json<{ passports: { uid: number }[] }>();
  expect(passports.map((passport) => passport.uid)).toContain(uid);
});
