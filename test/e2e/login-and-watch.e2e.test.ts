import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { AUTH_SECONDS, countFrames, MediaServer, statusOf } from "./support/media.ts";
import { codeIn, type Operator, signIn, startOperator, theSms } from "./support/operator.ts";

// The main job, in the order in which a resident does it: each test goes on where the one before it stopped.

const PHONE = "79161240001";
const NEIGHBOUR = "79161240002";
/** How long every isolate of the Worker may keep its list of ended tokens. */
const REVOCATION_SECONDS = 30;

let operator: Operator;
let media: MediaServer;
let code: string;
let bearer: string;
let camera: { url: string; token: string; name: string };
let neighbourCamera: { url: string; token: string };

beforeAll(async () => {
  operator = await startOperator({ AUTH_DURATION: String(AUTH_SECONDS) });
  const { directory, yardgate } = operator;
  media = await MediaServer.start({ directory, calloutUrl: `${yardgate.url}/api/accessfl` });
  await connect(601, PHONE, "Двор");
  await connect(602, NEIGHBOUR, "Гараж");
});

afterAll(async () => {
  await media?.crash();
  await operator?.close();
});

/** A contract with one phone and one camera. */
async function connect(uid: number, phone: string, title: string): Promise<void> {
  const { yardgate } = operator;
  const device = {
    device_type: 1,
    title,
    url: media.url,
    is_active: true,
    record_days: 7,
    address: "ул. Лесная, д. 1",
  };
  const { device_id } = await yardgate.billing("devices_add", device);
  const contract = { uid, login: String(uid), address: `ул. Лесная, д. 1 кв. ${uid}`, phones: [phone] };
  await yardgate.billing("users/clients/create", contract);
  await yardgate.billing("rights_add", { uid, device_id });
}

test("the code arrives as one Cyrillic SMS in UCS-2", async () => {
  const { status, data } = await operator.yardgate.api("user/requestCode", { userPhone: PHONE });
  expect({ status, data }).toEqual({ status: 200, data: { method: "sms" } });
  const sms = await theSms(operator, PHONE);
  expect(sms).toMatchObject({ from: "YARDGATE", to: PHONE, dataCoding: 8 });
  expect(sms.text).toMatch(/^Код подтверждения: \d{4}/);
  expect(operator.smsc.to(PHONE)).toHaveLength(1);
  code = codeIn(sms);
});

test("a wrong code is refused and the right one signs in", async () => {
  const confirm = (smsCode: string) => operator.yardgate.api("user/confirmCode", { userPhone: PHONE, smsCode });
  expect((await confirm(code === "0000" ? "0001" : "0000")).status).toBe(403);
  const { status, data } = await confirm(code);
  expect(status).toBe(200);
  bearer = data.accessToken;
  expect((await confirm(code)).status).not.toBe(200);
});

test("homes and cameras are the resident's own", async () => {
  const homes = await operator.yardgate.api("address/getAddressList", {}, bearer);
  expect(homes.data).toMatchObject([{ houseId: "601", cctv: 1 }]);
  const cameras = await operator.yardgate.api("cctv/all", { houseId: 601 }, bearer);
  expect(cameras.data).toHaveLength(1);
  camera = cameras.data[0];
  expect(camera.name).toBe("Двор");
  expect(camera.url.startsWith(`${media.url}/`)).toBe(true);

  const neighbour = await signIn(operator, NEIGHBOUR);
  neighbourCamera = (await operator.yardgate.api("cctv/all", {}, neighbour)).data[0];
  expect(neighbourCamera.url).not.toBe(camera.url);
});

test("the stream plays to its end with the token", () => {
  const seconds = 6;
  for (const { url } of [camera, neighbourCamera]) media.addStream(new URL(url).pathname.slice(1), seconds);
  expect(countFrames(camera.url, camera.token)).toBe(seconds * 10);
  expect(media.errors).toBe("");
});

test("nothing plays without a token, with an invented one or with that of another stream", async () => {
  expect(await statusOf(camera.url)).toBe(403);
  expect(await statusOf(camera.url, "x".repeat(32))).toBe(403);
  expect(await statusOf(camera.url, `${camera.token}x`)).toBe(403);
  expect(await statusOf(camera.url, neighbourCamera.token)).toBe(403);
  expect(await statusOf(neighbourCamera.url, camera.token)).toBe(403);
  const segment = await fetch(`${camera.url}/index0.ts`);
  expect(segment.status).toBe(403);
});

test("the media server is told to ask again soon", async () => {
  const name = new URL(camera.url).pathname.slice(1);
  const answer = await fetch(`${operator.yardgate.url}/api/accessfl?name=${name}&token=${camera.token}&ip=127.0.0.1`);
  expect(answer.status).toBe(200);
  expect(Number(answer.headers.get("x-authduration"))).toBeLessThanOrEqual(AUTH_SECONDS);
  expect(answer.headers.get("x-userid")).toMatch(/^\d+$/);
});

test("after log-out the app is refused at once and the stream within the promised time", async () => {
  expect(await statusOf(camera.url, camera.token)).toBe(200);
  const loggedOut = await operator.yardgate.api("user/logout", {}, bearer);
  expect(loggedOut.status).toBe(204);
  const asked = await operator.yardgate.api("cctv/all", {}, bearer);
  expect(asked.status).toBe(401);

  const isRefused = async () => (await statusOf(camera.url, camera.token)) === 403;
  const withinMs = (REVOCATION_SECONDS + AUTH_SECONDS + 1) * 1000;
  await eventually("the stream to be refused", isRefused, { withinMs, everyMs: 500 });
  expect(await statusOf(neighbourCamera.url, neighbourCamera.token)).toBe(200);
});

test("neither Kannel's logs nor the Worker's hold the code", () => {
  const written = [operator.yardgate.output(), ...operator.kannel.logs.map((file) => readFileSync(file, "utf8"))];
  expect(written.filter((text) => new RegExp(`\\b${code}\\b`).test(text))).toEqual([]);
});
