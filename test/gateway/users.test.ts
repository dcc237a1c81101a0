import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { hashed } from "#gateway/crypto/hashes.ts";
import { grantOf } from "#gateway/users/grants.ts";
import { openSharedKey, userByHash, userByNumber } from "#gateway/users/keys.ts";
import { createUser } from "#gateway/users/profiles.ts";
import { verifyUser } from "#gateway/users/verify.ts";
import { banAccount } from "#identity/accounts/accounts.ts";
import { accountByPhone, passwordOf, setPassword } from "#identity/accounts/queries.ts";
import { database } from "#platform/db.ts";
import { countedEnv } from "../support/counted.ts";
import { aPhone, aResident, call, envWith } from "../support/world.ts";
import { aGatewayUser, aNumber, aSyncOf, integration } from "./users-world.ts";
import vectors from "./vectors.json";

const db = database(env);
const gmail = {
  name: "gmail",
  username: "me@example.org",
  uniqueId: "unique-of-mine",
  token: { access_token: "ya29.secret-of-mine", scopes: ["send"], expires: 3600 },
};
const telegram = { name: "telegram", username: "@me", uniqueId: "77", token: "plain-token" };

const errorOf = async (response: Response) => ((await response.json()) as { error: string }).error;

test("A user of the gateway hangs on the account that has proven the phone, and leaves its password alone", async () => {
  const phone = aPhone();
  const { id: account } = await aResident({ phone }).then(async () => (await accountByPhone(db, "main", phone))!);
  await setPassword(db, "main", account, "$scrypt$the-account's-own", new Date());
  const answer = await integration("POST", "/v2/users", { phone_number: `+${phone}`, password: "gateway-pass" });
  expect(answer.status).toBe(201);
  const { id } = (await answer.json()) as { id: string };
  expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(await userByNumber(env, `+${phone}`)).toMatchObject({ id, accountId: account });
  expect((await passwordOf(db, "main", account))!.phc).toBe("$scrypt$the-account's-own");
  expect((await verifyUser(env, id, "gateway-pass", "10.9.9.9")).userId).toBe(id);
});

test("A number that no plan knows makes a new account, known by its digits", async () => {
  const number = aNumber();
  const id = await createUser(env, { phoneNumber: number, password: "dummy_password", platforms: [] });
  const account = await accountByPhone(db, "main", number.slice(1));
  expect(account?.status).toBe("active");
  const user = await userByNumber(env, number);
  expect(user).toMatchObject({ id, accountId: account!.id });
  expect(user!.msisdnHash).toBe(hashed(vectors.msisdn_hash.key_utf8, number));
});

test("A number has one profile, also when it is asked for many times at once", async () => {
  const body = { phone_number: aNumber(), password: "dummy_password" };
  const answers = await Promise.all([1, 2, 3].map(() => integration("POST", "/v2/users", body)));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  const again = await integration("POST", "/v2/users", { ...body, phone_number: ` ${body.phone_number} ` });
  expect([again.status, await errorOf(again)]).toEqual([409, "This number has a profile"]);
});

const refusals: [string, unknown, RegExp][] = [
  ["no JSON", "{", /not JSON/],
  ["no phone", { password: "dummy_password" }, /phone_number/],
  ["no number", { phone_number: "hello", password: "dummy_password" }, /phone_number/],
  ["a number that cannot be E.164", { phone_number: "+0123456789", password: "dummy_password" }, /phone_number/],
  ["no password", { phone_number: "+237000000001" }, /password/],
  ["an empty password", { phone_number: "+237000000001", password: "" }, /password/],
  ["191 bytes of password", { phone_number: "+237000000001", password: `${"é".repeat(95)}a` }, /more than 190 bytes/],
  ["an unknown platform", withPlatforms([{ ...gmail, name: "myspace" }]), /Unknown platform: myspace/],
  ["a platform twice", withPlatforms([gmail, gmail]), /twice/],
  ["no token", withPlatforms([{ name: "gmail", username: "a", uniqueId: "b" }]), /token/],
  ["a token of 20 KB", withPlatforms([{ ...gmail, token: "x".repeat(20_000) }]), /too long/],
  ["no list of platforms", withPlatforms({ gmail }), /platforms/],
  ["a deep token", withPlatforms([{ ...gmail, token: JSON.parse("[".repeat(40) + "]".repeat(40)) }]), /deep/],
  ["a name that is none", { phone_number: "+237000000001", password: "dummy_password", name: 7 }, /name/],
];

function withPlatforms(platforms: unknown) {
  return { phone_number: "+237000000001", password: "dummy_password", platforms };
}

test.each(refusals)("A user is not made of %s", async (_, body, complaint) => {
  const answer = await integration("POST", "/v2/users", body);
  expect(answer.status).toBe(400);
  expect(await errorOf(answer)).toMatch(complaint);
});

test.each([
  ["one character", "1"],
  ["190 bytes", "é".repeat(95)],
])("A password of %s is taken, and opens", async (_, password) => {
  const id = await createUser(env, { phoneNumber: aNumber(), password, platforms: [] });
  expect((await verifyUser(env, id, password, "10.9.8.1")).userId).toBe(id);
});

test.each([
  ["POST", "/v2/users"],
  ["GET", "/v2/users/some-id"],
  ["PATCH", "/v2/users/some-id"],
  ["DELETE", "/v2/users/some-id"],
])("%s %s needs the operator's token", async (method, path) => {
  expect((await call(path, { method })).status).toBe(401);
  const wrong = await call(path, { method, headers: { authorization: "Bearer not-the-token" } });
  expect([wrong.status, await errorOf(wrong)]).toEqual([401, "No token"]);
});

test.each(["GET", "PATCH", "DELETE"])("%s of an unknown user is 404", async (method) => {
  const answer = await integration(method, "/v2/users/nobody", method === "GET" ? undefined : {});
  expect([answer.status, await errorOf(answer)]).toEqual([404, "No such user"]);
});

test.each([
  ["PUT", "/v2/users", "POST"],
  ["POST", "/v2/users/some-id", "GET, HEAD, PATCH, DELETE"],
  ["GET", "/v2/users/some-id/verify", "POST"],
  ["POST", "/v2/users/some-id/platforms", "GET, HEAD"],
])("%s %s is no method of it", async (method, path, allow) => {
  const answer = await integration(method, path, method === "GET" ? undefined : {});
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
});

test("A profile is shown without anything secret, in one trip", async () => {
  const phoneNumber = aNumber();
  const id = await createUser(env, { phoneNumber, password: "dummy_password", name: "Amina", platforms: [gmail] });
  await aSyncOf(id);
  const { env: counting, trips } = countedEnv();
  const answer = await integration("GET", `/v2/users/${id}`, undefined, counting);
  const text = await answer.text();
  expect(JSON.parse(text)).toEqual({
    ...{ id, phone_number: phoneNumber, name: "Amina", platforms: ["gmail"] },
    ...{ created_at: expect.any(Number), synced_at: expect.any(Number) },
  });
  expect(trips.d1).toBe(1);
  const user = (await userByNumber(env, phoneNumber))!;
  for (const secret of [user.phc!, user.sharedKey!, user.msisdnHash!, "unique-of-mine", "ya29"])
    expect(text).not.toContain(secret);
});

test("A change replaces the platforms, and leaves alone what it does not name", async () => {
  const { id, phoneNumber } = await aGatewayUser({ platforms: [gmail] });
  await aSyncOf(id);
  await integration("PATCH", `/v2/users/${id}`, { name: " Amina " });
  const shown = await integration("PATCH", `/v2/users/${id}`, { platforms: [telegram] });
  expect(await shown.json()).toMatchObject({ name: "Amina", platforms: ["telegram"] });
  expect(await grantOf(env, id, "gmail")).toBeUndefined();
  expect(await grantOf(env, id, "telegram")).toEqual({ username: "@me", uniqueId: "77", token: "plain-token" });
  const renamed = await integration("PATCH", `/v2/users/${id}`, { name: null });
  expect(await renamed.json()).toEqual(expect.not.objectContaining({ name: expect.anything() }));
  expect((await verifyUser(env, id, "dummy_password", "10.9.8.2")).platforms.saved.map(({ name }) => name)).toEqual([
    "telegram",
  ]);
  expect((await userByNumber(env, phoneNumber))!.sharedKey).not.toBeNull();
  expect((await integration("PATCH", `/v2/users/${id}`, { platforms: [{ ...gmail, name: "no" }] })).status).toBe(400);
});

test("A new password ends the old one, and leaves the app's key", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  expect((await integration("PATCH", `/v2/users/${id}`, { password: "another_password" })).status).toBe(200);
  await expect(verifyUser(env, id, "dummy_password", "10.9.8.4")).rejects.toMatchObject({ code: "unauthenticated" });
  expect((await userByNumber(env, phoneNumber))!.sharedKey).not.toBeNull();
});

test("A new password ends a lock-out", async () => {
  const { id } = await aGatewayUser();
  const strict = envWith({ LIMITS: JSON.stringify({ passwordFailures: 3 }) });
  for (let wrong = 0; wrong < 6; wrong++) await expect(verifyUser(strict, id, "wrong", "10.9.8.3")).rejects.toThrow();
  await expect(verifyUser(strict, id, "dummy_password", "10.9.8.3")).rejects.toMatchObject({ reason: "locked" });
  await integration("PATCH", `/v2/users/${id}`, { password: "another_password" });
  expect((await verifyUser(strict, id, "another_password", "10.9.8.3")).userId).toBe(id);
});

test("Deleting a profile takes its key, its platforms and what it has sent, and leaves the account", async () => {
  const { id, phoneNumber } = await aGatewayUser({ platforms: [gmail] });
  await aSyncOf(id);
  await env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', ?, 'abc', 1)").bind(`user:${id}`).run();
  expect((await integration("DELETE", `/v2/users/${id}`)).status).toBe(204);
  for (const [table, column, value] of [
    ["gateway_users", "id", id],
    ["gateway_grants", "user_id", id],
    ["gateway_seen", "scope", `user:${id}`],
  ] as const) {
    const rows = await env.DB.prepare(`SELECT * FROM ${table} WHERE ${column} = ?`).bind(value).all();
    expect(rows.results).toEqual([]);
  }
  expect((await accountByPhone(db, "main", phoneNumber.slice(1)))?.status).toBe("active");
  expect((await integration("DELETE", `/v2/users/${id}`)).status).toBe(404);
  expect(
    (await integration("POST", "/v2/users", { phone_number: phoneNumber, password: "dummy_password" })).status,
  ).toBe(201);
});

test("Hole 23: no column has a key, a password, a user's name at a platform or a token in clear", async () => {
  const user = { phoneNumber: aNumber(), password: "open-sesame-1", platforms: [gmail, telegram] };
  const id = await createUser(env, user);
  const key = await aSyncOf(id);
  const [users, grants] = await Promise.all([
    env.DB.prepare("SELECT * FROM gateway_users WHERE id = ?").bind(id).all(),
    env.DB.prepare("SELECT * FROM gateway_grants WHERE user_id = ?").bind(id).all(),
  ]);
  expect([users.results.length, grants.results.length]).toEqual([1, 2]);
  const raw = JSON.stringify([users.results, grants.results]);
  const secrets = [key, "open-sesame-1", "me@example.org", "unique-of-mine", "ya29", "@me", '"77"', "plain-token"];
  for (const secret of [...secrets, hashed(vectors.msisdn_hash.key_utf8, "open-sesame-1")]) {
    expect(raw).not.toContain(secret);
    expect(raw).not.toContain(btoa(secret).replace(/=+$/, ""));
  }
  expect(users.results[0]!.phc).toMatch(/^\$scrypt\$/);
  expect(await grantOf(env, id, "gmail")).toEqual({
    ...{ username: "me@example.org", uniqueId: "unique-of-mine", token: gmail.token },
  });
});

test("Hole 23: a sealed key or grant is of no use in another user's row", async () => {
  const [one, other] = [await aGatewayUser({ platforms: [gmail] }), await aGatewayUser()];
  await aSyncOf(one.id);
  await env.DB.batch([
    env.DB.prepare(
      "UPDATE gateway_users SET shared_key = (SELECT shared_key FROM gateway_users WHERE id = ?) WHERE id = ?",
    ).bind(one.id, other.id),
    env.DB.prepare("UPDATE gateway_grants SET user_id = ? WHERE user_id = ?").bind(other.id, one.id),
  ]);
  const stolen = (await userByNumber(env, other.phoneNumber))!.sharedKey!;
  await expect(openSharedKey(env, other.id, stolen)).rejects.toMatchObject({ code: "unavailable" });
  await expect(grantOf(env, other.id, "gmail")).rejects.toThrow();
});

test("A new key makes room for itself: what an older one has sent need not be known any more", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  const first = (await userByNumber(env, phoneNumber))!.sharedKey;
  await env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', ?, 'abc', 1)").bind(`user:${id}`).run();
  await aSyncOf(id);
  expect((await userByNumber(env, phoneNumber))!.sharedKey).not.toBe(first);
  const seen = await env.DB.prepare("SELECT * FROM gateway_seen WHERE scope = ?").bind(`user:${id}`).all();
  expect(seen.results).toEqual([]);
});

test("A key is not kept for a user of ours who was deleted meanwhile", async () => {
  const { id } = await aGatewayUser();
  await integration("DELETE", `/v2/users/${id}`);
  await expect(aSyncOf(id)).rejects.toMatchObject({ code: "unauthenticated" });
  expect((await env.DB.prepare("SELECT 1 FROM gateway_users WHERE id = ?").bind(id).all()).results).toEqual([]);
});

test("Who is shut out is nobody to the gateway", async () => {
  const { id, phoneNumber } = await aGatewayUser();
  await aSyncOf(id);
  const { accountId, msisdnHash } = (await userByNumber(env, phoneNumber))!;
  await banAccount(env, "main", { id: accountId!, reason: "test" }, { kind: "system", id: "test" });
  expect(await userByHash(env, msisdnHash!)).toBeUndefined();
  await expect(verifyUser(env, id, "dummy_password", "10.9.8.5")).rejects.toMatchObject({ code: "unauthenticated" });
});

test.each([
  ["POST", "/v2/users"],
  ["GET", "/v2/users/some-id"],
  ["POST", "/v2/users/some-id/verify"],
  ["GET", "/v2/users/some-id/platforms"],
])(
  "%s %s is unavailable where the gateway is not in use, and not there where another server keeps the users",
  async (method, path) => {
    const unused = envWith({ GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" });
    const answer = await integration(method, path, method === "GET" ? undefined : {}, unused);
    expect([answer.status, await answer.text()]).toEqual([503, ""]);
    const outside = envWith({ GATEWAY_USERS: "http", GATEWAY_USERS_URL: "https://be.example.net" });
    expect((await integration(method, path, method === "GET" ? undefined : {}, outside)).status).toBe(404);
  },
);
