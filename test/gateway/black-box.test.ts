import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { outside } from "../support/world.ts";
import { aes, type Digests, decrypted, encrypted, forgetting, lines, signed, written } from "./black-box-app.ts";
import {
  APP_PEM,
  aCountry,
  aNumber,
  aPath,
  aSession,
  aSynced,
  ask,
  aUser,
  FRAME,
  fetched,
  heard,
  ORIGIN,
  oneStep,
  PASSWORD,
  PATH,
  post,
  posted,
} from "./black-box-world.ts";
import { age, anImsi } from "./seeds-world.ts";
import { gets, isClosed, later, openSocket } from "./sync-world.ts";
import vectors from "./vectors.json";

// What somebody sees who has only the wire: everything that the old servers promised, in the order in which they are checked. The
// app's part is done by black-box-app.ts.

afterEach(() => {
  vi.restoreAllMocks();
});

const { user } = await aUser();
const writer = await aSynced();

// Seeds

const ping = (imsi: string, seed_type = "seed", MSISDN = aNumber()) =>
  post("/seeds/ping", { IMSI: imsi, MSISDN, seed_type });
const seedsAt = async (path: string): Promise<Record<string, unknown>[]> => JSON.parse((await ask(path))[1]);

test.each([
  [{}, "missing IMSI"],
  [{ IMSI: "1" }, "missing MSISDN"],
  [{ IMSI: "1", MSISDN: "+1" }, "missing seeder state"],
])("a ping of %j is told: %s", async (body, complaint) => {
  expect(await post("/seeds/ping", body)).toEqual([400, complaint]);
});

test("a ping is answered with its time, which grows from one to the next", async () => {
  const imsi = anImsi();
  const [[status, first], [, second]] = [await ping(imsi), await ping(imsi)];
  expect([status, first]).toEqual([200, expect.stringMatching(/^\d{10}(\.\d{1,7})?$/)]);
  expect(Number(second)).toBeGreaterThan(Number(first));
});

test("a seed that has not pinged for ninety seconds is gone", async () => {
  const [imsi, number] = [anImsi(), aNumber()];
  await ping(imsi, "seed", number);
  await age(imsi, 59_000);
  expect(await ask(`/seeds/${imsi}`)).toEqual([200, number]);
  await age(imsi, 31_000);
  expect(await ask(`/seeds/${imsi}`)).toEqual([200, ""]);
});

test("seeders are those seeds that say so", async () => {
  const [seed, seeder] = [anImsi(), anImsi()];
  await Promise.all([ping(seed), ping(seeder, "seeder", "+237672451860")]);
  const seeders = await seedsAt("/seeders");
  expect(seeders.map(({ IMSI }) => IMSI)).not.toContain(seed);
  expect(seeders.find(({ IMSI }) => IMSI === seeder)).toEqual({
    ...{ IMSI: seeder, LPS: expect.any(Number), MSISDN: "+237672451860", seed_type: "seeder" },
    ...{ country: "Cameroon", operator_id: "62401", operator_name: "MTN Cameroon" },
  });
  expect((await seedsAt("/seeds")).map(({ IMSI }) => IMSI)).toEqual(expect.arrayContaining([seed, seeder]));
});

test("an IMSI that nobody has is an empty 200", async () => {
  expect(await ask(`/seeds/${anImsi()}`)).toEqual([200, ""]);
});

test("a seed may register its number", async () => {
  const [IMSI, MSISDN] = [anImsi(), aNumber()];
  expect(await post("/seeds", { IMSI, MSISDN })).toEqual([200, "Seed has been registered"]);
  expect(await ask(`/seeds/${IMSI}`)).toEqual([200, MSISDN]);
});

// Sync

test("the URL of a sync names the port, the user and a new session", async () => {
  const [status, url] = await ask("/v2/sync/users/111");
  expect([status, url]).toEqual([200, expect.stringMatching(/^wss:\/\/api\.example\.net:443\/v2\/sync\/init\/111\//)]);
  expect(url.split("/").at(-1)).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  expect((await ask("/v2/sync/users/111"))[1]).not.toBe(url);
});

test("three codes are shown, each for its time, and then the socket is closed", async () => {
  const { page, id } = await aSession("111");
  await later("111", id, 14);
  expect(page.got).toHaveLength(1);
  for (const count of [2, 3]) {
    await later("111", id, count === 2 ? 1 : 15);
    await gets(page, count);
  }
  expect(page.closed).toBeUndefined();
  await later("111", id, 15);
  await isClosed(page, 1000);
  expect(new Set(page.got.map((frame) => PATH.exec(FRAME.exec(frame)![1]!)![3])).size).toBe(3);
});

test("a code is JSON with two URLs whose port is written out", async () => {
  const { page, path, url, id } = await aSession("111");
  const [, qr, mobile] = FRAME.exec(page.got[0]!)!;
  expect([qr, mobile]).toEqual([`${ORIGIN}${path}/handshake`, `${ORIGIN.replace("http", "app")}${path}/handshake`]);
  expect(url.endsWith(`/111/${id}`)).toBe(true);
});

test("after a change the old id is refused and the new one is taken", async () => {
  const { page, id, handshake } = await aSession("111");
  await later("111", id, 15);
  await gets(page, 2);
  await later("111", id, 2);
  expect(await handshake()).toEqual([400, "failed to update user's public key"]);
  const next = new URL(FRAME.exec(page.got[1]!)![1]!).pathname;
  expect((await post(next, { public_key: APP_PEM }))[0]).toBe(200);
});

test("the page hears of the scan and of the password, word by word, and then the end", async () => {
  const { page, path, handshake } = await aSession(user);
  const [status, answer] = await handshake();
  expect([status, JSON.parse(answer)]).toEqual([
    200,
    { public_key: vectors.keys.server_public_spki_pem.trimEnd(), verification_url: path },
  ]);
  await gets(page, 2);
  const { shared_key, ...others } = await posted(path, { password: lines(encrypted(PASSWORD)) });
  expect(others).toEqual({ seeds_url: `${ORIGIN}/seeds`, user_platforms: [] });
  expect(decrypted(shared_key!)).toMatch(/^[0-9a-f]{32}$/);
  await isClosed(page, 1000);
  expect(heard(page)).toEqual(["201- pause", "200- ack", 1000]);
});

test("a scan without a password ends with the time of the pause", async () => {
  const { page, id, handshake } = await aSession("111");
  await handshake();
  await later("111", id, 299);
  expect(page.closed).toBeUndefined();
  await later("111", id, 1);
  await isClosed(page, 1000);
  expect(heard(page)).toEqual(["201- pause", 1000]);
});

test("a second page is told so, and the first goes on", async () => {
  const { page, url, id } = await aSession("111");
  const second = await openSocket(new URL(url).pathname);
  await isClosed(second, 1000, "already connected");
  expect(second.got).toEqual([]);
  await later("111", id, 15);
  await gets(page, 2);
});

test("a key may stand in the JSON with its line breaks as they are", async () => {
  const path = await aPath("111");
  const raw = `{"public_key":"${APP_PEM}"}`;
  expect((await post(`${path}/handshake`, raw, { "content-type": "text/plain" }))[0]).toBe(200);
});

test("a form is no JSON", async () => {
  const path = await aPath("111");
  const form = { "content-type": "application/x-www-form-urlencoded" };
  for (const step of ["/handshake", "/"])
    expect(await post(path + step, oneStep(), form)).toEqual([400, "poorly formed json"]);
});

const NOWHERE = "0".repeat(32);
test.each<[string, string, unknown, number, string]>([
  ["POST", "S/handshake", "", 400, "poorly formed json"],
  ["POST", "S/handshake", {}, 400, "missing public key"],
  ["POST", "N/handshake", { public_key: APP_PEM }, 400, "failed to update user's public key"],
  ["POST", "S", "{", 400, "invalid json"],
  ["POST", "S", '{"password":"a\nb"}', 400, "invalid json"],
  ["POST", "S", {}, 400, "missing password"],
  ["POST", "S", { password: "AAAA" }, 400, "invalid session requested"], // nobody has shaken hands
  ["POST", "N", { password: "AAAA" }, 400, "invalid session requested"],
  ["POST", "S/", "{", 400, "poorly formed json"],
  ["POST", "S/", { public_key: APP_PEM }, 400, "missing password"],
  ["POST", "S/", { password: "AAAA" }, 400, "missing public key"],
  ["POST", "S/", oneStep("AAAA"), 400, "error with decryption"],
  ["POST", "N/", oneStep(), 400, "invalid session requested"],
  ["POST", "/v2/sync/users/verification", "{", 400, "poorly formed json"],
  ["POST", "/v2/sync/users/verification", {}, 400, "missing msisdn"],
  ["POST", "/v2/sync/users/verification", { msisdn: "A" }, 400, "missing signature"],
  ["POST", "/v2/sync/users/verification", { msisdn: "A", msisdn_signature: "A" }, 403, "error with decryption"],
  ["DELETE", "/v2/sync/users", "{", 400, "poorly formed json"],
  ["DELETE", "/v2/sync/users", {}, 400, "missing msisdn"],
  ["GET", "/v2/sync/users/111/", undefined, 404, ""],
])("%s %s with %j is %i %s", async (method, where, body, status, text) => {
  const path = await aPath("111");
  const to = where.replace(/^S/, path).replace(/^N/, path.replace(/[0-9a-f]{32}$/, NOWHERE));
  const answer = await ask(to, { method, body });
  expect([answer[0], text && answer[1]]).toEqual([status, text]);
});

test("an app may use any pair of digests for its password, and any for the key", async () => {
  for (const { hashingAlgorithm, mgf1ParameterSpec, ciphertext_android_default_b64 } of vectors.password_to_server) {
    const path = await aPath(user);
    const digests = { hashingAlgorithm, mgf1ParameterSpec, mgf1ParameterSpec_dec: mgf1ParameterSpec };
    const { shared_key } = await posted(`${path}/`, { ...oneStep(ciphertext_android_default_b64), ...digests });
    const back: Digests = { label: hashingAlgorithm, mgf1: mgf1ParameterSpec };
    expect(decrypted(shared_key!, back)).toMatch(/^[0-9a-f]{32}$/);
  }
});

test("a wrong password is 401 in two steps and 403 in one, and the page stays", async () => {
  const [two, one] = [await aSession(user), await aSession(user)];
  await two.handshake();
  expect(await post(two.path, { password: encrypted("wrong") })).toEqual([401, "failed to authenticate"]);
  expect(await post(`${one.path}/`, oneStep(encrypted("wrong")))).toEqual([403, ""]);
  expect([two.page.closed, one.page.closed]).toEqual([undefined, undefined]);
});

test("only the app that has synced is told its key again", async () => {
  const { hash, key } = writer;
  const question = async (signature: string, of = hash) =>
    post("/v2/sync/users/verification", { msisdn: encrypted(of), msisdn_signature: signature });
  const [status, answer] = await question(await signed(hash));
  expect([status, decrypted(JSON.parse(answer).shared_key)]).toEqual([200, key]);
  expect(await question(await signed(hash, 20))).toEqual([403, "unknown signature request"]);
  expect(await question(await signed("another message"))).toEqual([403, "unknown signature request"]);
  const unknown = "0".repeat(128);
  expect(await question(await signed(unknown), unknown)).toEqual([403, "no shared key for user"]);
});

test("an order to forget a key may come twice, and what is none is refused", async () => {
  const { hash } = await aSynced();
  const forget = (msisdn_hashed: string) => ask("/v2/sync/users", { method: "DELETE", body: { msisdn_hashed } });
  const order = forgetting(hash);
  expect([await forget(order), await forget(order)]).toEqual([
    [200, "OK"],
    [200, "OK"],
  ]);
  const question = { msisdn: encrypted(hash), msisdn_signature: await signed(hash) };
  expect(await post("/v2/sync/users/verification", question)).toEqual([403, "no shared key for user"]);
  for (const garbage of ["0".repeat(304), order.slice(0, 16), `${order.slice(0, 302)}zz`])
    expect(await forget(garbage)).toEqual([403, "failed to decrypt"]);
});

// SMS

/** Brings SMS one after the other, and waits until the publisher has got those. */
async function bring(sms: Record<string, unknown>[], expected: string[]): Promise<void> {
  const got: string[] = [];
  outside(async (request) => {
    const { MSISDN, message } = await request.json<Record<string, string>>();
    got.push(`${MSISDN} ${message}`);
    return new Response("");
  });
  for (const body of sms) expect(await post("/sms/platform/gateway-client", body)).toEqual([200, "published!"]);
  await vi.waitFor(() => expect([...got].sort()).toEqual([...expected].sort()), { timeout: 4_000, interval: 10 });
}

const ASCII = Buffer.from(vectors.sms.seed_era_ascii_iv.iv_utf8);
const RAW = Buffer.from(vectors.sms.raw_iv.iv_hex, "hex");
const { plaintext: MAIL } = vectors.sms;

test("an SMS opens in every form in which apps have written it", async () => {
  const { number: MSISDN, key } = writer;
  const forms = [
    written(key, `${MAIL} 1`, { iv: ASCII, outer: lines }),
    written(key, `${MAIL} 2`, { iv: RAW }),
    written(key, `${MAIL} 3`, { iv: RAW, inner: lines, outer: lines }),
    written(key, `${MAIL} 4\n`, { iv: ASCII, inner: (base64) => `${lines(base64, 64).replaceAll("\n", " ")}\n` }),
  ];
  const sms = forms.map((text) => ({ text, MSISDN }));
  await bring(
    sms,
    ["1", "2", "3", "4\n"].map((end) => `${MSISDN} ${MAIL} ${end}`),
  );
});

test("what cannot be opened, and what a stranger sends, is taken with the same word and goes nowhere", async () => {
  const [{ number: MSISDN, key }, iv] = [writer, randomBytes(16)];
  const lost = [
    { MSISDN, text: Buffer.concat([iv, aes(key, iv, "t:in one layer of base64")]).toString("base64") },
    { MSISDN: aNumber(), text: written(key, "t:of an unknown sender") },
    { MSISDN, text: "Hello" },
  ];
  await bring([...lost, { MSISDN, text: written(key, "t:that can") }], [`${MSISDN} t:that can`]);
});

test("the sender may stand under address, among whatever else a phone says", async () => {
  const { number: address, key } = writer;
  const extras = { id: "7", date: "1713995252000", date_sent: "1713995250000", isRead: null, data: "", tag: "" };
  const sms = { address, text: written(key, "T:+237:hi"), ...extras };
  await bring([sms], [`${address} T:+237:hi`]);
  expect(await post("/sms/platform/x", { text: "x" })).toEqual([400, "Missing MSISDN or address"]);
  expect(await post("/sms/platform/x", { address })).toEqual([400, "Missing Text"]);
});

test("an SMS that comes again, however it is wrapped, is published once", async () => {
  const { number: MSISDN, key } = writer;
  const rewrapped = [{}, { inner: lines }, { outer: lines }].map((form) => written(key, MAIL, { iv: ASCII, ...form }));
  const ciphertext = aes(key, ASCII, MAIL).toString("base64");
  const otherIv = Buffer.concat([randomBytes(16), Buffer.from(ciphertext)]).toString("base64");
  const sms = [...rewrapped, otherIv, written(key, "t:end")].map((text) => ({ text, MSISDN }));
  await bring(sms, [`${MSISDN} ${MAIL}`, `${MSISDN} t:end`]);
});

// The API of version 3

const aClient = (fields: object, msisdn = aNumber()) =>
  posted<{ msisdn: string }>("/v3/clients", { msisdn, ...fields });
const clientsAt = (query: Record<string, string>) => fetched(`/v3/clients?${new URLSearchParams(query)}`);

test("clients are found by each filter", async () => {
  const country = aCountry();
  const client = { country, operator: "MTN Land", operator_code: "99901", protocols: ["https", "smtp", "ftp"] };
  const { msisdn } = await aClient(client);
  const today = new Date().toISOString().slice(0, 10);
  const found = async (query: Record<string, string>) =>
    (await (await clientsAt({ country, ...query })).json<Record<string, unknown>[]>()).length;
  expect(await (await clientsAt({ country: country.toUpperCase() })).json()).toEqual([
    { ...client, msisdn, last_published_date: expect.any(Number), reliability: "0.00" },
  ]);
  for (const query of [{ operator: "mtn" }, { protocols: "HTTPS,smtp" }, { last_published_date: today }])
    expect([query, await found(query)]).toEqual([query, 1]);
  for (const query of [{ country: "Land" }, { operator: "none" }, { protocols: "imap" }])
    expect([query, await found(query)]).toEqual([query, 0]);
  expect(await found({ last_published_date: "2020-01-01" })).toBe(0);
  expect(JSON.parse((await ask("/v3/clients/countries"))[1])).toContain(country);
  expect(await ask(`/v3/clients/${encodeURIComponent(country.toLowerCase())}/operators`)).toEqual([
    200,
    '["MTN Land"]',
  ]);
});

test("the pages of a list lead to each other", async () => {
  const country = aCountry();
  await Promise.all([1, 2, 3].map(() => aClient({ country })));
  const { headers } = await clientsAt({ country, page: "2", per_page: "1" });
  const rels = [...headers.get("link")!.matchAll(/<([^>]+)>; rel="(\w+)"/g)].map(([, url, rel]) => [
    rel,
    new URL(url!).searchParams.get("page"),
    new URL(url!).searchParams.get("country"),
  ]);
  const pages = { first: "1", prev: "1", self: "2", last: "3", next: "3" };
  expect(rels).toEqual(Object.entries(pages).map(([rel, page]) => [rel, page, country]));
  expect(["total-count", "page", "per-page"].map((name) => headers.get(`x-${name}`))).toEqual(["3", "2", "1"]);
  const beyond = await clientsAt({ country, page: "9", per_page: "1" });
  expect([await beyond.json(), beyond.headers.get("link")]).toEqual([[], expect.stringContaining("page=8")]);
});

test.each(["page=0", "page=x", "per_page=-1", "per_page=1.5"])("%s is no page", async (query) => {
  const error = "Invalid page or per_page parameter. Must be positive integers.";
  expect(await ask(`/v3/clients?${query}`)).toEqual([400, JSON.stringify({ error })]);
});

test.each(["+", "%2B"])("a client that is not there has no tests, its plus written as %s", async (plus) => {
  const error = "No gateway client found with MSISDN: +237000000000";
  expect(await ask(`/v3/clients/${plus}237000000000/tests`)).toEqual([404, JSON.stringify({ error })]);
});

test("what the publisher says to a payload is brought back, and its refusal is ours", async () => {
  const publish = async (body: object) => {
    const [status, text] = await post("/v3/publish", body);
    return [status, ...Object.values(JSON.parse(text))];
  };
  const payload = { text: vectors.relaysms_v0.text, address: "+15550001111", MSISDN: "+237600000001" };
  const { asked } = outside(() => Response.json({ publisher_response: "it is out" }));
  expect(await publish(payload)).toEqual([200, "it is out"]);
  expect(await asked[0]!.json()).toEqual({ content: payload.text, metadata: { From: "+237600000001" } });
  outside(() => Response.json({ message: "no such platform" }, { status: 400 }));
  expect(await publish(payload)).toEqual([400, "Failed to publish payload. Publish error: no such platform"]);
  expect(await publish({})).toEqual([400, "Missing required field: text"]);
  expect(await publish({ text: "x" })).toEqual([400, "Missing required field: address or MSISDN"]);
});

// All vectors, those of what is never sent included, are in crypto-vectors.test.ts.
