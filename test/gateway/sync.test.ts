import { env, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { isFirstId, mintSessionId } from "#gateway/sync/session-ids.ts";
import type { Session } from "#gateway/sync/session-rules.ts";
import { countedEnv } from "../support/counted.ts";
import { call, envWith } from "../support/world.ts";
import {
  aUser,
  CLIENT_PEM,
  firstId,
  gets,
  isClosed,
  later,
  OTHER_PEM,
  OUR_PEM,
  objectOf,
  openSession,
  openSocket,
  passes,
  post,
  shake,
  shown,
} from "./sync-world.ts";

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
  const [user, id] = ["a user's id", firstId("a user's id")];
  const page = await openSession(encodeURIComponent(user), id);
  await gets(page, 1);
  const rest = `api.example.net:443/v2/sync/users/a%20user's%20id/sessions/${id}/handshake`;
  expect(page.got[0]).toBe(`{"qr_url": "https://${rest}", "mobile_url": "apps://${rest}"}`);
});

test("codes change by the alarm, and after the last the socket is closed", async () => {
  const user = aUser();
  const id = firstId(user);
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
  const id = firstId(user);
  const page = await openSession(user, id, envWith({ SESSION_CHANGE_LIMIT: "1", SESSION_SLEEP_TIMEOUT: "5" }));
  await gets(page, 1);
  await later(user, id, 5);
  await isClosed(page, 1000);
});

test("without an id the session is made for the socket", async () => {
  const user = aUser();
  const page = await openSocket(`/v2/sync/init/${user}`);
  await gets(page, 1);
  expect((await shake(user, shown(page))).status).toBe(200);
});

test("Hole 1: the shown id works, and an older one is dead", async () => {
  const user = aUser();
  const id = firstId(user);
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
  const id = firstId(user);
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
  const id = firstId(user);
  const answer = await post(`/v2/sync/users/${user}/sessions/${id}/handshake`, body, {
    headers: { "content-type": type },
  });
  expect([answer.status, await answer.text()]).toEqual([400, text]);
  const page = await openSession(user, id);
  await gets(page, 1);
  expect(shown(page)).toBe(id);
});

test("Holes 2, 4: an id that we have not made, or long ago, or for somebody else, begins nothing", async () => {
  const user = aUser();
  const strange = "5f1c1d96bebc4c56813ea4ba2b65bdaa";
  const genuine = firstId(user);
  const forged = genuine.slice(0, 31) + (genuine.endsWith("0") ? "1" : "0");
  const ids = ["000", strange, forged, firstId(aUser())];
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
  const id = firstId(user);
  const page = await openSession(user, id);
  await isClosed(await openSession(user, id), 1000, "already connected");
  await later(user, id, 15);
  await gets(page, 2);
  expect(page.closed).toBeUndefined();
});

test("in development a relay brings what the session shows, and closes with it", async () => {
  const user = aUser();
  const id = firstId(user);
  const page = await openSession(user, id, env);
  await gets(page, 1);
  expect(shown(page)).toBe(id);
  await later(user, id, 15);
  await gets(page, 2);
  await later(user, id, 15);
  await later(user, id, 15);
  await isClosed(page, 1000);
  const left = await openSession(user, firstId(user), env);
  left.socket.close(1000, "back soon");
  await isClosed(left, 1000, "back soon");
});

test("whoever closes may come back within one code's time, and gets the same code", async () => {
  const user = aUser();
  const id = firstId(user);
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
  const id = firstId(user);
  const page = await openSession(user, id);
  page.socket.send('{"qr_url": "evil"}');
  await later(user, id, 15);
  await gets(page, 2);
  expect(page.closed).toBeUndefined();
});

test("a hibernated session goes on", async () => {
  const user = aUser();
  const id = firstId(user);
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
  const id = firstId(user);
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
  ["GET", "/v2/sync/users/verification", 405],
  ["GET", "/v2/sync/users", 405],
  ["POST", "/v2/sync/users", 405],
])("%s %s is %i", async (method, path, status) => {
  expect((await call(path, { method })).status).toBe(status);
});

test("Hole 4: nobody rotates, pauses or acknowledges a session from outside", async () => {
  const user = aUser();
  const id = firstId(user);
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
  const page = await openSession(user, firstId(user), counted.env);
  await gets(page, 1);
  expect(counted.trips).toMatchObject({ d1: 0, kvReads: 0, kvWrites: 0, queue: 0, objects: 1 });
});

test("an id that was signed with the key before the current one is still good", () => {
  const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
  const before = envWith({ SIGNING_KEYS: JSON.stringify({ old: key(1) }) });
  const after = envWith({ SIGNING_KEYS: JSON.stringify({ new: key(2), old: key(1) }) });
  const later = envWith({ SIGNING_KEYS: JSON.stringify({ new: key(2) }) });
  const id = mintSessionId(before, "someone");
  expect([before, after, later].map((environment) => isFirstId(environment, "someone", id))).toEqual([
    true,
    true,
    false,
  ]);
});

test("an id of another operator, or from a clock that is far ahead, is none of ours", () => {
  expect(isFirstId(envWith({ OPERATOR: "other" }), "someone", firstId("someone"))).toBe(false);
  const ahead = mintSessionId(env, "someone", Date.now() + 120_000);
  expect(isFirstId(env, "someone", ahead)).toBe(false);
});
