import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import { cbcSeal } from "#gateway/crypto/aes-cbc.ts";
import { hashed } from "#gateway/crypto/hashes.ts";
import { type Digests, rsaOpen, rsaSeal } from "#gateway/crypto/oaep.ts";
import { openSharedKey, userByNumber } from "#gateway/users/keys.ts";
import { countedEnv } from "../support/counted.ts";
import { call, envWith } from "../support/world.ts";
import { aGatewayUser, aNumber, aSyncOf } from "./users-world.ts";
import vectors from "./vectors.json";

const { keys, msisdn_hash, broadcast_delete: broadcast } = vectors;
const USUAL: Digests = { label: "sha256", mgf1: "sha1" };
const hashOf = (number: string) => hashed(msisdn_hash.key_utf8, number);
const toUs = (text: string, digests = USUAL) => rsaSeal(createPublicKey(keys.server_public_spki_pem), text, digests);
const toClient = (sealed: string, digests = USUAL) =>
  rsaOpen(createPrivateKey(keys.client_private_pkcs8_pem), sealed, digests);

async function signed(text: string, saltLength = 64): Promise<string> {
  const der = Buffer.from(keys.client_private_pkcs8_pem.replace(/-----.*-----|\s/g, ""), "base64");
  const key = await crypto.subtle.importKey("pkcs8", der, { name: "RSA-PSS", hash: "SHA-512" }, false, ["sign"]);
  const signature = await crypto.subtle.sign({ name: "RSA-PSS", saltLength }, key, Buffer.from(text));
  return Buffer.from(signature).toString("base64");
}

/** What the app of the vectors says of a number. */
const questionOf = async (number: string, change: Record<string, unknown> = {}) => ({
  ...{ msisdn: toUs(hashOf(number)), msisdn_signature: await signed(hashOf(number)), ...change },
});

const verification = (body: unknown, environment: Env = env, headers: Record<string, string> = {}) =>
  call(
    "/v2/sync/users/verification",
    { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) },
    environment,
  );

const said = async (response: Response) => [response.status, await response.text()];

test.each<["sha1" | "sha256", Record<string, unknown>, Digests]>([
  ["sha256", {}, USUAL],
  ["sha256", { mgf1ParameterSpec: "sha256" }, { label: "sha256", mgf1: "sha256" }],
  ["sha1", { hashingAlgorithm: "sha1", mgf1ParameterSpec: "sha1" }, { label: "sha1", mgf1: "sha1" }],
  ["sha1", { hashingAlgorithm: "sha1", mgf1ParameterSpec: "sha512" }, { label: "sha1", mgf1: "sha256" }],
])("An app that synced with %s asks with %j for its key, and gets it", async (label, names, digests) => {
  const { id, phoneNumber } = await aGatewayUser();
  const key = await aSyncOf(id, { label });
  const question = await questionOf(phoneNumber, { msisdn: toUs(hashOf(phoneNumber), digests), ...names });
  const answer = await verification(question);
  expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
  const { shared_key } = (await answer.json()) as { shared_key: string };
  expect(toClient(shared_key, { label, mgf1: "sha1" })).toBe(key);
});

test("An app of before the last sync is told another key, which it cannot read", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  await aSyncOf(id, { publicPem: keys.server_public_spki_pem });
  expect(await said(await verification(await questionOf(phoneNumber)))).toEqual([403, "unknown signature request"]);
});

test("The question is taken with its line breaks and spaces, and answered in one trip", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  const { msisdn, msisdn_signature } = await questionOf(phoneNumber);
  const wrapped = msisdn.replace(/.{76}/g, "$&\n");
  const { env: counting, trips } = countedEnv();
  const answer = await verification(`{"msisdn":"${wrapped}","msisdn_signature":" ${msisdn_signature}"}`, counting);
  expect([answer.status, trips.d1]).toEqual([200, 1]);
});

const refusals: [string, (number: string) => unknown, number, string][] = [
  ["no JSON", () => "msisdn", 400, "poorly formed json"],
  ["a list", () => "[]", 400, "poorly formed json"],
  ["nothing", () => "", 400, "poorly formed json"],
  ["no msisdn", () => ({ msisdn_signature: "AAAA" }), 400, "missing msisdn"],
  ["an msisdn that is no text", () => ({ msisdn: 7, msisdn_signature: "AAAA" }), 400, "missing msisdn"],
  ["no signature", () => ({ msisdn: "AAAA" }), 400, "missing signature"],
  [
    "an msisdn that is not encrypted",
    () => ({ msisdn: "AAAA", msisdn_signature: "AAAA" }),
    403,
    "error with decryption",
  ],
  [
    "an msisdn of other digests",
    (number) => questionOf(number, { mgf1ParameterSpec: "sha256" }),
    ...([403, "error with decryption"] as const),
  ],
  ["an unknown number", () => questionOf(aNumber()), 403, "no shared key for user"],
  ["no hash at all", () => questionOf(aNumber(), { msisdn: toUs("+237") }), 403, "no shared key for user"],
  [
    "somebody else's signature",
    async (number) => questionOf(number, { msisdn_signature: await signed(hashOf("+1")) }),
    ...([403, "unknown signature request"] as const),
  ],
  [
    "a salt of 20 bytes",
    async (number) => questionOf(number, { msisdn_signature: await signed(hashOf(number), 20) }),
    ...([403, "unknown signature request"] as const),
  ],
  [
    "a short signature",
    (number) => questionOf(number, { msisdn_signature: "AAAA" }),
    ...([403, "unknown signature request"] as const),
  ],
  [
    "a signature that cannot be read",
    (number) => questionOf(number, { msisdn_signature: "A" }),
    ...([400, "signing check error"] as const),
  ],
];

test.each(refusals)("With %s no key is told", async (_, question, status, message) => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  expect((await verification(await questionOf(phoneNumber))).status).toBe(200);
  expect(await said(await verification(await question(phoneNumber)))).toEqual([status, message]);
});

test("A question in a form is none", async () => {
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect(await said(await verification(await questionOf(aNumber()), env, form))).toEqual([400, "poorly formed json"]);
});

test("A user who never synced has no key to be told", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  const question = await questionOf(phoneNumber);
  expect(await said(await verification(question))).toEqual([403, "no shared key for user"]);
  await aSyncOf(id);
  await env.DB.prepare("UPDATE gateway_users SET public_key = NULL WHERE id = ?").bind(id).run();
  expect(await said(await verification(question))).toEqual([403, "no public key for user"]);
});

const broken = (): never => {
  throw new Error("D1_ERROR: the storage is away");
};
const faults: [string, Record<string, unknown>][] = [
  ["D1", { DB: { prepare: broken, batch: broken } }],
  ["the master key", { MASTER_KEY: JSON.stringify({ k2: Buffer.alloc(32, 9).toString("base64") }) }],
  ["the gateway's own key", { GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" }],
];

test.each(faults)("While %s is away nobody is told to throw their key away", async (_, vars) => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  const question = await questionOf(phoneNumber);
  expect(await said(await verification(question, envWith(vars)))).toEqual([503, ""]);
  expect((await verification(question)).status).toBe(200);
});

/** The back end's order to forget the key of a number. */
function anOrder(number: string, { key = broadcast.key_used, iv = crypto.randomUUID().slice(0, 16) } = {}): string {
  return iv + cbcSeal(key, Buffer.from(iv), Buffer.from(hashOf(number))).toString("hex");
}

const forget = (msisdn_hashed: unknown, environment: Env = env) =>
  call("/v2/sync/users", { method: "DELETE", body: JSON.stringify({ msisdn_hashed }) }, environment);

test("The back end's order forgets a key, and nothing but the key", async () => {
  const grant = { name: "gmail", username: "me", uniqueId: "1", token: {} };
  const { id, phoneNumber } = await aGatewayUser({ platforms: [grant] });
  await aSyncOf(id);
  await env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', ?, 'abc', 1)").bind(`user:${id}`).run();
  expect(await said(await forget(anOrder(phoneNumber)))).toEqual([200, "OK"]);
  expect(await userByNumber(env, phoneNumber)).toMatchObject({
    ...{ id, sharedKey: null, publicKey: null, label: null, syncedAt: null, phc: expect.any(String) },
  });
  expect(await said(await verification(await questionOf(phoneNumber)))).toEqual([403, "no shared key for user"]);
  const [seen, grants] = await env.DB.batch([
    env.DB.prepare("SELECT 1 FROM gateway_seen WHERE scope = ?").bind(`user:${id}`),
    env.DB.prepare("SELECT 1 FROM gateway_grants WHERE user_id = ?").bind(id),
  ]);
  expect([seen!.results.length, grants!.results.length]).toEqual([0, 1]);
});

test("Hole 19: an order to forget that is sent again is OK, and forgets nothing", async () => {
  const [one, other] = [await aGatewayUser(), await aGatewayUser()];
  await aSyncOf(one.id);
  const order = anOrder(one.phoneNumber);
  await forget(order);
  const key = await aSyncOf(one.id);
  await env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', ?, 'abc', 1)").bind(`user:${one.id}`).run();
  await aSyncOf(other.id);
  expect(await said(await forget(order))).toEqual([200, "OK"]);
  // Hex may be written in capitals, and is the same order.
  expect(await said(await forget(order.slice(0, 16) + order.slice(16).toUpperCase()))).toEqual([200, "OK"]);
  const user = (await userByNumber(env, one.phoneNumber))!;
  expect(await openSharedKey(env, one.id, user.sharedKey!)).toBe(key);
  const seen = await env.DB.prepare("SELECT 1 FROM gateway_seen WHERE scope = ?").bind(`user:${one.id}`).all();
  expect(seen.results).toHaveLength(1);
  expect(await said(await forget(anOrder(one.phoneNumber)))).toEqual([200, "OK"]);
  expect((await userByNumber(env, one.phoneNumber))!.sharedKey).toBeNull();
  expect((await userByNumber(env, other.phoneNumber))!.sharedKey).not.toBeNull();
});

test("Hole 19: an order counts once also when there was nothing to forget", async () => {
  const number = aNumber();
  const order = anOrder(number);
  expect(await said(await forget(order))).toEqual([200, "OK"]);
  const { id } = await aGatewayUser({ phoneNumber: number });
  await aSyncOf(id);
  expect(await said(await forget(order))).toEqual([200, "OK"]);
  expect((await userByNumber(env, number))!.sharedKey).not.toBeNull();
});

test("Hole 19: many copies of an order at once are one", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  const order = anOrder(phoneNumber);
  const answers = await Promise.all(Array.from({ length: 5 }, () => forget(order)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  const rows = await env.DB.prepare("SELECT fingerprint FROM gateway_seen WHERE scope = 'forget'").all();
  const prints = rows.results.map(({ fingerprint }) => fingerprint);
  expect(new Set(prints).size).toBe(prints.length);
});

test.each<[string, unknown, number, string]>([
  ["nothing", undefined, 400, "missing msisdn"],
  ["no text", 7, 400, "missing msisdn"],
  ["garbage", "garbage", 403, "failed to decrypt"],
  ["a tail that is not hex", `89abcdef01234567${"zz".repeat(144)}`, 403, "failed to decrypt"],
  ["half a byte at its end", `${broadcast.msisdn_hashed.slice(0, -1)}`, 403, "failed to decrypt"],
  ["another key", anOrder("+237600000001", { key: "f".repeat(32) }), 403, "failed to decrypt"],
])("An order of %s is refused", async (_, order, status, message) => {
  expect(await said(await forget(order))).toEqual([status, message]);
});

test("An order that is no JSON is refused", async () => {
  const answer = await call("/v2/sync/users", { method: "DELETE", body: "msisdn_hashed" });
  expect(await said(answer)).toEqual([400, "poorly formed json"]);
});

test("Nobody's order is believed where the back end's key is not set", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  const without = envWith({ GATEWAY_SHARED_KEY: "" });
  expect(await said(await forget(anOrder(phoneNumber), without))).toEqual([403, "failed to decrypt"]);
  expect((await userByNumber(env, phoneNumber))!.sharedKey).not.toBeNull();
});

test("Hole 18: the back end's key says orders and opens nothing at rest", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  const key = await aSyncOf(id);
  const user = (await userByNumber(env, phoneNumber))!;
  const replaced = envWith({ GATEWAY_SHARED_KEY: "another-key-of-the-back-end-0123456789" });
  expect(await openSharedKey(replaced, id, user.sharedKey!)).toBe(key);
  const master = { m: Buffer.from(broadcast.key_used).toString("base64") };
  const asMaster = envWith({ MASTER_KEY: JSON.stringify(master) });
  await expect(openSharedKey(asMaster, id, user.sharedKey!)).rejects.toMatchObject({ code: "unavailable" });
  // Nor is the master key, or a user's own, the back end's.
  for (const other of [Buffer.alloc(32, 7).toString("latin1"), key])
    expect((await forget(anOrder(phoneNumber, { key: other }))).status).toBe(403);
});
