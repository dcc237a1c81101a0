import { env } from "cloudflare:test";
import { beforeAll, expect, test, vi } from "vitest";
import { endGuests } from "#premises/guests/sweep.ts";
import { publishRevocations } from "#premises/revocations.ts";
import { aResident, call, mobile, type SignedInResident } from "../support/world.ts";
import { METHODS } from "./app-methods.ts";
import type { App, Body } from "./clients.ts";
import { aWorld, bill, type World } from "./world.ts";

// Who may do what with a home, as one table: its owner, an inner guest, an outer guest, and everybody else. "Everybody else" is
// walked as each of those who may have been somebody once: a guest whose time is over, one who was shut out, one whose owner has
// lost the contract, and a stranger.

type Role = "owner" | "inner" | "outer" | "other";

/** `+` does it or shows the home's; `0` answers, and tells nothing of the home; `-` refuses. */
type Mark = "+" | "0" | "-";

const PEOPLE = {
  owner: "owner",
  inner: "inner",
  outer: "outer",
  expired: "other",
  shutOut: "other",
  orphaned: "other",
  stranger: "other",
} as const satisfies Record<string, Role>;
type Person = keyof typeof PEOPLE;
const COLUMNS: readonly Role[] = ["owner", "inner", "outer", "other"];

/** Methods that are about the person who calls, or about nobody: everybody may, and a home is none of it. */
const OF_EVERYBODY = [
  ...[
    "user/ping",
    "user/appVersion",
    "user/registerPushToken",
    "user/pushTokens",
    "user/notification",
    "user/sendName",
  ],
  ...["user/getName", "user/restore", "user/sessions", "address/offices", "cctv/overview", "cctv/youtube"],
  ...[
    "ext/options",
    "ext/list",
    "ext/ext",
    "geo/getAllLocations",
    "geo/getStreets",
    "geo/getHouses",
    "geo/getServices",
  ],
  ...["geo/getAllServices", "geo/address", "geo/coder", "inbox/alert", "inbox/inbox", "inbox/unreaded", "inbox/readed"],
  ...["inbox/chatReaded", "issues/create", "issues/createV2", "issues/listConnect"],
  ...["issues/listConnectV2", "sip/helpMe", "hcs/appealsCategory", "chat/messages", "chat/send", "chat/readed"],
  ...["user/endOtherSessions", "user/logout", "user/deleteAccount"],
];

/** Signing in, and proofs that a contract is one's own: what decides there is the code, the password or the scan. */
const BY_PROOF = ["user/addMyPhone", "address/registerQR", "pay/register"];

/** What the home has to do with, in the order of the columns: owner, inner, outer, everybody else. */
const RIGHTS: Record<string, `${Mark}${Mark}${Mark}${Mark}`> = {
  "address/getAddressList": "+++0",
  "address/getSettingsList": "+++0",
  "address/getHcsList": "++00",
  "address/intercom": "++--",
  "address/intercom, how it rings": "++--",
  "address/intercom, hiding the log": "+---",
  "address/intercom, without a log": "+---",
  "address/intercom, without paper bills": "+---",
  "address/resetCode": "+---",
  "address/openDoor": "++--",
  "address/openDoor, a gate": "+++-",
  "address/plog": "++--",
  "address/plogDays": "++--",
  "address/access": "+---",
  "address/resend": "+---",
  "user/sendPassport": "+---",
  "user/notification, of the home's events": "++--",
  "user/getBillingList": "+000",
  "user/getPaymentsList": "+000",
  "cctv/all": "++0-",
  "cctv/all, of no home": "++00",
  "cctv/allTree": "++0-",
  "cctv/camMap": "++00",
  "cctv/door": "++--",
  "cctv/ranges": "++--",
  "cctv/recPrepare": "++--",
  "cctv/recDownload": "+---", // of whoever has asked for the fragment
  "cctv/plog": "++--",
  "cctv/plogDays": "++--",
  "inbox/delivered": "+---", // of whoever has got the message
  "frs/listFaces": "++--",
  "frs/like": "++--",
  "frs/disLike": "++--",
  "issues/action": "+---", // of whoever has written the issue
  "issues/actionV2": "+---",
  "issues/comment": "+---",
  "issues/commentV2": "+---",
  "issues/createV2, of a camera": "++--",
  "pay/prepare": "+---",
  "pay/process": "+---",
  "pay/getDetail": "+---",
  "pay/getInvoice": "+---",
  "pay/getReceipt": "+---",
  "hcs/newAppeal": "++--",
  "hcs/appealsList": "++--",
  "hcs/listPay": "+00-",
  "hcs/listPay, of no home": "+000",
  "sh/setNode": "++--",
  "sh/getNode": "++--",
  "sh/setRoom": "++--",
  "sh/getRooms": "++--",
  "sh/setItem": "++--",
  "sh/getItems": "++--",
  "sh/newItems": "++--",
  "sh/delItem": "++--",
  "sh/delRoom": "++--",
  "sh/delNode": "++--",
  // The last, because of the minute's sweep before it.
  "the camera's stream": "++--",
};

let world: World;
let people: Record<Person, SignedInResident>;
let gate: { lock: number; doorId: number };
/** Camera tokens that were got while they were given. */
const tokens: Partial<Record<Person, string>> = {};

const ask = (method: string, body: Body, { token }: { token: string }) =>
  mobile(method, body, { token, env: world.env });
const asOwner = async (method: string, body: Body) => {
  const response = await ask(method, body, people.owner);
  if (response.status >= 300) throw new Error(`${method}: ${response.status} ${await response.text()}`);
};
const cameraToken = async (who: SignedInResident): Promise<string> => {
  const { data } = await (await ask("cctv/all", { houseId: world.uid }, who)).json<{ data: { token: string }[] }>();
  return data[0]!.token;
};
const letIn = (who: SignedInResident, type: "inner" | "outer", by: { token: string }) =>
  ask("address/access", { flatId: world.uid, guestPhone: who.phone, type }, by);

beforeAll(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  world = await aWorld("android");
  const names = Object.keys(PEOPLE) as Person[];
  const residents = await Promise.all(
    names.map((name) => aResident(name === "owner" ? { phone: world.phone } : undefined)),
  );
  people = Object.fromEntries(names.map((name, i) => [name, residents[i]!])) as typeof people;
  gate = await aGate();
  const lost = await aResident();
  await bill("users/clients/edit", { uid: world.uid, phones: [world.phone, lost.phone] });
  for (const name of ["inner", "expired", "shutOut"] as const) await letIn(people[name], "inner", people.owner);
  await letIn(people.outer, "outer", people.owner);
  await letIn(people.orphaned, "inner", lost);
  for (const name of ["expired", "shutOut", "orphaned"] as const) tokens[name] = await cameraToken(people[name]);
  await env.DB.prepare("UPDATE guests SET expires_at = ? WHERE phone = ?")
    .bind(Date.now() - 1, people.expired.phone)
    .run();
  await asOwner("address/access", {
    flatId: world.uid,
    guestPhone: people.shutOut.phone,
    expire: "2001-01-01 00:00:00",
  });
  await bill("users/clients/edit", { uid: world.uid, phones: [world.phone] });
}, 60_000);

async function aGate() {
  const { device_id } = await bill("devices_add", { device_type: 3, title: "Шлагбаум", is_active: true, address: "" });
  const door = { device_id, cam: world.camera, entrance: null, icon: "gate", name: "Ворота", open_trait: "GET" };
  await bill("doors_add", { ...door, open: "http://127.0.0.1:8081/gate" });
  await bill("rights_add", { uid: world.uid, device_id: [device_id] });
  const { doors } = await bill("doors_list");
  const { id } = doors.find((each: { device_id: number }) => each.device_id === device_id);
  return { lock: device_id as number, doorId: id as number };
}

/** What is called beyond the apps' usual words. */
const VARIANTS: Record<string, (app: App) => Body> = {
  "address/intercom, how it rings": () => ({ flatId: world.uid, settings: { CMS: "t", VoIP: "t" } }),
  "address/intercom, hiding the log": () => ({ flatId: world.uid, settings: { hiddenPlog: "f" } }),
  "address/intercom, without a log": () => ({ flatId: world.uid, settings: { disablePlog: "f" } }),
  "address/intercom, without paper bills": () => ({ flatId: world.uid, settings: { paperBill: "f" } }),
  "address/openDoor, a gate": () => ({ domophoneId: gate.lock, doorId: gate.doorId }),
  "user/notification, of the home's events": () => ({ events: [{ houseId: String(world.uid), kinds: ["key"] }] }),
  "cctv/all, of no home": () => ({}),
  "issues/createV2, of a camera": () => ({
    ...{ type: "requestFragment", cameraId: String(world.camera), cameraName: "Подъезд 2" },
    ...{ fragmentDate: "02.08.2026", fragmentTime: "21-30", fragmentDuration: "10" },
  }),
  "hcs/listPay, of no home": () => ({}),
};

async function answerTo(row: string, who: Person, app: App): Promise<Response> {
  if (row === "the camera's stream") {
    await endGuests(world.env);
    await publishRevocations(world.env);
    const token = tokens[who] ?? (PEOPLE[who] === "other" || who === "outer" ? "" : await cameraToken(people[who]));
    return call(`/api/accessfl?name=${world.stream}&token=${token}`, {}, world.env);
  }
  const variant = VARIANTS[row];
  const method = METHODS.find(({ path }) => path === row);
  if (!variant && !method) throw new Error(`nobody knows how to call ${row}`);
  return ask(row.split(",")[0]!, variant ? variant(app) : method!.body?.(world, app), people[who]);
}

/** What the home is known by. */
const secrets = () => [String(world.uid), world.address, world.stream, world.login, world.phone];

async function markOf(row: string, response: Response): Promise<{ mark: Mark; text: string }> {
  const text = await response.text();
  const { code, data } = text.startsWith("{") ? (JSON.parse(text) as { code: number; data?: unknown }) : {};
  const said = response.status === 200 && code !== undefined ? code : response.status;
  if ([201, 402, 403, 404].includes(said)) {
    for (const secret of secrets()) expect(text).not.toContain(secret);
    return { mark: "-", text };
  }
  if (said !== 200 && said !== 204) throw new Error(`${row} answered ${response.status} ${text}`);
  const isList = row in LISTS;
  const tellsNothing = isList && (response.status === 204 || (Array.isArray(data) && data.length === 0));
  return { mark: tellsNothing ? "0" : "+", text };
}

/** Methods for which an empty answer is one that tells nothing. */
const LISTS = Object.fromEntries(
  Object.entries(RIGHTS)
    .filter(([, marks]) => marks.includes("0"))
    .map(([row]) => [row, true]),
);

// Faces and orders are each app's own: what one has used up is not there for the other.
const appOf = (who: Person): App => (who === "inner" ? "ios" : "android");
// Those who may not come first: whatever they did not change is there for those who may.
const inOrder: Person[] = ["stranger", "orphaned", "shutOut", "expired", "outer", "inner", "owner"];
const cases = inOrder.flatMap((who) =>
  Object.entries(RIGHTS).map(([row, marks]) => ({ who, row, mark: marks[COLUMNS.indexOf(PEOPLE[who])]! })),
);

test.each(cases.map(({ who, row, mark }) => [row, who, mark] as const))("%s, by %s: %s", async (row, who, expected) => {
  const { mark, text } = await markOf(row, await answerTo(row, who, appOf(who)));
  expect([row, who, mark, text]).toEqual([row, who, expected, text]);
});

const everybody = inOrder
  .filter((who) => who !== "owner" && who !== "inner")
  .flatMap((who) =>
    OF_EVERYBODY.filter((path) => !/logout|delete|endOther/.test(path)).map((path) => [path, who] as const),
  );

test.each(everybody)("%s, by %s, tells nothing of the home", async (path, who) => {
  const method = METHODS.find((each) => each.path === path);
  const body = path.startsWith("chat/") ? { text: "Здравствуйте" } : method?.body?.(world, "android");
  const response = await ask(path, body, people[who]);
  const text = await response.text();
  expect([path, response.status < 300, text]).toEqual([path, true, text]);
  for (const secret of [String(world.uid), world.stream, world.login, world.phone]) expect(text).not.toContain(secret);
});

test("the table has a row for every method that is called with a token", () => {
  const known = new Set([...Object.keys(RIGHTS).map((row) => row.split(",")[0]!), ...OF_EVERYBODY, ...BY_PROOF]);
  expect(METHODS.filter(({ path, isPublic }) => !isPublic && !known.has(path)).map(({ path }) => path)).toEqual([]);
});

/** What a contract's state decides, whoever asks: not connected is 404, not paid for is 402. What is of nobody's device is as ever. */
const PAID_FOR = [
  ...["address/openDoor", "address/plog", "address/plogDays", "cctv/all", "cctv/allTree", "cctv/door", "cctv/ranges"],
  ...["cctv/recPrepare", "cctv/plog", "cctv/plogDays", "frs/like"],
];
const unpaid = ([0, 1] as const).flatMap((state) =>
  (["inner", "outer"] as const).flatMap((who) => PAID_FOR.map((path) => [path, who, state] as const)),
);

test.each(unpaid)(
  "%s, by the %s guest of a contract in state %i, is refused as its owner is",
  async (path, who, state) => {
    await bill("users/clients/edit", { uid: world.uid, state });
    const mayEver = RIGHTS[path]![COLUMNS.indexOf(who)] === "+";
    const shown = path === "cctv/all" || path === "cctv/allTree" ? 204 : 403;
    const [theirs, owners] = [await answerTo(path, who, "ios"), await answerTo(path, "owner", "android")];
    expect([path, owners.status]).toEqual([path, state === 1 ? 402 : 404]);
    if (mayEver) expect([path, theirs.status]).toEqual([path, owners.status]);
    else expect([path, [shown, 403, 404].includes(theirs.status)]).toEqual([path, true]);
  },
);

test.each([
  [0, 404],
  [1, 402],
] as const)("a gate of a contract in state %i opens to no guest: %i", async (state, refusal) => {
  await bill("users/clients/edit", { uid: world.uid, state });
  for (const who of ["inner", "outer"] as const)
    expect((await answerTo("address/openDoor, a gate", who, "ios")).status).toBe(refusal);
});
