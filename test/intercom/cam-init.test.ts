import { env } from "cloudflare:test";
import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { mintPublishToken } from "#premises/camera-tokens.ts";
import { aCamera, call } from "../support/world.ts";

const init = async (body?: unknown) => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await call("/api/cams/caminit", { method: "POST", ...(body !== undefined && { body: text }) });
  return { status: response.status, body: await response.json() };
};

const aMac = () => randomBytes(6).toString("hex").match(/../g)!.join(":");
const anSrtCamera = (mac: string, fields: object = {}) =>
  aCamera({ type: 2, mac, port: 9998, url: "https://vd.example.net:8443", ...fields });

const REFUSED = { status: 403, body: { code: 403, name: "Forbidden", message: "Операция запрещена" } };

test.each([
  (mac: string) => mac,
  (mac: string) => mac.toUpperCase().replaceAll(":", "-"),
  (mac: string) => mac.replaceAll(":", ""),
])("a camera is told its server, port and stream, however it writes its MAC", async (written) => {
  const mac = aMac();
  const { uuid } = await anSrtCamera(mac);
  expect(await init({ macaddress: written(mac), protocol: "srt" })).toEqual({
    ...{ status: 200, body: { code: 200, server: "vd.example.net", port: 9998, name: uuid } },
  });
});

test.each([
  ["is switched off", { isActive: false }],
  ["has no port", { port: null }],
  ["has no media server", { url: null }],
  ["is of another type", { type: 1 }],
])("a camera that %s is refused", async (_, fields) => {
  const mac = aMac();
  await anSrtCamera(mac, fields);
  expect(await init({ macaddress: mac })).toEqual(REFUSED);
});

test("Defect 26: an unknown MAC is refused and writes nothing", async () => {
  const count = () => env.DB.prepare("SELECT count(*) AS n FROM devices WHERE mac IS NOT NULL").first("n");
  const before = await count();
  for (const macaddress of [aMac(), aMac(), "", "zz", "02:00"]) expect(await init({ macaddress })).toEqual(REFUSED);
  expect(await count()).toBe(before);
});

test("Defect 26: knowing a camera's MAC and stream lets nobody publish: the token does", async () => {
  const mac = aMac();
  await anSrtCamera(mac);
  const { body } = (await init({ macaddress: mac })) as { body: { name: string } };
  const publish = async (token: string) =>
    (
      await call("/api/accessfl", {
        method: "POST",
        body: JSON.stringify({ name: body.name, token, proto: "srt", ip: "203.0.113.7" }),
      })
    ).status;
  expect(await publish("")).toBe(403);
  expect(await publish(mac)).toBe(403);
  expect(await publish(mintPublishToken(env, { stream: body.name, lifeSeconds: 60 }))).toBe(200);
});

test.each([[undefined], ["{"], [[]], [{ macaddress: 5 }], [{ macaddress: "a".repeat(100) }]])(
  "%j is 422",
  async (body) => {
    expect((await init(body)).status).toBe(422);
  },
);
