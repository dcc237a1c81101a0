import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { importControllers } from "#identity/controllers/import.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { aKeyPair, aSerial, eventsOf, theController } from "../support/controllers.ts";

const importRows = (rows: unknown) => importControllers(env, "main", rows, SYSTEM);

test("DEV-1 DEV-6 an imported controller is registered, audited, and told of once", async () => {
  const serial = aSerial();
  const [created] = await importRows([{ serial, model: "hub-2", claim_code_hash: sha256("CODE").toUpperCase() }]);
  expect(created).toEqual({ serial, id: expect.stringMatching(/^dev_/), status: "created" });
  expect(await theController(serial)).toMatchObject({ status: "factory", model: "hub-2", claim_hash: sha256("CODE") });
  expect(await eventsOf(created!.id!)).toEqual([{ type: "device.registered", data: { serial, model: "hub-2" } }]);
  const audit = await env.DB.prepare("SELECT action, after FROM audit_log WHERE target_id = ?").bind(created!.id).all();
  expect(audit.results).toEqual([{ action: "device.registered", after: JSON.stringify({ serial, model: "hub-2" }) }]);
});

test.each([true, false])(
  "DEV-6 DRM mirrors a new controller where the operator has monetisation: %j",
  async (monetization) => {
    const operator = `op-${randomId(6)}`;
    await env.DB.prepare(
      "INSERT INTO operators (operator, name, country, lang, params, created_at, updated_at) VALUES (?, 'Test', 'RU', 'ru', ?, 0, 0)",
    )
      .bind(operator, JSON.stringify({ drm: { monetization } }))
      .run();
    const [created] = await importControllers(env, operator, [{ serial: aSerial(), model: "hub-2" }], SYSTEM);
    const event = await env.DB.prepare("SELECT type, agg_seq, drm FROM notifications WHERE operator = ? AND agg_id = ?")
      .bind(operator, created!.id)
      .first();
    expect(event).toEqual({ type: "device.registered", agg_seq: 1, drm: Number(monetization) });
  },
);

test("DEV-1 importing a serial again changes nothing", async () => {
  const serial = aSerial();
  const [first] = await importRows([{ serial, model: "hub-2", claim_code_hash: sha256("CODE") }]);
  const again = await importRows([
    { serial, model: "hub-3", claim_code_hash: sha256("OTHER") },
    { serial, model: "hub-4" },
  ]);
  expect(again).toEqual([
    { serial, id: first!.id, status: "exists" },
    { serial, id: first!.id, status: "exists" },
  ]);
  expect(await theController(serial)).toMatchObject({ model: "hub-2", claim_hash: sha256("CODE") });
  expect(await eventsOf(first!.id!)).toHaveLength(1);
});

test("DEV-1 a thousand rows go in at once, and each is a controller of its own", async () => {
  const rows = Array.from({ length: 1000 }, () => ({ serial: aSerial(), model: "hub-2", operator: "main" }));
  const results = await importRows(rows);
  expect(results.map(({ status }) => status)).toEqual(rows.map(() => "created"));
  expect(new Set(results.map(({ id }) => id)).size).toBe(1000);
});

test.each([
  ["nothing", []],
  ["no list", { serial: "A", model: "hub-2" }],
  ["more than a thousand rows", Array.from({ length: 1001 }, () => ({}))],
])("DEV-1 an import of %s is refused", async (_, rows) => {
  await expect(importRows(rows)).rejects.toMatchObject({ reason: "validation_failed" });
});

test.each([
  ["no serial", { model: "hub-2" }],
  ["an empty serial", { serial: "", model: "hub-2" }],
  ["a serial with a line break", { serial: "A\nB", model: "hub-2" }],
  ["no model", { serial: "A" }],
  ["a claim code instead of its hash", { serial: "A", model: "hub-2", claim_code_hash: "CODE" }],
  ["another operator", { serial: "A", model: "hub-2", operator: "other" }],
  ["a key of another kind", { serial: "A", model: "hub-2", public_key: { kty: "RSA", n: "AQAB", e: "AQAB" } }],
  [
    "a point beside the curve",
    { serial: "A", model: "hub-2", public_key: { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) } },
  ],
  ["no object", "A"],
])("DEV-1 a row with %s is refused and spoils no other", async (_, row) => {
  const serial = aSerial();
  const [bad, good] = await importRows([row, { serial, model: "hub-2" }]);
  expect(bad).toMatchObject({ status: "invalid", error: expect.any(String) });
  expect(good).toMatchObject({ serial, status: "created" });
});

test("DEV-1 no two imported controllers share a key", async () => {
  const { publicKey } = await aKeyPair("Ed25519");
  const serials = [aSerial(), aSerial(), aSerial()];
  const rows = serials.map((serial) => ({ serial, model: "hub-2", public_key: publicKey }));
  expect((await importRows(rows.slice(0, 2))).map(({ status }) => status)).toEqual(["created", "invalid"]);
  expect((await importRows(rows)).map(({ status }) => status)).toEqual(["exists", "invalid", "invalid"]);
});
