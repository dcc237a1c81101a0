import { expect, test } from "vitest";
import { newId } from "#platform/crypto.ts";
import { type Signed, shield } from "../support/shield.ts";
import {
  aHousehold,
  aRight,
  aRule,
  aService,
  joins,
  may,
  publish,
  rules,
  type Setting,
  settingOf,
  versionOf,
} from "./policies-support.ts";

test("POL-1 a domain's rules are listed to who may share, a guest sees its own, a stranger nothing", async () => {
  const { home, admin, guest, member, stranger } = await settingOf();
  await publish(home.owner, aRight(home, guest));
  await publish(home.owner, aRight(home, member, { resource: { type: "door", id: "*" } }));
  const list = async (who: Signed, search = `domain=${home.domain}`) => {
    const answer = await shield(`/policies?${search}`, { token: who.token });
    const { items, code } = await answer.json<{ items?: { subject: { id: string } }[]; code?: string }>();
    return items ? items.map(({ subject }) => subject.id) : code;
  };
  expect(await list(home.owner)).toHaveLength(3);
  expect(await list(admin)).toHaveLength(3);
  expect(await list(guest)).toEqual([guest.account]);
  expect(await list(stranger)).toBe("domain_not_found");
  expect(await list(stranger, `resource=door:${home.door}`)).toEqual([]);
  expect(await list(home.owner, `domain=${home.domain}&subject=account:${guest.account}`)).toEqual([guest.account]);
  expect(await list(home.owner, `domain=${home.domain}&resource=door:*`)).toEqual([member.account]);
  expect(await list(guest, `subject=account:${guest.account}`)).toEqual([guest.account]);
  expect(await list(guest, `subject=account:${member.account}`)).toBe("validation_failed");
  expect(await list(home.owner, `domain=${home.domain}&subject=${guest.account}`)).toEqual([guest.account]);
  expect(await list(home.owner, `resource=${home.door}&subject=${guest.account}`)).toEqual([guest.account]);
  expect(await list(guest, `subject=${guest.account}`)).toEqual([guest.account]);
  expect(await list(guest, `subject=${member.account}`)).toBe("validation_failed");
  expect(await list(stranger, `resource=${home.door}`)).toEqual([]);
});

test("POL-1 an owner sees no rule of another household, not even one on what is its own now", async () => {
  const [home, other] = [await aHousehold(), await aHousehold()];
  await rules(aRule({ domainId: other.domain, resId: home.door }));
  const seen = async (search: string) => {
    const answer = await shield(`/policies?${search}`, { token: home.owner.token });
    return (await answer.json<{ items?: unknown[]; code?: string }>()) as unknown;
  };
  expect(await seen(`domain=${other.domain}`)).toMatchObject({ code: "domain_not_found" });
  expect(await seen(`resource=door:${home.door}`)).toEqual({ items: [], next_cursor: null });
});

test("POL-1 a list goes on where it stopped", async () => {
  const home = await aHousehold();
  const guest = await joins(home, "guest");
  for (let i = 0; i < 3; i++) await publish(home.owner, aRight(home, guest, { actions: [`act${i}`] }));
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const answer = await shield(`/policies?domain=${home.domain}&limit=2&cursor=${cursor}`, {
      token: home.owner.token,
    });
    const page: { items: { actions: string[] }[]; next_cursor: string | null } = await answer.json();
    seen.push(...page.items.flatMap(({ actions }) => actions));
    cursor = page.next_cursor;
  }
  expect(seen).toEqual(["act0", "act1", "act2"]);
});

test("POL-1 a resource that moves to another household leaves its old rules behind for good", async () => {
  const [home, next] = [await aHousehold(), await aHousehold()];
  const guest = await joins(home, "guest");
  const { basic } = await aService();
  const move = (domain: string) => shield(`/resources/door/${home.door}`, { method: "PUT", basic, json: { domain } });
  await publish(home.owner, aRight(home, guest));
  expect((await move(next.domain)).status).toBe(200);
  expect([await may(home, guest), await may(home, home.owner), await may(home, next.owner)]).toEqual([
    false,
    false,
    true,
  ]);
  expect([await versionOf(home), await versionOf(next)]).toEqual([3, 2]);
  await move(home.domain);
  expect([await may(home, guest), await may(home, home.owner)]).toEqual([false, true]);
});

test.each<[string, string, (s: Setting) => Record<string, unknown>, number, string]>([
  ["a controller", "controller/dev_1", (s) => ({ domain: s.home.domain }), 422, "validation_failed"],
  ["a domain", "domain/dom_1", (s) => ({ domain: s.home.domain }), 422, "validation_failed"],
  ["every door", "door/*", (s) => ({ domain: s.home.domain }), 422, "validation_failed"],
  ["no domain", "door/d1", () => ({}), 422, "validation_failed"],
  ["a domain that is not there", "door/d1", () => ({ domain: newId("dom") }), 404, "domain_not_found"],
  [
    "an owner that is not there",
    "door/d1",
    (s) => ({ domain: s.home.domain, owner: "acc_0" }),
    422,
    "validation_failed",
  ],
  [
    "a parent in another domain",
    "door/d1",
    (s) => ({ domain: s.home.domain, parent: { type: "door", id: s.other.door } }),
    422,
    "validation_failed",
  ],
])("POL-1 a resource is not registered as or with %s", async (_, path, body, status, code) => {
  const setting = await settingOf();
  const { basic } = await aService();
  const answer = await shield(`/resources/${path}`, { method: "PUT", basic, json: body(setting) });
  expect([answer.status, await answer.json()]).toMatchObject([status, { code }]);
});

test("POL-1 no resource hangs below itself", async () => {
  const home = await aHousehold();
  const { basic } = await aService();
  const put = (id: string, parent?: string) =>
    shield(`/resources/box/${id}`, {
      ...{ method: "PUT", basic },
      json: { domain: home.domain, ...(parent && { parent: { type: "box", id: parent } }) },
    });
  const [one, two] = [newId("box"), newId("box")];
  expect((await put(one)).status).toBe(200);
  expect((await put(two, one)).status).toBe(200);
  expect((await put(one, two)).status).toBe(422);
  expect((await put(one, one)).status).toBe(422);
});

test.each<[string, string]>([
  ["PUT", "/resources/door/d1"],
  ["POST", "/policies"],
  ["POST", "/access/v1/evaluation"],
])("POL-3 %s %s is not for a service without the scope, nor for nobody", async (method, path) => {
  const { basic } = await aService(["introspect"]);
  const answer = await shield(path, { method, basic, json: {} });
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: "insufficient_scope" }]);
  const nobody = await shield(path, { method, json: {} });
  expect([nobody.status, await nobody.json()]).toMatchObject([401, { code: "token_missing" }]);
});
