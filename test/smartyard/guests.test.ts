import { env } from "cloudflare:test";
import { beforeEach, expect, test, vi } from "vitest";
import { reviewGrants } from "#premises/cameras.ts";
import { changeContract, removeContract } from "#premises/contracts.ts";
import { phonesOfContract } from "#premises/guests/people.ts";
import { endGuests } from "#premises/guests/sweep.ts";
import { addDoor } from "#premises/registry.ts";
import { publishRevocations } from "#premises/revocations.ts";
import { giveRights } from "#premises/rights.ts";
import {
  aHome,
  aLock,
  aPhone,
  aResident,
  aUid,
  call,
  envWith,
  mobile,
  outside,
  type SignedInResident,
} from "../support/world.ts";

// An owner lets two people into a flat with a camera, a front door and a gate.

let owner: SignedInResident;
let inner: SignedInResident;
let outer: SignedInResident;
let home: Awaited<ReturnType<typeof aHome>>;
let gate: { lock: number; doorId: number };

const HOUR = 3_600_000;
const local = (at: Date) => new Date(at.getTime() + 3 * HOUR).toISOString().slice(0, 19).replace("T", " ");
const grant = (body: object, who = owner) =>
  mobile("address/access", { flatId: home.uid, ...body }, { token: who.token });
// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
const data = async (answer: Promise<Response>): Promise<any> => (await (await answer).json<{ data: unknown }>()).data;
const ask = (method: string, body: object, who: SignedInResident) => mobile(method, body, { token: who.token });
const play = (token: string) => call(`/api/accessfl?name=${home.camera.uuid}&token=${token}`);
const cameraToken = async (who: SignedInResident): Promise<string> =>
  (await data(ask("cctv/all", { houseId: home.uid }, who)))[0].token;

beforeEach(async () => {
  outside();
  [owner, inner, outer] = [await aResident(), await aResident(), await aResident()];
  home = await aHome({ phones: [owner.phone], open: "http://127.0.0.1:8081/open" });
  const { deviceId } = await aLock();
  const door = { deviceId, cam: home.camera.deviceId, name: "Ворота", open: "http://127.0.0.1:8081/gate" };
  gate = { lock: deviceId, doorId: await addDoor(env, { ...door, icon: "gate", entrance: null }) };
  await giveRights(env, home.uid, [deviceId]);
  await grant({ guestPhone: inner.phone, type: "inner" });
  await grant({ guestPhone: outer.phone, type: "outer" });
});

test("an inner guest has the home's doors, cameras and log; an outer one its gate and nothing else", async () => {
  const [theirs] = await data(ask("address/getAddressList", {}, inner));
  expect(theirs).toMatchObject({ houseId: String(home.uid), cctv: 1, hasPlog: "t" });
  expect(theirs.doors.map((door: { icon: string }) => door.icon)).toEqual(["entrance", "gate"]);
  const [outside] = await data(ask("address/getAddressList", {}, outer));
  expect(outside).toMatchObject({ houseId: String(home.uid), cctv: 0, hasCctv: "f", hasPlog: "f" });
  expect(outside.doors.map((door: { icon: string }) => door.icon)).toEqual(["gate"]);
});

test("Defect 2: what a guest may not have is refused, method by method", async () => {
  const door = { domophoneId: home.lock, doorId: home.doorId };
  const status = async (method: string, body: object, who: SignedInResident) => (await ask(method, body, who)).status;
  expect(await status("address/openDoor", { domophoneId: gate.lock, doorId: gate.doorId }, outer)).toBe(204);
  expect(await status("address/openDoor", door, outer)).toBe(404);
  expect(await status("address/openDoor", { ...door, houseId: home.uid }, outer)).toBe(404);
  expect(await status("cctv/all", { houseId: home.uid }, outer)).toBe(204);
  expect(await status("cctv/door", { doorId: gate.doorId }, outer)).toBe(404);
  expect(await status("address/intercom", { flatId: home.uid }, outer)).toBe(403);
  expect(await status("address/openDoor", door, inner)).toBe(204);
  expect(await status("address/intercom", { flatId: home.uid, settings: { VoIP: "f" } }, inner)).toBe(200);
  expect(await status("address/intercom", { flatId: home.uid, settings: { hiddenPlog: "f" } }, inner)).toBe(403);
  for (const guest of [inner, outer]) {
    expect(await status("address/resetCode", { flatId: home.uid }, guest)).toBe(403);
    expect(await status("address/access", { flatId: home.uid, guestPhone: aPhone() }, guest)).toBe(403);
    expect(await status("address/resend", { flatId: home.uid, guestPhone: outer.phone }, guest)).toBe(403);
  }
});

test("a log that the owner hides is hidden from guests, and one that is off from everybody", async () => {
  const hasLog = async (who: SignedInResident) => (await data(ask("address/getAddressList", {}, who)))[0].hasPlog;
  await ask("address/intercom", { flatId: home.uid, settings: { hiddenPlog: "t" } }, owner);
  expect([await hasLog(owner), await hasLog(inner)]).toEqual(["t", "f"]);
  await ask("address/intercom", { flatId: home.uid, settings: { hiddenPlog: "f", disablePlog: "t" } }, owner);
  expect([await hasLog(owner), await hasLog(inner)]).toEqual(["f", "f"]);
});

test.each([
  ["is revoked as Android does it", { expire: "2001-01-01 00:00:00" }],
  ["is revoked as iOS does it", { expire: "0001-01-01 02:30:17" }],
  ["becomes one for the gates", { type: "outer" }],
])("a guest who %s has no camera any more, and their token is good for nothing", async (_, change) => {
  const token = await cameraToken(inner);
  const ownersToken = await cameraToken(owner);
  expect((await play(token)).status).toBe(200);
  expect((await grant({ guestPhone: inner.phone, ...change })).status).toBe(204);
  await publishRevocations(env);
  expect((await play(token)).status).toBe(403);
  expect((await play(ownersToken)).status).toBe(200);
  const homes = await ask("address/getAddressList", {}, inner);
  const count = homes.status === 204 ? 0 : (await homes.json<{ data: { cctv: number }[] }>()).data[0]!.cctv;
  expect(count).toBe(0);
});

test("a guest's time ends at its moment, and the minute's sweep ends their camera token", async () => {
  const soon = new Date(Date.now() + 2 * HOUR);
  await grant({ guestPhone: inner.phone, type: "inner", expire: local(soon) });
  const token = await cameraToken(inner);
  await endGuests(env, new Date(soon.getTime() - 60_000));
  await publishRevocations(env);
  expect((await play(token)).status).toBe(200);
  vi.useFakeTimers({ now: soon.getTime() + 1000, toFake: ["Date"] });
  try {
    expect((await ask("address/getAddressList", {}, inner)).status).toBe(204);
    await endGuests(env);
    await publishRevocations(env);
    expect((await play(token)).status).toBe(403);
  } finally {
    vi.useRealTimers();
  }
  const { results } = await env.DB.prepare("SELECT phone FROM guests WHERE uid = ?").bind(home.uid).all();
  expect(results).toEqual([{ phone: outer.phone }]);
});

test("whoever lived there and comes back for the gates alone watches no longer, even between their end and its sweep", async () => {
  const token = await cameraToken(inner);
  await env.DB.prepare("UPDATE guests SET expires_at = ? WHERE uid = ? AND phone = ?")
    .bind(Date.now() - 1, home.uid, inner.phone)
    .run();
  await grant({ guestPhone: inner.phone, type: "outer" });
  await endGuests(env);
  await publishRevocations(env);
  expect((await play(token)).status).toBe(403);
});

test("a guest stays for as long as the owner who let them in is one", async () => {
  const token = await cameraToken(inner);
  await changeContract(env, { uid: home.uid }, { phones: [aPhone()] });
  expect((await ask("address/getAddressList", {}, inner)).status).toBe(204);
  await publishRevocations(env);
  expect((await play(token)).status).toBe(403);
  expect(await phonesOfContract(env, home.uid)).toHaveLength(1);
});

test("a contract that is deleted takes its guests along", async () => {
  await removeContract(env, { uid: home.uid });
  const left = await env.DB.prepare("SELECT count(*) AS n FROM guests WHERE uid = ?").bind(home.uid).first("n");
  expect(left).toBe(0);
});

test("who lives there is told what concerns the home: owners and inner guests", async () => {
  expect((await phonesOfContract(env, home.uid)).sort()).toEqual([owner.phone, inner.phone].sort());
});

interface Billed {
  /** Contracts by phone. */
  [phone: string]: number[];
}

/** An operator's own billing, in which guests are unknown. */
function aBilling(billed: Billed) {
  outside(async (request) => {
    const { phone = 0, ids = [] } = await request.json<{ phone?: number; ids?: number[] }>();
    const name = new URL(request.url).pathname.split("/").at(-1)!;
    const uids = billed[String(phone)] ?? [];
    const result = {
      addressList: uids.map((uid) => ({ uid, login: `L${uid}`, address: "ул. Мира, 3 кв. 8" })),
      isActiv: Object.fromEntries(ids.map((id) => [id, 2])),
      userPhones: Object.keys(billed),
    }[name];
    return Response.json({ result });
  });
  return envWith({ BILLING: "http", BILLING_URL: `https://billing-${aUid()}.example.net` });
}

test("with the operator's own billing a guest has what the owner has, until billing says that it is not theirs", async () => {
  const billed: Billed = { [owner.phone]: [home.uid] };
  const remote = aBilling(billed);
  const as = (who: SignedInResident, method: string, body: object) =>
    mobile(method, body, { token: who.token, env: remote, headers: { "x-dm-api-refresh": "" } });
  expect(await data(as(inner, "address/getAddressList", {}))).toMatchObject([{ houseId: String(home.uid), cctv: 1 }]);
  expect((await as(inner, "address/intercom", { flatId: home.uid })).status).toBe(200);
  expect(await data(as(outer, "address/getAddressList", {}))).toMatchObject([{ cctv: 0, doors: [{ icon: "gate" }] }]);
  expect(await phonesOfContract(remote, home.uid)).toEqual([owner.phone, inner.phone]);
  const guest = aPhone();
  expect((await as(owner, "address/access", { flatId: home.uid, guestPhone: guest })).status).toBe(204);
  billed[owner.phone] = [];
  for (const who of [inner, outer]) {
    expect((await as(who, "address/getAddressList", {})).status).toBe(204);
    expect((await as(who, "cctv/all", { houseId: home.uid })).status).toBe(404);
  }
});

test("with the operator's own billing nobody pushes a guest out of the homes they have by inviting them to many others", async () => {
  const many = Array.from({ length: 20 }, (_, i) => i + 1);
  const invite = env.DB.prepare(
    "INSERT OR REPLACE INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, 'inner', ?, ?, ?)",
  );
  const [stranger, later] = [aPhone(), Date.now() + 1000];
  await env.DB.batch(many.map((uid) => invite.bind(uid, inner.phone, later + HOUR, stranger, later)));
  const remote = aBilling({ [owner.phone]: [home.uid], [stranger]: many });
  const homes = await data(mobile("address/getHcsList", {}, { token: inner.token, env: remote }));
  expect(homes.map(({ houseId }: { houseId: string }) => houseId)).toContain(String(home.uid));
});

test("a guest who was shut out does not cost everybody else their camera tokens, review after review", async () => {
  const remote = aBilling({ [owner.phone]: [home.uid] });
  const tokenOf = async (who: SignedInResident) =>
    (await data(mobile("cctv/all", { houseId: home.uid }, { token: who.token, env: remote })))[0].token;
  const [theirs, owners] = [await tokenOf(inner), await tokenOf(owner)];
  await mobile(
    "address/access",
    { flatId: home.uid, guestPhone: inner.phone, expire: "2001-01-01 00:00:00" },
    { token: owner.token, env: remote },
  );
  const at = new Date(Date.now() + 6 * 60_000);
  await reviewGrants(remote, at);
  await publishRevocations(env, at);
  expect((await play(theirs)).status).toBe(403);
  expect((await play(owners)).status).toBe(200);
});
