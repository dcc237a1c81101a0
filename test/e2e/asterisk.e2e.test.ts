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
