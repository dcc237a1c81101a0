import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { userByNumber } from "#gateway/users/keys.ts";
import { sweepUsers } from "#gateway/users/leavers.ts";
import { deleteAccount } from "#identity/accounts/accounts.ts";
import { envWith } from "../support/world.ts";
import { aGatewayUser, aSyncOf } from "./users-world.ts";

const gmail = { name: "gmail", username: "me", uniqueId: "1", token: {} };

async function aMember() {
  const user = await aGatewayUser({ platforms: [gmail] });
  await aSyncOf(user.id);
  await env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', ?, 'abc', 1)").bind(`user:${user.id}`).run();
  const { accountId } = (await userByNumber(env, user.phoneNumber))!;
  return { ...user, account: { id: accountId!, reason: "own wish" } };
}

const rowsOf = async (id: string) => {
  const tables = await env.DB.batch([
    env.DB.prepare("SELECT 1 FROM gateway_users WHERE id = ?").bind(id),
    env.DB.prepare("SELECT 1 FROM gateway_grants WHERE user_id = ?").bind(id),
    env.DB.prepare("SELECT 1 FROM gateway_seen WHERE scope = ?").bind(`user:${id}`),
  ]);
  return tables.map(({ results }) => results.length);
};

const actor = { kind: "system", id: "test" } as const;

test("With a person goes what the gateway keeps about them, and about nobody else", async () => {
  const [leaving, staying] = [await aMember(), await aMember()];
  expect(await rowsOf(leaving.id)).toEqual([1, 1, 1]);
  await deleteAccount(env, "main", leaving.account, actor);
  await vi.waitFor(async () => expect(await rowsOf(leaving.id)).toEqual([0, 0, 0]), { timeout: 4_000, interval: 20 });
  expect(await rowsOf(staying.id)).toEqual([1, 1, 1]);
});

test("A deleted person is nobody to the gateway at once, and gone with the next minute when the signal was lost", async () => {
  const [leaving, staying] = [await aMember(), await aMember()];
  const deaf = envWith({ SIGNALS: { send: () => Promise.reject(new Error("the queue is away")) } });
  await deleteAccount(deaf, "main", leaving.account, actor);
  expect(await userByNumber(env, leaving.phoneNumber)).toBeUndefined();
  expect(await rowsOf(leaving.id)).toEqual([1, 1, 1]);
  await sweepUsers(env);
  expect(await rowsOf(leaving.id)).toEqual([0, 0, 0]);
  expect(await rowsOf(staying.id)).toEqual([1, 1, 1]);
});

test("Orders to forget are remembered for more than a year, and not for ever", async () => {
  const now = Date.now();
  const insert = env.DB.prepare("INSERT INTO gateway_seen VALUES ('main', 'forget', ?, ?)");
  const [old, young] = [crypto.randomUUID(), crypto.randomUUID()];
  await env.DB.batch([insert.bind(old, now - 401 * 86_400_000), insert.bind(young, now - 399 * 86_400_000)]);
  await sweepUsers(env, new Date(now));
  const left = await env.DB.prepare("SELECT fingerprint FROM gateway_seen WHERE fingerprint IN (?, ?)")
    .bind(old, young)
    .all();
  expect(left.results).toEqual([{ fingerprint: young }]);
});
