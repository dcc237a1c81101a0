import { env } from "cloudflare:test";
import { beforeAll, expect, test } from "vitest";
import { listSessions } from "#identity/sessions/sessions.ts";
import { putIntoInbox } from "#messaging/inbox/inbox.ts";
import { PROTECTED } from "../support/methods.ts";
import { aHome, aPhone, aResident, call, mobile, outside, type SignedInResident } from "../support/world.ts";

// Every id in a request is looked up among the caller's own. Here a resident tries a neighbour's, one by one.

let owner: SignedInResident;
let stranger: SignedInResident;
let theirs: Awaited<ReturnType<typeof aHome>>;
let ownerSession: string;
let ownerCameraToken: string;
let theirMessage: number;
let theirIssue: string;

beforeAll(async () => {
  const [phone, otherPhone] = [aPhone(), aPhone()];
  [owner, stranger] = [await aResident({ phone }), await aResident({ phone: otherPhone })];
  theirs = await aHome({ phones: [phone], open: "http://127.0.0.1:8081/open" });
  await aHome({ phones: [otherPhone], open: "http://127.0.0.1:8081/open" });
  ownerSession = (await listSessions(env, "main", owner.account))[0]!.id;
  const all = await mobile("cctv/all", { houseId: theirs.uid }, { token: owner.token });
  const news = { title: "Ремонт", text: "Завтра", action: "inbox" };
  theirMessage = (await putIntoInbox(env, [phone], news)).get(phone)!.id;
  const asked = await mobile("issues/createV2", { type: "requestCallback" }, { token: owner.token });
  theirIssue = (await asked.json<{ data: string }>()).data;
  ownerCameraToken = (await all.json<{ data: [{ token: string }] }>()).data[0].token;
});

const GUEST = aPhone();
const JPEG = Buffer.from("ffd8ffe000104a464946", "hex").toString("base64");

const ids = (): [string, object][] => [
  ["address/intercom", { flatId: theirs.uid }],
  ["address/intercom", { houseId: theirs.uid, settings: { VoIP: "f" } }],
  ["address/resetCode", { flatId: theirs.uid }],
  ["address/openDoor", { domophoneId: theirs.lock, doorId: theirs.doorId }],
  ["address/openDoor", { domophoneId: theirs.lock }],
  ["address/openDoor", { houseId: theirs.uid, domophoneId: theirs.lock, doorId: theirs.doorId }],
  ["address/access", { flatId: theirs.uid, guestPhone: GUEST }],
  ["address/resend", { flatId: theirs.uid, guestPhone: GUEST }],
  ["address/access", { flatId: theirs.uid, guestPhone: GUEST, expire: "0001-01-01 00:00:00" }],
  ["cctv/all", { houseId: theirs.uid }],
  ["cctv/allTree", { houseId: theirs.uid }],
  ["cctv/camMap", { houseId: theirs.uid }],
  ["cctv/door", { houseId: theirs.uid, doorId: theirs.doorId }],
  ["cctv/door", { doorId: theirs.doorId }],
  ["user/endSession", { id: ownerSession }],
];

test.each(Array.from({ length: 15 }, (_, i) => i))(
  "Defect 2: a stranger is refused with a neighbour's id (case %i of the table)",
  async (i) => {
    const world = outside();
    const [method, body] = ids()[i]!;
    for (const prefix of ["/api", "/mobile"]) {
      const refused = await mobile(`${prefix}/${method}`, body, { token: stranger.token });
      expect([method, refused.status]).toEqual([method, 404]);
      expect(await refused.json()).toMatchObject({ code: 404 });
    }
    expect(world.asked).toEqual([]);
  },
);

test("the table has a case for every id, and the owner is welcome with each", async () => {
  outside();
  expect(ids()).toHaveLength(15);
  for (const [method, body] of ids().slice(0, -1)) {
    const { status } = await mobile(method, body, { token: owner.token });
    expect([method, status < 300]).toEqual([method, true]);
  }
});

/** Those that look an id up, and so refuse the neighbour's; the others have no use for one. */
const LOOKS_UP = new Set(["address/intercom", "address/resetCode", "address/openDoor", "user/endSession"]);
for (const method of ["address/access", "address/resend", "user/sendPassport"]) LOOKS_UP.add(method);
for (const method of ["all", "allTree", "camMap", "door"]) LOOKS_UP.add(`cctv/${method}`);
for (const method of ["issues/createV2", "geo/address"]) LOOKS_UP.add(method);
for (const method of ["ext/ext", "inbox/delivered", "inbox/readed", "sip/helpMe"]) LOOKS_UP.add(method);
for (const method of PROTECTED) if (method.startsWith("sh/")) LOOKS_UP.add(method);
for (const method of ["action", "actionV2", "comment", "commentV2"]) LOOKS_UP.add(`issues/${method}`);
for (const method of ["hcs/appealsList", "hcs/newAppeal", "hcs/listPay"]) LOOKS_UP.add(method);
for (const method of ["frs/listFaces", "frs/like", "frs/disLike"]) LOOKS_UP.add(method);
for (const group of ["address", "cctv"]) for (const method of ["plog", "plogDays"]) LOOKS_UP.add(`${group}/${method}`);
for (const method of ["ranges", "recPrepare", "recDownload"]) LOOKS_UP.add(`cctv/${method}`);
for (const method of PROTECTED) if (method.startsWith("pay/")) LOOKS_UP.add(method);
/** And those that want a secret, which the ids are not. */
const WANTS_SECRET = new Set(["user/addMyPhone"]);
const ENDS_SESSIONS = ["user/logout", "user/deleteAccount", "user/endOtherSessions"];

/** It takes no id, and what it answers depends on what the operator has told of its places. */
const TAKES_NO_ID = ["geo/coder"];

test.each(PROTECTED.filter((method) => ![...ENDS_SESSIONS, ...TAKES_NO_ID].includes(method)))(
  "%s, given every id of the neighbour's at once, refuses or shows nothing of theirs",
  async (method) => {
    const world = outside();
    const [uid, lock] = [theirs.uid, theirs.lock];
    const ids = {
      houseId: uid,
      flatId: uid,
      domophoneId: lock,
      doorId: theirs.doorId,
      id: ownerSession,
      cameraId: theirs.camera.deviceId,
    };
    const others = {
      camId: theirs.camera.deviceId,
      day: "2026-08-02",
      name: "Stranger",
      version: 1,
      platform: "android",
      pushToken: "stranger's own token",
      accessToken: owner.token,
      guestPhone: owner.phone,
      token: ownerCameraToken,
      ...{ contract: `c${uid}`, login: `c${uid}`, password: "guess", QR: `https://sa.example.net/${ownerSession}` },
      passport: JPEG,
      ...{ extId: "x", messageId: theirMessage, text: "x", nodeName: "x", nodeKey: "x", nodeUuid: "x", nodeId: "x" },
      ...{ key: theirIssue, action: "close", comment: "x", issue: { summary: "x" }, event: "x", faceId: 1 },
      ...{ description: "x", locationId: 1, streetId: 1, address: "x" },
      ...(method === "issues/createV2" && { type: "requestFragment" }),
      ...(method === "hcs/newAppeal" && { type: 1 }),
      ...(method.startsWith("cctv/") && { id: theirs.camera.deviceId }),
      ...{ from: "2026-08-02 09:00:00", to: "2026-08-02 09:05:00", year: "2026", receiptId: 1 },
      ...(method.startsWith("pay/") && { amount: "100", paymentId: "999999999", sbId: "x" }),
      ...{ roomId: "x", itemId: "x", ...(method.startsWith("sh/") && { type: "lamp" }) },
    };
    const response = await mobile(
      method,
      { ...ids, ...others, uid, clientId: `c${uid}`, phone: owner.phone, userPhone: owner.phone },
      { token: stranger.token },
    );
    const text = await response.text();
    expect([method, response.status < 300]).toEqual([method, !LOOKS_UP.has(method) && !WANTS_SECRET.has(method)]);
    if (WANTS_SECRET.has(method)) expect(response.status).toBe(403);
    if (LOOKS_UP.has(method)) expect(response.status).toBe(404);
    for (const secret of [String(uid), theirs.camera.uuid, ownerSession, ownerCameraToken, owner.phone])
      expect(text).not.toContain(secret);
    expect(world.asked).toEqual([]);
  },
);

test.each(ENDS_SESSIONS)("%s of a stranger leaves the neighbour signed in", async (method) => {
  const passerBy = await aResident();
  await mobile(method, { id: ownerSession, account: owner.account, userPhone: owner.phone }, { token: passerBy.token });
  expect((await mobile("user/ping", undefined, { token: owner.token })).status).toBe(204);
});

test("Defect 32: a stranger's camera token opens none of the neighbour's streams", async () => {
  const all = await mobile("cctv/all", {}, { token: stranger.token });
  const [{ token }] = (await all.json<{ data: [{ token: string }] }>()).data;
  const play = (camera: string) => call(`/api/accessfl?name=${theirs.camera.uuid}&token=${camera}`);
  expect((await play(token)).status).toBe(403);
  expect((await play(ownerCameraToken)).status).toBe(200);
});

test("the neighbour's door code has not changed and the neighbour is still signed in", async () => {
  const read = await mobile("address/intercom", { flatId: theirs.uid }, { token: owner.token });
  expect(await read.json()).toMatchObject({ data: { VoIP: "f" } }); // the owner's own change, above
  expect((await mobile("user/ping", undefined, { token: owner.token })).status).toBe(204);
});
