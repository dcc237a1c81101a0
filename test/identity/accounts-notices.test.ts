import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { type Notice, noticeText } from "#identity/accounts/notice-texts.ts";
import { tellOwner } from "#identity/accounts/notices.ts";
import { insertIdentifier, updateAccount } from "#identity/accounts/queries.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { smsShape } from "#messaging/sms-parts.ts";
import { newId, randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aPerson } from "../support/shield.ts";
import { envWith, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const NOTICES = [
  ...["new_login", "session_capped", "refresh_reused", "password_changed", "identifier_changed", "banned"],
  "removed_from_domain",
] as Notice[];

const toldTo = async (account: string) =>
  (await messagesOfAccount(database(env), "main", account, 10)).map(({ channel, recipient, purpose }) => [
    channel,
    recipient,
    purpose,
  ]);

async function withAddress(account: string, verifiedAt: Date | null = new Date()) {
  const value = `${randomId(6).toLowerCase()}@example.net`;
  const id = newId("idn");
  const row = { operator: "main", id, type: "email", value, accountId: account, verifiedAt, createdAt: new Date() };
  await insertIdentifier(database(env), row as Parameters<typeof insertIdentifier>[1]);
  return value;
}

test.each(NOTICES.flatMap((notice) => ["ru", "en"].map((lang) => [notice, lang] as const)))(
  "PEC-2 the notice %s is one SMS in %s",
  (notice, lang) => {
    expect(smsShape(noticeText(notice, lang))).toMatchObject({ parts: 1, coding: lang === "ru" ? "ucs2" : "gsm7" });
  },
);

test("who has an address is told there, and only there", async () => {
  outside();
  const { account } = await aPerson();
  const address = await withAddress(account);
  await tellOwner(env, "main", account, "password_changed");
  expect(await toldTo(account)).toEqual([["email", address, "password_changed"]]);
});

test("an address that nobody has proven is told nothing", async () => {
  outside();
  const { account, phone } = await aPerson();
  await withAddress(account, null);
  await tellOwner(env, "main", account, "password_changed");
  expect(await toldTo(account)).toEqual([["sms", phone, "password_changed"]]);
});

test.each<[Notice, number]>([
  ["password_changed", 1],
  ["identifier_changed", 1],
  ["refresh_reused", 1],
  ["banned", 1],
  ["new_login", 0],
  ["session_capped", 0],
  ["removed_from_domain", 0],
])("who has only a phone is told of %s by %i SMS", async (notice, count) => {
  outside();
  const { account, phone } = await aPerson();
  await tellOwner(env, "main", account, notice);
  expect(await toldTo(account)).toEqual(Array.from({ length: count }, () => ["sms", phone, notice]));
});

test("the notice is in the language of the account, and else of its operator", async () => {
  const { smsTo } = outside();
  const { account, phone } = await aPerson();
  await tellOwner(env, "main", account, "banned");
  await vi.waitFor(() => expect(smsTo(phone)).toEqual([noticeText("banned", "ru")]));
  await updateAccount(database(env), "main", account, { lang: "en" });
  await tellOwner(env, "main", account, "banned");
  await vi.waitFor(() => expect(smsTo(phone)).toEqual([noticeText("banned", "ru"), noticeText("banned", "en")]));
});

test("where nobody can be told, nothing fails", async () => {
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  const { account } = await aPerson();
  const away = () => Promise.reject(new Error("D1 is away"));
  const broken = envWith({ DB: { prepare: () => ({ bind: () => ({ raw: away, all: away, run: away }) }) } });
  await expect(tellOwner(broken, "main", account, "banned")).resolves.toBeUndefined();
  await expect(tellOwner(env, "main", "acc_nobody", "banned")).resolves.toBeUndefined();
  expect(logged).toHaveBeenCalledOnce();
});
