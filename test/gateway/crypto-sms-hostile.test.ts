import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { cbcOpen, cbcSeal } from "#gateway/crypto/aes-cbc.ts";
import { bytesOfBase64 } from "#gateway/crypto/base64.ts";
import { openBroadcast } from "#gateway/crypto/broadcast.ts";
import { sealJob } from "#gateway/crypto/publisher-job.ts";
import { openSms, readSms, sealSms } from "#gateway/crypto/sms.ts";
import { openTestSms, sealTestSms, testKeys } from "#gateway/crypto/test-sms.ts";
import { spacedJson } from "#gateway/spaced-json.ts";
import { parseKeyring } from "#platform/crypto.ts";
import vectors from "./vectors.json" with { type: "json" };

const KEY = vectors.sms.shared_key;
const IV = Buffer.from("1234567890123456");
const someText = fc.string({ unit: "grapheme", maxLength: 300 });
const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("base64")),
);

test("Base64 is read through whatever stands between its characters", () => {
  const junk = fc.string({ unit: fc.constantFrom("\n", "\r", " ", "-", "_", "é", "\0"), maxLength: 3 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.array(junk, { maxLength: 20 }), (bytes, between) => {
      const characters = [...Buffer.from(bytes).toString("base64")];
      const text = characters.map((one, at) => one + (between[at] ?? "")).join("");
      expect(bytesOfBase64(text)).toEqual(Buffer.from(bytes));
    }),
  );
});

test.each(["QQ", "QQ=", "QUI", "Q", "QQ=Q", "=QQ=", "QQ==QQ==", "QUJD===="])("%j is not base64", (text) => {
  expect(bytesOfBase64(text)).toBeUndefined();
});

test("What is sealed opens, and is nothing under another key, with a bit of its end turned over, or cut", () => {
  fc.assert(
    fc.property(someText, fc.uint8Array({ minLength: 16, maxLength: 16 }), (plain, iv) => {
      const text = sealSms(KEY, plain, iv);
      expect(openSms(KEY, text)).toBe(plain);
      const { ciphertext } = readSms(text)!;
      expect(cbcOpen(KEY, iv, ciphertext.subarray(0, -1))).toBeUndefined();
      expect(cbcOpen(KEY, iv, Buffer.alloc(0))).toBeUndefined();
      expect(cbcOpen(KEY.slice(1), iv, ciphertext)).toBeUndefined();
      expect(cbcOpen(KEY, iv.subarray(1), ciphertext)).toBeUndefined();
    }),
  );
});

test("An SMS whose padding is wrong in any way is nothing", () => {
  const padded = (end: number[]) => Buffer.concat([Buffer.alloc(16 - end.length, 65), Buffer.from(end)]);
  for (const end of [[0], [17], [2], [3, 2], [2, 3, 3], [255]]) {
    // The block that PKCS#7 adds to a full one is cut off.
    const ciphertext = cbcSeal(KEY, IV, padded(end)).subarray(0, 16);
    expect(cbcOpen(KEY, IV, ciphertext)).toBeUndefined();
  }
  expect(cbcOpen(KEY, IV, cbcSeal(KEY, IV, padded([2, 2])).subarray(0, 16))?.toString()).toBe("A".repeat(14));
});

test("An SMS that does not hold UTF-8 is nothing", () => {
  const inner = cbcSeal(KEY, IV, Buffer.of(0x67, 0x3a, 0xff)).toString("base64");
  expect(openSms(KEY, Buffer.concat([IV, Buffer.from(inner)]).toString("base64"))).toBeUndefined();
});

test("No text makes reading an SMS, a test or a word of the back end throw, and none opens", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(openSms(KEY, text)).toBeUndefined();
      expect(openTestSms(KEY, text)).toBeUndefined();
      expect(openBroadcast(KEY, text)).toBeUndefined();
      expect(openBroadcast(KEY, IV.toString() + text)).toBeUndefined();
    }),
  );
});

const word = vectors.broadcast_delete.msisdn_hashed;
const sealedWord = (plain: string) => IV.toString() + cbcSeal(KEY, IV, plain).toString("hex");

test.each([
  ["under another key", "f".repeat(32), word],
  ["under too short a key", KEY.slice(1), word],
  ["cut at its end", vectors.broadcast_delete.key_used, word.slice(0, -32)],
  ["with something after it", vectors.broadcast_delete.key_used, `${word}00`],
  ["with a tail that is not hex", vectors.broadcast_delete.key_used, `${word.slice(0, -1)}g`],
  ["with another IV", vectors.broadcast_delete.key_used, IV.toString() + word.slice(16)],
  ["that holds something else", KEY, sealedWord("x".repeat(128))],
  ["that holds a number", KEY, sealedWord("+237600000042")],
])("A word that a user is to be forgotten, %s, is nothing", (_, key, text) => {
  expect(openBroadcast(key, text)).toBeUndefined();
});

test("A word that a user is to be forgotten has the same fingerprint each time it is said, and another word another", () => {
  const first = openBroadcast(KEY, sealedWord("a".repeat(128)));
  expect(first).toEqual(
    openBroadcast(
      KEY,
      sealedWord("a".repeat(128)).replace(/(?<=^.{16}).*/, (hex) => hex.toUpperCase()),
    ),
  );
  expect(first?.msisdnHash).toBe("a".repeat(128));
  expect(openBroadcast(KEY, sealedWord(`b${"a".repeat(127)}`))?.fingerprint).not.toBe(first?.fingerprint);
});

const old = Buffer.alloc(32, 1).toString("base64");
const young = Buffer.alloc(32, 2).toString("base64");

test("Hole 18: a test SMS has a key of its own, and the operator's shared key opens none", () => {
  const [key, ...others] = testKeys(parseKeyring(JSON.stringify({ young, old })));
  const text = sealTestSms(key!, { test_id: 8, msisdn: "+237600000002" });
  expect(openTestSms(key!, text)).toEqual({ test_id: 8, msisdn: "+237600000002" });
  expect(openTestSms(Buffer.alloc(32, 2), text)).toBeUndefined();
  expect(openTestSms(KEY, text)).toBeUndefined();
  expect(others).toHaveLength(1);
  expect(openTestSms(others[0]!, text)).toBeUndefined();
});

test("A test SMS that left before the keys were changed still opens", () => {
  const [before] = testKeys(parseKeyring(JSON.stringify({ old })));
  const text = sealTestSms(before!, { test_id: 9, msisdn: "+237600000003" });
  const after = testKeys(parseKeyring(JSON.stringify({ young, old })));
  expect(after.map((key) => openTestSms(key, text)?.test_id)).toEqual([undefined, 9]);
});

test.each(["null", "[]", '"7"', '{"test_id":7}', '{"test_id":"7","msisdn":"+1"}', '{"test_id":-1,"msisdn":"+1"}', "{"])(
  "A test SMS that says %s is none",
  (plain) => {
    const text = Buffer.concat([IV, cbcSeal(KEY, IV, plain)]).toString("base64");
    expect(openTestSms(KEY, text)).toBeUndefined();
  },
);

const job = { username: "me", token: {}, uniqueId: "me", phoneNumber_hash: "0", data: "t:x", platform_name: "twitter" };

test.each([
  ["short", "short".padEnd(32, "0")],
  [KEY, KEY],
  [`${KEY}and more`, KEY],
])("The publisher's key %s is used as %s", (given, used) => {
  const bytes = bytesOfBase64(sealJob(given, job))!;
  expect(JSON.parse(cbcOpen(used, bytes.subarray(0, 16), bytes.subarray(16))!.toString())).toEqual(job);
});

test("Two seals of one thing differ", () => {
  expect(sealSms(KEY, "t:x")).not.toBe(sealSms(KEY, "t:x"));
  expect(sealJob(KEY, job)).not.toBe(sealJob(KEY, job));
  expect(sealTestSms(KEY, { test_id: 1, msisdn: "+1" })).not.toBe(sealTestSms(KEY, { test_id: 1, msisdn: "+1" }));
});

test("JSON for old readers has its spaces and only ASCII, and says the same", () => {
  expect(spacedJson({ a: 'é"\n\u007f', b: [1, null, { c: true }], d: undefined, ж: "😀" })).toBe(
    '{"a": "\\u00e9\\"\\n\\u007f", "b": [1, null, {"c": true}], "\\u0436": "\\ud83d\\ude00"}',
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(spacedJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
