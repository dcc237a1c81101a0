import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { aCamera, aHome, aLock, aPhone, aResident, call, mobile, outside } from "../support/world.ts";

const bill = (path: string, body: object) =>
  call(`/bill/api/${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${env.INTEGRATION_TOKEN}` },
    body: JSON.stringify(body),
  });
const play = (name: string, token: string) => call(`/api/accessfl?name=${name}&token=${token}&proto=hls`);
const publish = (name: string, token: string) =>
  call("/api/accessfl", { method: "POST", body: JSON.stringify({ name, token, proto: "rtmp" }) });

test("a person who is blocked is signed out everywhere, gets no code and no picture, until unblocked", async () => {
  const world = outside();
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { camera } = await aHome({ phones: [phone] });
  const { data } = await (await mobile("cctv/all", {}, { token })).json<{ data: [{ token: string }] }>();
  expect((await play(camera.uuid, data[0].token)).status).toBe(200);

  expect((await bill("users/block/", { phone: `8${phone.slice(1)}` })).status).toBe(200);
  const { publishRevocations } = await import("#premises/revocations.ts");
  await publishRevocations(env);
  expect((await mobile("user/ping", {}, { token })).status).toBe(401);
  expect((await play(camera.uuid, data[0].token)).status).toBe(403);
  await mobile("user/requestCode", { userPhone: phone });
  expect(world.smsTo(phone)).toEqual([]);

  expect((await bill("users/unblock/", { phone })).status).toBe(200);
  expect((await aResident({ phone })).token).toBeDefined();
  expect((await mobile("user/ping", {}, { token })).status).toBe(401);
});

test("somebody who never signed in can be blocked as well", async () => {
  const world = outside();
  const phone = aPhone();
  await bill("users/block/", { phone });
  expect((await mobile("user/requestCode", { userPhone: phone })).status).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(world.smsTo(phone)).toEqual([]);
});

test.each(["users/block/", "users/unblock/"])("%s refuses what is no phone", async (path) => {
  expect((await bill(path, { phone: "12" })).status).toBe(422);
  expect((await bill(path, {})).status).toBe(422);
});

test("a token that was made elsewhere opens its streams, and no others", async () => {
  const token = crypto.randomUUID().replaceAll("-", "");
  expect((await play("portal-1", token)).status).toBe(403);
  const other = crypto.randomUUID().replaceAll("-", "");
  expect(
    (
      await bill("camera_tokens_add/", {
        token: other,
        streams: ["portal-1", { name: "portal-2", record_days: 3 }],
        expires_in: 600,
      })
    ).status,
  ).toBe(200);
  expect((await play("portal-1", other)).status).toBe(200);
  expect((await play("portal-2", other)).status).toBe(200);
  expect((await play("portal-3", other)).status).toBe(403);
  expect((await publish("portal-1", other)).status).toBe(403);
});

test("a camera gets a token to send with, and cannot watch with it", async () => {
  const camera = await aCamera();
  const response = await bill("publish_tokens_add/", { device_id: camera.deviceId, expires_in: 3600 });
  const { token } = await response.json<{ token: string }>();
  expect((await publish(camera.uuid, token)).status).toBe(200);
  expect((await publish("another", token)).status).toBe(403);
  expect((await play(camera.uuid, token)).status).toBe(403);
});

test("a lock sends no stream", async () => {
  const lock = await aLock();
  expect((await bill("publish_tokens_add/", { device_id: lock.deviceId, expires_in: 3600 })).status).toBe(404);
});

test.each([
  ["camera_tokens_add/", { token: "short", streams: ["a"], expires_in: 600 }],
  ["camera_tokens_add/", { token: "long-enough-token", streams: [], expires_in: 600 }],
  ["camera_tokens_add/", { token: "long-enough-token", streams: ["a"], expires_in: 1 }],
  ["publish_tokens_add/", { device_id: "x", expires_in: 600 }],
])("%s refuses %j", async (path, body) => {
  expect((await bill(path, body)).status).toBe(422);
});
