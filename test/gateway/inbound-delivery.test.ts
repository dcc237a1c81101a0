import { env as real } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { afterEach, expect, test, vi } from "vitest";
import type { settings } from "#env.ts";
import { readSms, sealSms } from "#gateway/crypto/sms.ts";
import { sweepPublications } from "#gateway/inbound/sweep.ts";
import { keepKeys, newSharedKey, sealSharedKey } from "#gateway/users/keys.ts";
import { printed } from "../messaging/support.ts";
import { call, outside } from "../support/world.ts";
import { aClient, aNumber } from "./gateway-world.ts";
import {
  aGateway,
  aSender,
  bring,
  countRows,
  deliver,
  publishedTo,
  rowOf,
  type Sender,
  stateOf,
} from "./inbound-world.ts";
import vectors from "./vectors.json";

afterEach(() => {
  vi.restoreAllMocks();
});

const MAIL = "g:to@example.org:::Subject:Body: with a colon, and é";
const HOUR = 3_600_000;
const after = (start: Date, ms: number) => new Date(start.getTime() + ms);
const down = () => new Response("", { status: 503 });

test("an SMS is opened by its sender's key and handed over under its id", async () => {
  const { env } = aGateway({ PUBLISHER_TOKEN: "publisher-token" });
  const world = outside(() => new Response("", { status: 200 }));
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) });
  expect(await deliver(env, id)).toEqual([undefined]);
  const [request] = world.asked;
  expect([request!.method, request!.url]).toEqual(["POST", "https://publisher.example.net/publish"]);
  expect(Object.fromEntries(request!.headers)).toMatchObject({
    ...{ "content-type": "application/json", "idempotency-key": id, authorization: "Bearer publisher-token" },
  });
  expect(await request!.json()).toEqual({ MSISDN: sender.msisdn, message: MAIL });
  expect(await rowOf(env, id)).toMatchObject({
    ...{ state: "published", sealed: null, error: null, claimed_until: null, user_id: sender.id },
  });
});

test.each([
  ["a seed-era app", vectors.sms.seed_era_ascii_iv.text],
  ["an app with raw IVs", vectors.sms.raw_iv.text],
  ["an app that breaks lines", vectors.sms.raw_iv.text_android_wrapped],
])("the known texts are published: %s", async (_, text) => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  await useKey(env, sender, vectors.sms.shared_key);
  await deliver(env, await bring(env, { sender: sender.msisdn, text }));
  expect(await publishedTo(world.asked)).toEqual([{ MSISDN: sender.msisdn, message: vectors.sms.plaintext }]);
});

const useKey = async (env: Parameters<typeof settings>[0], { id }: Sender, key: string) => {
  const sealed = await sealSharedKey(env, id, key);
  await keepKeys(env, id, { publicPem: "PEM", label: "sha256", sealed, msisdnHash: null });
};

test.each<[string, (own: string) => string]>([
  ["with its plus", (own) => own],
  ["without it", (own) => own.slice(1)],
  ["with zeros", (own) => `00${own.slice(1)}`],
  ["as people write it", (own) => ` ${own.slice(0, 4)} ${own.slice(4, 8)}-${own.slice(8)} `],
])("the sender is known by the number %s", async (_, written) => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  await deliver(env, await bring(env, { sender: written(sender.msisdn), text: sender.write(MAIL) }));
  expect(await publishedTo(world.asked)).toEqual([{ MSISDN: sender.msisdn, message: MAIL }]);
});

test.each<[string, (sender: Sender) => { sender?: string; text: string }]>([
  ["of a stranger", (own) => ({ sender: aNumber(), text: own.write(MAIL) })],
  ["of a name", (own) => ({ sender: "BANK", text: own.write(MAIL) })],
  ["by another key", () => ({ text: sealSms(newSharedKey(), MAIL) })],
  ["that a person wrote", () => ({ text: "See you at eight?" })],
  ["in one layer of base64", () => ({ text: Buffer.alloc(48, 7).toString("base64") })],
  ["with nothing in it", (own) => ({ text: own.write("") })],
  ["with blanks in it", (own) => ({ text: own.write(" \n") })],
  ["with bytes that are no text", (own) => ({ text: broken(own) })],
])("Hole 17: an SMS %s is deleted, and nobody is told", async (_, written) => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const log = printed();
  const id = await bring(env, { sender: sender.msisdn, ...written(sender) });
  expect(await deliver(env, id)).toEqual([undefined]);
  expect(await rowOf(env, id)).toBeNull();
  expect(world.asked).toEqual([]);
  expect(log()).toBe("[[],[],[],[]]");
});

/** A text whose first block has become noise. */
function broken(sender: Sender): string {
  const { iv, ciphertext } = readSms(sender.write(`t:${"x".repeat(30)}`))!;
  ciphertext[3]! ^= 0xff;
  return wrap(iv, ciphertext);
}

const wrap = (iv: Uint8Array, ciphertext: Uint8Array): string =>
  Buffer.concat([iv, Buffer.from(Buffer.from(ciphertext).toString("base64"))]).toString("base64");

const rewrapped = (change: (iv: Buffer, ciphertext: Buffer) => string) => (text: string) => {
  const { iv, ciphertext } = readSms(text)!;
  return change(Buffer.from(iv), Buffer.from(ciphertext));
};

const BLOCK = 16;

test.each<[string, (text: string) => string]>([
  ["as it was", (text) => text],
  ["with line breaks", (text) => text.replace(/.{40}/g, "$&\r\n")],
  ["with characters that do not count", (text) => ` ${text}*`],
  [
    "with line breaks inside",
    rewrapped((iv, c) =>
      Buffer.concat([iv, Buffer.from(c.toString("base64").replace(/.{20}/g, "$&\n"))]).toString("base64"),
    ),
  ],
  [
    "with another IV",
    rewrapped((iv, c) =>
      wrap(
        iv.map((byte, i) => (i === 5 ? byte ^ 1 : byte)),
        c,
      ),
    ),
  ],
  ["cut in front", rewrapped((_, c) => wrap(c.subarray(0, BLOCK), c.subarray(BLOCK)))],
  ["cut in front to its last block", rewrapped((_, c) => wrap(c.subarray(-2 * BLOCK, -BLOCK), c.subarray(-BLOCK)))],
])("Hole 12: an SMS that comes again is published once: %s", async (_, change) => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const text = sender.write("t:Only ASCII, so that each block of it opens by itself");
  await deliver(env, await bring(env, { sender: sender.msisdn, text }));
  const again = await bring(env, { sender: sender.msisdn, text: change(text) });
  await deliver(env, again);
  expect(world.asked).toHaveLength(1);
  expect(await rowOf(env, again)).toBeNull();
});

test("Hole 12: nor is its beginning published, with an IV that makes the rest fit", async () => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const plain = "t:I will pay you what I owe you";
  const text = sender.write(plain);
  await deliver(env, await bring(env, { sender: sender.msisdn, text }));
  // The last letter of the first block becomes a padding of one byte.
  const forged = rewrapped((iv, ciphertext) => {
    iv[15]! ^= plain.charCodeAt(15) ^ 1;
    return wrap(iv, ciphertext.subarray(0, BLOCK));
  })(text);
  await deliver(env, await bring(env, { sender: sender.msisdn, text: forged }));
  expect(world.asked).toHaveLength(1);
});

test("Hole 12: what two gateway clients bring at the same time is published once", async () => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const text = sender.write(MAIL);
  const both = ["android", "gateway-client", "android"].map((source) =>
    bring(env, { sender: sender.msisdn, text, source, client: aNumber() }),
  );
  const ids = await Promise.all(both);
  await Promise.all([...ids, ...ids].map((id) => deliver(env, id)));
  expect(world.asked).toHaveLength(1);
  expect(await countRows(env)).toBe(1);
});

test("the same words written again are another SMS, and so are those of another user", async () => {
  const { env } = aGateway();
  const world = outside();
  const [one, other] = [await aSender(env), await aSender(env)];
  for (const sender of [one, one, other]) {
    await deliver(env, await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }));
  }
  expect(world.asked).toHaveLength(3);
});

test("what was sent before a new sync does not open after it", async () => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const text = sender.write(MAIL);
  await deliver(env, await bring(env, { sender: sender.msisdn, text }));
  await useKey(env, sender, newSharedKey());
  await deliver(env, await bring(env, { sender: sender.msisdn, text }));
  expect(world.asked).toHaveLength(1);
});

test("Hole 25: an SMS that looks like a piece of another is an ordinary one", async () => {
  const { env } = aGateway();
  const world = outside();
  const sender = await aSender(env);
  const pieces = [
    [4, 50, 0, 3],
    [4, 50, 1],
    [0, 0, 0, 0],
  ];
  for (const bytes of pieces) {
    const text = sender.write(
      MAIL,
      Buffer.concat([Buffer.from(bytes), crypto.getRandomValues(new Uint8Array(16))]).subarray(0, 16),
    );
    await deliver(env, await bring(env, { sender: sender.msisdn, text }));
  }
  expect((await publishedTo(world.asked)).map(({ message }) => message)).toEqual([MAIL, MAIL, MAIL]);
});

test.each<[string, () => Response | Promise<Response>, string]>([
  ["cannot be reached", () => Promise.reject(new TypeError("refused")), "publisher.example.net does not answer"],
  ["is out of order", down, "The publisher answered 503"],
  ["refuses it", () => Response.json({ message: MAIL }, { status: 400 }), "The publisher answered 400"],
  ["takes it otherwise", () => new Response("", { status: 202 }), "The publisher answered 202"],
  [
    "redirects",
    () => new Response("", { status: 302, headers: { location: "https://x.test" } }),
    "The publisher answered 302",
  ],
])("a publisher that %s is asked again, within half a minute at first", async (_, answer, error) => {
  const { env } = aGateway();
  const world = outside(answer);
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  let now = start;
  const pauses: number[] = [];
  for (let time = 1; time <= 4; time++) {
    const [pause] = await deliver(env, id, now);
    pauses.push(pause!);
    now = after(now, pause! * 1000);
  }
  expect(world.asked).toHaveLength(4);
  expect(now.getTime() - start.getTime()).toBeLessThanOrEqual(30_000);
  expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
  expect(new Set(world.asked.map((request) => request.headers.get("idempotency-key")))).toEqual(new Set([id]));
  expect(await rowOf(env, id)).toMatchObject({ state: "opened", error, claimed_until: null });
});

test("the pauses grow to a quarter of an hour, and the longer ones are the cron's", async () => {
  const { env, queued } = aGateway();
  outside(down);
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  await deliver(env, id, start);
  await env.DB.prepare("UPDATE gateway_messages SET attempts = 30 WHERE id = ?").bind(id).run();
  const dayLater = after(start, 24 * HOUR);
  expect(await deliver(env, id, dayLater)).toEqual([undefined]);
  const pause = (await rowOf(env, id))!.next_attempt_at - dayLater.getTime();
  expect(pause).toBeGreaterThan(600_000);
  expect(pause).toBeLessThanOrEqual(900_000);
  queued.length = 0;
  await sweepPublications(env, after(dayLater, pause));
  expect(queued).toEqual([]);
  await sweepPublications(env, after(dayLater, pause + 60_000));
  expect(queued).toEqual([{ id }]);
});

test("Hole 16: what nobody takes for three days is a dead letter, and holds up nobody meanwhile", async () => {
  const { env, queued } = aGateway();
  const start = new Date();
  const [poison, sender] = [await aSender(env), await aSender(env)];
  const world = outside(async (request) =>
    ((await request.clone().json()) as { MSISDN: string }).MSISDN === poison.msisdn ? down() : new Response(""),
  );
  const id = await bring(env, { sender: poison.msisdn, text: poison.write(MAIL) }, start);
  const other = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  expect(await deliver(env, [id, other], start)).toEqual([1, undefined]);
  expect(await stateOf(env, other)).toBe("published");
  await env.DB.prepare("UPDATE gateway_messages SET attempts = 250 WHERE operator = ? AND id = ?")
    .bind(env.OPERATOR, id)
    .run();
  await deliver(env, id, after(start, 71 * HOUR));
  expect(await stateOf(env, id)).toBe("opened");
  const asked = world.asked.length;
  expect(await deliver(env, id, after(start, 73 * HOUR))).toEqual([undefined]);
  expect(world.asked).toHaveLength(asked);
  const dead = (await rowOf(env, id))!;
  expect(dead).toMatchObject({ state: "dead", error: "The publisher answered 503", claimed_until: null });
  expect(dead.sealed).toBeTruthy();
  queued.length = 0;
  await sweepPublications(env, after(start, 74 * HOUR));
  expect(queued).toEqual([]);
});

test("an outage of our own for three days kills no SMS", async () => {
  const { env } = aGateway();
  outside(down);
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  await deliver(env, id, after(start, 80 * HOUR));
  expect(await stateOf(env, id)).toBe("opened");
});

test("Hole 16: a row that cannot be read, and a job that is none, hold up nobody", async () => {
  const { env } = aGateway();
  const world = outside();
  const log = printed();
  const sender = await aSender(env);
  const [broken, good] = [1, 2].map(() => bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }));
  await env.DB.prepare("UPDATE gateway_messages SET sealed = 'k1.AAAA.AAAA' WHERE id = ?")
    .bind(await broken!)
    .run();
  const pauses = await deliver(env, [await broken!, null as never, await good!]);
  expect(pauses).toEqual([1, 1, undefined]);
  expect(world.asked).toHaveLength(1);
  expect(await rowOf(env, await broken!)).toMatchObject({ state: "received", error: "OperationError" });
  expect(log()).not.toContain(sender.msisdn);
});

test("a consumer that dies after it has claimed leaves the SMS to the next one, when its time is over", async () => {
  const { env, queued } = aGateway();
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  outside(() => new Promise(() => {}));
  void deliver(env, id, start); // it never comes back
  await vi.waitFor(async () => expect((await rowOf(env, id))!.state).toBe("opened"));
  vi.restoreAllMocks();
  const world = outside();
  await deliver(env, id, after(start, 20_000));
  queued.length = 0;
  await sweepPublications(env, after(start, 20_000));
  expect([world.asked.length, queued]).toEqual([0, []]);
  await sweepPublications(env, after(start, 31_000));
  expect(queued).toEqual([{ id }]);
  await deliver(env, id, after(start, 31_000));
  expect(await publishedTo(world.asked)).toEqual([{ MSISDN: sender.msisdn, message: MAIL }]);
  expect(world.asked[0]!.headers.get("idempotency-key")).toBe(id);
  expect(await stateOf(env, id)).toBe("published");
});

test("a consumer that dies after the publisher's answer makes it see the same key again", async () => {
  const { env } = aGateway();
  const world = outside();
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  vi.spyOn(console, "error").mockImplementation(() => {});
  // D1 is away as soon as the publisher has answered.
  const dying = { ...env, DB: untilAsked(env.DB, () => world.asked.length > 0) } as typeof env;
  await deliver(dying, id, start);
  expect(await stateOf(env, id)).toBe("opened");
  await deliver(env, id, after(start, 31_000));
  expect(world.asked.map((request) => request.headers.get("idempotency-key"))).toEqual([id, id]);
  expect(await stateOf(env, id)).toBe("published");
});

function untilAsked(DB: D1Database, isAway: () => boolean): D1Database {
  const orFail = () => {
    if (isAway()) throw new Error("D1 is away");
    return DB;
  };
  return {
    prepare: (sql: string) => orFail().prepare(sql),
    batch: (statements: D1PreparedStatement[]) => orFail().batch(statements),
  } as unknown as D1Database;
}

test("whoever comes back after the lease does not undo what the next one did", async () => {
  const { env } = aGateway();
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  let answer: (response: Response) => void = () => {};
  outside(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const late = deliver(env, id, start);
  await vi.waitFor(async () => expect((await rowOf(env, id))!.state).toBe("opened"));
  await scheduler.wait(0);
  vi.restoreAllMocks();
  outside();
  await deliver(env, id, after(start, 31_000));
  answer(down());
  await late;
  expect(await rowOf(env, id)).toMatchObject({ state: "published", sealed: null, error: null });
});

test("whoever lost the SMS while looking for its user does not make the next one take it for a repetition", async () => {
  const users = { GATEWAY_USERS: "http", GATEWAY_USERS_URL: "https://users.example.net", GATEWAY_USERS_TOKEN: "x" };
  const { env } = aGateway(users);
  const sender = await aSender(env);
  await env.DB.prepare("UPDATE gateway_users SET msisdn_hash = NULL WHERE id = ?").bind(sender.id).run();
  const asking: ((response: Response) => void)[] = [];
  const world = outside((request) =>
    request.url.startsWith("https://users.") ? new Promise((resolve) => asking.push(resolve)) : new Response(""),
  );
  const start = new Date();
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  const late = deliver(env, id, start);
  await vi.waitFor(() => expect(asking).toHaveLength(1));
  const next = deliver(env, id, after(start, 31_000));
  await vi.waitFor(() => expect(asking).toHaveLength(2));
  for (const [who, answer] of asking.entries()) {
    answer(Response.json({ user_id: sender.id }));
    await [late, next][who];
  }
  expect(await stateOf(env, id)).toBe("published");
  expect(world.asked.filter(({ url }) => url.startsWith("https://publisher."))).toHaveLength(1);
});

test("while the users' back end is away an SMS waits for it", async () => {
  const users = {
    GATEWAY_USERS: "http",
    GATEWAY_USERS_URL: "https://users.example.net",
    GATEWAY_USERS_TOKEN: "users-token",
  };
  const { env } = aGateway(users);
  const sender = await aSender(env);
  await env.DB.prepare("UPDATE gateway_users SET msisdn_hash = NULL WHERE id = ?").bind(sender.id).run();
  let isUp = false;
  const world = outside((request) => {
    if (!request.url.startsWith("https://users.")) return new Response("");
    return isUp ? Response.json({ user_id: sender.id }) : down();
  });
  const start = new Date();
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  const [pause] = await deliver(env, id, start);
  expect([pause, await stateOf(env, id)]).toEqual([1, "received"]);
  isUp = true;
  await deliver(env, id, after(start, 1_000));
  expect(await stateOf(env, id)).toBe("published");
  expect(world.asked.filter(({ url }) => url === "https://publisher.example.net/publish")).toHaveLength(1);
});

test("without a publisher SMS are opened and wait, and leave when there is one", async () => {
  const { env, queued } = aGateway({ PUBLISHER_URL: "" });
  const withPublisher = { ...env, PUBLISHER_URL: "https://publisher.example.net" };
  const world = outside();
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  await deliver(env, id, start);
  expect(await rowOf(env, id)).toMatchObject({ state: "opened", attempts: 0, error: "PUBLISHER_URL is not set" });
  queued.length = 0;
  const weekLater = after(start, 170 * HOUR);
  await sweepPublications(env, weekLater);
  expect(queued).toEqual([]);
  await sweepPublications(withPublisher, weekLater);
  expect(queued).toEqual([{ id }]);
  await deliver(withPublisher, id, weekLater);
  expect(await publishedTo(world.asked)).toEqual([{ MSISDN: sender.msisdn, message: MAIL }]);
});

test("the client that brought it has published something", async () => {
  const world = outside();
  const { env } = aGateway({ OPERATOR: "main" });
  const { msisdn: client } = await aClient();
  await env.DB.prepare("UPDATE gateway_clients SET last_published_at = 0 WHERE msisdn = ?").bind(client).run();
  const published = () =>
    env.DB.prepare("SELECT last_published_at AS at FROM gateway_clients WHERE msisdn = ?")
      .bind(client)
      .first<number>("at");
  const [sender, now] = [await aSender(env), new Date()];
  await deliver(env, await bring(env, { sender: aNumber(), text: sender.write(MAIL), client }), now);
  expect(await published()).toBe(0);
  await deliver(env, await bring(env, { sender: sender.msisdn, text: sender.write(MAIL), client }), now);
  expect(world.asked).toHaveLength(1);
  expect(await published()).toBe(now.getTime());
});

test("Holes 15, 22: neither text, number nor key stands in a log, in a queue or in clear in D1", async () => {
  const { env, queued } = aGateway();
  const log = printed();
  const [sender, stranger] = [await aSender(env), aNumber()];
  const secret = "t:a very private matter";
  const texts = [sender.write(secret), "what a stranger wrote"];
  const answers = [
    () => Promise.reject(new TypeError(secret)),
    () => Response.json({ message: secret }, { status: 401 }),
    down,
    () => new Response(secret),
  ];
  outside(() => answers.shift()!());
  const posted = async (number: string, text: string) =>
    call("/sms/platform/android", { method: "POST", body: JSON.stringify({ MSISDN: number, text }) }, env);
  expect((await posted(sender.msisdn, texts[0]!)).status).toBe(200);
  expect((await posted(stranger, texts[1]!)).status).toBe(200);
  const start = new Date();
  for (let time = 0; time < 4; time++) {
    await deliver(
      env,
      queued.map(({ id }) => id),
      after(start, time * 60_000),
    );
    const { results } = await env.DB.prepare("SELECT * FROM gateway_messages WHERE operator = ?")
      .bind(env.OPERATOR)
      .all();
    const everywhere = log() + JSON.stringify([queued, results]);
    for (const private_ of [secret, sender.msisdn.slice(1), sender.key, ...texts, stranger.slice(1)])
      expect(everywhere).not.toContain(private_);
  }
  expect(queued.map((job) => Object.keys(job))).toEqual([["id"], ["id"]]);
  expect(log()).toContain("ALARM");
  expect(await countRows(env)).toBe(1);
});

test("what is published is forgotten after a month, what is dead after half a year", async () => {
  const { env } = aGateway();
  outside();
  const start = new Date();
  const sender = await aSender(env);
  const ids = await Promise.all(
    [1, 2, 3].map(() => bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start)),
  );
  const [published, dead, waiting] = ids as [string, string, string];
  await deliver(env, published, start);
  await env.DB.prepare("UPDATE gateway_messages SET state = 'dead' WHERE id = ?").bind(dead).run();
  const states = async () => [await stateOf(env, published), await stateOf(env, dead), await stateOf(env, waiting)];
  await sweepPublications(env, after(start, 29 * 24 * HOUR));
  expect(await states()).toEqual(["published", "dead", "received"]);
  await sweepPublications(env, after(start, 31 * 24 * HOUR));
  expect(await states()).toEqual([undefined, "dead", "received"]);
  await sweepPublications(env, after(start, 181 * 24 * HOUR));
  expect(await states()).toEqual([undefined, undefined, "received"]);
});

test("what the queue lost the cron finds, and the real queue brings it to the publisher", async () => {
  const world = outside();
  vi.spyOn(console, "error").mockImplementation(() => {});
  const away = { sendBatch: () => Promise.reject(new Error("queue is away")) };
  const { env } = aGateway({ OPERATOR: "main", PUBLICATIONS: away });
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, after(new Date(), -60_000));
  await sweepPublications(real);
  await vi.waitFor(async () => expect(await stateOf(env, id)).toBe("published"), { timeout: 5_000 });
  expect(world.asked.filter((request) => request.headers.get("idempotency-key") === id)).toHaveLength(1);
});

test("before its time nobody tries again", async () => {
  const { env } = aGateway();
  const world = outside(down);
  const start = new Date();
  const sender = await aSender(env);
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(MAIL) }, start);
  await env.DB.prepare("UPDATE gateway_messages SET attempts = 4 WHERE id = ?").bind(id).run();
  const [pause] = await deliver(env, id, start);
  expect(await deliver(env, id, after(start, pause! * 1000 - 5_000))).toEqual([undefined]);
  expect(world.asked).toHaveLength(1);
  await deliver(env, id, after(start, pause! * 1000));
  expect(world.asked).toHaveLength(2);
});
