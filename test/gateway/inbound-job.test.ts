import { Buffer } from "node:buffer";
import { afterEach, expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { cbcOpen } from "#gateway/crypto/aes-cbc.ts";
import { hashed } from "#gateway/crypto/hashes.ts";
import { sealGrant } from "#gateway/users/grants.ts";
import { gatewayGrants } from "#gateway/users/tables.ts";
import { database } from "#platform/db.ts";
import { printed } from "../messaging/support.ts";
import { outside } from "../support/world.ts";
import { aGateway, aSender, bring, deliver, rowOf } from "./inbound-world.ts";
import vectors from "./vectors.json";

afterEach(() => {
  vi.restoreAllMocks();
});

const withJobs = () => aGateway({ PUBLISHER_FORM: "job", PUBLISHER_ENCRYPTION_KEY: vectors.publisher_job.env_key });

const grant = async (env: Env, userId: string, platform: string, fields: object = {}) =>
  database(env)
    .insert(gatewayGrants)
    .values({
      ...{ operator: env.OPERATOR!, userId, platform },
      sealed: await sealGrant(env, userId, platform, {
        ...{ username: "me@example.org", uniqueId: "me@example.org", token: { access_token: "t" } },
        ...fields,
      }),
    });

async function jobIn(request: Request): Promise<string> {
  const bytes = Buffer.from(await request.text(), "base64");
  return cbcOpen(vectors.publisher_job.key_used, bytes.subarray(0, 16), bytes.subarray(16))!.toString();
}

test("an SMS becomes the encrypted job that publishers know", async () => {
  const { env } = withJobs();
  const world = outside();
  const sender = await aSender(env);
  await grant(env, sender.id, "gmail");
  const id = await bring(env, { sender: sender.msisdn, text: sender.write("g:to@example.org:::s:b") });
  await deliver(env, id);
  const [request] = world.asked;
  expect(request!.url).toBe("https://publisher.example.net/publish");
  expect(request!.headers.get("content-type")).toMatch(/^text\/plain/);
  expect(request!.headers.get("idempotency-key")).toBe(id);
  const hash = hashed(env.GATEWAY_HASHING_SALT!, sender.msisdn);
  const known = JSON.parse(vectors.publisher_job.json_plaintext).phoneNumber_hash as string;
  expect(await jobIn(request!)).toBe(vectors.publisher_job.json_plaintext.replace(known, hash));
  expect(await rowOf(env, id)).toMatchObject({ state: "published", sealed: null });
});

test("letters and tokens of all kinds stand in a job as they are", async () => {
  const { env } = withJobs();
  const world = outside();
  const sender = await aSender(env);
  const message = 't:Élan \u007f 😀\n"quoted"';
  await grant(env, sender.id, "twitter", { token: "plain", username: "é" });
  await deliver(env, await bring(env, { sender: sender.msisdn, text: sender.write(message) }));
  const job = await jobIn(world.asked[0]!);
  expect(job).toMatch(/^[ -~]*$/);
  expect(job).toContain(String.raw`"data": "t:\u00c9lan \u007f \ud83d\ude00\n\"quoted\"", "platform_name": "twitter"}`);
  expect(JSON.parse(job)).toMatchObject({ username: "é", token: "plain", data: message });
});

test.each([
  ["an unknown letter", "?:hello", "No platform has its letter"],
  ["no letter", ":hello", "No platform has its letter"],
  ["a letter in the wrong case", "G:hello", "No platform has its letter"],
  ["a platform that the user has no account at", "t:hello", "The user has no account at its platform"],
])("Holes 16, 17: an SMS with %s is dead at once, and says why", async (_, message, error) => {
  const { env } = withJobs();
  const world = outside();
  const log = printed();
  const sender = await aSender(env);
  await grant(env, sender.id, "gmail");
  const id = await bring(env, { sender: sender.msisdn, text: sender.write(message) });
  expect(await deliver(env, id)).toEqual([undefined]);
  const row = (await rowOf(env, id))!;
  expect(row).toMatchObject({ state: "dead", error, attempts: 1 });
  expect(row.sealed).toBeTruthy();
  expect(world.asked).toEqual([]);
  expect(log()).toBe("[[],[],[],[]]");
});

test("a platform that the operator has added has its letter", async () => {
  const { env } = withJobs();
  const slack = [{ name: "slack", letter: "s", type: "text" }];
  const own = { ...env, GATEWAY_PLATFORMS: JSON.stringify(slack) };
  const world = outside();
  const sender = await aSender(own);
  await grant(own, sender.id, "slack");
  await deliver(own, await bring(own, { sender: sender.msisdn, text: sender.write("s:hi") }));
  expect(JSON.parse(await jobIn(world.asked[0]!))).toMatchObject({ data: "s:hi", platform_name: "slack" });
});

test("what the user gave up before the hand-over is not used any more", async () => {
  const { env } = withJobs();
  const world = outside(() => new Response("", { status: 503 }));
  const sender = await aSender(env);
  await grant(env, sender.id, "gmail");
  const id = await bring(env, { sender: sender.msisdn, text: sender.write("g:to@example.org:::s:b") });
  await deliver(env, id);
  expect(world.asked).toHaveLength(1);
  await env.DB.prepare("DELETE FROM gateway_grants WHERE user_id = ?").bind(sender.id).run();
  await deliver(env, id, new Date(Date.now() + 5_000));
  expect(world.asked).toHaveLength(1);
  expect(await rowOf(env, id)).toMatchObject({ state: "dead", error: "The user has no account at its platform" });
});
