import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { settings } from "#env.ts";
import { deleteAccount } from "#identity/accounts/accounts.ts";
import { insertIdentifier, setPassword } from "#identity/accounts/queries.ts";
import { setClaimCode } from "#identity/controllers/claims.ts";
import { createDomain } from "#identity/domains/domains.ts";
import { insertMember } from "#identity/domains/member-queries.ts";
import { registerPush } from "#identity/installs/installs.ts";
import { tellPeople } from "#identity/installs/tell.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { codeAt, fromBase32, stepOf } from "#identity/totp/rfc6238.ts";
import { confirmTotp, newTotp } from "#identity/totp/totp.ts";
import { takeAppeal } from "#operator/desk/appeals.ts";
import { commentOwnIssue, openIssue } from "#operator/desk/issues.ts";
import { newId, randomId, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { hashPassword } from "#platform/passwords.ts";
import { aController, aHousehold, claim, theController } from "../support/controllers.ts";
import { countedEnv } from "../support/counted.ts";
import { aDomain } from "../support/domains.ts";
import { mails } from "../support/mail.ts";
import { meanwhile } from "../support/meanwhile.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";
import { aPhone, aUid, envWith, outside } from "../support/world.ts";

afterEach(() => vi.restoreAllMocks());

const GOOD = "correct horse battery staple";
const BETTER = "seven purple elephants dancing";

const withPassword = async (account: string) =>
  setPassword(database(env), "main", account, await hashPassword(GOOD, settings(env).PEPPERS), new Date());

const anAddress = () => `${randomId(6).toLowerCase()}@example.net`;

async function withAddress(account: string) {
  const [id, value] = [newId("idn"), anAddress()];
  const proven = { type: "email", value, accountId: account, verifiedAt: new Date(), createdAt: new Date() } as const;
  await insertIdentifier(database(env), { operator: "main", id, ...proven });
  return { id, value };
}

/** Somebody who proved ten minutes ago who they are. */
const aStalePerson = () => aPerson({ now: new Date(Date.now() - 400_000) });

const claimsOf = (token: string) =>
  JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) as Record<string, unknown>;

const eventsOf = async (id: string) => {
  const { results } = await env.DB.prepare("SELECT type FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(id)
    .all<{ type: string }>();
  return results.map(({ type }) => type);
};

test("ACC-7 people see their account, and change of it what is theirs to change", async () => {
  const { token, phone, account } = await aPerson();
  const first = await shield("/me", { token });
  expect(first.headers.get("etag")).toBe('"1"');
  expect(await first.json()).toMatchObject({
    ...{ id: account, name: null, status: "active", version: 1 },
    identifiers: [
      { id: expect.stringMatching(/^idn_/), type: "phone", value: `+${phone}`, verified_at: expect.any(String) },
    ],
  });
  const json = { name: "Анна", lang: "ru", avatar: "https://example.net/a.png", status: "banned", id: "acc_other" };
  const changed = await shield("/me", { method: "PATCH", token, json });
  expect(changed.status).toBe(200);
  expect(changed.headers.get("etag")).toBe('"2"');
  const after = { id: account, name: "Анна", lang: "ru", avatar: json.avatar, status: "active", version: 2 };
  expect(await changed.json()).toMatchObject(after);
  const emptied = await shield("/me", { method: "PATCH", token, json: { avatar: null } });
  expect(await emptied.json()).toMatchObject({ avatar: null, name: "Анна", version: 3 });
  expect((await eventsOf(account)).slice(-2)).toEqual(["account.updated", "account.updated"]);
});

test("ACC-7 an edit of another version than the present one is refused", async () => {
  const { token } = await aPerson();
  const edit = (version: string) =>
    shield("/me", { method: "PATCH", token, json: { name: "Анна" }, headers: { "if-match": version } });
  expect((await edit('"1"')).status).toBe(200);
  const late = await edit('"1"');
  expect(late.status).toBe(412);
  expect(await late.json()).toMatchObject({ code: "precondition_failed" });
});

test("ACC-7 an edit of nothing compares the version, and changes and tells nothing", async () => {
  const { token, account } = await aPerson();
  const before = await eventsOf(account);
  const edit = (version: string) =>
    shield("/me", { method: "PATCH", token, json: {}, headers: { "if-match": version } });
  const same = await edit('"1"');
  expect([same.status, same.headers.get("etag")]).toEqual([200, '"1"']);
  expect((await edit('"2"')).status).toBe(412);
  expect(await eventsOf(account)).toEqual(before);
});

test.each([
  ["an empty name", { name: " " }],
  ["a name that is no text", { name: 5 }],
  ["a language that is none", { lang: "русский" }],
  ["an avatar that runs", { avatar: "javascript:alert(1)" }],
])("%s is refused", async (_, json) => {
  const { token } = await aPerson();
  expect((await shield("/me", { method: "PATCH", token, json })).status).toBe(422);
});

test.each([
  ["PUT", "/me/password", { new: BETTER }],
  ["POST", "/me/identifiers", { type: "phone", value: "+79161234567" }],
  ["POST", "/me/identifiers/idn_1/verify", { challenge_id: "ch_1", code: "1" }],
  ["DELETE", "/me/identifiers/idn_1", undefined],
  ["GET", "/me/export", undefined],
  ["DELETE", "/me", { confirm: "+79161234567" }],
])("ACC-7 %s %s needs a fresh proof of who asks", async (method, path, json) => {
  const { token } = await aStalePerson();
  const response = await shield(path, { method, token, ...(json && { json }) });
  expect(response.status).toBe(401);
  expect(await response.json()).toMatchObject({ code: "reauthentication_required" });
  expect(response.headers.get("www-authenticate")).toContain("insufficient_user_authentication");
});

test("ACC-7 a password proves who somebody is, and their session goes on with it", async () => {
  const { token, account, tokens } = await aStalePerson();
  await withPassword(account);
  const prove = (password: string) => shield("/me/reauth", { token, json: { method: "password", password } });
  const wrong = await prove(BETTER);
  expect(wrong.status).toBe(401);
  expect(await wrong.json()).toMatchObject({ code: "invalid_credentials" });
  const right = await prove(GOOD);
  expect(right.status).toBe(200);
  const answer = await right.json<{ access_token: string; session_id: string }>();
  expect(answer).toMatchObject({ token_type: "Bearer", expires_in: 600, session_id: tokens.session_id });
  expect((await shield("/me/export", { token: answer.access_token })).status).toBe(200);
});

test("ACC-7 a code to an own phone proves who somebody is; six digits make up for four", async () => {
  const { codeFor } = outside();
  const { token, phone } = await aPerson({ acr: "low", now: new Date(Date.now() - 400_000) });
  const asked = await shield("/me/reauth/challenge", { token, json: {} });
  expect(asked.status).toBe(202);
  const { challenge_id, channel } = await asked.json<{ challenge_id: string; channel: string }>();
  expect(channel).toBe("sms");
  const json = { method: "sms", challenge_id, code: await codeFor(phone) };
  const response = await shield("/me/reauth", { token, json });
  expect(response.status).toBe(200);
  const claims = claimsOf((await response.json<{ access_token: string }>()).access_token);
  expect(claims).toMatchObject({ acr: "normal", amr: ["pwd", "otp", "sms"] });
  expect(Number(claims.auth_time)).toBeGreaterThan(Date.now() / 1000 - 60);
  expect((await shield("/me/reauth", { token, json })).status).toBe(401);
});

test("ACC-7 four digits prove who somebody is and make nothing up", async () => {
  const { codeFor } = outside();
  const client = (await aClient({ otpLength: 4 })).id;
  const { token, phone } = await aPerson({ acr: "low", client });
  const asked = await shield("/me/reauth/challenge", { token, json: { channel: "sms" } });
  const { challenge_id } = await asked.json<{ challenge_id: string }>();
  const json = { method: "sms", challenge_id, code: await codeFor(phone) };
  const response = await shield("/me/reauth", { token, json });
  expect(claimsOf((await response.json<{ access_token: string }>()).access_token)).toMatchObject({ acr: "low" });
});

test("ACC-7 another account's code proves nothing about who asks", async () => {
  const { codeFor } = outside();
  const client = (await aClient()).id;
  const [own, other] = [await aStalePerson(), await aPerson({ client })];
  const asked = await shield("/me/reauth/challenge", { token: other.token, json: {} });
  const { challenge_id } = await asked.json<{ challenge_id: string }>();
  const json = { method: "sms", challenge_id, code: await codeFor(other.phone) };
  const mine = await aPerson({ client });
  for (const { token } of [own, mine]) {
    const response = await shield("/me/reauth", { token, json });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: "code_invalid" });
  }
});

test("ACC-7 an authenticator proves who somebody is, and guessing at it ends", async () => {
  const { token, account, phone } = await aPerson({ acr: "low", now: new Date(Date.now() - 400_000) });
  const { secret } = await newTotp(env, "main", { ownerId: account, label: phone }, SYSTEM);
  const at = (seconds: number) => codeAt(fromBase32(secret), stepOf(new Date(Date.now() + seconds * 1000)));
  const confirmation = { ownerId: account, code: at(-30), kind: "account" } as const;
  expect(await confirmTotp(env, "main", confirmation, SYSTEM)).toHaveLength(10);
  const prove = (code: string) => shield("/me/reauth", { token, json: { method: "totp", code } });
  const response = await prove(at(0));
  expect(response.status).toBe(200);
  expect(claimsOf((await response.json<{ access_token: string }>()).access_token)).toMatchObject({ acr: "normal" });
  const wrong = await prove("000000");
  expect(await wrong.json()).toMatchObject({ code: "totp_invalid" });
  for (let i = 0; i < 4; i++) await prove("000000");
  expect((await prove("000000")).status).toBe(429);
});

test.each([
  ["a password", { method: "password" }, "/password"],
  ["a code", { method: "totp" }, "/code"],
  ["a challenge", { method: "sms", code: "123456" }, "/challenge_id"],
])("a proof without %s is no proof", async (_, json, pointer) => {
  const { token } = await aPerson();
  const response = await shield("/me/reauth", { token, json });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ errors: [{ pointer }] });
});

test("ACC-7 TOK-10 a new password needs the present one, and ends every session", async () => {
  outside();
  const { token, account, tokens, client } = await aPerson();
  await withPassword(account);
  const change = (json: object) => shield("/me/password", { method: "PUT", token, json });
  expect((await change({ new: BETTER })).status).toBe(401);
  expect((await change({ current: BETTER, new: BETTER })).status).toBe(401);
  const weak = await change({ current: GOOD, new: "short" });
  expect(weak.status).toBe(422);
  expect((await change({ current: GOOD, new: BETTER })).status).toBe(204);
  expect((await shield("/me", { method: "PATCH", token, json: { name: "Анна" } })).status).toBe(401);
  const form = { grant_type: "refresh_token", refresh_token: tokens.refresh_token!, client_id: client };
  expect((await shield("/oauth/token", { form })).status).toBe(400);
});

test("ACC-7 a first password needs none before it, and may leave this session open and no other", async () => {
  const { smsTo } = outside();
  const phone = aPhone();
  const [here, elsewhere] = [await aPerson({ phone }), await aPerson({ phone })];
  const change = { method: "PUT", token: here.token, json: { new: BETTER } };
  expect((await shield("/me/password?keep=current", change)).status).toBe(204);
  const rename = (token: string) => shield("/me", { method: "PATCH", token, json: { name: "Анна" } });
  expect((await rename(here.token)).status).toBe(200);
  expect((await rename(elsewhere.token)).status).toBe(401);
  await vi.waitFor(() => expect(smsTo(phone)).toEqual([expect.stringMatching(/^Пароль изменён/)]), { timeout: 5000 });
});

test("a session that four digits opened sets no first password, which would open what four digits may not", async () => {
  const { token } = await aPerson({ acr: "low" });
  const response = await shield("/me/password", { method: "PUT", token, json: { new: BETTER } });
  expect(response.status).toBe(403);
  expect(await response.json()).toMatchObject({ code: "acr_too_low" });
});

const add = (token: string, value: string) =>
  shield("/me/identifiers", { token, json: { type: value.includes("@") ? "email" : "phone", value } });

async function added(token: string, value: string) {
  const response = await add(token, value);
  expect(response.status).toBe(202);
  return response.json<{ id: string; challenge_id: string }>();
}

const verify = (token: string, { id, challenge_id }: { id: string; challenge_id: string }, code: string) =>
  shield(`/me/identifiers/${id}/verify`, { token, json: { challenge_id, code } });

test("ACC-7 ACC-10 another address is the person's once proven, and the phone before it is told", async () => {
  const inbox = mails();
  const { smsTo } = outside();
  const { token, phone, account } = await aPerson();
  const address = anAddress();
  const claim = await added(token, address.toUpperCase());
  const listed = await shield("/me", { token });
  const { identifiers } = await listed.json<{ identifiers: { value: string; verified_at: string | null }[] }>();
  expect(identifiers.map(({ value, verified_at }) => [value, verified_at !== null])).toEqual([
    [`+${phone}`, true],
    [address, false],
  ]);
  const code = /\d{6}$/.exec((await inbox.to(address)).text)![0];
  expect((await verify(token, claim, "0")).status).toBe(401);
  const verified = await verify(token, claim, code);
  expect(verified.status).toBe(200);
  expect(await verified.json()).toMatchObject({
    identifiers: [{ value: `+${phone}` }, { id: claim.id, value: address, verified_at: expect.any(String) }],
  });
  await vi.waitFor(() => expect(smsTo(phone)).toEqual([expect.stringMatching(/изменён/)]), { timeout: 5000 });
  expect((await eventsOf(account)).at(-1)).toBe("account.updated");
  expect((await add(token, address)).status).toBe(409);
});

test("ACC-10 whose an identifier is learns only who has proven to hold it", async () => {
  const { codeFor } = outside();
  const [{ token }, other] = [await aPerson(), await aPerson()];
  const [taken, free] = [await add(token, other.phone), await add((await aPerson()).token, aPhone())];
  expect(taken.status).toBe(free.status);
  const [claim, unclaimed] = [
    await taken.json<{ id: string; challenge_id: string }>(),
    await free.json<Record<string, unknown>>(),
  ];
  expect(Object.keys(claim)).toEqual(Object.keys(unclaimed));
  expect((await verify(token, claim, "0")).status).toBe(401);
  const response = await verify(token, claim, await codeFor(other.phone));
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({ code: "identifier_taken" });
  const theirs = await shield("/me", { token: other.token });
  expect(await theirs.json()).toMatchObject({ identifiers: [{ value: `+${other.phone}` }] });
});

test("ACC-10 nobody verifies another's identifier, nor with another's code", async () => {
  const { codeFor } = outside();
  const client = (await aClient()).id;
  const [one, two] = [await aPerson({ client }), await aPerson({ client })];
  const phone = aPhone();
  const [mine, theirs] = [await added(one.token, phone), await added(two.token, aPhone())];
  const code = await codeFor(phone);
  expect((await verify(two.token, mine, code)).status).toBe(404);
  expect((await verify(two.token, { ...mine, id: theirs.id }, code)).status).toBe(401);
  expect((await shield(`/me/identifiers/${mine.id}`, { method: "DELETE", token: two.token })).status).toBe(404);
  expect((await verify(one.token, mine, code)).status).toBe(200);
});

test("ACC-10 the last identifier stays, also when two are removed at once", async () => {
  outside();
  const { token, account, phone } = await aPerson();
  const listed = await shield("/me", { token });
  const { identifiers } = await listed.json<{ identifiers: { id: string }[] }>();
  const remove = (id: string) => shield(`/me/identifiers/${id}`, { method: "DELETE", token });
  const only = await remove(identifiers[0]!.id);
  expect(only.status).toBe(409);
  expect(await only.json()).toMatchObject({ code: "last_identifier" });
  const { id, value } = await withAddress(account);
  const answers = await Promise.all([remove(id), remove(identifiers[0]!.id)]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409]);
  const left = await shield("/me", { token });
  const rest = await left.json<{ identifiers: { value: string }[] }>();
  expect(rest.identifiers).toHaveLength(1);
  expect([`+${phone}`, value]).toContain(rest.identifiers[0]!.value);
});

test("ACC-7 a phone that is taken off is told", async () => {
  const { smsTo } = outside();
  const { token, account, phone } = await aPerson();
  await withAddress(account);
  const { identifiers } = await (await shield("/me", { token })).json<{ identifiers: { id: string }[] }>();
  expect((await shield(`/me/identifiers/${identifiers[0]!.id}`, { method: "DELETE", token })).status).toBe(204);
  await vi.waitFor(() => expect(smsTo(phone)).toEqual([expect.stringMatching(/изменён/)]), { timeout: 5000 });
});

test("ACC-8 people get all that is kept about them, and no secret", async () => {
  outside();
  const { token, account, phone, tokens } = await aPerson();
  await withPassword(account);
  const domain = await createDomain(env, "main", { accountId: account, name: "Дом", addressRef: null }, SYSTEM);
  await added(token, anAddress());
  const [pushToken, quiet] = [
    `token-${account}`,
    envWith({ MESSAGES: { send: async () => {}, sendBatch: async () => {} } }),
  ];
  await registerPush(env, { account, id: tokens.session_id }, { platform: "ios", pushToken });
  await tellPeople(quiet, [phone], { title: "Вам письмо", text: "Текст", action: "inbox" });
  const issue = { uid: null, kind: "requestCallback", summary: "Звонок", description: "Утром", address: null };
  const asked = { ...issue, delivery: null, fields: {}, sameness: account };
  const { key } = await openIssue(env, { phone, account }, asked);
  await commentOwnIssue(env, { phone, account }, key, "Жду");
  await takeAppeal(env, { uid: aUid(), phone, address: "Мира, 3", categoryId: 1, description: "Темно" });
  const response = await shield("/me/export", { token });
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({
    account: { id: account },
    identifiers: [{ value: `+${phone}` }, { verified_at: null }],
    sessions: [{ id: tokens.session_id, device: "Pixel 9" }],
    domains: [{ id: domain.id, name: "Дом", role: "owner" }],
    ...{ devices: [], policies: [], choices: [], chat: [], apps: [{ session_id: tokens.session_id, platform: "ios" }] },
    messages: expect.arrayContaining([
      expect.objectContaining({ channel: "email", purpose: "identifier" }),
      expect.objectContaining({ channel: "push", purpose: "inbox", recipient: null }),
    ]),
    inbox: [{ title: "Вам письмо", text: "Текст" }],
    requests: [{ key, description: "Утром", comments: [{ author: "resident", text: "Жду" }] }],
    complaints: [{ description: "Темно", address: "Мира, 3" }],
    audit: expect.arrayContaining([expect.objectContaining({ action: "account.created" })]),
  });
  expect(text).not.toMatch(/scrypt|refresh_secret|token_hash|sealed/);
  expect(text).not.toContain(pushToken);
});

test("ACC-8 people delete themselves: sessions end at once, the number is free, the row keeps its id", async () => {
  outside();
  const { token, account, phone } = await aPerson();
  const remove = (confirm: string) => shield("/me", { method: "DELETE", token, json: { confirm } });
  const mistaken = await remove(aPhone());
  expect(mistaken.status).toBe(422);
  expect(await mistaken.json()).toMatchObject({ code: "confirmation_mismatch" });
  const removed = await remove(`+${phone}`);
  expect(removed.status).toBe(202);
  const { delete_at } = await removed.json<{ delete_at: string }>();
  expect(Date.parse(delete_at) - Date.now()).toBeGreaterThan(29 * 86_400_000);
  expect((await remove(phone)).status).toBe(401);
  expect((await eventsOf(account)).at(-1)).toBe("account.deleted");
  expect((await aPerson({ phone })).account).not.toBe(account);
});

test("ACC-8 who owns a domain with others in it hands it over first; a domain of one's own goes along", async () => {
  outside();
  const [{ token, account, phone }, other] = [await aPerson(), await aPerson()];
  const named = { accountId: account, name: "Дом", addressRef: null };
  const [shared, own] = [
    await createDomain(env, "main", named, SYSTEM),
    await createDomain(env, "main", named, SYSTEM),
  ];
  const member = { operator: "main", domainId: shared.id, role: "member", joinedAt: new Date() } as const;
  await insertMember(database(env), { ...member, accountId: other.account });
  const remove = () => shield("/me", { method: "DELETE", token, json: { confirm: phone } });
  const refused = await remove();
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ code: "owner_must_transfer" });
  expect((await shield("/me", { method: "PATCH", token, json: { name: "Анна" } })).status).toBe(200);
  await env.DB.prepare("DELETE FROM domain_members WHERE domain_id = ? AND account_id = ?")
    .bind(shared.id, other.account)
    .run();
  expect((await remove()).status).toBe(202);
  expect((await eventsOf(own.id)).at(-1)).toBe("domain.deleted");
});

test("ACC-8 DOM-3 nobody is left in a domain without an owner by who joins while it is deleted", async () => {
  outside();
  const [owner, other] = [await aPerson(), await aPerson()];
  const named = { accountId: owner.account, name: "Дом", addressRef: null };
  const { id: domainId } = await createDomain(env, "main", named, SYSTEM);
  const member = {
    operator: "main",
    domainId,
    accountId: other.account,
    role: "member",
    joinedAt: new Date(),
  } as const;
  const joined = meanwhile(async () => void (await insertMember(database(env), member)));
  await expect(deleteAccount(joined, "main", { id: owner.account, reason: "own wish" }, SYSTEM)).rejects.toMatchObject({
    reason: "owner_must_transfer",
  });
  expect((await shield("/me", { method: "PATCH", token: owner.token, json: { name: "Анна" } })).status).toBe(200);
  expect((await shield(`/domains/${domainId}`, { token: other.token })).status).toBe(200);
  expect(await eventsOf(domainId)).toEqual(["domain.created"]);
});

test("ACC-8 DOM-3 who joins a domain while their account is deleted leaves that one too", async () => {
  outside();
  const [person, { id: domainId }] = [await aPerson(), await aDomain()];
  const member = {
    operator: "main",
    domainId,
    accountId: person.account,
    role: "member",
    joinedAt: new Date(),
  } as const;
  const joined = meanwhile(async () => void (await insertMember(database(env), member)));
  await deleteAccount(joined, "main", { id: person.account, reason: "own wish" }, SYSTEM);
  expect((await eventsOf(domainId)).slice(1)).toEqual(["domain.member_removed"]);
  expect((await eventsOf(person.account)).at(-1)).toBe("account.deleted");
});

test("ACC-8 DEV-3 the controllers of somebody who is deleted are free, and know nothing of them", async () => {
  outside();
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  await shield(`/devices/${controller.id}`, { method: "PATCH", token: household.token, json: { name: "У Анны" } });
  const json = { confirm: `+${household.phone}` };
  expect((await shield("/me", { method: "DELETE", token: household.token, json })).status).toBe(202);
  expect(await theController(controller.serial)).toMatchObject({
    ...{ status: "factory", owner_account_id: null, domain_id: null, name: null, claim_hash: null },
  });
  await setClaimCode(env, "main", { id: controller.id, hash: sha256("NEW") }, SYSTEM);
  expect((await claim(await aHousehold(), { ...controller, code: "NEW" })).status).toBe(201);
});

test("ACC-7 a claim of a phone is written down, masked, before it is proven", async () => {
  outside();
  const [{ token, account }, phone] = [await aPerson(), aPhone()];
  await added(token, phone);
  const row = await env.DB.prepare(
    "SELECT after FROM audit_log WHERE action = 'account.identifier_claimed' AND target_id = ?",
  )
    .bind(account)
    .first<{ after: string }>();
  expect(JSON.parse(row!.after)).toEqual({ phone: expect.stringMatching(/^\+7916\*\*\*\d{4}$/) });
});

test("ACC-8 an account that is deleted in this moment makes no domain", async () => {
  const { account } = await aPerson();
  const named = { accountId: account, name: "Дом", addressRef: null };
  const gone = meanwhile(() => deleteAccount(env, "main", { id: account, reason: "own wish" }, SYSTEM));
  await expect(createDomain(gone, "main", named, SYSTEM)).rejects.toMatchObject({ reason: "session_revoked" });
});

test("ACC-3 the code of one purpose is worth nothing for another", async () => {
  const { codeFor } = outside();
  const { token, client } = await aPerson();
  const phone = aPhone();
  const { challenge_id } = await added(token, phone);
  const code = await codeFor(phone);
  const json = { client_id: client, challenge_id, code };
  const reset = await shield("/accounts/password/reset", { json: { ...json, new_password: GOOD } });
  const activation = await shield("/accounts/activate", { json: { ...json, login: phone } });
  const reauth = await shield("/me/reauth", { token, json: { ...json, method: "sms" } });
  expect([reset.status, activation.status, reauth.status]).toEqual([401, 401, 401]);
});

test("where no mail can be sent, an address is refused", async () => {
  const { token } = await aPerson();
  const silent = envWith({ ENVIRONMENT: "production" });
  const response = await shield("/me/identifiers", { token, json: { type: "email", value: anAddress() }, env: silent });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ code: "channel_unavailable" });
});

test("a look at one's account is one question to the database", async () => {
  const { token } = await aPerson();
  expect((await shield("/me", { token })).status).toBe(200);
  const { env: counted, trips } = countedEnv();
  expect((await shield("/me", { token, env: counted })).status).toBe(200);
  expect(trips).toMatchObject({ d1: 1, objects: 0 });
});
