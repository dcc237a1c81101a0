import { env } from "cloudflare:test";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { envWith } from "../support/world.ts";
import { bill, REFUSED, said, UNREADABLE } from "./bill.ts";

const READING = ["types_list/", "devices_list/", "doors_list/", "users/clients/"];
const WITH_FIELDS = ["address_devices_list/", "keys_list/", "rights_list/"];
const CHANGES = [
  ...["devices_add/", "devices_mod/", "devices_del/", "doors_add/", "doors_mod/", "doors_del/"],
  ...["address_devices_update/", "keys_add/", "keys_del/", "rights_add/", "rights_del/"],
];
const CLIENTS = ["edit/", "change_password/", "create/", "delete/"].map((name) => `users/clients/${name}`);
const ALL = ["auth/", ...READING, ...WITH_FIELDS, ...CHANGES, ...CLIENTS];

test("the contract has 23 paths", () => {
  expect(new Set(ALL).size).toBe(23);
});

test.each(ALL)("Defect 23: %s refuses who cannot show the token", async (path) => {
  const basic = (text: string) => `Basic ${btoa(text)}`;
  const wrong = ["", "Bearer", "Bearer ", "Bearer integration-toke", "Bearer integration-token2", "integration-token"];
  for (const authorization of [...wrong, basic("crm:wrong"), basic("integration-token"), "Basic %%%", "Digest x"]) {
    const response = await bill(path, { uid: 1 }, { authorization });
    expect([authorization, response.status]).toEqual([authorization, 401]);
    expect(response.headers.get("www-authenticate")).toContain("Basic");
    expect(response.headers.get("content-type")).toContain("text/plain");
  }
});

test.each(ALL)("%s is known with and without its slash, to Bearer and to Basic", async (path) => {
  const authorization = `Basic ${btoa("anybody:integration-token")}`;
  for (const spelling of [path, path.slice(0, -1)]) {
    const bearer = await bill(spelling, {});
    const basic = await bill(spelling, {}, { authorization });
    expect(bearer.status).toBe([...READING, "auth/"].includes(path) ? 200 : 422);
    expect(basic.status).toBe(bearer.status);
  }
});

test.each([...WITH_FIELDS, ...CHANGES, ...CLIENTS])(
  "%s tells an empty or unreadable body in the envelope",
  async (path) => {
    for (const body of [undefined, "", "{}", "[]", "null", "0", '"uid"', "false", "[1]", "{", "\u0000"]) {
      const response = await bill(path, body);
      expect([body, response.status, await response.json()]).toEqual([body, 422, UNREADABLE]);
    }
  },
);

test.each(CHANGES)("%s refuses fields that it cannot use in one short text", async (path) => {
  expect(await said(path, { nonsense: 1 })).toEqual(REFUSED);
});

test.each(WITH_FIELDS)("%s refuses fields that it cannot use in the envelope", async (path) => {
  const response = await bill(path, { nonsense: 1 });
  expect([response.status, await response.json()]).toEqual([422, UNREADABLE]);
});

test.each([
  [{ login: "crm", password: "integration-token" }, "", 200],
  [undefined, "Bearer integration-token", 200],
  ["not json", "Bearer integration-token", 200],
  [{ login: "crm", password: "wrong" }, "", 401],
  [{ login: "crm", password: 5 }, "", 401],
  [{ login: "integration-token" }, "", 401],
  ["not json", "", 401],
])("auth/ with %j and %j answers %i", async (body, authorization, status) => {
  const response = await bill("auth/", body, { authorization });
  expect(response.status).toBe(status);
  if (status === 200) expect(await response.json()).toEqual({ token: "integration-token" });
});

test("types_list/ has the five types", async () => {
  const types = ["cam", "newcam", "lock", "iptv", "monitor"].map((type, i) => ({ id: i + 1, type }));
  expect(await (await bill("types_list/")).json()).toEqual({ types });
});

test("a huge body is refused", async () => {
  expect((await bill("devices_add/", { title: "x".repeat(300_000) })).status).toBe(413);
});

test("a database that is down is a 503", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const DB = { prepare: () => raise(), batch: () => raise() };
  for (const path of ["devices_list/", "rights_list/", "devices_del/", "keys_add/"]) {
    const body = { uid: 1, device_id: 1, key: "00ff" };
    expect((await bill(path, body, { env: envWith({ DB }) })).status).toBe(503);
  }
  vi.restoreAllMocks();
});

function raise(): never {
  throw new Error("D1_ERROR: Network connection lost.");
}

test("answers to changes are an empty HTML text", async () => {
  const response = await bill("devices_del/", { device_id: 999_999_999 });
  expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
    200,
    "text/html; charset=UTF-8",
    "",
  ]);
  expect(env.INTEGRATION_TOKEN).toBe("integration-token");
});

const KEYS = [
  ...["uid", "device_id", "device_type", "title", "url", "stream", "is_active", "address", "longitude", "latitude"],
  ...["record_days", "domophoneid", "monitorid", "dtmf", "paneltype", "doors_id", "cam", "icon", "entrance", "name"],
  ...["open", "open_trait", "key", "comment", "data", "login", "flat", "phones", "state", "balance", "services"],
  ...["devices", "password"],
];

test("no body makes a 5xx", { timeout: 60_000 }, async () => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.integer({ min: -1, max: 40 }),
    fc.constantFrom("", "1", "9".repeat(30), "http://x.test/", "00ff", "\u0000", "\ud800", 1e308, -0, 2 ** 53),
    fc.string({ unit: "binary" }),
  );
  const body = fc.dictionary(fc.constantFrom(...KEYS), value, { maxKeys: KEYS.length });
  const elsewhere = envWith({ OPERATOR: "fuzz" }); // where nobody else keeps anything
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ALL), body, async (path, fields) => {
      const { status } = await bill(path, fields, { env: elsewhere });
      expect(status).toBeLessThan(500);
    }),
    { numRuns: 400 },
  );
});
