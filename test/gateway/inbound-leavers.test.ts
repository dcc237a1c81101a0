import { env as real } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { sealSms } from "#gateway/crypto/sms.ts";
import { userByNumber } from "#gateway/users/keys.ts";
import { sweepUsers } from "#gateway/users/leavers.ts";
import { deleteProfile } from "#gateway/users/profiles.ts";
import { banAccount, deleteAccount, unbanAccount } from "#identity/accounts/accounts.ts";
import { outside } from "../support/world.ts";
import { aGateway, bring, deliver, rowOf, stateOf } from "./inbound-world.ts";
import { aGatewayUser, aSyncOf } from "./users-world.ts";

// What becomes of an SMS whose user goes between its coming and its hand-over.

afterEach(() => {
  vi.restoreAllMocks();
});

const actor = { kind: "system", id: "test" } as const;
const MAIL = "t:only as long as I am here";

/** Somebody with an account, and SMS of theirs: one that nobody has looked at, one that is opened, one that is dead. */
async function aWriter() {
  const { env } = aGateway({ OPERATOR: "main" });
  const { id, phoneNumber } = await aGatewayUser();
  const key = await aSyncOf(id);
  const { accountId } = (await userByNumber(env, phoneNumber))!;
  const write = () => bring(env, { sender: phoneNumber, text: sealSms(key, MAIL) });
  outside(() => new Response("", { status: 503 }));
  const [received, opened, dead] = [await write(), await write(), await write()];
  await deliver(env, [opened, dead]);
  await env.DB.prepare("UPDATE gateway_messages SET state = 'dead' WHERE id = ?").bind(dead).run();
  vi.restoreAllMocks();
  const states = () => Promise.all([received, opened, dead].map((sms) => stateOf(env, sms)));
  expect(await states()).toEqual(["received", "opened", "dead"]);
  return { env, id, account: { id: accountId!, reason: "test" }, received, opened, dead, write, states };
}

const soon = () => new Date(Date.now() + 5_000);

test("what somebody wrote who is shut out before the hand-over is not published, then or later", async () => {
  const { env, account, received, opened, states } = await aWriter();
  await banAccount(real, "main", account, actor);
  const world = outside();
  await deliver(env, [received, opened], soon());
  expect(await states()).toEqual([undefined, undefined, "dead"]);
  await unbanAccount(real, "main", account, actor);
  await deliver(env, [received, opened], soon());
  expect(world.asked).toEqual([]);
});

test("nor is what was dead, and is sent again after that", async () => {
  const { env, account, dead } = await aWriter();
  await banAccount(real, "main", account, actor);
  const world = outside();
  await env.DB.prepare("UPDATE gateway_messages SET state = 'opened' WHERE id = ?").bind(dead).run();
  await deliver(env, dead, soon());
  expect([world.asked, await rowOf(env, dead)]).toEqual([[], null]);
});

test("with a profile go its SMS: those that wait, the dead ones and what is left of the published", async () => {
  const [leaving, staying] = [await aWriter(), await aWriter()];
  const world = outside();
  const published = await leaving.write();
  await deliver(leaving.env, published);
  expect(world.asked).toHaveLength(1);
  await deleteProfile(leaving.env, leaving.id);
  expect([...(await leaving.states()), await rowOf(leaving.env, published)]).toEqual([
    ...["received", undefined, undefined, null],
  ]);
  await deliver(leaving.env, [leaving.received, leaving.opened], soon());
  expect([world.asked.length, await rowOf(leaving.env, leaving.received)]).toEqual([1, null]);
  expect(await staying.states()).toEqual(["received", "opened", "dead"]);
});

test("with an account go the SMS of its profile", async () => {
  const [leaving, staying] = [await aWriter(), await aWriter()];
  await deleteAccount(real, "main", leaving.account, actor);
  await sweepUsers(real);
  expect(await leaving.states()).toEqual(["received", undefined, undefined]);
  expect(await staying.states()).toEqual(["received", "opened", "dead"]);
});
