import {
  env,
  evictDurableObject,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { expect, onTestFinished, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { mintSessionId } from "#gateway/sync/session-ids.ts";
import type { Session } from "#gateway/sync/session-rules.ts";
import { randomId } from "#platform/crypto.ts";
import { countedEnv } from "../support/counted.ts";
import { call, envWith } from "../support/world.ts";
import vectors from "./vectors.json";

const CLIENT_PEM = vectors.keys.client_public_android_pem;
const OTHER_PEM = vectors.keys.server_public_spki_pem;
const OUR_PEM = vectors.keys.server_public_spki_pem.trimEnd();

const aUser = () => `user-${randomId()}`;

/** The page's end of a websocket, and what came over it. */
interface Page {
  socket: WebSocket;
  got: string[];
  closed: { code: number; reason: string } | undefined;
}

async function open(path: string, environment: Env = env): Promise<Page> {
  const { status, webSocket: socket } = await call(path, { headers: { upgrade: "websocket" } }, environment);
  expect(status).toBe(101);
  const page: Page = { socket: socket!, got: [], closed: undefined };
  socket!.addEventListener("message", ({ data }) => {
    page.got.push(String(data));
  });
  socket!.addEventListener("close", ({ code, reason }) => {
    page.closed = { code, reason };
  });
  socket!.accept();
  onTestFinished(() => socket!.close());
  return page;
}

const first = (user: string) => mintSessionId(env, user);
const openSession = (user: string, id: string, environment: Env = env) =>
  open(`/v2/sync/init/${user}/${id}`, environment);
const objectOf = (user: string, id: string) => env.SYNC_SESSIONS.getByName(`main:${user}:${id.slice(0, 16)}`);
const shown = (page: Page) => /sessions\/([\da-f]{32})\/handshake/.exec(page.got.at(-1)!)![1]!;
const gets = (page: Page, count: number) => vi.waitFor(() => expect(page.got).toHaveLength(count));
const isClosed = (page: Page, code: number, reason = "") =>
  vi.waitFor(() => expect(page.closed).toEqual({ code, reason }));

/** Lets time pass for one session: everything it has planned is so much nearer. */
const passes = (user: string, id: string, seconds: number) =>
  runInDurableObject(objectOf(user, id), (_, { storage }) => {
    const session = storage.kv.get<Session>("session")!;
    const { nextAt, away, previous, settled } = session;
    const ms = seconds * 1000;
    storage.kv.put("session", {
      ...session,
      nextAt: nextAt - ms,
      ...(away && { away: { since: away.since - ms, until: away.until - ms } }),
      ...(previous && { previous: { ...previous, until: previous.until - ms } }),
      ...(settled && { settled: { ...settled, until: settled.until - ms } }),
    });
  });

/** The same, and the alarm rings. */
async function later(user: string, id: string, seconds: number) {
  await passes(user, id, seconds);
  await runDurableObjectAlarm(objectOf(user, id));
}

const post = (path: string, body: unknown, headers: Record<string, string> = { "content-type": "application/json" }) =>
  call(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
const shake = (user: string, id: string, pem = CLIENT_PEM) =>
  post(`/v2/sync/users/${user}/sessions/${id}/handshake`, { public_key: pem });

test("Hole 9: the URL of the websocket is ours, with its port, whatever the request calls us", async () => {
  const answer = await call("/v2/sync/users/abc", { headers: { host: "evil.example" } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  expect(await answer.text()).toMatch(
    /^wss:\/\/api\.example\.net:443\/v2\/sync\/init\/abc\/[\da-f]{12}4[\da-f]{3}[89ab][\da-f]{15}$/,
  );
});

test("Hole 2: asking for a session asks nobody and leaves nothing", async () => {
  const counted = countedEnv();
  await call(`/v2/sync/users/${aUser()}`, {}, counted.env);
  expect(Object.values(counted.trips)).toEqual([0, 0, 0, 0, 0, 0]);
});

test("what is shown is written as the old server wrote it", async () => {
  const [user, id] = ["a user's id", first("a user's id")];
  const page = await openSession(encodeURIComponent(user), id);
  await gets(page, 1);
  const rest = `api.example.net:443/v2/sync/users/a%20user's%20id/sessions/${id}/handshake`;
  expect(page.got[0]).toBe(`{"qr_url": "https://${rest}", "mobile_url": "apps://${rest}"}`);
});

test("codes change by the alarm, and after the last the socket is closed", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await gets(page, 1);
  await runDurableObjectAlarm(objectOf(user, id)); // too early
  for (const count of [2, 3]) {
    await later(user, id, 15);
    await gets(page, count);
  }
  expect(new Set(page.got).size).toBe(3);
  await later(user, id, 15);
  await isClosed(page, 1000);
  expect(page.got).toHaveLength(3);
});

test("a session keeps the rhythm that it began with", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id, envWith({ SESSION_CHANGE_LIMIT: "1", SESSION_SLEEP_TIMEOUT: "5" }));
  await gets(page, 1);
  await later(user, id, 5);
  await isClosed(page, 1000);
});

test("without an id the session is made for the socket", async () => {
  const user = aUser();
  const page = await open(`/v2/sync/init/${user}`);
  await gets(page, 1);
  expect((await shake(user, shown(page))).status).toBe(200);
});

test("Hole 1: the shown id works, and an older one is dead", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await later(user, id, 15);
  await gets(page, 2);
  await passes(user, id, 2);
  const old = await shake(user, id);
  expect([old.status, await old.text()]).toEqual([400, "failed to update user's public key"]);
  expect((await shake(user, shown(page))).status).toBe(200);
});

test("a handshake pauses the codes, is answered with our key, and may be repeated", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  const counted = countedEnv();
  const raw = `{"public_key": "${CLIENT_PEM}"}`; // its line breaks as they are
  const answer = await call(
    `/v2/sync/users/${user}/sessions/${id}/handshake`,
    { method: "POST", body: raw, headers: { "content-type": "text/plain" } },
    counted.env,
  );
  expect(await answer.json()).toEqual({
    public_key: OUR_PEM,
    verification_url: `/v2/sync/users/${user}/sessions/${id}`,
  });
  expect(counted.trips).toMatchObject({ objects: 1, d1: 0, kvReads: 0, kvWrites: 0 });
  expect((await shake(user, id, CLIENT_PEM.replace(/\n/g, "\r\n"))).status).toBe(200);
  const other = await shake(user, id, OTHER_PEM);
  expect([other.status, await other.text()]).toEqual([400, "failed to update user's public key"]);
  await later(user, id, 15);
  await gets(page, 2);
  expect(page.got[1]).toBe("201- pause");
  await later(user, id, 300);
  await isClosed(page, 1000);
  expect(page.got).toHaveLength(2);
});

test.each([
  ["no JSON", "poorly formed json", "application/json", "poorly formed json"],
  ["nothing", "", "application/json", "poorly formed json"],
  ["a form", "public_key=x", "application/x-www-form-urlencoded", "poorly formed json"],
  ["no key", "{}", "application/json", "missing public key"],
  ["an empty key", '{"public_key": ""}', "application/json", "missing public key"],
  ["a key that is none", '{"public_key": "abc"}', "application/json", "failed to update user's public key"],
])("a handshake with %s is refused and changes nothing", async (_name, body, type, text) => {
  const user = aUser();
  const id = first(user);
  const answer = await post(`/v2/sync/users/${user}/sessions/${id}/handshake`, body, { "content-type": type });
  expect([answer.status, await answer.text()]).toEqual([400, text]);
  const page = await openSession(user, id);
  await gets(page, 1);
  expect(shown(page)).toBe(id);
});

test("Holes 2, 4: an id that we have not made, or long ago, or for somebody else, begins nothing", async () => {
  const user = aUser();
  const strange = "5f1c1d96bebc4c56813ea4ba2b65bdaa";
  const forged = `${first(user).slice(0, 31)}0`;
  const ids = ["000", strange, forged === first(user) ? strange : forged, first(aUser())];
  ids.push(mintSessionId(env, user, Date.now() - 121_000));
  for (const id of ids) {
    await isClosed(await openSession(user, id), 1008, "unknown session");
    expect((await shake(user, id)).status).toBe(400);
  }
  const stored = await Promise.all(
    ids.slice(1).map((id) => runInDurableObject(objectOf(user, id), (_, { storage }) => [...storage.kv.list()])),
  );
  expect(stored.flat()).toEqual([]);
});

test("Hole 3: a second client is told so, and the first goes on", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await isClosed(await openSession(user, id), 1000, "already connected");
  await later(user, id, 15);
  await gets(page, 2);
  expect(page.closed).toBeUndefined();
});

test("whoever closes may come back within one code's time, and gets the same code", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await gets(page, 1);
  page.socket.close(1000, "back soon");
  await isClosed(page, 1000, "");
  await passes(user, id, 10);
  const again = await openSession(user, id);
  await gets(again, 1);
  expect(again.got).toEqual(page.got);
  again.socket.close(1000);
  await isClosed(again, 1000);
  await passes(user, id, 80); // more than a restart could explain
  await isClosed(await openSession(user, id), 1008, "unknown session");
});

test("what a page says is of no interest", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  page.socket.send('{"qr_url": "evil"}');
  await later(user, id, 15);
  await gets(page, 2);
  expect(page.closed).toBeUndefined();
});

test("a hibernated session goes on", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await gets(page, 1);
  await evictDurableObject(objectOf(user, id));
  await later(user, id, 15);
  await gets(page, 2);
  expect((await shake(user, shown(page))).status).toBe(200);
  await gets(page, 3);
});

test("a restart takes the sockets, and the session goes on where it was", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await gets(page, 1);
  await evictDurableObject(objectOf(user, id), { webSockets: "close" });
  const again = await openSession(user, id);
  await gets(again, 1);
  expect(again.got).toEqual(page.got);
  await later(user, id, 15);
  await gets(again, 2);
});

test("Hole 2: of an ended session nothing is left once its id is too old to begin it anew", async () => {
  const user = aUser();
  const id = mintSessionId(env, user, Date.now() - 110_000);
  const page = await openSession(user, id, envWith({ SESSION_CHANGE_LIMIT: "1" }));
  await gets(page, 1);
  await later(user, id, 15);
  await isClosed(page, 1000);
  await isClosed(await openSession(user, id), 1008, "unknown session");
  const object = objectOf(user, id);
  await runInDurableObject(object, (_, { storage }) => {
    const session = storage.kv.get<Session>("session")!;
    storage.kv.put("session", { ...session, first: mintSessionId(env, user, Date.now() - 200_000) });
  });
  await runDurableObjectAlarm(object);
  const left = await runInDurableObject(object, async (_, { storage }) => [
    [...storage.kv.list()],
    await storage.getAlarm(),
  ]);
  expect(left).toEqual([[], null]);
});

test.each([
  ["GET", "/v2/sync/init/someone", 426],
  ["GET", "/v2/sync/init/someone/000", 426],
  ["POST", "/v2/sync/init/someone/000", 405],
  ["GET", "/v2/sync/users/someone/", 404],
  ["GET", "/v2/sync/users/some%2Fone", 404],
  ["GET", "/v2/sync/users/some%00one", 404],
  ["GET", `/v2/sync/users/${"a".repeat(129)}`, 404],
  ["POST", "/v2/sync/users/someone", 405],
  ["GET", "/v2/sync/users/someone/sessions/000/handshake", 405],
])("%s %s is %i", async (method, path, status) => {
  expect((await call(path, { method })).status).toBe(status);
});

test("Hole 4: nobody rotates, pauses or acknowledges a session from outside", async () => {
  const user = aUser();
  const id = first(user);
  const page = await openSession(user, id);
  await gets(page, 1);
  const answers = await Promise.all([
    call(`/v2/sync/users/${user}/sessions/${id}`, { method: "PUT" }),
    call(`/v2/sync/users/${user}/sessions/${id}/`, { method: "PUT" }),
    call(`/v2/sync/pause/${user}/${id}`, { headers: { upgrade: "websocket" } }),
    call(`/v2/sync/ack/${user}/${id}`, { headers: { upgrade: "websocket" } }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([405, 405, 404, 404]);
  expect(answers[0]!.headers.get("allow")).toBe("POST, OPTIONS");
  await later(user, id, 15);
  await gets(page, 2);
});

test("our key is there for whoever asks", async () => {
  const answer = await call("/v2/sync/public-key");
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(await answer.text()).toBe(OUR_PEM);
});

test.each(["/v2/sync/users/someone", "/v2/sync/init/someone", "/v2/sync/public-key"])(
  "without a key of ours %s is 503",
  async (path) => {
    const bare = envWith({ GATEWAY_PRIVATE_KEY: "", GATEWAY_HASHING_SALT: "" });
    const answer = await call(path, { headers: { upgrade: "websocket" } }, bare);
    expect([answer.status, await answer.text()]).toEqual([503, ""]);
  },
);

test("a session that has begun is one object with one alarm, and asks no database", async () => {
  const user = aUser();
  const counted = countedEnv();
  const page = await openSession(user, first(user), counted.env);
  await gets(page, 1);
  expect(counted.trips).toMatchObject({ d1: 0, kvReads: 0, kvWrites: 0, queue: 0, objects: 1 });
  expect((await listDurableObjectIds(env.SYNC_SESSIONS)).length).toBeGreaterThan(0);
});
