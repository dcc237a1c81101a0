import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { keepFile } from "#platform/files.ts";
import { newEvent, recordEvent } from "#premises/events.ts";
import { sweepFaces } from "#premises/faces/faces.ts";
import { timedId } from "#premises/log/ids.ts";
import { pictureKey } from "#premises/log/pictures.ts";
import { giveRights } from "#premises/rights.ts";
import { aHome, aPhone, aResident, call, envWith, mobile, outside } from "../support/world.ts";

const FRS = { FRS_URL: "https://faces.example.net/frs", FRS_TOKEN: "face-token" };
const known = envWith(FRS);
const JPEG = Buffer.concat([Buffer.from("ffd8ffe000104a464946", "hex"), Buffer.alloc(64, 7)]);
const BOX = { left: 537, top: 438, width: 142, height: 156 };

const aNeighbour = async (state: 1 | 2 = 2) => {
  const phone = aPhone();
  const home = await aHome({ phones: [phone], cameras: 2, open: "http://127.0.0.1:8081/open", state });
  return { ...home, ...(await aResident({ phone })) };
};

const aFaceId = () => Number(aPhone().slice(2));

/** Somebody whom the home's first camera saw. */
async function aVisit(home: { uid: number; camera: { deviceId: number } }, fields: object = {}, withPicture = true) {
  const picture = withPicture ? timedId(new Date()) : null;
  if (picture) await keepFile(env, pictureKey(picture), JPEG, "image/jpeg");
  const visit = {
    uid: home.uid,
    at: new Date(),
    kind: 4,
    deviceId: home.camera.deviceId,
    title: "Подъезд",
    detail: "",
  };
  const event = newEvent(env, { ...visit, extra: { face: BOX }, picture, preview: picture ? 1 : 0, ...fields });
  await recordEvent(env, event);
  return event.id;
}

interface Asked {
  method: string;
  body: Record<string, unknown>;
}

/** A face server that gives out this number, and a panel that opens. */
function aFaceServer(faceId: number, answers: Record<string, () => Response | Promise<Response>> = {}) {
  const asked: Asked[] = [];
  const world = outside(async (request) => {
    const { host, pathname } = new URL(request.url);
    if (host !== "faces.example.net") return new Response("", { status: 200 });
    expect(request.headers.get("authorization")).toBe("Bearer face-token");
    const method = pathname.replace("/frs/api/", "");
    if (request.method === "POST") asked.push({ method, body: await request.json() });
    const answer = answers[method];
    if (answer) return answer();
    if (method !== "registerFace") return new Response(null, { status: 204 });
    const faceImage = `data:image/jpeg;base64,${JPEG.toString("base64")}`;
    return Response.json({ code: "200", message: "Ok", data: { faceId, faceImage, ...BOX } });
  });
  const opened = () => world.asked.filter(({ url }) => url === "http://127.0.0.1:8081/open").length;
  return { asked, to: (method: string) => asked.filter((each) => each.method === method), opened, world };
}

const frs = (method: string, body: unknown, token: string, environment: Env = known) =>
  mobile(`frs/${method}`, body, { token, env: environment });

const facesOf = async ({ uid, token }: { uid: number; token: string }) => {
  const response = await frs("listFaces", { flatId: uid }, token);
  if (response.status === 204) return [];
  expect(response.status).toBe(200);
  return (await response.json<{ data: { faceId: string; image: string }[] }>()).data;
};

async function aMarkedFace(home: Awaited<ReturnType<typeof aNeighbour>>, faceId = aFaceId()) {
  aFaceServer(faceId);
  const event = await aVisit(home);
  expect((await frs("like", { event }, home.token)).status).toBe(200);
  return { faceId, event };
}

test("A face in an event is learned from its picture, at every door of the flat, once", async () => {
  const home = await aNeighbour();
  const second = await aHome({ cameras: 1 });
  await giveRights(env, home.uid, [second.camera.deviceId, second.lock]);
  const faceId = aFaceId();
  const server = aFaceServer(faceId);
  const event = await aVisit(home);
  for (const comment of ["", undefined]) {
    const liked = await frs("like", { event, comment }, home.token);
    expect([liked.status, await liked.json()]).toMatchObject([200, { data: { faceId: String(faceId) } }]);
  }
  const streamId = String(home.camera.deviceId);
  const url = expect.stringMatching(/^https:\/\/api\.example\.net\/api\/images\/event\/.+\.jpg\?e=\d+&s=/);
  expect(server.to("registerFace")).toEqual([{ method: "registerFace", body: { streamId, url, ...BOX } }]);
  const other = { streamId: String(second.camera.deviceId), faces: [faceId] };
  expect(server.to("addFaces").map(({ body }) => body)).toEqual([other]);
});

test("Defect 27: a known face is shown by a link of ours that ends, and not by the face server's", async () => {
  const home = await aNeighbour();
  expect(await facesOf(home)).toEqual([]);
  const { faceId } = await aMarkedFace(home);
  const [face] = await facesOf(home);
  expect(face!.faceId).toBe(String(faceId));
  const { origin, pathname, search } = new URL(face!.image);
  expect([origin, pathname]).toEqual(["https://api.example.net", `/api/frs/faces/${home.uid}/${faceId}.jpg`]);
  const picture = await call(pathname + search);
  expect([picture.status, picture.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
  expect(Buffer.from(await picture.arrayBuffer())).toEqual(JPEG);
  expect((await call(pathname)).status).toBe(403);
  expect((await call(pathname.replace(String(faceId), "1") + search)).status).toBe(403);
});

test("Without a picture of our own the face server's best one is learned from", async () => {
  const home = await aNeighbour();
  const screenshot = "https://faces.example.net/frs/screenshots/1.jpg";
  const server = aFaceServer(aFaceId(), { bestQuality: () => Response.json({ data: { screenshot, ...BOX } }) });
  const event = await aVisit(home, {}, false);
  expect((await frs("like", { event }, home.token)).status).toBe(200);
  const streamId = String(home.camera.deviceId);
  expect(server.asked.map(({ method, body }) => [method, body])).toEqual([
    ["bestQuality", { streamId, date: expect.stringMatching(/^\d{4}-.*Z$/) }],
    ["registerFace", { streamId, url: screenshot, ...BOX }],
  ]);
});

test("A face server's own picture is loaded from its own host only", async () => {
  const home = await aNeighbour();
  const data = { faceId: aFaceId(), faceImage: "http://169.254.169.254/latest" };
  const server = aFaceServer(0, { registerFace: () => Response.json({ data }) });
  expect((await frs("like", { event: await aVisit(home) }, home.token)).status).toBe(200);
  expect(server.world.asked.map(({ url }) => new URL(url).host)).toEqual(["faces.example.net"]);
});

test("Defect 2: a neighbour's events and faces are neither read, marked nor removed", async () => {
  const [owner, stranger] = [await aNeighbour(), await aNeighbour()];
  const { faceId, event } = await aMarkedFace(owner);
  const server = aFaceServer(aFaceId());
  const attempts: [string, object][] = [
    ["like", { event }],
    ["disLike", { event }],
    ["disLike", { flatId: owner.uid, faceId }],
    ["disLike", { houseId: String(stranger.uid), faceId: String(faceId) }],
    ["listFaces", { flatId: owner.uid }],
  ];
  for (const [method, body] of attempts) {
    expect([method, (await frs(method, body, stranger.token)).status]).toEqual([method, 404]);
  }
  expect(await facesOf(owner)).toHaveLength(1);
  expect(server.asked).toEqual([]);
});

test.each([
  ["its number", ({ uid, faceId }: { uid: number; faceId: number; event: string }) => ({ flatId: uid, faceId })],
  [
    "texts, as iOS writes them",
    ({ uid, faceId }: { uid: number; faceId: number }) => ({ flatId: `${uid}`, faceId: `${faceId}` }),
  ],
  ["its event", ({ event }: { event: string }) => ({ event })],
])("A face is removed by %s, here and at the face server", async (_, named) => {
  const home = await aNeighbour();
  const face = await aMarkedFace(home);
  const server = aFaceServer(face.faceId);
  const [shown] = await facesOf(home);
  expect((await frs("disLike", named({ uid: home.uid, ...face }), home.token)).status).toBe(204);
  expect(await facesOf(home)).toEqual([]);
  expect(server.to("deleteFaces").flatMap(({ body }) => body.faces)).toContain(face.faceId);
  const { pathname, search } = new URL(shown!.image);
  expect((await call(pathname + search)).status).toBe(404);
});

test("A face that another flat has marked too stays at the face server", async () => {
  const [one, other] = [await aNeighbour(), await aNeighbour()];
  const { faceId } = await aMarkedFace(one);
  await aMarkedFace(other, faceId);
  const server = aFaceServer(faceId);
  expect((await frs("disLike", { flatId: one.uid, faceId }, one.token)).status).toBe(204);
  expect(server.to("deleteFaces").flatMap(({ body }) => body.faces)).not.toContain(faceId);
  expect(await facesOf(other)).toHaveLength(1);
});

test("A removal that the face server has not heard is told again", async () => {
  const home = await aNeighbour();
  const { faceId } = await aMarkedFace(home);
  aFaceServer(faceId, { deleteFaces: () => new Response("", { status: 502 }) });
  expect((await frs("disLike", { flatId: home.uid, faceId }, home.token)).status).toBe(204);
  const server = aFaceServer(faceId);
  await sweepFaces(known);
  expect(server.to("deleteFaces").flatMap(({ body }) => body.faces)).toContain(faceId);
  const again = aFaceServer(faceId);
  await sweepFaces(known);
  expect(again.to("deleteFaces").flatMap(({ body }) => body.faces)).not.toContain(faceId);
});

test.each<[string, number, () => Response | Promise<Response>]>([
  ["sees no face", 422, () => Response.json({ code: "400", message: "no faces" }, { status: 400 })],
  ["gives no number", 422, () => Response.json({ data: {} })],
  ["fails", 503, () => new Response("", { status: 500 })],
  ["does not know us", 503, () => new Response("", { status: 401 })],
  ["answers a page", 503, () => new Response("<html>")],
  ["answers without end", 503, () => new Response(`"${"a".repeat(2_000_000)}"`)],
  ["redirects", 503, () => Response.redirect("http://169.254.169.254/")],
  ["does not answer", 503, () => Promise.reject(new TypeError("no route"))],
])("Where the face server %s, marking is %i and nothing is kept", async (_, status, registerFace) => {
  const home = await aNeighbour();
  aFaceServer(0, { registerFace });
  expect((await frs("like", { event: await aVisit(home) }, home.token)).status).toBe(status);
  expect(await facesOf(home)).toEqual([]);
});

test.each([
  ["listFaces", { flatId: 1 }],
  ["like", { event: "x" }],
  ["disLike", { event: "x" }],
])("frs/%s of an operator without a face server is not connected", async (method, body) => {
  outside();
  const { token } = await aResident();
  const response = await frs(method, body, token, env);
  expect([response.status, await response.json()]).toMatchObject([404, { message: "услуга не подключена" }]);
});

test("Who has switched face recognition off marks no faces, and still removes them", async () => {
  const home = await aNeighbour();
  const { faceId } = await aMarkedFace(home);
  aFaceServer(faceId);
  await mobile("address/intercom", { flatId: home.uid, settings: { FRSDisabled: "t" } }, { token: home.token });
  expect((await frs("like", { event: await aVisit(home) }, home.token)).status).toBe(403);
  expect((await frs("disLike", { flatId: home.uid, faceId }, home.token)).status).toBe(204);
});

test("A guest who comes through the gate has no part in the faces", async () => {
  const home = await aNeighbour();
  const { faceId, event } = await aMarkedFace(home);
  const guest = await aResident({ phone: aPhone() });
  await env.DB.prepare(
    "INSERT INTO guests (operator, uid, phone, type, expires_at, granted_by, created_at) VALUES ('main', ?, ?, 'outer', ?, ?, 0)",
  )
    .bind(home.uid, guest.phone, Date.now() + 3_600_000, home.phone)
    .run();
  expect((await frs("listFaces", { flatId: home.uid }, guest.token)).status).toBe(403);
  expect((await frs("disLike", { flatId: home.uid, faceId }, guest.token)).status).toBe(403);
  expect((await frs("like", { event }, guest.token)).status).toBe(404);
});

const bearer = { authorization: `Bearer ${env.INTEGRATION_TOKEN}` };

const recognised = async (body: object, query = "", headers: Record<string, string> = bearer) => {
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const response = await call(`/local/api/face${query}`, init, known);
  return response.status === 200 ? (await response.json<{ action: boolean }>()).action : response.status;
};

const eventsOf = async (uid: number) => {
  const all = env.DB.prepare("SELECT device_id, extra FROM events WHERE operator = 'main' AND uid = ? AND kind = 5");
  return (await all.bind(uid).all<{ device_id: number; extra: string }>()).results;
};

test("A face that is known opens the door and stands in the log of each flat that has marked it", async () => {
  const home = await aNeighbour();
  const { faceId } = await aMarkedFace(home);
  const neighbour = await aNeighbour();
  await giveRights(env, neighbour.uid, [home.lock, home.camera.deviceId]);
  await aMarkedFace(neighbour, faceId);
  const server = aFaceServer(faceId);
  // As a face server of the FALPRS family calls: the camera stands in the URL that it was given.
  expect(await recognised({ faceId, eventId: 1002 }, `?streamId=${home.camera.deviceId}`)).toBe(true);
  expect(await recognised({ faceId: String(faceId), deviceId: String(home.camera.deviceId) })).toBe(true);
  expect(server.opened()).toBe(1);
  for (const { uid } of [home, neighbour]) {
    await vi.waitFor(async () => expect(await eventsOf(uid)).toHaveLength(1));
    const [event] = await eventsOf(uid);
    expect(event!.device_id).toBe(home.camera.deviceId);
    expect(JSON.parse(event!.extra)).toMatchObject({ faceId, opened: true, doorId: home.doorId });
  }
});

test("A face opens nothing when it is a stranger's, removed, late, at another camera, not paid for or switched off", async () => {
  const home = await aNeighbour();
  const { faceId } = await aMarkedFace(home);
  const unpaid = await aNeighbour();
  const theirs = await aMarkedFace(unpaid);
  await env.DB.prepare("UPDATE contracts SET state = 1 WHERE uid = ?").bind(unpaid.uid).run();
  const server = aFaceServer(faceId);
  const streamId = home.camera.deviceId;
  const late = new Date(Date.now() - 60_000).toISOString();
  expect(await recognised({ faceId: faceId + 1, streamId })).toBe(false);
  expect(await recognised({ faceId, streamId: home.cameras[1]!.deviceId })).toBe(false);
  expect(await recognised({ faceId, streamId: unpaid.camera.deviceId })).toBe(false);
  expect(await recognised({ faceId, streamId, date: late })).toBe(false);
  expect(await recognised({ faceId: theirs.faceId, streamId: unpaid.camera.deviceId })).toBe(false);
  await mobile("address/intercom", { flatId: home.uid, settings: { FRSDisabled: "t" } }, { token: home.token });
  expect(await recognised({ faceId, streamId })).toBe(false);
  await mobile("address/intercom", { flatId: home.uid, settings: { FRSDisabled: "f" } }, { token: home.token });
  await frs("disLike", { flatId: home.uid, faceId }, home.token);
  expect(await recognised({ faceId, streamId })).toBe(false);
  expect(server.opened()).toBe(0);
  expect(await eventsOf(home.uid)).toEqual([]);
});

test("A face opens nothing on the word of a guest who has left, or of an owner who has", async () => {
  const home = await aNeighbour();
  const guest = await aResident();
  const letIn = (expire: string) =>
    mobile(
      "address/access",
      { flatId: home.uid, guestPhone: guest.phone, type: "inner", expire },
      { token: home.token },
    );
  await letIn("3001-01-01 00:00:00");
  const { faceId } = await aMarkedFace({ ...home, ...guest });
  const own = await aMarkedFace(home);
  const server = aFaceServer(faceId);
  const streamId = home.camera.deviceId;
  expect(await recognised({ faceId, streamId })).toBe(true);
  await letIn("2001-01-01 00:00:00");
  expect(await recognised({ faceId, streamId })).toBe(false);
  expect(await recognised({ faceId: own.faceId, streamId })).toBe(true);
  await env.DB.prepare("DELETE FROM contract_phones WHERE uid = ? AND phone = ?").bind(home.uid, home.phone).run();
  expect(await recognised({ faceId: own.faceId, streamId })).toBe(false);
  expect(server.opened()).toBe(2);
});

test("A flat has only so many faces", async () => {
  const home = await aNeighbour();
  await env.DB.prepare(
    `INSERT INTO faces (operator, uid, id, account_id, created_at)
     SELECT 'main', ?, value, ?, 1 FROM json_each(?)`,
  )
    .bind(home.uid, home.account, JSON.stringify(Array.from({ length: 200 }, (_, i) => i + 1)))
    .run();
  const server = aFaceServer(aFaceId());
  expect((await frs("like", { event: await aVisit(home) }, home.token)).status).toBe(409);
  expect(server.asked).toEqual([]);
});

test.each([null, "", true, [], {}, -1, 1.5, 1e30, "1e3"])("A face server's %j is no face", async (faceId) => {
  const home = await aNeighbour();
  aFaceServer(0, { registerFace: () => Response.json({ code: "200", data: { faceId } }) });
  expect((await frs("like", { event: await aVisit(home) }, home.token)).status).toBe(422);
  expect(await facesOf(home)).toEqual([]);
});

test("A door that did not open is no event", async () => {
  const home = await aNeighbour();
  const { faceId } = await aMarkedFace(home);
  outside(() => new Response("", { status: 500 }));
  expect(await recognised({ faceId, streamId: home.camera.deviceId })).toBe(false);
  expect(await eventsOf(home.uid)).toEqual([]);
});

test.each<[object, Record<string, string>, number]>([
  [{ faceId: 1, streamId: 1 }, {}, 401],
  [{ streamId: 1 }, bearer, 422],
  [{ faceId: 1 }, bearer, 422],
  [{ faceId: "x", streamId: 1 }, bearer, 422],
  [{ faceId: 1e30, streamId: 1 }, bearer, 422],
  [{ faceId: 1, streamId: 1, date: "вчера" }, bearer, 422],
])("A recognised face as %o with %o is %i", async (body, headers, status) => {
  outside();
  expect(await recognised(body, "", headers)).toBe(status);
});

test.each([
  ["listFaces", undefined],
  ["listFaces", { flatId: "x" }],
  ["like", undefined],
  ["like", { event: 7 }],
  ["disLike", {}],
  ["disLike", { flatId: 1 }],
  ["disLike", { faceId: 1 }],
  ["disLike", { flatId: 1, faceId: -1 }],
])("frs/%s with %o is refused", async (method, body) => {
  outside();
  const { token } = await aResident();
  expect((await frs(method, body, token)).status).toBe(422);
});
