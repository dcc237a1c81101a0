import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { invitationMail, invitationSms } from "#identity/domains/invitation-texts.ts";
import { endExpiredMemberships } from "#identity/domains/membership.ts";
import { smsShape } from "#messaging/sms-parts.ts";
import { aDomain, aMember, audited, eventsOf, refusal, roleIn } from "../support/domains.ts";
import { accept, ask, codeOf, decline, invite, type Made, mine, smsCode, usesOf } from "../support/invitations.ts";
import { aPerson, shield } from "../support/shield.ts";
import { aPhone, call, envWith, outside } from "../support/world.ts";

afterEach(() => void vi.restoreAllMocks());

test("DOM-2 a link leads somebody into the domain, once", async () => {
  const { id, owner } = await aDomain();
  const made = await invite(id, owner, { note: "Заходите" });
  expect(made.link).toMatch(/^http.*\/i\/[\w-]{22}$/);
  expect(decodeURIComponent(made.qr!)).toMatch(/^data:image\/svg\+xml,<svg /);
  const [guest, late] = [await aPerson(), await aPerson()];
  const preview = await shield(`/invitations/${codeOf(made)}`, { token: guest.token });
  expect(await preview.json()).toMatchObject({ domain: { name: "Дом" }, role: "member", note: "Заходите" });

  const joined = await accept(guest, codeOf(made));
  expect([joined.status, await joined.json()]).toMatchObject([
    ...[200, { domain_id: id, account_id: guest.account, role: "member", expires_at: null, invited_by: owner.account }],
  ]);
  expect((await shield(`/domains/${id}`, { token: guest.token })).status).toBe(200);
  expect(await refusal(await accept(guest, codeOf(made)))).toEqual([409, "already_member"]);
  expect(await refusal(await accept(late, codeOf(made)))).toEqual([410, "invitation_expired"]);
  expect((await eventsOf(id)).slice(1)).toEqual([
    { type: "invitation.created", data: { invitation: made.id, role: "member" } },
    { type: "domain.member_added", data: { account: guest.account, role: "member", invitation: made.id } },
    { type: "invitation.accepted", data: { invitation: made.id, account: guest.account } },
  ]);
  expect(await audited(id, "domain.member_added")).toBe(1);
});

test("DOM-2 the code of an invitation is stored only as its hash", async () => {
  const { id, owner } = await aDomain();
  const made = await invite(id, owner);
  const row = await env.DB.prepare("SELECT * FROM invitations WHERE id = ?").bind(made.id).first();
  expect(JSON.stringify(row)).not.toContain(codeOf(made));
  const { results } = await env.DB.prepare("SELECT * FROM audit_log WHERE target_id = ?").bind(id).all();
  expect(JSON.stringify(results)).not.toContain(codeOf(made));
});

test("DOM-2 two people on a link for one: exactly one gets in", async () => {
  for (let round = 0; round < 5; round++) {
    const { id, owner } = await aDomain();
    const made = await invite(id, owner);
    const people = await Promise.all([aPerson(), aPerson(), aPerson()]);
    const answers = await Promise.all(people.map((person) => accept(person, codeOf(made))));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 410, 410]);
    expect(await usesOf(made.id)).toEqual({ uses: 1, status: "accepted" });
  }
});

test("DOM-2 a link for several lets in as many, and one person twice at once only once", async () => {
  const { id, owner } = await aDomain();
  const made = await invite(id, owner, { max_uses: 3 });
  const person = await aPerson();
  const twice = await Promise.all([1, 2, 3].map(() => accept(person, codeOf(made))));
  expect(twice.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
  const people = await Promise.all(Array.from({ length: 4 }, () => aPerson()));
  const answers = await Promise.all(people.map((each) => accept(each, codeOf(made))));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 410, 410]);
});

test("DOM-2 the last place of a domain is given once", async () => {
  const { id, owner } = await aDomain();
  const small = envWith({ LIMITS: JSON.stringify({ domainMembers: 3 }) });
  await aMember(id, "guest", { expiresAt: new Date(Date.now() - 1) });
  const made = await invite(id, owner, { max_uses: 10 });
  const people = await Promise.all(Array.from({ length: 4 }, () => aPerson()));
  const answers = await Promise.all(people.map((person) => accept(person, codeOf(made), small)));
  const refusals = await Promise.all(answers.filter(({ status }) => status !== 200).map(refusal));
  expect(refusals).toEqual([
    [409, "domain_full"],
    [409, "domain_full"],
  ]);
});

test("DOM-2 an invitation by SMS carries the link, and its answer does not tell who has an account", async () => {
  const world = outside();
  const { id, owner } = await aDomain();
  const [somebody, nobody] = [await aPerson(), aPhone()];
  const known = await ask(id, owner, { to: { phone: `+${somebody.phone}` } });
  const unknown = await ask(id, owner, { to: { phone: nobody } });
  const shape = async (answer: Response) => [answer.status, Object.keys((await answer.json()) as object)];
  expect(await shape(known)).toEqual(await shape(unknown));
  const code = await smsCode(world, somebody.phone);
  await smsCode(world, nobody);
  expect(smsShape(world.smsTo(somebody.phone)[0]!).parts).toBe(1);

  expect(await mine(somebody)).toMatchObject([{ domain: { name: "Дом" }, role: "member" }]);
  expect((await accept(somebody, code)).status).toBe(200);
  expect(await mine(somebody)).toEqual([]);
});

test("DOM-2 what is sent tells no link to whoever sent it, and stores the phone masked in the journal", async () => {
  const world = outside();
  const { id, owner } = await aDomain();
  const phone = aPhone();
  const made = await invite(id, owner, { to: { phone } });
  await smsCode(world, phone);
  expect(Object.keys(made).toSorted()).toEqual(["expires_at", "id", "member_expires_at", "role"]);
  const { results } = await env.DB.prepare("SELECT after FROM audit_log WHERE target_id = ?").bind(id).all();
  const { results: events } = await env.DB.prepare("SELECT data FROM notifications WHERE agg_id = ?").bind(id).all();
  expect(JSON.stringify([results, events])).not.toContain(phone);
  const listed = await shield(`/domains/${id}/invitations`, { token: owner.token });
  expect(JSON.stringify(await listed.json())).not.toContain(phone);
});

test("DOM-2 an invitation by mail is opened by its code, and by its id in the person's own list", async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  const { id, owner } = await aDomain();
  const person = await aPerson();
  const address = `p${person.phone}@example.net`;
  await env.DB.prepare(
    "INSERT INTO account_identifiers (operator, type, value, account_id, verified_at, created_at, id) VALUES ('main', 'email', ?, ?, 1, 1, ?)",
  )
    .bind(address, person.account, `idn_${person.phone}`)
    .run();
  const made = await invite(id, owner, { to: { email: address.toUpperCase() } });
  expect(await mine(person)).toMatchObject([{ id: made.id }]);
  expect((await accept(person, made.id)).status).toBe(200);
});

test("DOM-2 an invitation to somebody opens for nobody else, whatever they show", async () => {
  const world = outside();
  const { id, owner } = await aDomain();
  const [person, other] = [await aPerson(), await aPerson()];
  const made = await invite(id, owner, { to: { phone: person.phone } });
  const code = await smsCode(world, person.phone);
  expect(await refusal(await accept(other, code))).toEqual([403, "invitation_target_mismatch"]);
  expect(await refusal(await shield(`/invitations/${code}`, { token: other.token }))).toEqual([
    ...[403, "invitation_target_mismatch"],
  ]);
  expect(await refusal(await accept(other, made.id))).toEqual([404, "invitation_invalid"]);
  expect(await refusal(await decline(other, made.id))).toEqual([404, "invitation_invalid"]);
  expect(await roleIn(id, other.account)).toBeUndefined();
  // Claimed, but not proven.
  await env.DB.prepare(
    "INSERT INTO account_identifiers (operator, type, value, account_id, created_at, id) VALUES ('main', 'phone', ?, ?, 1, ?)",
  )
    .bind(person.phone, other.account, `idn_${other.phone}`)
    .run();
  expect(await refusal(await accept(other, code))).toEqual([403, "invitation_target_mismatch"]);
  expect((await accept(person, code)).status).toBe(200);
});

test.each(["GET ", "POST /accept", "POST /decline"])(
  "DOM-2 a code that nobody made opens nothing: %s",
  async (route) => {
    const { token } = await aPerson();
    const [method, path = ""] = route.split(" ");
    const answer = await shield(`/invitations/AAAAAAAAAAAAAAAAAAAAAA${path}`, { token, method: method! });
    expect(await refusal(answer)).toEqual([404, "invitation_invalid"]);
  },
);

test("DOM-2 a link's id is no key", async () => {
  const { id, owner } = await aDomain();
  const made = await invite(id, owner);
  const person = await aPerson();
  expect(await refusal(await accept(person, made.id))).toEqual([404, "invitation_invalid"]);
});

test("DOM-2 an invitation is good until its end, and until it is withdrawn or turned down", async () => {
  const world = outside();
  const { id, owner } = await aDomain();
  const person = await aPerson();
  const over = await invite(id, owner);
  await env.DB.prepare("UPDATE invitations SET expires_at = ? WHERE id = ?")
    .bind(Date.now() - 1, over.id)
    .run();
  expect(await refusal(await accept(person, codeOf(over)))).toEqual([410, "invitation_expired"]);

  const withdrawn = await invite(id, owner);
  const path = `/domains/${id}/invitations/${withdrawn.id}`;
  expect((await shield(path, { token: owner.token, method: "DELETE" })).status).toBe(204);
  expect(await refusal(await accept(person, codeOf(withdrawn)))).toEqual([410, "invitation_expired"]);
  expect(await refusal(await shield(path, { token: owner.token, method: "DELETE" }))).toEqual([
    404,
    "invitation_invalid",
  ]);

  const turnedDown = await invite(id, owner, { to: { phone: person.phone } });
  const code = await smsCode(world, person.phone);
  expect((await decline(person, turnedDown.id)).status).toBe(204);
  expect(await refusal(await accept(person, code))).toEqual([410, "invitation_expired"]);
  const listed = (await (await shield(`/domains/${id}/invitations`, { token: owner.token })).json()) as Made;
  expect(listed).toEqual({ items: [], next_cursor: null });
});

test("DOM-2 who turns a link down does not take it from others", async () => {
  const { id, owner } = await aDomain();
  const made = await invite(id, owner);
  expect((await decline(await aPerson(), codeOf(made))).status).toBe(204);
  expect((await accept(await aPerson(), codeOf(made))).status).toBe(200);
});

test("DOM-2 a domain withdraws only its own invitations", async () => {
  const { id, owner } = await aDomain();
  const other = await aDomain();
  const made = await invite(id, owner);
  const answer = await shield(`/domains/${other.id}/invitations/${made.id}`, {
    token: other.owner.token,
    method: "DELETE",
  });
  expect(await refusal(answer)).toEqual([404, "invitation_invalid"]);
  expect((await accept(await aPerson(), codeOf(made))).status).toBe(200);
});

test("DOM-2 an administrator who is one no longer leaves no open doors", async () => {
  const { id, owner } = await aDomain();
  const admin = await aMember(id, "admin");
  const made = await invite(id, admin);
  const path = `/domains/${id}/members/${admin.account}`;
  await shield(path, { token: owner.token, method: "PATCH", json: { role: "member" } });
  expect(await refusal(await accept(await aPerson(), codeOf(made)))).toEqual([410, "invitation_expired"]);
});

test.each([
  ["an owner, by an owner", "owner", { role: "owner" }, [422, "validation_failed"]],
  ["an owner, by an administrator", "admin", { role: "owner" }, [403, "role_insufficient"]],
  [
    "a guest whose stay is over",
    "admin",
    { role: "guest", member_expires_at: "2020-01-01T00:00:00Z" },
    [422, "validation_failed"],
  ],
  ["for longer than a week", "admin", { expires_in: 604_801 }, [422, "validation_failed"]],
  [
    "several people with one phone",
    "admin",
    { to: { phone: "+79161230001" }, max_uses: 2 },
    [422, "validation_failed"],
  ],
  [
    "by phone and mail at once",
    "admin",
    { to: { phone: "+79161230001", email: "a@example.net" } },
    [422, "validation_failed"],
  ],
  ["a number that is none", "admin", { to: { phone: "12" } }, [422, "identifier_invalid"]],
  ["a country that is not served", "admin", { to: { phone: "+491711234567" } }, [422, "channel_unavailable"]],
] as const)("DOM-2 DOM-3 nobody is invited: %s", async (_, role, fields, expected) => {
  const { id } = await aDomain();
  const who = await aMember(id, role);
  expect(await refusal(await ask(id, who, fields))).toEqual(expected);
});

test("DOM-2 where no mail leaves, none is promised", async () => {
  const { id, owner } = await aDomain();
  const provider = { ENVIRONMENT: "production", MAIL_URL: "", PUBLIC_URL: settings(env).PUBLIC_URL };
  const without = envWith({ ...provider, SMS_TRANSPORT: "kannel" });
  const answer = await ask(id, owner, { to: { email: "a@example.net" } }, without);
  expect(await refusal(answer)).toEqual([422, "channel_unavailable"]);
});

test("DOM-2 a session opened with four digits invites nobody", async () => {
  const owner = await aPerson({ acr: "low" });
  const { id } = await aDomain(owner);
  expect(await refusal(await ask(id, owner, {}))).toEqual([403, "acr_too_low"]);
});

test("DOM-3 a guest's stay ends when it was said, and a new invitation begins a new one", async () => {
  const { id, owner } = await aDomain();
  const guest = await aPerson();
  const until = new Date(Date.now() + 3_600_000);
  const made = await invite(id, owner, { role: "guest", member_expires_at: until.toISOString() });
  expect(await (await accept(guest, codeOf(made))).json()).toMatchObject({
    role: "guest",
    expires_at: until.toISOString(),
  });
  const preset = await invite(id, owner, { role: "guest" });
  expect(preset.member_expires_at! > preset.expires_at).toBe(true);

  await env.DB.prepare("UPDATE domain_members SET expires_at = 1 WHERE domain_id = ? AND account_id = ?")
    .bind(id, guest.account)
    .run();
  expect((await accept(guest, codeOf(preset))).status).toBe(200);
  await endExpiredMemberships(env);
  expect(await roleIn(id, guest.account)).toBe("guest");
  expect((await eventsOf(id)).slice(-3)).toMatchObject([
    { type: "domain.member_removed", data: { reason: "expired" } },
    { type: "domain.member_added" },
    { type: "invitation.accepted" },
  ]);
});

const PUBLIC_URLS = ["http://127.0.0.1:8787", "https://gate.example.net", `https://${"long.".repeat(9)}example.net`];
test.each(PUBLIC_URLS.flatMap((base) => ["ru", "en"].map((lang) => [base, lang])))(
  "DOM-2 PEC-2 an invitation from %s in %s is one SMS that ends with its link",
  (base, lang) => {
    const link = `${base}/i/AAAAAAAAAAAAAAAAAAAAAA`;
    const text = invitationSms({ lang: lang! }, link);
    expect(smsShape(text).parts).toBe(1);
    expect(text.endsWith(link)).toBe(true);
    expect(invitationMail({ lang: lang!, name: "Оператор" }, link).text).toContain(link);
  },
);

test("DOM-2 without the app a link shows a page that knows nothing", async () => {
  const { id, owner } = await aDomain();
  const made = await invite(id, owner);
  const pages = await Promise.all([codeOf(made), "AAAA"].map((code) => call(`/i/${code}`)));
  const [good, bad] = await Promise.all(pages.map((page) => page.text()));
  expect(pages.map(({ status }) => status)).toEqual([200, 200]);
  expect(good).toBe(bad);
  expect(pages[0]!.headers.get("referrer-policy")).toBe("no-referrer");
});

const ROUTES = [
  ["GET", "/domains"],
  ["POST", "/domains"],
  ["DELETE", "/domains/dom_1"],
  ["PATCH", "/domains/dom_1/members/acc_1"],
  ["POST", "/domains/dom_1/invitations"],
  ["PUT", "/domains/dom_1/devices/dev_1"],
  ["GET", "/invitations"],
  ["POST", "/invitations/AAAA/accept"],
] as const;
test.each(ROUTES)("GW-3 IDP-1 without a token nothing of domains is managed: %s %s", async (method, path) => {
  const json = { name: "x", role: "member" };
  const answer = await shield(path, { method, ...(method === "POST" || method === "PATCH" ? { json } : {}) });
  expect(await refusal(answer)).toEqual([401, "token_missing"]);
});
