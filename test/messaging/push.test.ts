import { exportJWK, exportPKCS8, generateKeyPair, importJWK, jwtVerify } from "jose";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import type { PushAddress, PushContent } from "#messaging/push/content.ts";
import { acceptPush, acceptPushes, pushAtOnce } from "#messaging/push/push.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { sweepMessages } from "#messaging/sweep.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { outside } from "../support/world.ts";
import { after, anOperator, deliver, NOW, printed, rowOf } from "./support.ts";

afterEach(() => vi.restoreAllMocks());

let pem: string;
let publicKey: Awaited<ReturnType<typeof importJWK>>;
let apnsKey: string;
let apnsPublic: Awaited<ReturnType<typeof importJWK>>;

beforeAll(async () => {
  const google = await generateKeyPair("RS256", { extractable: true });
  pem = await exportPKCS8(google.privateKey);
  publicKey = await importJWK(await exportJWK(google.publicKey), "RS256");
  const apple = await generateKeyPair("ES256", { extractable: true });
  apnsKey = await exportPKCS8(apple.privateKey);
  apnsPublic = await importJWK(await exportJWK(apple.publicKey), "ES256");
});

const SECRET = "Код домофона 73019";
const content: PushContent = {
  ...{ kind: "text", notice: { title: "Письмо", body: SECRET } },
  data: { title: "Письмо", body: SECRET, action: "inbox" },
};
const ring: PushContent = { kind: "call", data: { server: "s", extension: "2000000001" }, collapse: "call-2000000001" };

const address = (change: Partial<PushAddress> = {}): PushAddress => ({
  ...{
    platform: "android",
    token: `token-${randomId()}`,
    service: "fcm",
    voipToken: null,
    production: true,
    ...change,
  },
});

/** An operator with an account at Google of its own, so that no other test's token is used. */
function withFirebase(settings: Partial<Env> = {}) {
  const client_email = `${randomId(6)}@project.example`;
  const account = { type: "service_account", project_id: "yard-1", private_key_id: "key-1", client_email };
  const FCM_SERVICE_ACCOUNT = JSON.stringify({
    ...account,
    private_key: pem,
    token_uri: "https://elsewhere.test/token",
  });
  const GOOGLE_TOKEN_URL = "https://oauth.test/token";
  const made = anOperator({ FCM_SERVICE_ACCOUNT, GOOGLE_TOKEN_URL, FCM_URL: "https://fcm.test", ...settings });
  return { ...made, client_email };
}

/** Google: tokens in order, and this answer of Firebase to each push. */
function google(answer: (request: Request, attempt: number) => Response | Promise<Response>, lifeSeconds = 3600) {
  let [tokens, pushes] = [0, 0];
  return outside((request) => {
    if (request.url !== "https://oauth.test/token") {
      pushes += 1;
      return answer(request, pushes);
    }
    tokens += 1;
    return Response.json({ access_token: `google-${tokens}`, expires_in: lifeSeconds, token_type: "Bearer" });
  });
}

const took = () => Response.json({ name: "projects/yard-1/messages/1" });
const refuses = (status: number, code: string, more: object = {}, headers = {}) =>
  Response.json(
    {
      error: {
        ...{ code: status, message: `${SECRET} was refused`, status: code },
        details: [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: code }],
        ...more,
      },
    },
    { status, headers },
  );

/** Takes a push and gives it to the consumer once. */
async function send(env: Env, install: PushAddress, life = 600) {
  const id = randomId();
  await acceptPush(env, { install, content, purpose: "inbox", expiresAt: after(life), id }, NOW);
  const handled = await deliver(env, [id]);
  return { id, ...handled, row: await rowOf(env, id) };
}

const tokensAsked = ({ asked }: { asked: Request[] }) => asked.filter(({ url }) => url === "https://oauth.test/token");
const pushesOf = ({ asked }: { asked: Request[] }) => asked.filter(({ url }) => url !== "https://oauth.test/token");

test("a push is a sealed row for its token and an id in the queue, and its text is nowhere to be read", async () => {
  const output = printed();
  const { env, queued } = anOperator();
  const [install, account, id] = [address(), randomId(), randomId()];

  await acceptPush(env, { install, content, purpose: "inbox", expiresAt: after(600), account, id }, NOW);

  const row = await rowOf(env, id);
  expect(row).toMatchObject({
    channel: "push",
    recipient: install.token,
    parts: 0,
    state: "queued",
    accountId: account,
  });
  expect(queued).toEqual([{ id }]);
  expect(JSON.stringify([row, queued]) + output()).not.toContain("73019");
});

test.each([[""], ["short"], ["two words of text"], ["token\r\nhost: evil"], ["x".repeat(5_000)]])(
  "%j is no token to push to",
  async (token) => {
    const { env, queued } = anOperator();
    const push = { install: address({ token }), content, purpose: "inbox", expiresAt: after(600) };
    await expect(acceptPush(env, push, NOW)).rejects.toMatchObject({ code: "invalid", reason: "bad_recipient" });
    expect(queued).toEqual([]);
  },
);

test("many pushes are one trip, one token that is none spoils nothing, and a repetition adds nothing", async () => {
  const { env, queued } = anOperator();
  const prepare = vi.spyOn(env.DB, "prepare");
  const installs = [address(), address({ token: "no token" }), ...Array.from({ length: 48 }, () => address())];
  const name = randomId();
  const pushes = installs.map((install, n) => ({
    ...{ install, content, purpose: "inbox", expiresAt: after(600), id: `${name}-${n}` },
  }));

  expect(await acceptPushes(env, pushes, NOW)).toHaveLength(49);
  expect(prepare).toHaveBeenCalledTimes(1);
  expect(queued).toHaveLength(49);
  expect(await acceptPushes(env, pushes, NOW)).toEqual([]);
  expect(queued).toHaveLength(49);
});

test("Firebase gets the push with a token for which the service account has signed", async () => {
  const output = printed();
  const world = google(took);
  const { env, client_email } = withFirebase();
  const install = address();

  const { row } = await send(env, install);

  const [asking] = tokensAsked(world);
  const form = await asking!.formData();
  expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
  const { payload, protectedHeader } = await jwtVerify(String(form.get("assertion")), publicKey, {
    ...{ issuer: client_email, audience: "https://oauth.test/token", algorithms: ["RS256"] },
  });
  expect(protectedHeader).toMatchObject({ alg: "RS256", kid: "key-1" });
  expect(payload.scope).toBe("https://www.googleapis.com/auth/firebase.messaging");
  expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(3600);
  const [request] = pushesOf(world);
  expect(request!.url).toBe("https://fcm.test/v1/projects/yard-1/messages:send");
  expect(request!.headers.get("authorization")).toBe("Bearer google-1");
  expect(await request!.json()).toEqual({
    message: { token: install.token, data: content.data, android: { priority: "HIGH", ttl: "600s" } },
  });
  expect(row).toMatchObject({ state: "sent", sealed: null, error: null });
  expect(output()).not.toContain("73019");
  expect(output()).not.toContain(install.token);
});

test("many pushes at a time need one token", async () => {
  const world = google(took);
  const { env } = withFirebase();
  const ids = Array.from({ length: 10 }, () => randomId());
  const pushes = ids.map((id) => ({ install: address(), content, purpose: "inbox", expiresAt: after(600), id }));
  await acceptPushes(env, pushes, NOW);

  await Promise.all([deliver(env, ids.slice(0, 5)), deliver(env, ids.slice(5))]);

  expect(pushesOf(world)).toHaveLength(10);
  expect(tokensAsked(world)).toHaveLength(1);
});

test("a token that is about to end is not used again", async () => {
  const world = google(took, 59);
  const { env } = withFirebase();
  await send(env, address());
  await send(env, address());
  expect(tokensAsked(world)).toHaveLength(2);
});

test("a token that Firebase does not take is replaced at once, and only once", async () => {
  printed();
  const world = google((_, attempt) => (attempt === 1 ? refuses(401, "UNAUTHENTICATED") : took()));
  const { env } = withFirebase();
  expect((await send(env, address())).row).toMatchObject({ state: "sent" });
  expect(pushesOf(world).map(({ headers }) => headers.get("authorization"))).toEqual([
    "Bearer google-1",
    "Bearer google-2",
  ]);

  vi.restoreAllMocks();
  printed();
  const closed = google(() => refuses(401, "UNAUTHENTICATED"));
  expect((await send(withFirebase().env, address())).row).toMatchObject({ state: "queued" });
  expect(pushesOf(closed)).toHaveLength(2);
});

test.each([
  ["UNREGISTERED", () => refuses(404, "UNREGISTERED")],
  [
    "no token at all",
    () => refuses(400, "INVALID_ARGUMENT", { message: "The registration token is not a valid FCM registration token" }),
  ],
  [
    "a token in the wrong form",
    () =>
      refuses(400, "INVALID_ARGUMENT", {
        details: [
          { "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations: [{ field: "message.token" }] },
        ],
      }),
  ],
])("a dead token is announced, and its push ends: %s", async (_, answer) => {
  const output = printed();
  google(answer);
  const announced: unknown[] = [];
  const { env } = withFirebase({ SIGNALS: { send: async (signal: unknown) => void announced.push(signal) } as never });
  const install = address();
  const { row, acked } = await send(env, install);
  expect(row).toMatchObject({ state: "failed", sealed: null });
  expect(acked).toBe(1);
  const at = NOW.getTime(); // when it was asked: an app may bring the token again before this is heard
  expect(announced).toEqual([{ type: "push.unregistered", operator: env.OPERATOR, token: install.token, at }]);
  expect(output()).not.toContain(install.token);
});

test.each([
  [400, "INVALID_ARGUMENT", "failed", false],
  [403, "SENDER_ID_MISMATCH", "failed", false],
  [404, "", "failed", false],
  [401, "THIRD_PARTY_AUTH_ERROR", "queued", true],
  [403, "PERMISSION_DENIED", "queued", true],
  [429, "QUOTA_EXCEEDED", "queued", false],
  [500, "INTERNAL", "queued", false],
  [503, "UNAVAILABLE", "queued", false],
  [302, "", "queued", false],
])("a push answered %s %s is %s, and its token stays", async (status, code, state, alarm) => {
  const output = printed();
  const announced: unknown[] = [];
  google(() => refuses(status, code));
  const { env } = withFirebase({ SIGNALS: { send: async (signal: unknown) => void announced.push(signal) } as never });
  const { row } = await send(env, address());
  expect(row).toMatchObject({ state, error: `FCM: HTTP ${status} ${code}`.trim() });
  expect(announced).toEqual([]);
  expect(output().includes("ALARM")).toBe(alarm);
  expect(JSON.stringify(row) + output()).not.toContain("73019");
});

test.each([
  ["120", 120],
  [new Date(Date.now() + 300_000).toUTCString(), 300],
  ["999999", 3600],
])("Firebase is left alone for as long as it says: %s", async (header, seconds) => {
  google(() => refuses(503, "UNAVAILABLE", {}, { "retry-after": header }));
  const { pauses, row } = await send(withFirebase().env, address(), 86_400);
  expect(pauses[0]).toBeGreaterThan(seconds - 10);
  expect(pauses[0]).toBeLessThanOrEqual(seconds);
  expect(row.nextAttemptAt.getTime()).toBe(NOW.getTime() + pauses[0]! * 1000);
});

test("who is asked to wait past a push's life lets it go", async () => {
  google(() => refuses(503, "UNAVAILABLE", {}, { "retry-after": "600" }));
  expect((await send(withFirebase().env, address(), 60)).row).toMatchObject({ state: "expired", sealed: null });
});

test.each([
  ["refuses the account", () => Response.json({ error: "invalid_grant" }, { status: 400 }), true],
  ["is in trouble", () => new Response("oops", { status: 503 }), false],
  ["makes no sense", () => new Response("<html>"), false],
  ["says more than anybody needs", () => new Response("x".repeat(1_000_000)), false],
])("where Google %s a push waits, and Google is asked once for a whole batch", async (_, answer, alarm) => {
  const output = printed();
  const world = outside(answer);
  const { env } = withFirebase();
  const ids = [randomId(), randomId(), randomId()];
  const pushes = ids.map((id) => ({ install: address(), content, purpose: "inbox", expiresAt: after(600), id }));
  await acceptPushes(env, pushes, NOW);
  expect(await deliver(env, ids)).toMatchObject({ retried: 3 });
  expect(world.asked).toHaveLength(1);
  expect(await rowOf(env, ids[0]!)).toMatchObject({ state: "queued" });
  expect(output().includes("ALARM")).toBe(alarm);
});

test("Defect 22: each call of a push ends in time", async () => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
    if (!init?.signal) throw new Error("nobody would end this");
    throw new DOMException("The operation was aborted due to timeout", "TimeoutError");
  });
  expect((await send(withFirebase().env, address())).row).toMatchObject({
    ...{ state: "queued", error: "oauth.test does not answer" },
  });
});

test("development prints that a push would leave, without its token", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const install = address();
  const { row } = await send(anOperator().env, install);
  expect(row).toMatchObject({ state: "sent" });
  expect(JSON.parse(log.mock.calls[0]![0])).toMatchObject({
    push: { platform: "android", kind: "text", action: "inbox" },
  });
  expect(log.mock.calls[0]![0]).not.toContain(install.token);
});

test("production without an account fails its pushes, and says so once", async () => {
  const output = printed();
  const { env } = anOperator({ ENVIRONMENT: "production", APNS_KEY: "" });
  const install = address({ service: "apns", platform: "ios" });
  const [one, two] = [await send(env, install), await send(env, install)];
  for (const { row } of [one, two])
    expect(row).toMatchObject({ state: "failed", error: "APNS_KEY is not set", sealed: null });
  expect(output().match(/APNS_KEY is not set/g)).toHaveLength(1);
});

test.each([
  ["no JSON", "{"],
  ["another kind of key", JSON.stringify({ type: "authorized_user", client_email: "a@b.c" })],
])("a service account that is none is named and not quoted: %s", (_, FCM_SERVICE_ACCOUNT) => {
  const broken = anOperator({ FCM_SERVICE_ACCOUNT }).env;
  expect(() => settings(broken)).toThrow("FCM_SERVICE_ACCOUNT");
  expect(() => settings(broken)).not.toThrow("a@b.c");
});

test("the sweep ends pushes that are too late", async () => {
  const then = new Date("2025-02-01T12:00:00Z"); // before all other tests' rows
  const { env } = anOperator();
  const [id, account] = [randomId(), randomId()];
  await acceptPush(env, { install: address(), content: ring, purpose: "call", expiresAt: then, id, account }, then);
  await sweepMessages(env, new Date(then.getTime() + 1000));
  expect(await messagesOfAccount(database(env), env.OPERATOR!, account, 1)).toMatchObject([{ state: "expired" }]);
});

const atOnce = (env: Env, install: PushAddress, account: string) =>
  pushAtOnce(env, { install, content: ring, purpose: "call", expiresAt: after(30), account }, NOW);
const only = async (env: Env, account: string) =>
  (await messagesOfAccount(database(env), env.OPERATOR!, account, 10)).map(({ state, attempts }) => ({
    state,
    attempts,
  }));

test("a call leaves at once, and its row only remembers it", async () => {
  const world = google(took);
  const { env, queued } = withFirebase();
  const account = randomId();
  expect(await atOnce(env, address(), account)).toEqual({ result: "sent" });
  expect(pushesOf(world)).toHaveLength(1);
  expect(await only(env, account)).toEqual([{ state: "sent", attempts: 1 }]);
  expect(queued).toEqual([]);
});

test("a call that cannot leave yet is tried again until it is over, under one name, so that no phone rings twice", async () => {
  const world = google((_, attempt) => (attempt === 1 ? refuses(503, "UNAVAILABLE") : took()));
  const { env, queued } = withFirebase();
  const account = randomId();
  expect(await atOnce(env, address(), account)).toMatchObject({ result: "later" });
  expect(queued).toHaveLength(1);
  await deliver(env, [queued[0]!.id], after(5));
  expect(await only(env, account)).toEqual([{ state: "sent", attempts: 2 }]);
  const names = await Promise.all(
    pushesOf(world).map(async (request) => (await request.json<{ message: { android: object } }>()).message.android),
  );
  expect(names).toMatchObject([{ collapse_key: "call-2000000001" }, { collapse_key: "call-2000000001" }]);
  expect(names[1]).toMatchObject({ ttl: "25s" });
});

test("a call to a dead token ends there", async () => {
  printed();
  google(() => refuses(404, "UNREGISTERED"));
  const { env, queued } = withFirebase({ SIGNALS: { send: async () => {} } as never });
  const account = randomId();
  expect(await atOnce(env, address(), account)).toMatchObject({ result: "refused" });
  expect(await only(env, account)).toEqual([{ state: "failed", attempts: 1 }]);
  expect(queued).toEqual([]);
});

const HUAWEI = { HMS_APP_SECRET: "hms-secret", HMS_URL: "https://hms.test", HMS_TOKEN_URL: "https://oauth.test/token" };
const huawei = (change: Partial<Env> = {}) => anOperator({ HMS_APP_ID: randomId(6), ...HUAWEI, ...change });
const harmony = () => address({ platform: "harmony", service: null });
const said = (code: string, status = 200) => Response.json({ code, msg: SECRET, requestId: "1" }, { status });

test("Huawei gets the push as data, with a token for the app's own credentials", async () => {
  const world = google(() => said("80000000"));
  const { env } = huawei();
  const install = harmony();
  expect((await send(env, install)).row).toMatchObject({ state: "sent" });
  const form = await tokensAsked(world)[0]!.formData();
  expect(Object.fromEntries(form)).toEqual({
    ...{ grant_type: "client_credentials", client_id: env.HMS_APP_ID, client_secret: "hms-secret" },
  });
  const [request] = pushesOf(world);
  expect(request!.url).toBe(`https://hms.test/v1/${env.HMS_APP_ID}/messages:send`);
  expect(request!.headers.get("authorization")).toBe("Bearer google-1");
  expect(await request!.json()).toEqual({
    validate_only: false,
    message: {
      ...{ data: JSON.stringify(content.data), android: { urgency: "HIGH", ttl: "600s" }, token: [install.token] },
    },
  });
});

test.each([
  ["80300007", 200, "failed", true, false],
  ["80100003", 200, "failed", false, false],
  ["80300008", 400, "failed", false, false],
  ["80300002", 200, "queued", false, true],
  ["81000001", 200, "queued", false, false],
  ["", 503, "queued", false, false],
])("Huawei's %s under HTTP %s is %s", async (code, status, state, isDead, alarm) => {
  const output = printed();
  const announced: unknown[] = [];
  google(() => said(code, status));
  const { env } = huawei({ SIGNALS: { send: async (signal: unknown) => void announced.push(signal) } as never });
  const { row } = await send(env, harmony());
  expect(row).toMatchObject({ state });
  expect(announced).toHaveLength(isDead ? 1 : 0);
  expect(output().includes("ALARM")).toBe(alarm);
  expect(JSON.stringify(row) + output()).not.toContain("73019");
});

test("a token that Huawei calls over is replaced at once", async () => {
  const world = google((_, attempt) => said(attempt === 1 ? "80200003" : "80000000"));
  expect((await send(huawei().env, harmony())).row).toMatchObject({ state: "sent" });
  expect(tokensAsked(world)).toHaveLength(2);
});

test("RuStore gets the push with its own token", async () => {
  const world = google(took);
  const { env } = anOperator({
    RUSTORE_PROJECT: "proj",
    RUSTORE_TOKEN: "rustore-token",
    RUSTORE_URL: "https://rs.test",
  });
  const install = address({ service: "rustore" });
  expect((await send(env, install)).row).toMatchObject({ state: "sent" });
  const [request] = world.asked;
  expect(request!.url).toBe("https://rs.test/v1/projects/proj/messages:send");
  expect(request!.headers.get("authorization")).toBe("Bearer rustore-token");
  expect(await request!.json()).toEqual({
    message: { token: install.token, data: content.data, android: { ttl: "600s" } },
  });
});

function withApple(change: Partial<Env> = {}) {
  const APPLE = { APNS_KEY: apnsKey, APNS_KEY_ID: "KEY1", APNS_TEAM_ID: randomId(6), APNS_TOPIC: "net.example.app" };
  const hosts = { APNS_URL: "https://apns.test", APNS_SANDBOX_URL: "https://sandbox.test" };
  return withFirebase({ ...APPLE, ...hosts, ...change });
}

const iphone = (change: Partial<PushAddress> = {}) =>
  address({ platform: "ios", voipToken: "a".repeat(64), ...change });

test.each([
  [true, "https://apns.test"],
  [false, "https://sandbox.test"],
])("a call to CallKit goes to Apple itself, production %s", async (production, base) => {
  const world = google(() => new Response(null, { status: 200 }));
  const { env } = withApple();
  expect(await atOnce(env, iphone({ production }), randomId())).toEqual({ result: "sent" });
  const [request] = world.asked;
  expect(world.asked).toHaveLength(1);
  expect(request!.url).toBe(`${base}/3/device/${"a".repeat(64)}`);
  expect(Object.fromEntries(request!.headers)).toMatchObject({
    ...{ "apns-push-type": "voip", "apns-topic": "net.example.app.voip", "apns-priority": "10" },
  });
  const bearer = request!.headers.get("authorization")!.replace("bearer ", "");
  const { payload, protectedHeader } = await jwtVerify(bearer, apnsPublic, { issuer: env.APNS_TEAM_ID! });
  expect(protectedHeader).toMatchObject({ alg: "ES256", kid: "KEY1" });
  expect(payload.iat).toBeDefined();
  expect(await request!.json()).toEqual({ aps: {}, data: ring.data });
});

test("a text to the same app goes through Firebase", async () => {
  const world = google(took);
  await send(withApple().env, iphone());
  expect(pushesOf(world).map(({ url }) => new URL(url).host)).toEqual(["fcm.test"]);
});

test("where nobody is behind the token for calls any more, the call comes as a notification and the token is forgotten", async () => {
  const announced: unknown[] = [];
  const world = google(({ url }) =>
    url.startsWith("https://apns.test") ? Response.json({ reason: "Unregistered" }, { status: 410 }) : took(),
  );
  const { env } = withApple({ SIGNALS: { send: async (signal: unknown) => void announced.push(signal) } as never });
  const install = iphone();
  expect(await atOnce(env, install, randomId())).toMatchObject({ result: "sent" });
  expect(pushesOf(world).map(({ url }) => new URL(url).host)).toEqual(["apns.test", "fcm.test"]);
  expect(announced).toMatchObject([{ type: "push.unregistered", operator: env.OPERATOR, token: install.voipToken }]);
});

test("without a key of Apple's a call to CallKit comes as a notification", async () => {
  const world = google(took);
  expect(await atOnce(withFirebase().env, iphone(), randomId())).toEqual({ result: "sent" });
  expect(pushesOf(world).map(({ url }) => new URL(url).host)).toEqual(["fcm.test"]);
});
