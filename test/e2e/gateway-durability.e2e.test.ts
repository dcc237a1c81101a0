import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rsaOpen, rsaSeal } from "#gateway/crypto/oaep.ts";
import { sealSms } from "#gateway/crypto/sms.ts";
import { eventually } from "./support/eventually.ts";
import { PASSWORD } from "./support/gateway-calls.ts";
import { type SyncGateway, startSyncGateway } from "./support/sync-gateway.ts";

// kill -9 of the whole Worker, and a new start with the same folder: what was begun goes on, and no SMS is lost or doubled.

const DIGESTS = { label: "sha256", mgf1: "sha1" } as const;
const SYNCING = "+237672451863";
const WRITING = "+237672451864";

const phone = generateKeyPairSync("rsa", { modulusLength: 2048 });
const phonePem = String(phone.publicKey.export({ type: "spki", format: "pem" }));
let gateway: SyncGateway;

beforeAll(async () => {
  const times = { SESSION_CHANGE_LIMIT: "40", SESSION_SLEEP_TIMEOUT: "3", SESSION_PAUSED_TIMEOUT: "300" };
  gateway = await startSyncGateway(times);
});

afterAll(() => gateway?.close());

const syncUrl = async (user: string) => (await fetch(`${gateway.yardgate.url}/v2/sync/users/${user}`)).text();
const sealedTo = (pem: string) => rsaSeal(createPublicKey(pem), PASSWORD, DIGESTS);
const opened = (sharedKey: string) => rsaOpen(phone.privateKey, sharedKey, DIGESTS)!;

/** What a page hears: every text, and then how it ended. */
class Page {
  readonly heard: string[] = [];

  constructor(url: string) {
    const socket = new WebSocket(url);
    socket.addEventListener("message", ({ data }) => this.heard.push(String(data)));
    socket.addEventListener("close", ({ code }) => this.heard.push(`closed ${code}`));
  }

  /** Ids that the page was told to show. */
  get ids(): string[] {
    return this.heard.flatMap((text) => /\/sessions\/([0-9a-f]{32})\/handshake"/.exec(text)?.[1] ?? []);
  }

  hears(text: string): Promise<unknown> {
    return eventually(`the page to hear ${text}`, () => this.heard.includes(text), {
      withinMs: 30_000,
    });
  }

  shows(count: number): Promise<unknown> {
    return eventually(`the page to show ${count} codes`, () => this.ids.length >= count);
  }
}

async function restart(): Promise<void> {
  await gateway.yardgate.crash();
  await gateway.yardgate.start();
}

test("a sync that is killed twice goes on where it was, to its key", { timeout: 240_000 }, async () => {
  const { post } = gateway;
  const user = await gateway.user(SYNCING);
  const url = await syncUrl(user);
  const before = new Page(url);
  await before.shows(3);
  await restart();

  const page = new Page(url);
  await page.shows(3);
  const seen = [...new Set([...before.ids, ...page.ids])];
  expect(seen.length).toBeGreaterThanOrEqual(5);
  expect(new Set(seen.map((id) => id.slice(0, 16))).size).toBe(1);

  const sessions = `/v2/sync/users/${user}/sessions`;
  await expect(post(`${sessions}/${before.ids[1]}/handshake`, { public_key: phonePem })).rejects.toThrow(
    "answered 400: failed to update user's public key",
  );
  const id = page.ids.at(-1);
  const { public_key, verification_url } = await post(`${sessions}/${id}/handshake`, { public_key: phonePem });
  await page.hears("201- pause");
  await restart();

  const paused = new Page(url);
  await paused.hears("201- pause");
  const password = sealedTo(public_key);
  const { shared_key, user_platforms } = await post(verification_url, { password });
  expect(opened(shared_key)).toMatch(/^[0-9a-f]{32}$/);
  expect(user_platforms).toMatchObject([{ name: "gmail" }]);
  const repeated = await post(verification_url, { password });
  expect(opened(repeated.shared_key)).toBe(opened(shared_key));
  await paused.hears("closed 1000");
  expect(paused.heard).toEqual(["201- pause", "200- ack", "closed 1000"]);
});

/** Brings SMS as a gateway client does; they are answered when this returns. */
const bring = (sharedKey: string, ...messages: string[]) =>
  Promise.all(
    messages.map(async (message) => {
      const sms = { text: sealSms(sharedKey, message), MSISDN: WRITING };
      expect(await gateway.post("/sms/platform/gateway-client", sms)).toBe("published!");
    }),
  );

test("an SMS in the middle of its hand-over and those just accepted are each published once", {
  timeout: 240_000,
}, async () => {
  const { publisher, yardgate } = gateway;
  const first = "g:to@example.org:::In the middle:of its hand-over";
  const others = Array.from({ length: 10 }, (_, n) => `g:to@example.org:::Just accepted:${n}`);
  const asked = () => publisher.asked.filter(({ body }) => JSON.parse(body).message === first);
  const key = await gateway.syncedKey(WRITING);
  publisher.hold();
  await bring(key, first);
  await eventually("the hand-over to begin", () => asked().length > 0);
  await bring(key, ...others);
  await yardgate.crash();
  publisher.release();
  await yardgate.start();

  const unsettled = () => yardgate.rows("SELECT id FROM gateway_messages WHERE state <> 'published'");
  await eventually("all SMS to be settled", () => unsettled().length === 0, { withinMs: 90_000 });
  const published = publisher.published.map(({ body }) => JSON.parse(body).message);
  expect(published.toSorted()).toEqual([first, ...others].toSorted());
  expect(asked().length).toBeGreaterThan(1);
  expect(new Set(asked().map(({ id }) => id)).size).toBe(1);
});
