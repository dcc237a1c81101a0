import { expect, test } from "vitest";
import { newId } from "#platform/crypto.ts";
import { aPerson, type Signed } from "../support/shield.ts";
import {
  aHousehold,
  aRight,
  joins,
  leaves,
  may,
  publish,
  type Setting,
  settingOf,
  versionOf,
} from "./policies-support.ts";

test.each<[string, (s: Setting) => [Signed, Record<string, unknown>]]>([
  ["a member without share", (s) => [s.member, aRight(s.home, s.guest)]],
  ["a guest, to itself", (s) => [s.guest, aRight(s.home, s.guest)]],
  ["a stranger", (s) => [s.stranger, aRight(s.home, s.stranger)]],
  [
    "a stranger, in a domain that is not there",
    (s) => [s.stranger, aRight({ ...s.home, domain: newId("dom") }, s.guest)],
  ],
  ["an administrator an action that it lacks", (s) => [s.admin, aRight(s.home, s.guest, { actions: ["delete"] })]],
  ["an administrator every action", (s) => [s.admin, aRight(s.home, s.guest, { actions: ["*"] })]],
  ["an administrator about the owner", (s) => [s.admin, aRight(s.home, s.home.owner)]],
  ["an administrator against the owner", (s) => [s.admin, aRight(s.home, s.home.owner, { effect: "deny" })]],
  ["the owner against itself", (s) => [s.home.owner, aRight(s.home, s.home.owner, { effect: "deny" })]],
  [
    "the owner against the role of owners",
    (s) => [
      s.home.owner,
      aRight(s.home, s.guest, { effect: "deny", subject: { type: "role", id: `${s.home.domain}#owner` } }),
    ],
  ],
  ["a member what it may share, for longer than it has it", (s) => [s.sharer, aRight(s.home, s.guest)]],
  [
    "a member what it may share, on another resource",
    (s) => [s.sharer, aRight(s.home, s.guest, { resource: { type: "controller", id: s.home.controller } })],
  ],
  [
    "a member what it may share, on all of the type",
    (s) => [s.sharer, aRight(s.home, s.guest, { resource: { type: "door", id: "*" } })],
  ],
  [
    "a member against an administrator",
    (s) => [s.sharer, aRight(s.home, s.admin, { effect: "deny", condition: { expires_at: s.until.toISOString() } })],
  ],
])("POL-3 may not grant: %s", async (_, given) => {
  const setting = await settingOf();
  const before = await versionOf(setting.home);
  const answer = await publish(...given(setting));
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: "grantor_lacks_right", num: 5003 }]);
  expect(await versionOf(setting.home)).toBe(before);
});

test("POL-3 a member with the right to share passes on what it holds, no longer than it holds it", async () => {
  const { home, sharer, guest, until } = await settingOf();
  const answer = await publish(sharer, aRight(home, guest, { condition: { expires_at: until.toISOString() } }));
  expect(answer.status).toBe(201);
  expect(await may(home, guest)).toBe(true);
});

test("POL-3 DOM-3 a guest passes nothing on beyond its own stay", async () => {
  const home = await aHousehold();
  const until = new Date(Date.now() + 3_600_000);
  const [guest, friend] = [await joins(home, "guest", { expiresAt: until }), await aPerson()];
  await publish(home.owner, aRight(home, guest, { actions: ["control", "share"] }));
  expect((await publish(guest, aRight(home, friend))).status).toBe(403);
  const bounded = aRight(home, friend, { condition: { expires_at: until.toISOString() } });
  expect((await publish(guest, bounded)).status).toBe(201);
});

test("POL-3 an outsider with a direct grant shares that very resource and nothing else", async () => {
  const home = await aHousehold();
  const [outsider, friend] = [await aPerson(), await aPerson()];
  await publish(home.owner, aRight(home, outsider, { actions: ["control", "share"] }));
  expect((await publish(outsider, aRight(home, friend))).status).toBe(201);
  expect(await may(home, friend)).toBe(true);
  const wider = aRight(home, friend, { resource: { type: "controller", id: home.controller } });
  expect((await publish(outsider, wider)).status).toBe(403);
});

test("POL-3 who was removed publishes nothing any more", async () => {
  const home = await aHousehold();
  const [admin, guest] = [await joins(home, "admin"), await joins(home, "guest")];
  expect((await publish(admin, aRight(home, guest))).status).toBe(201);
  await leaves(home, admin);
  expect((await publish(admin, aRight(home, guest))).status).toBe(403);
});
