import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import type { Env } from "#env.ts";
import { insertIdentifier } from "#identity/accounts/queries.ts";
import { deleteDomain } from "#identity/domains/domains.ts";
import { invite } from "#identity/domains/invitations.ts";
import { leaveAllDomains } from "#identity/domains/leaving.ts";
import { changeRole, endMember } from "#identity/domains/members.ts";
import { endExpiredMemberships } from "#identity/domains/membership.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { messagesOfAccount } from "#messaging/queries.ts";
import { newId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { join } from "../support/controllers.ts";
import { aController, aDomain, aMember, audited, eventsOf, refusal, roleIn } from "../support/domains.ts";
import { meanwhile } from "../support/meanwhile.ts";
import { aPerson, type Signed, shield } from "../support/shield.ts";

const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();
const OLD = new Date(Date.now() - 400_000);

const patch = (id: string, by: Signed, whom: Signed, json: object) =>
  shield(`/domains/${id}/members/${whom.account}`, { token: by.token, method: "PATCH", json });
const remove = (id: string, by: Signed, whom: Signed) =>
  shield(`/domains/${id}/members/${whom.account}`, { token: by.token, method: "DELETE" });
const leave = (id: string, who: Signed) => shield(`/domains/${id}/leave`, { token: who.token, method: "POST" });
const offer = (id: string, by: Signed, to: Signed) =>
  shield(`/domains/${id}/owner`, { token: by.token, json: { account_id: to.account } });
const takeOver = (id: string, who: Signed) =>
  shield(`/domains/${id}/owner/accept`, { token: who.token, method: "POST" });

async function aRight(domainId: string, account: string) {
  await env.DB.prepare(
    `INSERT INTO policies (operator, id, domain_id, subj_type, subj_id, res_type, res_id, actions, effect, origin, created_by, created_at)
     VALUES ('main', ?, ?, 'account', ?, 'door', 'd1', '["view"]', 'allow', 'grant', 'acc', 0)`,
  )
    .bind(crypto.randomUUID(), domainId, account)
    .run();
}
const rightsOf = async (domainId: string, account: string) =>
  (await env.DB.prepare("SELECT count(*) AS n FROM policies WHERE domain_id = ? AND subj_id = ?")
    .bind(domainId, account)
    .first<{ n: number }>())!.n;
const policyVersion = async (id: string) =>
  (await env.DB.prepare("SELECT policy_version AS n FROM domains WHERE id = ?").bind(id).first<{ n: number }>())!.n;

test("DOM-3 members are listed with their roles, and guests with their end", async () => {
  const { id, owner } = await aDomain();
  const guest = await aMember(id, "guest");
  await aMember(id, "guest", { expiresAt: new Date(Date.now() - 1) });
  const answer = await shield(`/domains/${id}/members`, { token: owner.token });
  const { items } = (await answer.json()) as { items: object[] };
  expect(items).toHaveLength(2);
  expect(items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ account_id: owner.account, role: "owner", expires_at: null }),
      expect.objectContaining({ account_id: guest.account, role: "guest", expires_at: expect.any(String) }),
    ]),
  );
});

test("DOM-3 DOM-4 a new role counts at the next request", async () => {
  const { id, owner } = await aDomain();
  const member = await aMember(id);
  const rename = () => shield(`/domains/${id}`, { token: member.token, method: "PATCH", json: { name: "Дом" } });
  expect((await rename()).status).toBe(403);
  const before = await policyVersion(id);
  expect(await (await patch(id, owner, member, { role: "admin" })).json()).toMatchObject({ role: "admin" });
  expect((await rename()).status).toBe(200);
  expect(await policyVersion(id)).toBe(before + 1);
  expect((await patch(id, owner, member, { role: "member" })).status).toBe(200);
  expect(await refusal(await rename())).toEqual([403, "role_insufficient"]);
  expect((await eventsOf(id)).filter(({ type }) => type === "domain.member_role_changed")).toHaveLength(2);
});

test.each([
  ["an administrator makes nobody an owner", "admin", "member", { role: "owner" }],
  ["an administrator does not make itself an owner", "admin", "self", { role: "owner" }],
  ["an administrator does not demote an owner", "admin", "owner", { role: "member" }],
  ["a member makes nobody anything", "member", "guest", { role: "member" }],
  ["a guest does not prolong its own stay", "guest", "self", { expires_at: TOMORROW }],
] as const)("DOM-3 %s", async (_, by, whom, change) => {
  const { id, owner } = await aDomain();
  const who = await aMember(id, by);
  const target = whom === "self" ? who : whom === "owner" ? owner : await aMember(id, whom);
  expect(await refusal(await patch(id, who, target, change))).toEqual([403, "role_insufficient"]);
});

test("DOM-3 an administrator gives its own role and less, to whom stands no higher", async () => {
  const { id } = await aDomain();
  const admin = await aMember(id, "admin");
  const other = await aMember(id, "member");
  expect((await patch(id, admin, other, { role: "admin" })).status).toBe(200);
  expect((await patch(id, admin, other, { role: "guest", expires_at: TOMORROW })).status).toBe(200);
  expect(await (await patch(id, admin, other, { role: "member" })).json()).toMatchObject({ expires_at: null });
});

test("DOM-3 a domain is shared with another owner only upon a fresh proof", async () => {
  const owner = await aPerson({ now: OLD });
  const { id } = await aDomain(owner);
  const member = await aMember(id);
  expect(await refusal(await patch(id, owner, member, { role: "owner" }))).toEqual([401, "reauthentication_required"]);
  const low = await aPerson({ acr: "low" });
  const lows = await aDomain(low);
  const other = await aMember(lows.id);
  expect(await refusal(await patch(lows.id, low, other, { role: "owner" }))).toEqual([403, "acr_too_low"]);
});

test.each([
  ["a guest without an end", { role: "guest" }],
  ["a guest whose end is past", { role: "guest", expires_at: "2020-01-01T00:00:00Z" }],
  ["an owner with an end", { role: "owner", expires_at: TOMORROW }],
  ["a role that there is none", { role: "king" }],
  ["nothing", {}],
])("DOM-3 nobody becomes %s", async (_, change) => {
  const { id, owner } = await aDomain();
  const member = await aMember(id);
  expect(await refusal(await patch(id, owner, member, change))).toEqual([422, "validation_failed"]);
});

test("DOM-4 whom a domain removes is out at once, with what was given there", async () => {
  const { id, owner } = await aDomain();
  const member = await aMember(id, "admin");
  await aRight(id, member.account);
  const { code } = await aLink(id, member);
  expect((await remove(id, owner, member)).status).toBe(204);
  const answer = await shield(`/domains/${id}`, { token: member.token, method: "PATCH", json: { name: "x" } });
  expect(await refusal(answer)).toEqual([404, "domain_not_found"]);
  expect((await shield(`/domains/${id}`, { token: member.token })).status).toBe(404);
  expect(await rightsOf(id, member.account)).toBe(0);
  const stranger = await aPerson();
  const accepted = await shield(`/invitations/${code}/accept`, { token: stranger.token, method: "POST" });
  expect(await refusal(accepted)).toEqual([410, "invitation_expired"]);
  expect((await eventsOf(id)).at(-1)).toEqual({
    ...{ type: "domain.member_removed", data: { account: member.account, reason: "removed" } },
  });
  expect(await refusal(await remove(id, owner, member))).toEqual([404, "member_not_found"]);
});

async function aLink(id: string, { token }: Signed) {
  const answer = await shield(`/domains/${id}/invitations`, { token, json: { to: null, role: "member" } });
  return { code: ((await answer.json()) as { link: string }).link.split("/").at(-1)! };
}

test("DOM-4 rights of others stay when one leaves", async () => {
  const { id } = await aDomain();
  const [one, other] = [await aMember(id), await aMember(id)];
  await aRight(id, one.account);
  await aRight(id, other.account);
  expect((await leave(id, one)).status).toBe(204);
  expect([await rightsOf(id, one.account), await rightsOf(id, other.account)]).toEqual([0, 1]);
  expect((await shield(`/domains/${id}`, { token: one.token })).status).toBe(404);
  expect(await audited(id, "domain.member_removed")).toBe(1);
});

test("DOM-4 rights that somebody outside was given stay when an attempt to remove them fails", async () => {
  const { id, owner } = await aDomain();
  const outsider = await aPerson();
  await aRight(id, outsider.account);
  expect(await refusal(await remove(id, owner, outsider))).toEqual([404, "member_not_found"]);
  expect(await rightsOf(id, outsider.account)).toBe(1);
});

test("DOM-4 rights that somebody outside was given stay when they join", async () => {
  const { id, owner } = await aDomain();
  const outsider = await aPerson();
  await aRight(id, outsider.account);
  const { code } = await aLink(id, owner);
  expect((await shield(`/invitations/${code}/accept`, { token: outsider.token, method: "POST" })).status).toBe(200);
  expect(await rightsOf(id, outsider.account)).toBe(1);
});

test.each(["guest", "member", "admin"] as const)("DOM-4 a %s may leave, in either of two ways", async (role) => {
  const { id } = await aDomain();
  const [one, other] = [await aMember(id, role), await aMember(id, role)];
  expect([(await leave(id, one)).status, (await remove(id, other, other)).status]).toEqual([204, 204]);
});

test.each([
  ["leave", (id: string, owner: Signed) => leave(id, owner)],
  ["remove itself", (id: string, owner: Signed) => remove(id, owner, owner)],
  ["step down", (id: string, owner: Signed) => patch(id, owner, owner, { role: "admin" })],
])("DOM-3 DOM-4 the last owner cannot %s", async (_, act) => {
  const { id, owner } = await aDomain();
  await aMember(id, "admin");
  await aRight(id, owner.account);
  expect(await refusal(await act(id, owner))).toEqual([409, "last_owner"]);
  expect(await rightsOf(id, owner.account)).toBe(1);
  expect(await roleIn(id, owner.account)).toBe("owner");
});

test.each([
  ["leave", (id: string, [a, b]: Signed[]) => [leave(id, a!), leave(id, b!)]],
  [
    "step down",
    (id: string, [a, b]: Signed[]) => [patch(id, a!, a!, { role: "member" }), patch(id, b!, b!, { role: "member" })],
  ],
  ["remove each other", (id: string, [a, b]: Signed[]) => [remove(id, a!, b!), remove(id, b!, a!)]],
  [
    "leave while the other steps down",
    (id: string, [a, b]: Signed[]) => [leave(id, a!), patch(id, b!, b!, { role: "admin" })],
  ],
] as const)("DOM-3 DOM-4 of two owners who %s at once, one stays", async (_, act) => {
  for (let round = 0; round < 5; round++) {
    const { id, owner } = await aDomain();
    const second = await aMember(id, "owner");
    await Promise.all(act(id, [owner, second]));
    const { results } = await env.DB.prepare(
      "SELECT account_id FROM domain_members WHERE domain_id = ? AND role = 'owner'",
    )
      .bind(id)
      .all();
    expect(results).toHaveLength(1);
  }
});

test("DOM-4 a domain changes hands once the next owner has agreed, and not before", async () => {
  const { id, owner } = await aDomain();
  const next = await aMember(id, "member");
  expect(await refusal(await takeOver(id, next))).toEqual([403, "role_insufficient"]);
  const offered = await offer(id, owner, next);
  expect(offered.status).toBe(202);
  expect([await roleIn(id, owner.account), await roleIn(id, next.account)]).toEqual(["owner", "member"]);
  expect(await (await shield(`/domains/${id}`, { token: next.token })).json()).toMatchObject({
    offered_to: next.account,
  });

  expect(await (await takeOver(id, next)).json()).toMatchObject({ account_id: next.account, role: "owner" });
  expect([await roleIn(id, owner.account), await roleIn(id, next.account)]).toEqual(["admin", "owner"]);
  expect((await eventsOf(id)).slice(1)).toEqual([
    { type: "domain.member_role_changed", data: { account: next.account, role: "owner" } },
    { type: "domain.member_role_changed", data: { account: owner.account, role: "admin" } },
  ]);
  expect((await leave(id, owner)).status).toBe(204);
  expect(await refusal(await takeOver(id, next))).toEqual([403, "role_insufficient"]);
});

test("DOM-4 an offer is for one, who may turn it down, and the owner may take it back", async () => {
  const { id, owner } = await aDomain();
  const [first, second] = [await aMember(id, "admin"), await aMember(id)];
  await offer(id, owner, first);
  expect((await takeOver(id, second)).status).toBe(403);
  expect((await shield(`/domains/${id}/owner/decline`, { token: first.token, method: "POST" })).status).toBe(204);
  expect((await takeOver(id, first)).status).toBe(403);
  await offer(id, owner, second);
  expect((await shield(`/domains/${id}/owner`, { token: owner.token, method: "DELETE" })).status).toBe(204);
  expect((await takeOver(id, second)).status).toBe(403);
  await offer(id, owner, first);
  await offer(id, owner, second);
  expect((await takeOver(id, first)).status).toBe(403);
  expect((await takeOver(id, second)).status).toBe(200);
});

test.each([
  ["somebody outside", async () => aPerson(), [404, "member_not_found"]],
  ["somebody who owns it already", async (id: string) => aMember(id, "owner"), [409, "already_in_state"]],
  [
    "a guest whose stay is over",
    async (id: string) => aMember(id, "guest", { expiresAt: new Date(0) }),
    [404, "member_not_found"],
  ],
] as const)("DOM-4 a domain is not offered to %s", async (_, whom, expected) => {
  const { id, owner } = await aDomain();
  expect(await refusal(await offer(id, owner, await whom(id)))).toEqual(expected);
});

test("DOM-4 an offer falls with whoever made it, and with whom it was made to", async () => {
  const { id, owner } = await aDomain();
  const [second, next] = [await aMember(id, "owner"), await aMember(id)];
  await offer(id, owner, next);
  expect((await remove(id, second, owner)).status).toBe(204);
  expect((await takeOver(id, next)).status).toBe(403);
  await offer(id, second, next);
  await leave(id, next);
  expect(await (await shield(`/domains/${id}`, { token: second.token })).json()).toMatchObject({ offered_to: null });
});

test("DOM-4 handing over needs a fresh proof, and more than four digits", async () => {
  const old = await aPerson({ now: OLD });
  const first = await aDomain(old);
  const member = await aMember(first.id);
  expect(await refusal(await offer(first.id, old, member))).toEqual([401, "reauthentication_required"]);
  const low = await aPerson({ acr: "low" });
  const second = await aDomain(low);
  expect(await refusal(await offer(second.id, low, await aMember(second.id)))).toEqual([403, "acr_too_low"]);
  const third = await aDomain();
  await join(third.id, low.account, "member");
  await offer(third.id, third.owner, low);
  expect(await refusal(await takeOver(third.id, low))).toEqual([403, "acr_too_low"]);
});

test("DOM-3 a guest is out the moment its stay is over, and the sweep tells of it once", async () => {
  const { id, owner } = await aDomain();
  const guest = await aMember(id, "guest", { expiresAt: new Date(Date.now() + 60_000) });
  await aRight(id, guest.account);
  expect((await shield(`/domains/${id}`, { token: guest.token })).status).toBe(200);
  await endExpiredMemberships(env);
  expect(await roleIn(id, guest.account)).toBe("guest");

  const later = new Date(Date.now() + 61_000);
  await endExpiredMemberships(env, later);
  await endExpiredMemberships(env, later);
  expect(await roleIn(id, guest.account)).toBeUndefined();
  expect(await rightsOf(id, guest.account)).toBe(0);
  expect((await eventsOf(id)).slice(1)).toEqual([
    { type: "domain.member_removed", data: { account: guest.account, reason: "expired" } },
  ]);
  expect(await roleIn(id, owner.account)).toBe("owner");
});

test("DOM-3 a membership that cannot be ended does not keep the others", async () => {
  const { id } = await aDomain();
  const guests = [
    await aMember(id, "guest", { expiresAt: new Date(1) }),
    await aMember(id, "guest", { expiresAt: new Date(2) }),
  ];
  const left = async () => Promise.all(guests.map(({ account }) => roleIn(id, account)));
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  await endExpiredMemberships(meanwhile(() => Promise.reject(new Error("D1 is busy"))));
  logged.mockRestore();
  expect(await left()).toEqual(["guest", undefined]);
  await endExpiredMemberships(env);
  expect(await left()).toEqual([undefined, undefined]);
});

test("DOM-1 DOM-4 who joins a domain while it is deleted loses it like the others, and all are told of", async () => {
  const { id, owner } = await aDomain();
  const there = await aMember(id);
  let late: Signed | undefined;
  const sent: unknown[] = [];
  const joined = meanwhile(
    async () => {
      late = await aMember(id);
    },
    { SIGNALS: { send: async (signal: unknown) => void sent.push(signal) } },
  );
  const all = await deleteDomain(joined, "main", { id, detach: false }, SYSTEM);
  expect(all.toSorted()).toEqual([owner.account, there.account, late!.account].toSorted());
  expect(sent).toEqual([{ type: "domain.lost", operator: "main", accounts: all }]);
  const { type, data } = (await eventsOf(id)).at(-1)!;
  expect([type, (data.accounts as string[]).toSorted()]).toEqual(["domain.deleted", all.toSorted()]);
});

test("DOM-4 who deletes an account leaves its domains, and ends those that are nobody else's", async () => {
  const { id, owner } = await aDomain();
  const device = await aController({ ownerAccountId: owner.account });
  await shield(`/domains/${id}/devices/${device}`, { token: owner.token, method: "PUT" });
  const shared = await aDomain();
  const { account } = owner;
  await env.DB.prepare(
    "INSERT INTO domain_members (operator, domain_id, account_id, role, joined_at) VALUES ('main', ?, ?, 'admin', 0)",
  )
    .bind(shared.id, account)
    .run();
  await leaveAllDomains(env, "main", account, SYSTEM);
  expect((await shield(`/domains/${id}`, { token: owner.token })).status).toBe(404);
  expect((await eventsOf(id)).at(-1)?.type).toBe("domain.deleted");
  expect((await eventsOf(shared.id)).at(-1)?.data).toEqual({ account, reason: "account_deleted" });
});

test("DOM-4 who deletes an account first hands over what others live in", async () => {
  const { id, owner } = await aDomain();
  const { id: alone } = await aDomain(owner);
  await aMember(id);
  await expect(leaveAllDomains(env, "main", owner.account, SYSTEM)).rejects.toMatchObject({
    reason: "owner_must_transfer",
  });
  expect([await roleIn(id, owner.account), await roleIn(alone, owner.account)]).toEqual(["owner", "owner"]);
});

test.each([
  ["is taken out of it", (id: string, member: string) => `/domains/${id}/members/${member}`],
  ["lived there when it was deleted", (id: string) => `/domains/${id}`],
])("DOM-4 whoever loses a domain is told: who %s", async (_, path) => {
  const { id, owner } = await aDomain();
  const member = await aMember(id);
  const address = `${newId("x").toLowerCase()}@example.net`;
  const proven = { type: "email", value: address, verifiedAt: new Date(), createdAt: new Date() } as const;
  await insertIdentifier(database(env), { operator: "main", id: newId("idn"), accountId: member.account, ...proven });
  const answer = await shield(path(id, member.account), { token: owner.token, method: "DELETE" });
  expect(answer.ok).toBe(true);
  const told = async (account: string) => messagesOfAccount(database(env), "main", account, 10);
  expect(await told(member.account)).toMatchObject([{ recipient: address, purpose: "removed_from_domain" }]);
  expect(await told(owner.account)).toEqual([]);
});

test("DOM-3 DOM-4 an administrator who is taken out in this moment does nothing more by that role", async () => {
  const { id, owner } = await aDomain();
  const [member, expiresAt] = [await aMember(id), new Date(Date.now() + 60_000)];
  const without = async (act: (environment: Env, by: string) => Promise<unknown>) => {
    const admin = await aMember(id, "admin");
    const demoted = meanwhile(() => patch(id, owner, admin, { role: "member" }));
    await expect(act(demoted, admin.account)).rejects.toMatchObject({ reason: "role_insufficient" });
  };
  const whom = { domainId: id, accountId: member.account, own: "admin" } as const;
  await without((e, by) => changeRole(e, "main", { ...whom, by, change: { role: "admin" } }, SYSTEM));
  await without((e, by) => endMember(e, "main", { ...whom, by, reason: "removed" }, SYSTEM));
  const link = {
    domainId: id,
    to: null,
    role: "member",
    expiresAt,
    memberExpiresAt: null,
    note: null,
    maxUses: 1,
  } as const;
  await without((e, by) =>
    invite(e, "main", link, { actor: { kind: "account", id: by }, by: "admin", address: "203.0.113.9" }),
  );
  expect(await roleIn(id, member.account)).toBe("member");
  const { items } = (await (await shield(`/domains/${id}/invitations`, { token: owner.token })).json()) as {
    items: [];
  };
  expect(items).toEqual([]);
});
