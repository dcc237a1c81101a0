import { afterAll, beforeAll, expect, test } from "vitest";
import { Asterisk, asteriskIsHere } from "./support/asterisk.ts";
import { INTEGRATION_TOKEN, Yardgate } from "./support/server.ts";
import { register } from "./support/sip.ts";
import { makeWorkspace } from "./support/workspace.ts";

// Asterisk itself, which asks us through res_config_curl who its SIP accounts are. Where no mirror has its packages, what it
// asks is proved from a recording (test/intercom/realtime.test.ts).

const isHere = asteriskIsHere();
if (!isHere) console.warn("Asterisk cannot be had here: its tests are left out");

const workspace = makeWorkspace();
let yardgate: Yardgate;
let asterisk: Asterisk;

beforeAll(async () => {
  if (!isHere) return;
  yardgate = await Yardgate.prepare(workspace.directory);
  await yardgate.start();
  const url = `http://asterisk:${INTEGRATION_TOKEN}@127.0.0.1:${yardgate.port}/asterisk`;
  asterisk = await Asterisk.start(workspace.directory, url);
});

afterAll(async () => {
  await asterisk?.crash();
  await yardgate?.crash();
  workspace.remove();
});

const aPanel = (fields: object) =>
  yardgate.billing("devices_add", { device_type: 1, title: "Подъезд", url: "https://vd.example.net", ...fields });

test.skipIf(!isHere)(
  "Asterisk registers a door panel and an indoor monitor with their passwords, and nobody else",
  async () => {
    await aPanel({ is_active: true, domophoneid: 31_001, sippassword: "s3cret & more=100%" });
    await aPanel({ is_active: true, monitorid: 12, device_type: 5, sippassword: "m0nitor" });
    const { device_id } = await aPanel({ is_active: true, domophoneid: 31_002, sippassword: "s3cret" });
    expect(await register(asterisk.port, { user: "131001", password: "s3cret & more=100%" })).toBe(200);
    expect(await register(asterisk.port, { user: "4000000012", password: "m0nitor" })).toBe(200);
    expect(await register(asterisk.port, { user: "131001", password: "wrong" })).toBe(401);
    expect(await register(asterisk.port, { user: "131003", password: "s3cret" })).toBe(401);
    expect(await register(asterisk.port, { user: "131002", password: "s3cret" })).toBe(200);
    await yardgate.billing("devices_mod", { device_id, is_active: false });
    expect(await register(asterisk.port, { user: "131002", password: "s3cret" })).toBe(401);
  },
);

test.skipIf(!isHere)("a phone registers with the extension that the push of its call has brought", async () => {
  const { device_id } = await aPanel({ is_active: true, domophoneid: 31_010, sippassword: "s3cret", dtmf: 1 });
  const { devices } = await yardgate.billing("devices_list");
  const { device_uuid } = devices.find((device: { device_id: number }) => device.device_id === device_id);
  const { clients } = await yardgate.billing("users/clients");
  const { uid } = clients.find(({ phones }: { phones: string[] }) => phones.includes("79161230001"));
  await yardgate.billing("rights_add", { uid, device_id });
  const resident = /getAddressList -H 'Authorization: Bearer ([^']+)'/.exec(yardgate.output())![1]!;
  const token = "e2e-push-token-0123456789";
  expect(
    (await yardgate.api("user/registerPushToken", { platform: "android", pushToken: token }, resident)).status,
  ).toBe(204);

  const account = { user: "2000000042", password: "f00dcafe" };
  expect(await register(asterisk.port, account)).toBe(401);
  const call = {
    token,
    platform: 0,
    extension: 2000000042,
    hash: "f00dcafe",
    dtmf: 1,
    device_uuid,
    uid,
    flatNumber: 8,
  };
  const pushed = await fetch(`${yardgate.url}/asterisk/extensions/push`, {
    method: "POST",
    headers: { authorization: `Bearer ${INTEGRATION_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify({ ...call, callerId: "Подъезд 2" }),
  });
  expect([pushed.status, await pushed.text()]).toEqual([200, ""]);
  expect(await register(asterisk.port, account)).toBe(200);
});
