import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import { nimbleSignature } from "#premises/media/servers.ts";
import { giveRights } from "#premises/rights.ts";
import { setContractState } from "../support/billing.ts";
import { aCamera, aContract, aHome, aPhone, aResident, call, envWith, mobile } from "../support/world.ts";

interface Item {
  url: string;
  token: string;
  serverType: string;
  hlsMode: string;
  hasSound: boolean;
}

/** What cctv/all says about a camera with these fields, beside one of a Flussonic. */
async function shown(fields: Parameters<typeof aCamera>[0]) {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const uid = await aContract({ phones: [phone] });
  const [camera, usual] = [await aCamera(fields), await aCamera()];
  await giveRights(env, uid, [camera.deviceId, usual.deviceId]);
  const { data } = await (await mobile("cctv/all", { houseId: uid }, { token })).json<{ data: [Item, Item] }>();
  return { uid, token, camera, item: data[0], usual: data[1] };
}

const may = async (name: string, token: string) =>
  (await call(`/api/accessfl?name=${encodeURIComponent(name)}&token=${encodeURIComponent(token)}&proto=hls`)).status;

test("Nimble's signature is what Nimble computes from the key, the time and the stream", () => {
  const at = new Date("2026-11-22T00:05:09Z");
  const decoded = Buffer.from(nimbleSignature("defaultpassword", "live/stream", 20, at), "base64").toString();
  const time = "11/22/2026 12:00:00 AM";
  const hash = createHash("md5").update(`defaultpassword${time}20live/stream`).digest("base64");
  expect(decoded).toBe(`server_time=${time}&hash_value=${hash}&validminutes=20&strm_len=11`);
});

test("Nimble's signature stays for half of its life, and never has less than half before it", () => {
  const sign = (time: string) => nimbleSignature("key", "live/a", 60, new Date(time));
  expect(sign("2026-11-22T13:00:00Z")).toBe(sign("2026-11-22T13:29:59Z"));
  expect(sign("2026-11-22T13:30:00Z")).not.toBe(sign("2026-11-22T13:29:59Z"));
  expect(Buffer.from(sign("2026-11-22T13:30:00Z"), "base64").toString()).toContain(
    "server_time=11/22/2026 1:30:00 PM&",
  );
});

test("a camera of a Nimble has a signature of its own for its stream, and none of our tokens", async () => {
  const { camera, item, usual } = await shown({
    ...{ url: "https://nimble.example.net/live/", serverType: "nimble", mediaSecret: "wms-key" },
    ...{ hlsMode: "mpegts", hasSound: true },
  });
  expect(item).toMatchObject({
    url: `https://nimble.example.net/live/${camera.uuid}`,
    ...{ serverType: "nimble", hlsMode: "mpegts", hasSound: true },
  });
  expect(Buffer.from(item.token, "base64").toString()).toMatch(/&strm_len=41$/);
  expect(item.token).not.toContain("+"); // the apps put it into the URL as it is
  expect(await may(`live/${camera.uuid}`, usual.token)).toBe(403);
  expect(await may(usual.url.split("/").at(-1)!, usual.token)).toBe(200);
});

test.each([
  ["macroscop", "https://m.example.net:8080/hls?channelid=2016897c", "login=view&password=d41d8cd9"],
  [
    "forpost",
    "https://f.example.net/system-api/GetTranslationURL?CameraID=7&Format=HLS",
    "AdminLogin=a&AdminPassword=b",
  ],
  ["trassir", "https://t.example.net:8080/?channel=Sk1aX", "username=view&password=secret"],
] as const)("a camera of %s plays from its own URL with the operator's query", async (serverType, url, mediaSecret) => {
  const { item, camera, usual } = await shown({ serverType, url, mediaSecret });
  expect(item).toMatchObject({ url, token: mediaSecret, serverType, hlsMode: "fmp4", hasSound: false });
  expect(await may(camera.uuid, usual.token)).toBe(403);
});

test("without a secret the token is empty, and never absent", async () => {
  expect((await shown({ serverType: "forpost", url: "https://f.example.net/x?y=1" })).item.token).toBe("");
});

test("a secret that cannot be opened takes only its own camera away", async () => {
  const printed = vi.spyOn(console, "error").mockImplementation(() => {});
  const { uid, token, camera } = await shown({ serverType: "nimble", mediaSecret: "k" });
  await env.DB.prepare("UPDATE devices SET secrets = 'k1.x.y' WHERE device_id = ?").bind(camera.deviceId).run();
  const { data } = await (await mobile("cctv/all", { houseId: uid }, { token })).json<{ data: [Item, Item] }>();
  expect(data.map((item) => item.token !== "")).toEqual([false, true]);
  expect(printed.mock.calls.join()).toContain(`the media secret of device ${camera.deviceId}`);
  printed.mockRestore();
  await env.DB.prepare("UPDATE devices SET secrets = NULL WHERE device_id = ?").bind(camera.deviceId).run(); // others list all devices
});

test("an unpaid camera of another server shows neither its server nor its secret", async () => {
  const { uid, token, camera } = await shown({
    ...{ serverType: "macroscop", url: "https://m.example.net/hls?channelid=1", mediaSecret: "login=view&password=p" },
  });
  await setContractState(uid, { devices: [{ deviceId: camera.deviceId, state: 1 }] });
  const text = await (await mobile("cctv/all", { houseId: uid }, { token })).text();
  expect(text).toContain("/api/402");
  expect(text).not.toMatch(/m\.example\.net|login=view/);
});

test.each([
  ["", false, "f"],
  ["https://frs.example.net", false, "t"],
  ["https://frs.example.net", true, "f"],
])("camMap with FRS_URL %j and faces switched off %j says frs %j", async (FRS_URL, disabled, frs) => {
  const phone = aPhone();
  const { token } = await aResident({ phone });
  const { uid } = await aHome({ phones: [phone] });
  await mobile("address/intercom", { flatId: uid, settings: { FRSDisabled: disabled ? "t" : "f" } }, { token });
  const answer = await mobile("cctv/camMap", undefined, { token, env: envWith({ FRS_URL }) });
  expect((await answer.json<{ data: { frs: string }[] }>()).data[0]!.frs).toBe(frs);
});
