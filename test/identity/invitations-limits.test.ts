import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { accountOfPhone } from "#identity/accounts/accounts.ts";
import { joinByInvitations } from "#identity/domains/joining.ts";
import { endExpiredMemberships } from "#identity/domains/membership.ts";
import { aDomain, aMember, eventsOf, refusal, roleIn } from "../support/domains.ts";
import { ask, invite, smsCode, usesOf } from "../support/invitations.ts";
import { aPerson, shield } from "../support/shield.ts";
import { aPhone, envWith, outside } from "../support/world.ts";

afterEach(() => void vi.restoreAllMocks());

test("DOM-2 a domain has its invitations of the day, however many ask at once", async () => {
  const { id, owner } = await aDomain();
  const few = envWith({ LIMITS: JSON.stringify({ invitationsPerDay: 3 }) });
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(id, owner, {}, few)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 201, 429, 429, 429]);
  const refused = await ask(id, owner, {}, few);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(86_000);
  expect(await refusal(refused)).toEqual([429, "invitation_limit"]);
  await env.DB.prepare("UPDATE invitations SET created_at = created_at - 86400001 WHERE domain_id = ?").bind(id).run();
  expect((await ask(id, owner, {}, few)).status).toBe(201);
});

test("DOM-2 one phone is not written to more often than that by all domains together", async () => {
  const world = outside();
  const phone = aPhone();
  const homes = await Promise.all(Array.from({ length: 5 }, () => aDomain()));
  const answers = await Promise.all(homes.map(({ id, owner }) => ask(id, owner, { to: { phone } })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 201, 429, 429]);
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(3), { timeout: 5_000, interval: 10 });
});

test("DOM-2 invitations by SMS come out of the budget that codes are sent from", async () => {
  const world = outside();
  const { id, owner } = await aDomain();
  const tight = envWith({ LIMITS: JSON.stringify({ addressPerHour: 1 }) });
  const phones = [aPhone(), aPhone()];
  const address = `198.51.100.${Math.floor(Math.random() * 250)}`;
  const send = (phone: string) =>
    shield(`/domains/${id}/invitations`, {
      ...{ token: owner.token, json: { role: "member", to: { phone } }, env: tight },
      headers: { "cf-connecting-ip": address },
    });
  expect((await send(phones[0]!)).status).toBe(201);
  const refused = await send(phones[1]!);
  expect(await refusal(refused)).toEqual([429, "rate_limited"]);
  expect(refused.headers.get("retry-after")).not.toBeNull();
  await smsCode(world, phones[0]!);
  expect(world.smsTo(phones[1]!)).toEqual([]);
});

test("DOM-8 an invitation to a phone that nobody has yet becomes a membership with the phone's proof", async () => {
  const world = outside();
  const phone = aPhone();
  const { id, owner } = await aDomain();
  const full = await aDomain();
  const made = await invite(id, owner, { to: { phone }, role: "guest" });
  await invite(full.id, full.owner, { to: { phone } });
  await vi.waitFor(() => expect(world.smsTo(phone)).toHaveLength(2), { timeout: 5_000, interval: 10 });
  const { id: account } = await accountOfPhone(env, phone, new Date());
  const small = envWith({ LIMITS: JSON.stringify({ domainMembers: 2 }) });
  await aMember(full.id);

  const identifier = { type: "phone", value: phone } as const;
  const joined = await Promise.all([1, 2].map(() => joinByInvitations(small, "main", account, identifier)));
  expect(joined.flat()).toEqual([id]);
  expect(await roleIn(id, account)).toBe("guest");
  expect(await roleIn(full.id, account)).toBeUndefined();
  expect(await usesOf(made.id)).toEqual({ uses: 1, status: "accepted" });
  expect((await eventsOf(id)).slice(-2).map(({ type }) => type)).toEqual([
    "domain.member_added",
    "invitation.accepted",
  ]);
});

test("DOM-8 a phone that is claimed and not proven joins nothing", async () => {
  const world = outside();
  const phone = aPhone();
  const { id, owner } = await aDomain();
  await invite(id, owner, { to: { phone } });
  await smsCode(world, phone);
  const thief = await aPerson();
  expect(await joinByInvitations(env, "main", thief.account, { type: "phone", value: phone })).toEqual([]);
  expect(await roleIn(id, thief.account)).toBeUndefined();
});

test("DOM-2 an invitation is forgotten ninety days after its end, and with it whom it was for", async () => {
  const { id, owner } = await aDomain();
  const [old, recent] = [await invite(id, owner), await invite(id, owner)];
  const days = (n: number) => Date.now() - n * 86_400_000;
  for (const [{ id: invitation }, end] of [
    [old, days(91)],
    [recent, days(89)],
  ] as const) {
    await env.DB.prepare("UPDATE invitations SET expires_at = ? WHERE id = ?").bind(end, invitation).run();
  }
  await endExpiredMemberships(env);
  expect([await usesOf(old.id), await usesOf(recent.id)]).toEqual([null, { uses: 0, status: "open" }]);
});
