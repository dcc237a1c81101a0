import { env, runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Env } from "#env.ts";
import type { Digest } from "#gateway/crypto/oaep.ts";
import { openSharedKey } from "#gateway/users/keys.ts";
import { countedEnv } from "../support/counted.ts";
import { meanwhile } from "../support/meanwhile.ts";
import { call, envWith, outside } from "../support/world.ts";
import {
  aUser,
  CLIENT_PEM,
  encrypted,
  firstId,
  gets,
  isClosed,
  later,
  OTHER_PEM,
  objectOf,
  opened,
  openSession,
  openSocket,
  passes,
  post,
  sessionPath,
  shake,
  shown,
} from "./sync-world.ts";
import { aGatewayUser } from "./users-world.ts";
import vectors from "./vectors.json";

const PASSWORD = "dummy_password";

/** A session whose code was scanned by an app, with its page. */
async function aScanned(user?: string) {
  const id = user ?? (await aGatewayUser()).id;
  const session = firstId(id);
  const page = await openSession(id, session);
  expect((await shake(id, session)).status).toBe(200);
  await gets(page, 2);
  return { user: id, session, page, path: sessionPath(id, session) };
}

/** A session that is shown, for an app that does both steps at once. */
async function aShown() {
  const { id } = await aGatewayUser();
  const page = await openSocket(`/v2/sync/init/${id}`);
  await gets(page, 1);
  return { user: id, page, path: sessionPath(id, shown(page)) };
}

const oneStep = (password = PASSWORD, publicKey = CLIENT_PEM) => ({
  public_key: publicKey,
  password: encrypted(password),
});

/** The key that the user's SMS are opened with, as it stands in the database. */
async function keyOf(user: string): Promise<string | null> {
  const row = await env.DB.prepare("SELECT shared_key FROM gateway_users WHERE id = ?").bind(user).first<{
    shared_key: string | null;
  }>();
  return row?.shared_key ? openSharedKey(env, user, row.shared_key) : null;
}

const read = async (answer: Response) => [answer.status, await answer.text()] as const;
const keyIn = async (answer: Response) => opened((await answer.json<{ shared_key: string }>()).shared_key);

test("two steps: the right password brings the key, the acknowledgement and the close", async () => {
  const { user, page, path } = await aScanned();
  const answer = await post(path, { password: encrypted(PASSWORD) });
  expect(answer.status).toBe(200);
  const body = await answer.json<Record<string, string>>();
  expect(Object.keys(body)).toEqual(["seeds_url", "shared_key", "user_platforms"]);
  expect(body).toMatchObject({ seeds_url: "https://api.example.net:443/seeds", user_platforms: [] });
  const key = opened(body.shared_key!);
  expect(key).toMatch(/^[\da-f]{32}$/);
  expect(await keyOf(user)).toBe(key);
  await isClosed(page, 1000);
  expect(page.got.slice(1)).toEqual(["201- pause", "200- ack"]);
});

test("saved platforms have a logo that the app can load", async () => {
  const platforms = [{ name: "gmail", username: "a@b.c", uniqueId: "a@b.c", token: { a: 1 } }];
  const { id } = await aGatewayUser({ platforms });
  const { path } = await aScanned(id);
  const answer = await post(path, { password: encrypted(PASSWORD) });
  const { user_platforms } = await answer.json<{ user_platforms: { name: string; logo: string }[] }>();
  expect(user_platforms.map(({ name }) => name)).toEqual(["gmail"]);
  expect(user_platforms[0]!.logo).toMatch(/^https:\/\/api\.example\.net:443\/.*gmail/);
});

test.each([
  ["sha1", "sha1"],
  ["sha256", "sha1"],
  ["sha1", "sha256"],
  ["sha256", "sha256"],
] as const)("two steps with MGF1 %s for the password and %s for the key", async (decryption_hash, encryption_hash) => {
  const { path } = await aScanned();
  const password = encrypted(PASSWORD, { label: "sha256", mgf1: decryption_hash });
  const answer = await post(path, { password, decryption_hash, encryption_hash });
  const { shared_key } = await answer.json<{ shared_key: string }>();
  expect(opened(shared_key, { label: "sha256", mgf1: encryption_hash })).toMatch(/^[\da-f]{32}$/);
});

test.each([
  ["sha1", "sha1", "sha256"],
  ["sha256", "sha256", "sha1"],
  ["sha1", "sha256", "sha1"],
  ["sha256", "sha1", "sha256"],
] as const)(
  "one step with label %s, MGF1 %s for the password and %s for the key",
  async (hashingAlgorithm, mgf1ParameterSpec, mgf1ParameterSpec_dec) => {
    const { user, path } = await aShown();
    const digests = (mgf1: Digest) => ({ label: hashingAlgorithm, mgf1 });
    const password = encrypted(PASSWORD, digests(mgf1ParameterSpec));
    const sent = { public_key: CLIENT_PEM, password, hashingAlgorithm, mgf1ParameterSpec, mgf1ParameterSpec_dec };
    const answer = await post(`${path}/`, sent);
    const { shared_key } = await answer.json<{ shared_key: string }>();
    expect(opened(shared_key, digests(mgf1ParameterSpec_dec))).toBe(await keyOf(user));
    const row = await env.DB.prepare("SELECT label FROM gateway_users WHERE id = ?").bind(user).first();
    expect(row).toEqual({ label: hashingAlgorithm });
  },
);

test("in one step logos are paths", async () => {
  const { path } = await aShown();
  const answer = await post(path, oneStep());
  const { user_platforms } = await answer.json<{ user_platforms: { unsaved_platforms: { logo: string }[] } }>();
  const logos = user_platforms.unsaved_platforms.map(({ logo }) => logo);
  expect(logos.length).toBeGreaterThan(0);
  expect(logos.filter((logo) => !logo.startsWith("/"))).toEqual([]);
});

test.each(["", "/"])("Hole 8: one step with %j at the end says pause and ack too", async (slash) => {
  const { user, page, path } = await aShown();
  const answer = await post(path + slash, oneStep());
  const body = await answer.json<Record<string, unknown>>();
  expect(Object.keys(body)).toEqual(["msisdn_hash", "shared_key", "user_platforms"]);
  expect(body).toMatchObject({
    msisdn_hash: expect.stringMatching(/^[\da-f]{128}$/),
    user_platforms: { saved_platforms: [], unsaved_platforms: expect.any(Array) },
  });
  expect(opened(String(body.shared_key))).toBe(await keyOf(user));
  await isClosed(page, 1000);
  expect(page.got.slice(1)).toEqual(["201- pause", "200- ack"]);
});

test.each([
  ["no JSON", "poorly formed", "application/json", "invalid json"],
  ["JSON under another type", '{"password": "x"}', "text/plain", "invalid json"],
  ["line breaks in its strings", '{"password": "x\n"}', "application/json", "invalid json"],
  ["an array", "[]", "application/json", "invalid json"],
  ["no password", "{}", "application/json", "missing password"],
  ["a number for a password", '{"password": 5}', "application/json", "missing password"],
  ["a password that does not open", '{"password": "AAAA"}', "application/json", "error with decryption"],
])("the second step with %s is refused, and the session goes on", async (_name, body, type, text) => {
  const { page, path } = await aScanned();
  expect(await read(await post(path, body, { headers: { "content-type": type } }))).toEqual([400, text]);
  expect(page.closed).toBeUndefined();
  expect((await post(path, { password: encrypted(PASSWORD) })).status).toBe(200);
});

test.each([
  ["no JSON", "poorly formed", "poorly formed json"],
  ["no password", { public_key: CLIENT_PEM }, "missing password"],
  ["no key", { password: "x" }, "missing public key"],
  ["a key that is none", { password: "x", public_key: "abc" }, "missing public key"],
  ["a password that does not open", { password: "AAAA", public_key: CLIENT_PEM }, "error with decryption"],
])("one step with %s is refused, and the session goes on", async (_name, body, text) => {
  const { path } = await aShown();
  expect(await read(await post(`${path}/`, body))).toEqual([400, text]);
  expect((await post(`${path}/`, oneStep())).status).toBe(200);
});

test("one step takes a PEM with its line breaks as they are", async () => {
  const { path } = await aShown();
  const body = `{"public_key": "${CLIENT_PEM}", "password": "${encrypted(PASSWORD)}"}`;
  expect((await post(path, body, { headers: { "content-type": "text/plain" } })).status).toBe(200);
});

test.each([
  ["two steps", () => aScanned(), 401, "failed to authenticate", (word: string) => ({ password: encrypted(word) })],
  ["one step", () => aShown(), 403, "", (word: string) => oneStep(word)],
] as const)("%s: a wrong password may be followed by the right one", async (_name, begin, status, text, body) => {
  const { user, page, path } = await begin();
  expect(await read(await post(path, body("not the password")))).toEqual([status, text]);
  expect(await keyOf(user)).toBeNull();
  expect(page.closed).toBeUndefined();
  expect((await post(path, body(PASSWORD))).status).toBe(200);
  expect(page.got.filter((text) => text === "201- pause")).toHaveLength(1);
});

test("an unknown user is answered as a wrong password", async () => {
  const { path } = await aScanned(aUser());
  expect(await read(await post(path, { password: encrypted(PASSWORD) }))).toEqual([401, "failed to authenticate"]);
});

test("Hole 6: the fifth wrong password ends the session", async () => {
  const { page, path } = await aScanned();
  for (let i = 0; i < 5; i++) {
    expect(page.closed).toBeUndefined();
    expect((await post(path, { password: encrypted(`wrong password ${i}`) })).status).toBe(401);
  }
  await isClosed(page, 1008, "too many wrong passwords");
  const right = await post(path, { password: encrypted(PASSWORD) });
  expect(await read(right)).toEqual([400, "invalid session requested"]);
});

test("Hole 6: many passwords at once are no more than five", async () => {
  const { page, path } = await aScanned();
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => post(path, { password: encrypted(`wrong password ${i}`) })),
  );
  const codes = answers.map(({ status }) => status).sort();
  expect(codes.filter((status) => status === 401).length).toBeLessThanOrEqual(5);
  expect(codes.filter((status) => status !== 401 && status !== 400)).toEqual([]);
  await isClosed(page, 1008, "too many wrong passwords");
});

test("Hole 5: a right password with a session that is not the one changes nothing", async () => {
  const { user, path } = await aScanned();
  await post(path, { password: encrypted(PASSWORD) });
  const before = await keyOf(user);
  const unscanned = firstId(user);
  await openSession(user, unscanned);
  for (const session of ["000", "5f1c1d96bebc4c56813ea4ba2b65bdaa", unscanned]) {
    const answer = await post(sessionPath(user, session), { password: encrypted(PASSWORD) });
    expect(await read(answer)).toEqual([400, "invalid session requested"]);
  }
  const junk = await post(`${sessionPath(user, "000")}/`, oneStep());
  expect(await read(junk)).toEqual([400, "invalid session requested"]);
  expect(await keyOf(user)).toBe(before);
});

test("Hole 5: a session of one user is none of another's", async () => {
  const mine = await aScanned();
  const { id } = await aGatewayUser();
  const answer = await post(sessionPath(id, mine.session), { password: encrypted(PASSWORD) });
  expect(await read(answer)).toEqual([400, "invalid session requested"]);
  expect(await keyOf(id)).toBeNull();
});

test("Hole 1: one step on an id that is no longer shown is refused, and on the shown one it is not", async () => {
  const { id } = await aGatewayUser();
  const session = firstId(id);
  const page = await openSession(id, session);
  await later(id, session, 15);
  await gets(page, 2);
  await passes(id, session, 2);
  expect(await read(await post(sessionPath(id, session), oneStep()))).toEqual([400, "invalid session requested"]);
  expect((await post(sessionPath(id, shown(page)), oneStep())).status).toBe(200);
});

test("Hole 10: the same request gets the same key, at once and again; another gets none", async () => {
  const { user, path } = await aScanned();
  const body = JSON.stringify({ password: encrypted(PASSWORD) });
  const both = await Promise.all([post(path, body), post(path, body)]);
  const keys = await Promise.all([...both, await post(path, body)].map(keyIn));
  expect(new Set(keys).size).toBe(1);
  expect(await keyOf(user)).toBe(keys[0]);
  const other = await post(path, { password: encrypted(PASSWORD) });
  expect(await read(other)).toEqual([400, "invalid session requested"]);
});

test("Hole 10: one step again gets the same key, and another app's gets none", async () => {
  const { user, path } = await aShown();
  const body = JSON.stringify(oneStep());
  const keys = await Promise.all([await post(path, body), await post(path, body)].map(keyIn));
  expect(new Set(keys)).toEqual(new Set([await keyOf(user)]));
  expect((await post(path, oneStep(PASSWORD, OTHER_PEM))).status).toBe(400);
});

test("a repetition writes nothing", async () => {
  const { path } = await aScanned();
  const body = JSON.stringify({ password: encrypted(PASSWORD) });
  await post(path, body);
  const counted = countedEnv();
  expect((await post(path, body, { env: counted.env })).status).toBe(200);
  expect(counted.trips.d1Writes).toBe(0);
});

test("a key that could not be written is written by the next right password", async () => {
  const { user, page, path } = await aScanned();
  let batches = 0;
  const DB = new Proxy(env.DB, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "batch") return value.bind(target);
      return (statements: D1PreparedStatement[]) => {
        if (++batches === 2) throw new Error("D1_ERROR: away"); // the first one reads the user
        return target.batch(statements);
      };
    },
  });
  const failed = await post(path, { password: encrypted(PASSWORD) }, { env: envWith({ DB }) });
  expect(await read(failed)).toEqual([500, ""]);
  expect(page.closed).toBeUndefined();
  expect(await keyIn(await post(path, { password: encrypted(PASSWORD) }))).toBe(await keyOf(user));
  await isClosed(page, 1000);
});

test("a user who is deleted meanwhile gets no key", async () => {
  const { user, page, path } = await aScanned();
  const gone = meanwhile(() => env.DB.prepare("DELETE FROM gateway_users WHERE id = ?").bind(user).run());
  const answer = await post(path, { password: encrypted(PASSWORD) }, { env: gone });
  expect(answer.status).toBe(401);
  expect(page.got).not.toContain("200- ack");
});

test("of a session, the password and the key nothing stands in the object in clear", async () => {
  const { user, session, path } = await aScanned();
  const key = await keyIn(await post(path, { password: encrypted(PASSWORD) }));
  const kept = await runInDurableObject(objectOf(user, session), (_, { storage }) =>
    JSON.stringify([...storage.kv.list()]),
  );
  expect(kept).toContain(session);
  expect(kept).not.toContain(key);
  expect(kept).not.toContain(PASSWORD);
});

// An outside back end that keeps the users.

const backEnd = (environment: Partial<Env> = {}) =>
  envWith({
    GATEWAY_USERS: "http",
    GATEWAY_USERS_URL: "https://be.example.net:9000",
    GATEWAY_USERS_TOKEN: "be-token",
    ...environment,
  });

const PLATFORM = { name: "gmail", letter: "g", type: "email", description: {}, initialization_url: "/x" };

function answers(verified: () => Response) {
  return outside((request) =>
    request.url.endsWith("/verify")
      ? verified()
      : Response.json({
          saved_platforms: [
            { ...PLATFORM, logo: "/public/gmail-icon.svg" },
            { ...PLATFORM, logo: "https://x.example/a.svg" },
          ],
          unsaved_platforms: [],
        }),
  );
}

const welcome = (hash?: string) => () =>
  new Response(hash ? JSON.stringify({ msisdn_hash: hash }) : "", { headers: { "set-cookie": "SWOB=abc; Path=/" } });

test("an outside back end's logos are its own", async () => {
  answers(welcome());
  const { path } = await aScanned(aUser());
  const answer = await post(path, { password: encrypted(PASSWORD) }, { env: backEnd() });
  const { user_platforms } = await answer.json<{ user_platforms: { logo: string }[] }>();
  expect(user_platforms.map(({ logo }) => logo)).toEqual([
    "https://be.example.net:9000/public/gmail-icon.svg",
    "https://x.example/a.svg",
  ]);
});

test("two steps: a back end that is away is no wrong password", async () => {
  answers(() => new Response("", { status: 503 }));
  const { page, path } = await aScanned(aUser());
  for (let i = 0; i < 7; i++) {
    const answer = await post(path, { password: encrypted(PASSWORD) }, { env: backEnd() });
    expect(await read(answer)).toEqual([401, "failed to authenticate"]);
  }
  expect(page.closed).toBeUndefined();
});

test("one step: a back end that is away is 503, and one that does not tell the hash is 403", async () => {
  const user = aUser();
  const page = await openSocket(`/v2/sync/init/${user}`);
  await gets(page, 1);
  const path = sessionPath(user, shown(page));
  answers(() => new Response("", { status: 503 }));
  expect(await read(await post(path, oneStep(), { env: backEnd() }))).toEqual([503, ""]);
  answers(welcome());
  expect(await read(await post(path, oneStep(), { env: backEnd() }))).toEqual([403, ""]);
  answers(welcome(vectors.msisdn_hash.hash));
  const answer = await post(path, oneStep(), { env: backEnd() });
  expect(await answer.json()).toMatchObject({ msisdn_hash: vectors.msisdn_hash.hash });
});

test("other origins may send both steps, without cookies", async () => {
  const preflight = await call(`/v2/sync/users/a/sessions/b/handshake`, {
    method: "OPTIONS",
    headers: { origin: "https://app.example", "access-control-request-method": "POST" },
  });
  expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
  expect(preflight.headers.get("access-control-allow-credentials")).toBeNull();
  expect(preflight.headers.get("access-control-allow-methods")).toContain("POST");
});
