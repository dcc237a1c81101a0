import { createMessageBatch, env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { forgetDeadTokens, forgetEndedInstalls, leave, registerPush, signOut } from "#identity/installs/installs.ts";
import { livingInstalls, type PhoneInstall, pushCall, type Telling, tellPeople } from "#identity/installs/tell.ts";
import { endSession } from "#identity/sessions/sessions.ts";
import { listInbox, markRead } from "#messaging/inbox/inbox.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { announce } from "#platform/signals.ts";
import { notifications } from "#premises/log/subscriptions.ts";
import { countedEnv } from "../support/counted.ts";
import { aPhone, aResident, envWith, type SignedInResident } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const NEWS: Telling = { title: "Новости", text: "Завтра не будет воды", action: "inbox" };

/** The tests' environment with a queue that only remembers: what pushes would leave is seen by the rows. */
const quiet = (vars: Partial<Record<string, unknown>> = {}) =>
  envWith({ MESSAGES: { send: async () => {}, sendBatch: async () => {} }, ...vars });

/** Somebody whose app takes pushes. */
async function aListener(phone = aPhone()): Promise<SignedInResident & { pushToken: string }> {
  const resident = await aResident({ phone });
  const pushToken = `token-${randomId()}`;
  await registerPush(env, resident, { platform: "android", pushToken, pushService: "fcm" });
  return { ...resident, pushToken };
}

const pushesTo = async ({ account }: { account: string }) =>
  (await messagesOfAccount(database(env), env.OPERATOR ?? "main", account, 50)).filter(
    ({ channel }) => channel === "push",
  );

test("a message is in the inbox, and on its way to each app of the person", async () => {
  const one = await aListener();
  const tablet = await aResident({ phone: one.phone, device: "tablet" });
  await registerPush(env, tablet, { platform: "ios", pushToken: `tablet-${randomId()}` });

  await tellPeople(quiet(), [one.phone], NEWS);

  expect(await listInbox(env, one.phone)).toMatchObject([{ title: "Новости", action: "inbox" }]);
  const pushes = await pushesTo(one);
  expect(pushes.map(({ recipient }) => recipient)).toContain(one.pushToken);
  expect(pushes).toHaveLength(2);
  for (const push of pushes) expect(push).toMatchObject({ purpose: "inbox", state: "queued" });
});

test("twenty people are told in three trips, of which two wait for one another", async () => {
  const people = await Promise.all(Array.from({ length: 20 }, () => aListener()));
  const { env: counted, trips } = countedEnv({ MESSAGES: quiet().MESSAGES });
  await tellPeople(
    counted,
    people.map(({ phone }) => phone),
    NEWS,
  );
  expect(trips.d1).toBe(3);
  expect(await pushesTo(people[19]!)).toHaveLength(1);
});

test("a sending that comes again under its name adds neither messages nor pushes", async () => {
  const one = await aListener();
  const batch = randomId();
  for (let round = 0; round < 2; round += 1) await tellPeople(quiet(), [one.phone], { ...NEWS, batch });
  expect(await listInbox(env, one.phone)).toHaveLength(1);
  expect(await pushesTo(one)).toHaveLength(1);
  await tellPeople(quiet(), [one.phone], { ...NEWS, batch: randomId() });
  expect(await pushesTo(one)).toHaveLength(2);
});

test("what ended between the message and its pushes is made good by the repetition", async () => {
  const one = await aListener();
  const batch = randomId();
  const broken = quiet({ DB: failingAfterInbox() });
  await expect(tellPeople(broken, [one.phone], { ...NEWS, batch })).rejects.toThrow();
  expect(await pushesTo(one)).toHaveLength(0);
  await tellPeople(quiet(), [one.phone], { ...NEWS, batch });
  expect(await listInbox(env, one.phone)).toHaveLength(1);
  expect(await pushesTo(one)).toHaveLength(1);
});

function failingAfterInbox(): D1Database {
  return new Proxy(env.DB, {
    get(db, name) {
      if (name !== "prepare") return (Reflect.get(db, name) as (...args: unknown[]) => unknown).bind(db);
      return (sql: string) => {
        if (/insert into "messages"/i.test(sql)) throw new Error("D1 is away");
        return db.prepare(sql);
      };
    },
  });
}

test.each([
  ["notify", undefined, 0],
  ["notify", "notify", 0],
  ["notify", "money", 1],
  ["money", "money", 0],
  ["money", undefined, 1],
] as const)("Defect 70: with %s off, a push under %s leaves %i times; the inbox has it", async (off, under, pushes) => {
  const one = await aListener();
  await notifications(env, one, { [off]: false });
  await tellPeople(quiet(), [one.phone], { ...NEWS, switch: under });
  expect(await pushesTo(one)).toHaveLength(pushes);
  expect(await listInbox(env, one.phone)).toHaveLength(1);
  await notifications(env, one, { [off]: true });
  await tellPeople(quiet(), [one.phone], { ...NEWS, switch: under });
  expect(await pushesTo(one)).toHaveLength(pushes + 1);
});

test("what is kept nowhere only rings", async () => {
  const one = await aListener();
  await tellPeople(quiet(), [one.phone], { ...NEWS, action: "chat", isListed: false });
  expect(await listInbox(env, one.phone)).toEqual([]);
  expect(await pushesTo(one)).toMatchObject([{ purpose: "chat" }]);
});

test("what happened at a door is told for a minute, a text for a day", async () => {
  const [one, now] = [await aListener(), new Date()];
  await tellPeople(quiet(), [one.phone], { ...NEWS, action: "eventLog", isListed: false }, now);
  await tellPeople(quiet(), [one.phone], NEWS, now);
  const lives = (await pushesTo(one)).map(({ expiresAt }) => (expiresAt.getTime() - now.getTime()) / 1000);
  expect(lives.sort((a, b) => a - b)).toEqual([60, 86_400]);
});

test("an app that signed out, whose session ended or who left hears nothing more", async () => {
  const endings: ((who: SignedInResident) => Promise<unknown>)[] = [
    (who) => signOut(env, who),
    (who) =>
      endSession(
        env,
        env.OPERATOR ?? "main",
        { subject: who.account, id: who.id, reason: "test" },
        { kind: "system", id: "test" },
      ),
    (who) => leave(env, who),
    (who) => registerPush(env, who, { platform: "android", pushToken: "" }),
    (who) => env.DB.prepare("UPDATE sessions SET expires_at = 1 WHERE id = ?").bind(who.id).run(),
  ];
  for (const ending of endings) {
    const one = await aListener();
    await ending(one);
    expect(await livingInstalls(env, [one.phone])).toEqual([]);
  }
});

test("people are found by the phones that they have proven, each app once", async () => {
  const [one, neighbour, second] = [await aListener(), await aListener(), aPhone()];
  const claim =
    "INSERT INTO account_identifiers (operator, type, value, account_id, verified_at, created_at, id) VALUES (?, 'phone', ?, ?, ?, 1, ?)";
  const operator = env.OPERATOR ?? "main";
  await env.DB.prepare(claim).bind(operator, second, one.account, 1, randomId()).run();
  await env.DB.prepare(claim).bind(operator, one.phone, neighbour.account, null, randomId()).run();
  const found = await livingInstalls(env, [one.phone, second, second]);
  expect(found.map(({ token }) => token)).toEqual([one.pushToken]);
  expect(await livingInstalls(envWith({ OPERATOR: randomId(6) }), [one.phone])).toEqual([]);
  expect(await livingInstalls(env, [])).toEqual([]);
});

test("the icon shows how much the person has not read", async () => {
  const one = await aListener();
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const bodies: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.url.startsWith("https://rustore.test")) bodies.push(await request.text());
    return Response.json({});
  });
  const told = envWith({ RUSTORE_PROJECT: "p", RUSTORE_TOKEN: "t", RUSTORE_URL: "https://rustore.test" });
  await registerPush(env, one, { platform: "android", pushToken: one.pushToken, pushService: "rustore" });
  const directly = {
    ...told,
    MESSAGES: { sendBatch: async (jobs: { body: { id: string } }[]) => deliverNow(told, jobs) },
  };
  await tellPeople(directly as unknown as Env, [one.phone], NEWS);
  await tellPeople(directly as unknown as Env, [one.phone], NEWS);
  const [newest] = await listInbox(env, one.phone);
  await markRead(env, one.phone, newest!.id);
  await tellPeople(directly as unknown as Env, [one.phone], NEWS);
  const data = bodies.map((body) => (JSON.parse(body) as { message: { data: Record<string, string> } }).message.data);
  expect(data.map(({ badge }) => badge)).toEqual(["1", "2", "2"]);
  expect(data[1]).toMatchObject({
    messageId: String(newest!.id),
    messageType: "inbox",
    action: "inbox",
    title: "Новости",
  });
  expect(log).not.toHaveBeenCalled();
});

async function deliverNow(to: Env, jobs: { body: { id: string } }[]): Promise<void> {
  const { deliverMessages } = await import("#messaging/outbox.ts");
  const messages = jobs.map(({ body }) => ({ id: body.id, attempts: 1, body, ack() {}, retry() {} }));
  await deliverMessages({ queue: "messages", messages } as never, to);
}

const DOOR_CALL = {
  ...{
    extension: "2000000007",
    pass: "p",
    dtmf: "1",
    callerId: "Подъезд",
    uid: 501,
    flatNumber: "17",
    domophoneId: 31,
  },
  at: new Date(),
};

test("a call rings whatever a person has switched off", async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  const one = await aListener();
  await notifications(env, one, { notify: false, money: false });
  const [install] = (await livingInstalls(env, [one.phone])) as [PhoneInstall];
  expect(await pushCall(quiet(), install, DOOR_CALL)).toEqual({ result: "sent" });
  expect(await pushesTo(one)).toMatchObject([{ purpose: "call", state: "sent", accountId: one.account }]);
});

test("a token that is dead is forgotten, for pushes and for calls each, and nobody else's", async () => {
  const [one, neighbour] = [await aListener(), await aListener()];
  const voipToken = `voip-${randomId()}`;
  await registerPush(env, one, { platform: "ios", pushToken: one.pushToken, voipToken });

  await announce(env, {
    type: "push.unregistered",
    operator: env.OPERATOR ?? "main",
    token: voipToken,
    at: Date.now(),
  });
  await vi.waitFor(async () => expect(await livingInstalls(env, [one.phone])).toMatchObject([{ voipToken: null }]), {
    timeout: 10_000,
  });
  expect(await livingInstalls(env, [one.phone])).toMatchObject([{ token: one.pushToken }]);

  await announce(env, {
    type: "push.unregistered",
    operator: env.OPERATOR ?? "main",
    token: one.pushToken,
    at: Date.now(),
  });
  await vi.waitFor(async () => expect(await livingInstalls(env, [one.phone])).toEqual([]), { timeout: 10_000 });
  expect(await livingInstalls(env, [neighbour.phone])).toHaveLength(1);
});

test("a token that its app has brought again since it was called dead is alive", async () => {
  const [one, other] = [await aListener(), await aListener()];
  const at = Date.now();
  await registerPush(env, one, { platform: "ios", pushToken: one.pushToken, voipToken: "voip-1" }, new Date(at + 1));
  const signals = [one, other].map(({ pushToken: token }, i) => ({
    ...{ id: String(i), timestamp: new Date(), attempts: 1 },
    body: { type: "push.unregistered", operator: env.OPERATOR ?? "main", token, at },
  }));
  await forgetDeadTokens(env, createMessageBatch("signals", signals));
  expect(await livingInstalls(env, [one.phone])).toMatchObject([{ token: one.pushToken }]);
  expect(await livingInstalls(env, [other.phone])).toEqual([]);
});

test.each<[string, (one: Listener, again: () => Promise<unknown>) => Promise<unknown>, string]>([
  ["has signed out", (one) => signOut(env, one), "expired"],
  ["was signed out elsewhere", (one) => endElsewhere(one), "expired"],
  ["was given to somebody else", async (one) => takeOver(one), "expired"],
  ["says once more where it is", (_, again) => again(), "queued"],
])("what waits for an app that %s", async (_, change, state) => {
  const [one, neighbour] = [await aListener(), await aListener()];
  for (const { phone } of [one, neighbour]) await tellPeople(quiet(), [phone], NEWS);
  await change(one, () => registerPush(env, one, { platform: "android", pushToken: one.pushToken }));
  expect(await pushesTo(one)).toMatchObject([{ state }]);
  expect(await pushesTo(neighbour)).toMatchObject([{ state: "queued" }]);
});

type Listener = Awaited<ReturnType<typeof aListener>>;

async function endElsewhere({ account, id }: Listener) {
  const by = { kind: "account", id: account } as const;
  await endSession(env, env.OPERATOR ?? "main", { subject: account, id, reason: "logout" }, by);
  await forgetEndedInstalls(env);
}

const takeOver = async ({ pushToken }: Listener) =>
  registerPush(env, await aResident(), { platform: "android", pushToken });

test("a token that a second app brings is no longer the first one's", async () => {
  const [one, two] = [await aListener(), await aListener()];
  const voipToken = `voip-${randomId()}`;
  await registerPush(env, one, { platform: "ios", pushToken: one.pushToken, voipToken });
  await registerPush(env, two, { platform: "ios", pushToken: two.pushToken, voipToken });
  expect(await livingInstalls(env, [one.phone])).toMatchObject([{ token: one.pushToken, voipToken: null }]);
  await registerPush(env, two, { platform: "ios", pushToken: one.pushToken });
  expect(await livingInstalls(env, [one.phone])).toEqual([]);
  expect(await livingInstalls(env, [two.phone])).toMatchObject([{ token: one.pushToken, voipToken: null }]);
});

test("finding the apps of many phones begins with the phones and searches all the way", async () => {
  const prepare = vi.spyOn(env.DB, "prepare");
  await livingInstalls(env, [aPhone()]);
  const sql = prepare.mock.calls.map(([text]) => text).find((text) => /app_installs/.test(text))!;
  const values = [...sql.matchAll(/\?/g)].map(() => "[]");
  const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...values)
    .all<{ detail: string }>();
  const plan = results.map(({ detail }) => detail).filter((detail) => !/json_each|SUBQUERY|LIST|VIRTUAL/.test(detail));
  for (const detail of plan) expect(detail).toMatch(/^SEARCH/);
  expect(plan[0]).toContain("value=?");
  expect(plan.join("\n")).not.toMatch(/app_installs_push|\(operator=\?\)/);
});
