import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { createPrivateKey } from "node:crypto";
import { expect, test } from "vitest";
import { cbcOpen } from "#gateway/crypto/aes-cbc.ts";
import { bytesOfBase64 } from "#gateway/crypto/base64.ts";
import { openBroadcast } from "#gateway/crypto/broadcast.ts";
import { hashed } from "#gateway/crypto/hashes.ts";
import { type Digest, rsaOpen, rsaSeal } from "#gateway/crypto/oaep.ts";
import { verifyPss } from "#gateway/crypto/pss.ts";
import { sealJob } from "#gateway/crypto/publisher-job.ts";
import { clientKey, serverKey } from "#gateway/crypto/rsa-keys.ts";
import { fingerprintOf, openSms, readSms, sealSms } from "#gateway/crypto/sms.ts";
import { openTestSms, sealTestSms } from "#gateway/crypto/test-sms.ts";
import { envWith } from "../support/world.ts";
import vectors from "./vectors.json" with { type: "json" };

const { keys, sms } = vectors;
const clientPrivate = createPrivateKey(keys.client_private_pkcs8_pem);
const phone = clientKey(keys.client_public_spki_pem)!;
const hex = (text: string) => Buffer.from(text, "hex");
const pairs: { label: Digest; mgf1: Digest }[] = [
  { label: "sha256", mgf1: "sha1" },
  { label: "sha256", mgf1: "sha256" },
  { label: "sha1", mgf1: "sha1" },
  { label: "sha1", mgf1: "sha256" },
];

const passwords = vectors.password_to_server.flatMap((vector) =>
  [vector.ciphertext_b64, vector.ciphertext_android_default_b64].map((ciphertext, wrapped) => ({
    label: vector.hashingAlgorithm as Digest,
    mgf1: vector.mgf1ParameterSpec as Digest,
    form: wrapped ? "wrapped by Android" : "in one line",
    ciphertext,
    plaintext: vector.plaintext,
  })),
);

test.each(passwords)("A password under label $label and MGF1 $mgf1, $form, opens", ({ label, mgf1, ...vector }) => {
  expect(rsaOpen(serverKey(env).privateKey, vector.ciphertext, { label, mgf1 })).toBe(vector.plaintext);
  for (const other of pairs.filter((pair) => pair.label !== label || pair.mgf1 !== mgf1)) {
    expect(rsaOpen(serverKey(env).privateKey, vector.ciphertext, other)).toBeUndefined();
  }
});

test.each(vectors.shared_key_to_client)(
  "A shared key under label $hashingAlgorithm and MGF1 $mgf1 opens with the phone's key",
  (vector) => {
    const digests = { label: vector.hashingAlgorithm as Digest, mgf1: vector.mgf1 as Digest };
    expect(rsaOpen(clientPrivate, vector.ciphertext_b64, digests)).toBe(vector.plaintext);
  },
);

test.each(pairs)("What is sealed under label $label and MGF1 $mgf1 opens with the phone's key", (digests) => {
  const sealed = rsaSeal(phone, sms.shared_key, digests);
  expect(sealed).toMatch(/^[A-Za-z0-9+/]{342}==$/);
  expect(rsaOpen(clientPrivate, sealed, digests)).toBe(sms.shared_key);
  expect(rsaSeal(phone, sms.shared_key, digests)).not.toBe(sealed);
});

test.each(["server_private_pkcs1_pem", "server_private_pkcs8_pem"] as const)(
  "The gateway's key may be given as %s, with \\n for its line ends too",
  (name) => {
    for (const pem of [keys[name], keys[name].trim().replaceAll("\n", "\\n")]) {
      const { privateKey, publicPem } = serverKey(envWith({ GATEWAY_PRIVATE_KEY: pem }));
      expect(publicPem).toBe(keys.server_public_spki_pem.trim());
      const [{ ciphertext_b64, plaintext }] = vectors.password_to_server as [(typeof vectors.password_to_server)[0]];
      expect(rsaOpen(privateKey, ciphertext_b64, pairs[0]!)).toBe(plaintext);
    }
  },
);

test("A phone's key is the same in lines of 64 and of 76 characters, with CRLF, and without a last line end", () => {
  const forms = [keys.client_public_spki_pem, keys.client_public_android_pem];
  const spki = phone.export({ type: "spki", format: "pem" });
  for (const form of forms.flatMap((pem) => [pem, pem.trim(), `${pem.trim()}\n`, pem.replaceAll("\n", "\r\n")])) {
    expect(clientKey(form)?.export({ type: "spki", format: "pem" })).toBe(spki);
  }
});

test("A number and a password have the hash that back ends know", () => {
  const { key_utf8, msisdn, hash, password, password_hash } = vectors.msisdn_hash;
  expect(hashed(key_utf8, msisdn)).toBe(hash);
  expect(hashed(key_utf8, password)).toBe(password_hash);
  expect(hashed("test_salt", "test_string")).toBe(
    "a3f8b6f9a989ab51b5730de5271ef6fbdd68424c0c5bf0cc3629fe7d24a0e6dc084bd6a77e38d06d01559a76cbc3161409f9695cebddb18a4082398ec773233b",
  );
});

test("A signature with 64 bytes of salt over the hash verifies", async () => {
  const { message, valid_b64 } = vectors.msisdn_signature;
  expect(await verifyPss(keys.client_public_android_pem, valid_b64, message)).toBe(true);
  expect(await verifyPss(keys.client_public_spki_pem, valid_b64.replace(/.{76}/g, "$&\n"), message)).toBe(true);
  expect(await verifyPss(keys.server_public_spki_pem, valid_b64, message)).toBe(false);
  expect(await verifyPss(keys.client_public_spki_pem, valid_b64, message.toUpperCase())).toBe(false);
});

test.each(["invalid_salt20_b64", "invalid_saltmax_b64", "invalid_other_message_b64"] as const)(
  "The signature %s does not verify",
  async (name) => {
    const { message, [name]: signature } = vectors.msisdn_signature;
    expect(await verifyPss(keys.client_public_spki_pem, signature, message)).toBe(false);
  },
);

const spaced = () => {
  const { iv, ciphertext } = readSms(sms.raw_iv.text)!;
  const inner = ciphertext.toString("base64").replace(/.{64}/g, "$& ");
  return Buffer.concat([iv, Buffer.from(`${inner}\n`)]).toString("base64");
};

test.each([
  ["with an IV of letters", sms.seed_era_ascii_iv.text],
  ["with an IV of letters, wrapped", sms.seed_era_ascii_iv.text.replace(/.{76}/g, "$&\n")],
  ["with an IV of any bytes", sms.raw_iv.text],
  ["wrapped inside and outside by Android", sms.raw_iv.text_android_wrapped],
  ["with spaces for the line ends inside", spaced()],
])("An SMS %s opens", (_, text) => {
  expect(openSms(sms.shared_key, text)).toBe(sms.plaintext);
  expect(openSms("f".repeat(32), text)).toBeUndefined();
});

test("An SMS comes apart into its IV and its ciphertext, and is put together again to the same text", () => {
  const { iv, ciphertext } = readSms(sms.raw_iv.text_android_wrapped)!;
  expect([iv.toString("hex"), ciphertext.toString("hex")]).toEqual([sms.raw_iv.iv_hex, sms.raw_iv.ciphertext_hex]);
  expect(sealSms(sms.shared_key, sms.plaintext, hex(sms.raw_iv.iv_hex))).toBe(sms.raw_iv.text);
  expect(sealSms(sms.shared_key, sms.plaintext, Buffer.from(sms.seed_era_ascii_iv.iv_utf8))).toBe(
    sms.seed_era_ascii_iv.text,
  );
});

test("An SMS is known again under another IV, wrapped otherwise, and without its first blocks", () => {
  const { ciphertext } = readSms(sms.raw_iv.text)!;
  const known = fingerprintOf(ciphertext);
  expect(fingerprintOf(readSms(sms.raw_iv.text_android_wrapped)!.ciphertext)).toBe(known);
  expect(fingerprintOf(ciphertext.subarray(32))).toBe(known);
  expect(fingerprintOf(readSms(sms.seed_era_ascii_iv.text)!.ciphertext)).not.toBe(known);
});

test("The word that a user is to be forgotten opens with the first 32 characters of the shared line", () => {
  const { be_shared_key_file_line, msisdn_hashed, msisdn_hash } = vectors.broadcast_delete;
  const opened = openBroadcast(be_shared_key_file_line, msisdn_hashed);
  expect(opened?.msisdnHash).toBe(msisdn_hash);
  expect(
    openBroadcast(be_shared_key_file_line, msisdn_hashed.toUpperCase().replace("89ABCDEF01234567", "89abcdef01234567")),
  ).toEqual(opened);
});

test("A test SMS is written as phones know it, and opens", () => {
  const { key_used, text, iv_hex } = vectors.reliability;
  const test = { test_id: 7, msisdn: "+237600000001" };
  expect(openTestSms(key_used, text)).toEqual(test);
  expect(sealTestSms(key_used, test, hex(iv_hex))).toBe(text);
});

test("A publisher's job is written byte by byte as its queue knows it", () => {
  const { env_key, key_used, iv_hex, json_plaintext, body } = vectors.publisher_job;
  const sealed = sealJob(env_key, JSON.parse(json_plaintext), hex(iv_hex));
  expect(sealed).toBe(body);
  const bytes = bytesOfBase64(sealed)!;
  expect(cbcOpen(key_used, bytes.subarray(0, 16), bytes.subarray(16))?.toString()).toBe(json_plaintext);
});

test("A payload of the later relay is not an SMS of ours", () => {
  expect(readSms(vectors.relaysms_v0.text)).toBeUndefined();
  expect(openSms(sms.shared_key, vectors.relaysms_v0.text)).toBeUndefined();
});

test("An SMS whose ciphertext is in one layer of base64 only does not open", () => {
  const bytes = Buffer.concat([hex(sms.raw_iv.iv_hex), hex(sms.raw_iv.ciphertext_hex)]);
  expect(openSms(sms.shared_key, bytes.toString("base64"))).toBeUndefined();
});
