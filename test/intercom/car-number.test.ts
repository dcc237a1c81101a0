import { env } from "cloudflare:test";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { changeContract } from "#premises/contracts.ts";
import { addPlate } from "#premises/plates.ts";
import { takeRights } from "#premises/rights.ts";
import { aUid, envWith, outside } from "../support/world.ts";
import { aHomeWithReaders, logOf } from "./entry.ts";
import { pbx } from "./pbx.ts";

beforeEach(() => {
  outside();
});

afterEach(() => {
  vi.restoreAllMocks();
});

const seen = (uuid: string, event: unknown, fields: object = {}, options = {}) =>
  pbx("/local/api/carnumber", { uuid, event, externalCamera: false, ...fields }, options);
const verdict = async (...args: Parameters<typeof seen>) => (await seen(...args)).json();

const OPENS = { jsonrpc: "2.0", action: true };
const STAYS_SHUT = { jsonrpc: "2.0", action: false };

async function aCarAt(plate: string, fields = {}) {
  const home = await aHomeWithReaders(fields);
  await addPlate(env, { uid: home.uid, plate, comment: "" });
  return home;
}

test("a gate opens for the plate of a contract with a right to it, and the flat's log tells of it", async () => {
  const { uid, rubetekUuid, camera, doorId } = await aCarAt("A123BC71");
  expect(await verdict(rubetekUuid.toUpperCase(), "а123вс 71")).toEqual(OPENS);
  expect(await logOf(uid)).toMatchObject([
    {
      ...{ kind: 9, device_id: camera.deviceId, title: "Камера 1", detail: "Номер а/м A123BC71" },
      extra: { plate: "A123BC71", opened: true, doorId },
    },
  ]);
});

test("a car that is seen again and again, or by two at once, is one event", async () => {
  const { uid, rubetekUuid } = await aCarAt("A124BC71");
  expect(await verdict(rubetekUuid, "A124BC71")).toEqual(OPENS);
  const more = await Promise.all([verdict(rubetekUuid, "A124BC71"), verdict(rubetekUuid, "А124ВС71")]);
  expect(more).toEqual([OPENS, OPENS]);
  expect(await logOf(uid)).toHaveLength(1);
});

test.each<[string, (home: Awaited<ReturnType<typeof aCarAt>>) => Promise<unknown>, string?]>([
  ["is nobody's", async () => {}, "X999XX99"],
  ["is none", async () => {}, "???"],
  ["has not paid", ({ uid }) => changeContract(env, { uid }, { state: 1 } as never)],
  ["has no right to the lock", ({ uid, lock }) => takeRights(env, uid, [lock])],
])("a gate stays shut for a plate that %s", async (_, change, plate = "A125BC71") => {
  const home = await aCarAt("A125BC71");
  await change(home);
  expect(await verdict(home.rubetekUuid, plate)).toEqual(STAYS_SHUT);
  expect(await logOf(home.uid)).toEqual([]);
});

test("a plate opens its own gate alone, and the camera on the other side is another door", async () => {
  const [own, foreign] = [await aCarAt("A126BC71"), await aHomeWithReaders()];
  expect(await verdict(foreign.rubetekUuid, "A126BC71")).toEqual(STAYS_SHUT);
  expect((await seen(own.rubetekUuid, "A126BC71", { externalCamera: true })).status).toBe(404);
  expect((await seen(crypto.randomUUID(), "A126BC71")).status).toBe(404);
});

test("a billing of the operator's own tells whose plate it is, and the right to the gate is still ours to check", async () => {
  const { uid, lock, rubetekUuid } = await aHomeWithReaders();
  const whose = { result: uid };
  const world = outside((request) =>
    Response.json(request.url.endsWith("isActiv") ? { result: { [lock]: 2 } } : whose),
  );
  const http = { env: envWith({ BILLING: "http", BILLING_URL: "http://billing.test" }) };
  expect(await verdict(rubetekUuid, "В001ВВ71", {}, http)).toEqual(OPENS);
  expect(await world.asked[0]?.json()).toEqual({ plate: "B001BB71" });
  whose.result = aUid();
  expect(await verdict(rubetekUuid, "В002ВВ71", {}, http)).toEqual(STAYS_SHUT);
});

test.each([
  ["no body", undefined],
  ["an empty object", {}],
  ["no plate", { uuid: "x" }],
  ["wrong types", { uuid: 5, event: {}, externalCamera: [] }],
  ["a huge plate", { uuid: "x", event: "A".repeat(5000) }],
])("%s is refused", async (_, body) => {
  expect((await pbx("/local/api/carnumber", body)).status).toBe(422);
});
