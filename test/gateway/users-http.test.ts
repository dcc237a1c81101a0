import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { hashed } from "#gateway/crypto/hashes.ts";
import { openSharedKey, userByHash, userByNumber } from "#gateway/users/keys.ts";
import { verifyUser } from "#gateway/users/verify.ts";
import { envWith, outside } from "../support/world.ts";
import { aNumber, aSyncOf } from "./users-world.ts";
import vectors from "./vectors.json";

const OUTSIDE = envWith({
  ...{ GATEWAY_USERS: "http", GATEWAY_USERS_URL: "https://be.example.net:9000/" },
  GATEWAY_USERS_TOKEN: "token-for-whoami",
});
const SALT = vectors.msisdn_hash.key_utf8;
const gmail = {
  ...{ description: { en: "Gmail" }, initialization_url: "/platforms/gmail/protocols/oauth2", letter: "g" },
  ...{ logo: "/public/gmail-icon.svg", name: "gmail", type: "email" },
};
const listed = { saved_platforms: [gmail], unsaved_platforms: [{ ...gmail, name: "twitter", letter: "t" }] };
const aUser = () => crypto.randomUUID();

const verified = (body = "", cookie = "SWOB=abc; HttpOnly; Path=/v2/users") =>
  new Response(body, { headers: { "set-cookie": cookie } });

/** A back end that says yes, but for what `answers` says otherwise. */
const aBackEnd = (answers: { verify?: () => Response; platforms?: () => Response; whoami?: () => Response } = {}) =>
  outside((request) => {
    if (request.url.endsWith("/verify")) return (answers.verify ?? verified)();
    if (request.url.endsWith("/whoami")) return (answers.whoami ?? (() => new Response("", { status: 404 })))();
    return (answers.platforms ?? (() => Response.json(listed)))();
  });

test("An outside back end is asked twice, as the same client, and its session goes back to it", async () => {
  const world = aBackEnd();
  const id = aUser();
  expect(await verifyUser(OUTSIDE, id, "pass word é", "10.2.0.1")).toEqual({
    ...{ userId: id, msisdnHash: null },
    platforms: { saved: [gmail], unsaved: [listed.unsaved_platforms[1 - 1]] },
  });
  const [verify, platforms] = world.asked;
  expect([verify!.method, verify!.url]).toEqual(["POST", `https://be.example.net:9000/v2/users/${id}/verify`]);
  expect(await verify!.json()).toEqual({ password: "pass word é" });
  expect([platforms!.method, platforms!.url]).toEqual(["GET", `https://be.example.net:9000/v2/users/${id}/platforms`]);
  expect(platforms!.headers.get("cookie")).toBe("SWOB=abc");
  expect(verify!.headers.get("user-agent")).toMatch(/\w/);
  expect(platforms!.headers.get("user-agent")).toBe(verify!.headers.get("user-agent"));
  expect([verify, platforms].map((request) => request!.headers.get("authorization"))).toEqual([null, null]);
  expect(world.asked).toHaveLength(2);
});

test("A user's id is one segment of the path, whatever it holds", async () => {
  const world = aBackEnd();
  await verifyUser(OUTSIDE, `../admin?${aUser()}`, "password", "10.2.0.2");
  expect(world.asked[0]!.url).toMatch(/^https:\/\/be\.example\.net:9000\/v2\/users\/\.\.%2Fadmin%3F[\w-]+\/verify$/);
});

test("The back end may tell the hash of the number, by which the user is found then", async () => {
  const hash = hashed(SALT, aNumber());
  aBackEnd({ verify: () => verified(JSON.stringify({ msisdn_hash: hash })) });
  const id = aUser();
  expect((await verifyUser(OUTSIDE, id, "password", "10.2.0.3")).msisdnHash).toBe(hash);
  const key = await aSyncOf(id, { msisdnHash: hash, env: OUTSIDE });
  const user = (await userByHash(OUTSIDE, hash))!;
  expect([user.id, user.accountId]).toEqual([id, null]);
  expect(await openSharedKey(OUTSIDE, id, user.sharedKey!)).toBe(key);
});

test.each(["no JSON", "[]", '{"msisdn_hash":"abc"}', '{"msisdn_hash":7}'])(
  "A body of %s beside the session tells no hash",
  async (body) => {
    aBackEnd({ verify: () => verified(body) });
    expect((await verifyUser(OUTSIDE, aUser(), "password", "10.2.0.4")).msisdnHash).toBeNull();
  },
);

test.each([400, 401, 403, 404, 409, 422])("%i of the back end is a wrong password", async (status) => {
  aBackEnd({ verify: () => new Response("", { status }) });
  await expect(verifyUser(OUTSIDE, aUser(), "password", "10.2.0.5")).rejects.toMatchObject({
    ...{ code: "unauthenticated", reason: "unauthenticated" },
  });
});

test("A lock of the back end's own is one", async () => {
  aBackEnd({ verify: () => new Response("", { status: 429, headers: { "retry-after": "77" } }) });
  await expect(verifyUser(OUTSIDE, aUser(), "password", "10.2.0.6")).rejects.toMatchObject({
    ...{ code: "unauthenticated", reason: "locked", retryAfter: 77 },
  });
});

const down = () => {
  throw new Error("connection refused");
};
const outages: [string, Parameters<typeof aBackEnd>[0]][] = [
  ["does not answer", { verify: down }],
  ["fails", { verify: () => new Response("", { status: 500 }) }],
  [
    "sends us elsewhere",
    { verify: () => new Response("", { status: 302, headers: { location: "https://evil.example" } }) },
  ],
  ["gives no session", { verify: () => new Response("") }],
  ["gives another cookie", { verify: () => verified("", "other=1") }],
  ["says too much", { verify: () => verified("x".repeat(20_000)) }],
  ["fails at the platforms", { platforms: () => new Response("", { status: 500 }) }],
  ["refuses its own session", { platforms: () => new Response("", { status: 401 }) }],
  ["lists a page of some proxy", { platforms: () => new Response("<html>") }],
  ["lists no platforms", { platforms: () => Response.json({}) }],
  ["lists without end", { platforms: () => new Response("x".repeat(600_000)) }],
];

test.each(outages)("A back end that %s is away, and no password was wrong", async (_, answers) => {
  const id = aUser();
  aBackEnd(answers);
  for (let time = 0; time < 7; time++)
    await expect(verifyUser(OUTSIDE, id, "password", "10.2.0.7")).rejects.toMatchObject({ code: "unavailable" });
  aBackEnd();
  expect((await verifyUser(OUTSIDE, id, "password", "10.2.0.7")).userId).toBe(id);
});

test("Hole 6: guesses at an outside back end's users are counted here, and stop before it", async () => {
  const id = aUser();
  const world = aBackEnd({ verify: () => new Response("", { status: 401 }) });
  for (let wrong = 0; wrong < 10; wrong++)
    await expect(verifyUser(OUTSIDE, id, "no", "10.2.8.8")).rejects.toMatchObject({ reason: "unauthenticated" });
  await expect(verifyUser(OUTSIDE, id, "no", "10.2.8.8")).rejects.toMatchObject({
    ...{ code: "unauthenticated", reason: "locked" },
  });
  expect(world.asked).toHaveLength(10);
});

test("Platforms come as the apps read them, whatever else the back end says of them", async () => {
  const odd = { ...gmail, description: "not by language", secret: "x" };
  aBackEnd({ platforms: () => Response.json({ saved_platforms: [odd] }) });
  expect((await verifyUser(OUTSIDE, aUser(), "password", "10.2.0.8")).platforms).toEqual({
    ...{ saved: [{ ...gmail, description: {} }], unsaved: [] },
  });
});

test("Whose number it is, the back end says where it never told the hash", async () => {
  const [id, number] = [aUser(), aNumber()];
  const world = aBackEnd({ whoami: () => Response.json({ user_id: id }) });
  expect(await userByNumber(OUTSIDE, number)).toBeUndefined();
  await aSyncOf(id, { env: OUTSIDE });
  expect((await userByNumber(OUTSIDE, number))!.id).toBe(id);
  const [asked] = world.asked;
  expect([asked!.method, asked!.url]).toEqual(["POST", "https://be.example.net:9000/v2/whoami"]);
  expect(await asked!.json()).toEqual({ phone_number: number });
  expect(asked!.headers.get("authorization")).toBe("Bearer token-for-whoami");
});

test("Nobody asks whose number it is when its hash is known", async () => {
  const [id, number] = [aUser(), aNumber()];
  await aSyncOf(id, { env: OUTSIDE, msisdnHash: hashed(SALT, number) });
  const world = aBackEnd();
  expect((await userByNumber(OUTSIDE, number))!.id).toBe(id);
  expect(world.asked).toEqual([]);
});

test.each([400, 404, 422])("A %i says that nobody has the number", async (status) => {
  aBackEnd({ whoami: () => new Response("", { status }) });
  expect(await userByNumber(OUTSIDE, aNumber())).toBeUndefined();
});

test.each<[string, () => Response]>([
  ["an outage", () => new Response("", { status: 500 })],
  ["a refused token", () => new Response("", { status: 401 })],
  ["a page of some proxy", () => new Response("<html>")],
  ["an id that is none", () => Response.json({ user_id: "x".repeat(200) })],
])("After %s nobody knows whose number it is, and somebody may ask again", async (_, whoami) => {
  aBackEnd({ whoami });
  await expect(userByNumber(OUTSIDE, aNumber())).rejects.toMatchObject({ code: "unavailable" });
});

test("A number that has another user now is taken from the one before, with the key", async () => {
  const [before, now, hash] = [aUser(), aUser(), hashed(SALT, aNumber())];
  await aSyncOf(before, { env: OUTSIDE, msisdnHash: hash });
  await env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', ?, 'abc', 1)").bind(`user:${before}`).run();
  await aSyncOf(now, { env: OUTSIDE, msisdnHash: hash });
  expect((await userByHash(OUTSIDE, hash))!.id).toBe(now);
  const left = await env.DB.batch([
    env.DB.prepare("SELECT 1 FROM gateway_users WHERE id = ?").bind(before),
    env.DB.prepare("SELECT 1 FROM gateway_seen WHERE scope = ?").bind(`user:${before}`),
  ]);
  expect(left.map(({ results }) => results)).toEqual([[], []]);
});

test("A second sync that tells no hash leaves the known one", async () => {
  const [id, hash] = [aUser(), hashed(SALT, aNumber())];
  await aSyncOf(id, { env: OUTSIDE, msisdnHash: hash });
  const key = await aSyncOf(id, { env: OUTSIDE });
  const user = (await userByHash(OUTSIDE, hash))!;
  expect(await openSharedKey(OUTSIDE, id, user.sharedKey!)).toBe(key);
});
