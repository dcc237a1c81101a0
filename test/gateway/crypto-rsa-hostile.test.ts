import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { constants, createHash, createPrivateKey, privateDecrypt, publicEncrypt } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Digest, type Digests, digestNamed, rsaOpen, rsaSeal } from "#gateway/crypto/oaep.ts";
import { verifyPss } from "#gateway/crypto/pss.ts";
import { clientKey, serverKey } from "#gateway/crypto/rsa-keys.ts";
import { envWith } from "../support/world.ts";
import vectors from "./vectors.json" with { type: "json" };

const { keys } = vectors;
const ours = createPrivateKey(keys.server_private_pkcs8_pem);
const our = clientKey(keys.server_public_spki_pem)!;
const PRESET: Digests = { label: "sha256", mgf1: "sha1" };
const someDigests = fc.record({ label: someDigest(), mgf1: someDigest() });
const modulus = Buffer.from(our.export({ format: "jwk" }).n!, "base64url");

function someDigest() {
  return fc.constantFrom<Digest>("sha1", "sha256");
}

// A second writing of the encoding, so that a block can be wrong in one place of its choice.
function mask(name: string, seed: Buffer, length: number): Buffer {
  const parts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((n) =>
    createHash(name)
      .update(seed)
      .update(Buffer.of(0, 0, 0, n))
      .digest(),
  );
  return Buffer.concat(parts).subarray(0, length);
}
const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, at) => byte ^ b[at]!));

/** The ciphertext of a block whose data are these 223 bytes, under the preset digests. */
function ciphertextOf(data: Buffer, first = 0): string {
  const seed = Buffer.alloc(32, 5);
  const maskedData = xor(data, mask("sha1", seed, data.length));
  const maskedSeed = xor(seed, mask("sha1", maskedData, seed.length));
  return rawly(Buffer.concat([Buffer.of(first), maskedSeed, maskedData]));
}
const rawly = (block: Buffer) =>
  publicEncrypt({ key: our, padding: constants.RSA_NO_PADDING }, block).toString("base64");

const label = createHash("sha256").digest();
const dataOf = (afterLabel: Buffer) => Buffer.concat([label, Buffer.alloc(191 - afterLabel.length), afterLabel]);
const hello = Buffer.from("\x01hello");
const changed = (data: Buffer, at: number) =>
  Buffer.from(data.map((byte, index) => (index === at ? byte ^ 0x80 : byte)));

test("A block that is right everywhere opens, an empty message too", () => {
  expect(rsaOpen(ours, ciphertextOf(dataOf(hello)), PRESET)).toBe("hello");
  expect(rsaOpen(ours, ciphertextOf(dataOf(Buffer.of(1))), PRESET)).toBe("");
  expect(rsaOpen(ours, ciphertextOf(dataOf(Buffer.concat([Buffer.of(1), Buffer.alloc(190, 1)]))), PRESET)).toBe(
    "\x01".repeat(190),
  );
});

test.each([
  ["a first byte that is not zero", ciphertextOf(dataOf(hello), 1)],
  ["a wrong first byte of the label's hash", ciphertextOf(changed(dataOf(hello), 0))],
  ["a wrong last byte of the label's hash", ciphertextOf(changed(dataOf(hello), 31))],
  ["something before the message that is not zero", ciphertextOf(changed(dataOf(hello), 32))],
  ["something just before the message that is not zero", ciphertextOf(changed(dataOf(hello), 216))],
  ["another byte where the one should be", ciphertextOf(dataOf(Buffer.from("\x02hello")))],
  ["another byte and then a one", ciphertextOf(dataOf(Buffer.from("\x02\x01hello")))],
  ["no one at all", ciphertextOf(dataOf(Buffer.alloc(0)))],
  ["a message that is not UTF-8", ciphertextOf(dataOf(Buffer.of(1, 0xff)))],
  ["zeros only", rawly(Buffer.alloc(256))],
  ["no bytes", ""],
  ["255 bytes", Buffer.alloc(255, 1).toString("base64")],
  ["257 bytes", Buffer.alloc(257, 1).toString("base64")],
  ["the modulus itself", modulus.toString("base64")],
  ["more than the modulus", Buffer.alloc(256, 0xff).toString("base64")],
  ["no padding of the base64", ciphertextOf(dataOf(hello)).replaceAll("=", "")],
  ["something that is not base64", "пароль"],
])("A ciphertext with %s is the same nothing as any other", (_, ciphertext) => {
  expect(rsaOpen(ours, ciphertext, PRESET)).toBeUndefined();
});

test("A ciphertext with any one bit turned over is nothing", () => {
  const good = Buffer.from(vectors.password_to_server[0]!.ciphertext_b64, "base64");
  fc.assert(
    fc.property(fc.nat({ max: 2047 }), (bit) => {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(rsaOpen(ours, bad.toString("base64"), PRESET)).toBeUndefined();
    }),
    { numRuns: 50 },
  );
});

test("No bytes and no text make opening throw, and none open", () => {
  const bytes = fc.uint8Array({ minLength: 250, maxLength: 260 }).map((some) => Buffer.from(some).toString("base64"));
  const block = fc.uint8Array({ minLength: 255, maxLength: 255 }).map((some) => rawly(Buffer.of(0, ...some)));
  fc.assert(
    fc.property(fc.oneof(bytes, block, fc.string({ unit: "binary" })), someDigests, (text, digests) => {
      expect(rsaOpen(ours, text, digests)).toBeUndefined();
    }),
    { numRuns: 50 },
  );
});

test("Whatever fits is opened as it was sealed, under every pair of digests", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), someDigests, (text, digests) => {
      const plain = Buffer.from(text).subarray(0, 190).toString().replaceAll("\ufffd", "");
      expect(rsaOpen(ours, rsaSeal(our, plain, digests), digests)).toBe(plain);
    }),
  );
});

test.each([
  ["sha256", 190],
  ["sha1", 214],
] as const)("Under label %s a message of %i bytes fits, and one more does not", (name, room) => {
  const digests = { label: name, mgf1: "sha256" } as const;
  expect(rsaOpen(ours, rsaSeal(our, "x".repeat(room), digests), digests)).toBe("x".repeat(room));
  expect(() => rsaSeal(our, "x".repeat(room + 1), digests)).toThrow(RangeError);
});

test.each(["sha1", "sha256"] as const)("Where both digests are %s, the library's OAEP agrees with ours", (name) => {
  const both = { label: name, mgf1: name };
  const library = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: name };
  const sealed = publicEncrypt({ key: our, ...library }, Buffer.from("héllo")).toString("base64");
  expect(rsaOpen(ours, sealed, both)).toBe("héllo");
  const opened = privateDecrypt({ key: ours, ...library }, Buffer.from(rsaSeal(our, "héllo", both), "base64"));
  expect(opened.toString()).toBe("héllo");
});

test.each([
  [undefined, "sha1", "sha1"],
  [undefined, "sha256", "sha256"],
  [null, "sha1", "sha1"],
  ["sha1", "sha256", "sha1"],
  ["sha256", "sha1", "sha256"],
  ["SHA1", "sha1", "sha256"],
  ["", "sha1", "sha256"],
  [1, "sha1", "sha256"],
] as const)("The digest %j where %s is the preset is %s", (word, preset, digest) => {
  expect(digestNamed(word, preset)).toBe(digest);
});

/** The PEM of an RSA key of any modulus and exponent. */
function pemOf(n: Buffer, e: Buffer): string {
  const length = (size: number) => (size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255]);
  const field = (tag: number, body: Buffer) => Buffer.concat([Buffer.of(tag, ...length(body.length)), body]);
  const integer = (value: Buffer) => field(2, value[0]! & 0x80 ? Buffer.concat([Buffer.of(0), value]) : value);
  const rsa = field(0x30, Buffer.concat([integer(n), integer(e)]));
  const algorithm = Buffer.from("300d06092a864886f70d0101010500", "hex");
  const der = field(0x30, Buffer.concat([algorithm, field(3, Buffer.concat([Buffer.of(0), rsa]))]));
  return `-----BEGIN PUBLIC KEY-----\n${der.toString("base64")}\n-----END PUBLIC KEY-----`;
}
const usual = Buffer.of(1, 0, 1);
const odd = (bytes: number) => Buffer.alloc(bytes, 0xff);

test("A phone's key may have 2048 to 4096 bits", () => {
  for (const size of [256, 384, 512]) {
    const key = clientKey(pemOf(odd(size), usual))!;
    expect(Buffer.from(rsaSeal(key, "x", PRESET), "base64").length).toBe(size);
  }
});

const EC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==
-----END PUBLIC KEY-----`;

test.each([
  ["1024 bits", pemOf(odd(128), usual)],
  ["2040 bits", pemOf(odd(255), usual)],
  ["4104 bits", pemOf(odd(513), usual)],
  ["16384 bits", pemOf(odd(2048), usual)],
  ["the exponent 1", pemOf(odd(256), Buffer.of(1))],
  ["an exponent that no signature is checked with", pemOf(odd(256), Buffer.of(1, 0, 0, 0, 1))],
  ["an exponent as long as its modulus", pemOf(odd(256), odd(256))],
  ["an even modulus", pemOf(Buffer.concat([odd(255), Buffer.of(0xfe)]), usual)],
  ["an elliptic curve", EC],
  ["a private part", keys.client_private_pkcs8_pem],
  ["no frame", keys.client_public_spki_pem.replaceAll(/-----[^-]+-----/g, "")],
  ["half of its lines", keys.client_public_spki_pem.replace(/\n.{64}\n/, "\n")],
  ["nothing in it", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"],
  ["no text", ""],
])("A phone's key with %s is none, and nothing is verified with it", async (_, pem) => {
  expect(clientKey(pem)).toBeUndefined();
  const { valid_b64, message } = vectors.msisdn_signature;
  expect(await verifyPss(pem, valid_b64, message)).toBe(false);
});

test("No key, signature or message makes the check of a signature throw", async () => {
  const { client_public_spki_pem: pem } = keys;
  const { valid_b64, message } = vectors.msisdn_signature;
  const someText = fc.string({ unit: "binary" });
  const someBytes = fc.uint8Array({ maxLength: 600 }).map((some) => Buffer.from(some).toString("base64"));
  await fc.assert(
    fc.asyncProperty(fc.oneof(someText, someBytes), someText, async (signature, other) => {
      expect(await verifyPss(pem, signature, message)).toBe(false);
      expect(await verifyPss(other, valid_b64, message)).toBe(false);
      expect(await verifyPss(pem, valid_b64, other)).toBe(false);
    }),
  );
});

test("Where the gateway has no key it is away, and a key that is none is told to the operator", () => {
  const without = envWith({ GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" });
  expect(() => serverKey(without)).toThrow(expect.objectContaining({ code: "unavailable", message: "" }));
  const body = keys.server_private_pkcs8_pem.slice(0, 400);
  const broken = envWith({ GATEWAY_PRIVATE_KEY: `${body}\n-----END PRIVATE KEY-----` });
  expect(() => serverKey(broken)).toThrow(/GATEWAY_PRIVATE_KEY/);
  expect(() => serverKey(broken)).not.toThrow(body.slice(40, 80));
  expect(serverKey(env)).toBe(serverKey(env));
});
