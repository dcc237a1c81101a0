import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { deleteAccount } from "#identity/accounts/accounts.ts";
import { leave, registerPush } from "#identity/installs/installs.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { randomId } from "#platform/crypto.ts";
import { faceKey } from "#premises/faces/faces.ts";
import { forgetLeavers } from "#premises/leavers.ts";
import { aDomain, aMember } from "../support/domains.ts";
import { aPerson } from "../support/shield.ts";
import { aResident, aUid, envWith, type SignedInResident } from "../support/world.ts";

const MAIN = "main";

/** Somebody with an app, a message and chat, a wish to be told of keys, and a stretch of archive. */
async function aReader(): Promise<SignedInResident> {
  const resident = await aResident();
  await registerPush(env, resident, { platform: "android", pushToken: `token-${randomId()}` });
  const quiet = envWith({ MESSAGES: { send: async () => {}, sendBatch: async () => {} } });
  await tellPeople(quiet, [resident.phone], { title: "Вам письмо", text: "Текст", action: "inbox" });
  await insertWishes(resident);
  return resident;
}

async function insertWishes({ account, phone }: SignedInResident): Promise<void> {
  const uid = aUid();
  uids.set(account, uid);
  await env.FILES.put(faceKey(uid, uid), "a face");
  await env.DB.prepare("INSERT INTO faces (operator, uid, id, account_id, created_at) VALUES (?, ?, ?, ?, 1)")
    .bind(MAIN, uid, uid, account)
    .run();
  await env.DB.batch([
    env.DB.prepare(
      "INSERT INTO chat_messages (operator, phone, author, text, created_at) VALUES (?, ?, 'resident', 'x', 1)",
    ).bind(MAIN, phone),
    env.DB.prepare(
      "INSERT INTO event_subscriptions (operator, account_id, uid, kinds) VALUES (?, ?, ?, '[\"key\"]')",
    ).bind(MAIN, account, uid),
    env.DB.prepare(
      `INSERT INTO fragments (operator, device_id, from_s, to_s, title, url, server_type, state, next_attempt_at, created_at, expires_at)
       VALUES (?, ?, 1, 2, 'x', 'https://media.example.net', 'flussonic', 'ready', 1, 1, 9e15)`,
    ).bind(MAIN, uid),
    env.DB.prepare(
      `INSERT INTO fragment_readers (operator, fragment_id, account_id, phone, uid, asked_at)
       SELECT operator, id, ?, ?, device_id, 1 FROM fragments WHERE operator = ? AND device_id = ?`,
    ).bind(account, phone, MAIN, uid),
    env.DB.prepare("INSERT INTO residents (operator, account_id, notify, money) VALUES (?, ?, 0, 1)").bind(
      MAIN,
      account,
    ),
  ]);
}

const uids = new Map<string, number>();
const pictureIsThere = async ({ account }: SignedInResident) =>
  (await env.FILES.head(faceKey(uids.get(account)!, uids.get(account)!))) !== null;

const IDENTITYS = ["app_installs", "residents", "inbox_messages", "chat_messages"];
const PREMISES = ["event_subscriptions", "faces", "fragment_readers"];

/** In which of these tables something of the person is. */
async function kept({ account, phone }: SignedInResident, tables: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    tables.map(async (table) => {
      const [column, value] = /_messages$/.test(table) ? ["phone", phone] : ["account_id", account];
      return (
        (await env.DB.prepare(`SELECT 1 FROM ${table} WHERE operator = ? AND ${column} = ?`)
          .bind(MAIN, value)
          .first()) && table
      );
    }),
  );
  return found.filter((table) => table !== null) as string[];
}

test("whoever is deleted leaves no app, no letters, no wishes; a neighbour keeps theirs", async () => {
  const [leaver, neighbour] = [await aReader(), await aReader()];
  await deleteAccount(env, MAIN, { id: leaver.account, reason: "test" }, SYSTEM);
  expect(await kept(leaver, IDENTITYS)).toEqual([]);
  await vi.waitFor(async () => expect(await kept(leaver, PREMISES)).toEqual([]), { timeout: 10_000 });
  expect(await kept(neighbour, [...IDENTITYS, ...PREMISES])).toEqual([...IDENTITYS, ...PREMISES]);
  expect([await pictureIsThere(leaver), await pictureIsThere(neighbour)]).toEqual([false, true]);
});

test("the face server is to forget the face that only the leaver had marked", async () => {
  const [leaver, neighbour] = [await aReader(), await aReader()];
  const [own, shared] = [uids.get(leaver.account)!, uids.get(neighbour.account)!];
  await env.DB.prepare("INSERT INTO faces (operator, uid, id, account_id, created_at) VALUES (?, ?, ?, ?, 1)")
    .bind(MAIN, own, shared, leaver.account)
    .run();
  await leave(env, leaver);
  await vi.waitFor(async () => expect(await kept(leaver, ["faces"])).toEqual([]), { timeout: 10_000 });
  const waiting = await env.DB.prepare("SELECT id FROM faces_to_forget WHERE operator = ? AND id IN (?, ?)")
    .bind(MAIN, own, shared)
    .all();
  expect(waiting.results).toEqual([{ id: own }]);
});

test("where the signal got lost, the minute's sweep forgets them", async () => {
  const [leaver, neighbour] = [await aReader(), await aReader()];
  const deaf = envWith({ SIGNALS: { send: async () => Promise.reject(new Error("away")) } }) as Env;
  vi.spyOn(console, "error").mockImplementation(() => {});
  await leave(deaf, leaver);
  vi.restoreAllMocks();
  expect(await kept(leaver, [...IDENTITYS, ...PREMISES])).toEqual(PREMISES);
  await forgetLeavers(env);
  expect(await kept(leaver, PREMISES)).toEqual([]);
  expect(await kept(neighbour, PREMISES)).toEqual(PREMISES);
});

test("a deletion that is refused takes nothing", async () => {
  const owner = await aPerson();
  const domain = await aDomain(owner);
  await aMember(domain.id);
  const resident = { ...owner, phone: owner.phone, id: owner.tokens.session_id } as unknown as SignedInResident;
  await registerPush(env, resident, { platform: "ios", pushToken: `token-${randomId()}` });
  await insertWishes(resident);
  await expect(leave(env, resident)).rejects.toMatchObject({ reason: "owner_must_transfer" });
  const expected = ["app_installs", "residents", "chat_messages", ...PREMISES];
  expect(await kept(resident, expected)).toEqual(expected);
});
