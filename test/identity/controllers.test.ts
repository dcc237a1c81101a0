import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { authenticateBySecret } from "#identity/controllers/authenticate.ts";
import { setClaimCode } from "#identity/controllers/claims.ts";
import { enrolController } from "#identity/controllers/enrolment.ts";
import { importControllers } from "#identity/controllers/import.ts";
import { banController, deleteController, resetController, unbanController } from "#identity/controllers/states.ts";
import { type Actor, SYSTEM } from "#identity/journal/journal.ts";
import { sha256 } from "#platform/crypto.ts";
import {
  aController,
  aHousehold,
  aKeyPair,
  aSerial,
  claim,
  enrol,
  eventsOf,
  join,
  json,
  refusal,
  theController,
  theFactory,
} from "../support/controllers.ts";
import { meanwhile } from "../support/meanwhile.ts";
import { aClient, aPerson, shield } from "../support/shield.ts";

const self = (token: string, id: string) => shield(`/devices/${id}`, { token });

test("DEV-1 a controller enrols once and gets a secret of its own and a device token", async () => {
  const controller = await aController();
  expect(controller.secret).toMatch(/^[\w-]{43}$/);
  expect(await json(await self(controller.token, controller.id))).toMatchObject({
    ...{ id: controller.id, serial: controller.serial, model: "hub-2", status: "enrolled", domain_id: null },
  });
  const stored = await env.DB.prepare("SELECT * FROM controller_credentials WHERE device_id = ?")
    .bind(controller.id)
    .first();
  expect(stored).toMatchObject({ type: "secret", secret_hash: sha256(controller.secret) });
  expect(JSON.stringify(stored)).not.toContain(controller.secret);
  expect((await aController()).secret).not.toBe(controller.secret);
});

test("DEV-1 DEV-6 a serial that nobody imported is registered when it enrols", async () => {
  const serial = aSerial();
  const answer = await enrol({ serial, fw: "1.4" });
  expect(answer.status).toBe(201);
  const { device_id } = await json(answer);
  expect(await eventsOf(device_id as string)).toEqual([
    { type: "device.registered", data: { serial, model: "hub-2" } },
  ]);
  expect(await theController(serial)).toMatchObject({ status: "enrolled", fw: "1.4" });
});

test("DEV-1 a controller with a key gets no secret, and no other controller may have that key", async () => {
  const { publicKey } = await aKeyPair("P-256");
  const [mine, other] = [aSerial(), aSerial()];
  const answer = await enrol({ serial: mine, public_key: publicKey });
  expect(answer.status).toBe(201);
  expect(await json(answer)).not.toHaveProperty("device_secret");
  expect(await refusal(await enrol({ serial: other, public_key: publicKey }))).toEqual([
    401,
    "device_credential_invalid",
  ]);
  expect(await theController(other)).toBeNull();
  const { serial } = await aController({ enrolled: false });
  expect(await refusal(await enrol({ serial, public_key: publicKey }))).toEqual([401, "device_credential_invalid"]);
  expect(await theController(serial)).toMatchObject({ status: "factory", enrolled_at: null });
});

test("DEV-1 two enrolments at once make one credential, of an imported serial and of a new one", async () => {
  for (const serial of [(await aController({ enrolled: false })).serial, aSerial()]) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => enrol({ serial })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, ...Array(9).fill(409)]);
    const { id } = (await theController(serial))!;
    const { results } = await env.DB.prepare("SELECT id FROM controller_credentials WHERE device_id = ?")
      .bind(id)
      .all();
    expect(results).toHaveLength(1);
  }
});

/** An enrolment by the factory's client whose answer got lost so many milliseconds ago. */
async function aLostEnrolment(ago: number, serial = aSerial(), actor?: Actor) {
  const { id } = await theFactory();
  const by = actor ?? ({ kind: "service", id } as const);
  const enrolled = await enrolController(env, "main", { serial, model: "hub-2" }, by, new Date(Date.now() - ago));
  return { id: enrolled.controller.id, serial, secret: enrolled.secret! };
}

test("DEV-1 who enrols again because the answer was lost gets another secret, and the lost one is dead", async () => {
  for (const known of [(await aController({ enrolled: false })).serial, aSerial()]) {
    const { id, serial, secret } = await aLostEnrolment(30_000, known);
    const again = await enrol({ serial });
    expect(again.status).toBe(201);
    const { device_id, device_secret, tokens } = await json(again);
    expect(device_id).toBe(id);
    expect((await self((tokens as { access_token: string }).access_token, id)).status).toBe(200);
    const signIn = (text: string) => authenticateBySecret(env, "main", serial, text);
    expect(await signIn(device_secret as string)).toMatchObject({ id });
    await expect(signIn(secret)).rejects.toMatchObject({ reason: "invalid_credentials" });
    const written = await env.DB.prepare("SELECT action, actor_id FROM audit_log WHERE target_id = ? ORDER BY n DESC")
      .bind(id)
      .first();
    expect(written).toEqual({ action: "device.enrolled", actor_id: (await theFactory()).id });
    expect((await eventsOf(id)).at(-1)).toEqual({ type: "device.updated", data: { enrolled: true } });
    expect(await refusal(await enrol({ serial }))).toEqual([409, "device_already_enrolled"]);
  }
});

test("DEV-1 of those who enrol again at once one gets a secret", async () => {
  const { serial } = await aLostEnrolment(30_000);
  const answers = await Promise.all(Array.from({ length: 5 }, () => enrol({ serial })));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409]);
});

test.each<[string, number, Actor?]>([
  ["while the first call is at work", 0],
  ["long after", 130_000],
  ["after another client", 30_000, { kind: "service", id: "cli_another" }],
])("DEV-1 nobody enrols again %s", async (_, ago, actor) => {
  const { serial, secret } = await aLostEnrolment(ago, aSerial(), actor);
  expect(await refusal(await enrol({ serial }))).toEqual([409, "device_already_enrolled"]);
  expect(await authenticateBySecret(env, "main", serial, secret)).toMatchObject({ serial });
});

const factoryKey = aKeyPair();

test.each<[string, number, string, () => Promise<Record<string, unknown>>]>([
  ["is enrolled", 409, "device_already_enrolled", async () => ({ serial: (await aController()).serial })],
  [
    "is of another model",
    401,
    "device_credential_invalid",
    async () => ({ serial: (await aController({ enrolled: false })).serial, model: "hub-9" }),
  ],
  ["is banned", 401, "device_credential_invalid", async () => ({ serial: await bannedSerial() })],
  ["is deleted", 401, "device_credential_invalid", async () => ({ serial: await deletedSerial() })],
  [
    "has another key than the factory said",
    401,
    "device_credential_invalid",
    async () => {
      const { serial } = await aController({ enrolled: false, public_key: (await factoryKey).publicKey });
      return { serial, public_key: (await aKeyPair()).publicKey };
    },
  ],
  ["has no serial", 422, "validation_failed", async () => ({ serial: "" })],
  [
    "sends its private key along",
    422,
    "validation_failed",
    async () => ({ serial: aSerial(), public_key: (await aKeyPair()).privateKey }),
  ],
  [
    "has a key of another kind",
    422,
    "validation_failed",
    async () => ({ serial: aSerial(), public_key: { kty: "oct", k: "AAAA" } }),
  ],
])("DEV-1 a controller that %s may not enrol", async (_, status, code, body) => {
  expect(await refusal(await enrol(await body()))).toEqual([status, code]);
});

async function bannedSerial() {
  const { id, serial } = await aController({ enrolled: false });
  await banController(env, "main", { id, reason: "stolen" }, SYSTEM);
  return serial;
}

async function deletedSerial() {
  const { id, serial } = await aController({ enrolled: false });
  await deleteController(env, "main", { id }, SYSTEM);
  return serial;
}

test("DEV-1 where the factory named a secret for enrolment, only its holder enrols", async () => {
  const serial = aSerial();
  await importControllers(
    env,
    "main",
    [{ serial, model: "hub-2", enrolment_secret_hash: sha256(`born ${serial}`) }],
    SYSTEM,
  );
  for (const enrolment_secret of [undefined, "born elsewhere"])
    expect(await refusal(await enrol({ serial, enrolment_secret }))).toEqual([401, "device_credential_invalid"]);
  expect((await enrol({ serial, enrolment_secret: `born ${serial}` })).status).toBe(201);
});

test.each<[string, number, string, () => Promise<{ user: string; password: string } | undefined>]>([
  ["nobody", 401, "device_credential_invalid", async () => undefined],
  [
    "a client with another secret",
    401,
    "invalid_client",
    async () => {
      const { id } = await aClient({ kind: "confidential", scopes: ["devices:enroll"] });
      return { user: id, password: "guess" };
    },
  ],
  [
    "a client without the scope",
    403,
    "insufficient_scope",
    async () => {
      const { id, secret } = await aClient({ kind: "confidential", scopes: ["policies"] });
      return { user: id, password: secret };
    },
  ],
])("DEV-1 %s cannot enrol controllers", async (_, status, code, basic) => {
  const answer = await shield("/devices/enroll", { basic: await basic(), json: { serial: aSerial(), model: "hub-2" } });
  expect(await refusal(answer)).toEqual([status, code]);
});

test("DEV-1 TOK-9 a unit refreshes the tokens that it was born with, and needs no client of the factory for it", async () => {
  const born = await enrol({ serial: aSerial() });
  const { tokens } = await born.json<{ tokens: { refresh_token: string } }>();
  const form = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };
  const refreshed = await shield("/oauth/token", { form });
  expect(refreshed.status).toBe(200);
  const { access_token: token } = await refreshed.json<{ access_token: string }>();
  expect((await shield("/auth/logout", { method: "POST", token })).status).toBe(204);
});

test("DEV-3 its household sees a controller and names it; the version that is named must be the present one", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  const path = `/devices/${controller.id}`;
  const etag = (await shield(path, { token: household.token })).headers.get("etag")!;
  const edit = (json: unknown, headers = {}) =>
    shield(path, { method: "PATCH", token: household.token, json, headers });
  expect(await json(await edit({ name: "Hub", room: "Hall" }, { "if-match": etag }))).toMatchObject({
    ...{ name: "Hub", room: "Hall" },
  });
  expect(await refusal(await edit({ name: "Late" }, { "if-match": etag }))).toEqual([412, "precondition_failed"]);
  expect(await json(await edit({ room: null }))).toMatchObject({ name: "Hub", room: null });
  const before = await eventsOf(controller.id);
  expect(await json(await edit({}))).toMatchObject({ name: "Hub", room: null });
  expect(await refusal(await edit({}, { "if-match": etag }))).toEqual([412, "precondition_failed"]);
  expect(await eventsOf(controller.id)).toEqual(before);
  expect(await refusal(await edit({ name: "" }))).toEqual([422, "validation_failed"]);
  expect((await eventsOf(controller.id)).at(-1)).toEqual({ type: "device.updated", data: { fields: ["room"] } });
});

test("DEV-3 who may do what with a controller hangs on the domain it is in", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  const people = { owner: household, admin: await aPerson(), member: await aPerson(), guest: await aPerson() };
  for (const role of ["admin", "member", "guest"] as const) await join(household.domain, people[role].account, role);
  const path = `/devices/${controller.id}`;
  const statuses = async (token: string) => [
    (await shield(path, { token })).status,
    (await shield(path, { method: "PATCH", token, json: { name: "Hub" } })).status,
    (await shield(`${path}/reset`, { method: "POST", token })).status,
    (await shield(path, { method: "DELETE", token })).status,
  ];
  expect(await statuses(people.admin.token)).toEqual([200, 200, 403, 403]);
  expect(await statuses(people.member.token)).toEqual([200, 200, 403, 403]);
  expect(await statuses(people.guest.token)).toEqual([403, 403, 403, 403]);
  expect(await statuses((await aPerson()).token)).toEqual([404, 404, 404, 404]);
  expect(await statuses((await aController()).token)).toEqual([404, 404, 401, 401]);
  expect(await statuses(controller.token)).toEqual([200, 200, 401, 401]);
  expect(await statuses(people.owner.token)).toEqual([200, 200, 204, 404]);
});

test("DEV-3 the controllers of a domain are listed for its members alone, page by page", async () => {
  const household = await aHousehold();
  const controllers = [await aController(), await aController(), await aController()];
  for (const controller of controllers) await claim(household, controller);
  const [member, guest, stranger] = [await aPerson(), await aPerson(), await aPerson()];
  await join(household.domain, member.account, "member");
  await join(household.domain, guest.account, "guest");
  const list = async (token: string, query: string) => json(await shield(`/devices?${query}`, { token }));
  const ids = ({ items }: Record<string, unknown>) => (items as { id: string }[]).map(({ id }) => id);
  const all = controllers.map(({ id }) => id).toSorted();
  const inDomain = `domain_id=${household.domain}`;
  const first = await list(member.token, `${inDomain}&limit=2`);
  const second = await list(member.token, `${inDomain}&limit=2&cursor=${first.next_cursor as string}`);
  expect([ids(first), ids(second), second.next_cursor]).toEqual([all.slice(0, 2), all.slice(2), null]);
  expect(ids(await list(household.token, "")).toSorted()).toEqual(all);
  expect(ids(await list(guest.token, inDomain))).toEqual([]);
  expect(ids(await list(stranger.token, ""))).toEqual([]);
  expect(await list(stranger.token, inDomain)).toMatchObject({ code: "domain_not_found" });
});

test("DEV-3 a reset ends a controller's tokens and credentials and frees it for its next owner", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  expect((await shield(`/devices/${controller.id}/reset`, { method: "POST", token: household.token })).status).toBe(
    204,
  );
  const rotate = await shield(`/devices/${controller.id}/credentials/rotate`, { token: controller.token, json: {} });
  expect(await refusal(rotate)).toEqual([401, "session_revoked"]);
  expect(await theController(controller.serial)).toMatchObject({
    ...{ status: "factory", domain_id: null, owner_account_id: null, claim_hash: null, name: null, epoch: 2 },
  });
  expect((await eventsOf(household.domain)).at(-1)).toMatchObject({ type: "domain.device_removed" });
  expect((await shield(`/devices/${controller.id}`, { token: household.token })).status).toBe(404);

  // The old code opens nothing until the unit has a new one.
  const next = await aHousehold();
  expect(await refusal(await claim(next, controller))).toEqual([422, "claim_code_invalid"]);
  await setClaimCode(env, "main", { id: controller.id, hash: sha256("NEW") }, SYSTEM);
  expect((await claim(next, { ...controller, code: "NEW" })).status).toBe(201);
  const again = await enrol({ serial: controller.serial });
  expect(again.status).toBe(201);
  expect((await json(again)).device_secret).not.toBe(controller.secret);
  expect(await theController(controller.serial)).toMatchObject({ status: "claimed", domain_id: next.domain });
});

test("DEV-3 a reset and a deletion need a proof that is fresh", async () => {
  const household = await aHousehold({ now: new Date(Date.now() - 400_000) });
  const controller = await aController();
  await claim(household, controller);
  const path = `/devices/${controller.id}`;
  for (const answer of [
    await shield(`${path}/reset`, { method: "POST", token: household.token }),
    await shield(path, { method: "DELETE", token: household.token }),
  ])
    expect(await refusal(answer)).toEqual([401, "reauthentication_required"]);
});

test("DEV-3 DEV-6 a deleted controller is gone, with its rights and its tokens", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  const path = `/devices/${controller.id}`;
  expect((await shield(path, { method: "DELETE", token: household.token })).status).toBe(202);
  expect((await shield(path, { token: household.token })).status).toBe(404);
  expect((await shield(path, { token: controller.token })).status).toBe(401);
  expect((await eventsOf(controller.id)).map(({ type }) => type)).toEqual([
    ...["device.registered", "device.updated", "device.claimed", "device.deleted"],
  ]);
  const left = await env.DB.prepare("SELECT id FROM resources WHERE type = 'controller' AND id = ?")
    .bind(controller.id)
    .all();
  expect(left.results).toEqual([]);
});

test.each([
  ["reset", resetController],
  ["deletion", deleteController],
] as const)("DEV-3 DEV-4 a %s of a controller that has just changed hands changes nothing", async (_, free) => {
  const [household, next] = [await aHousehold(), await aPerson()];
  const controller = await aController();
  await claim(household, controller);
  const before = await eventsOf(household.domain);
  const moved = meanwhile(() =>
    env.DB.prepare("UPDATE controllers SET owner_account_id = ? WHERE id = ?").bind(next.account, controller.id).run(),
  );
  await expect(free(moved, "main", { id: controller.id }, SYSTEM)).rejects.toMatchObject({
    reason: "precondition_failed",
  });
  expect(await theController(controller.serial)).toMatchObject({ status: "claimed", domain_id: household.domain });
  expect(await eventsOf(household.domain)).toEqual(before);
  expect((await eventsOf(controller.id)).at(-1)).toMatchObject({ type: "device.claimed" });
  expect((await self(controller.token, controller.id)).status).toBe(200);
});

test("DEV-3 a ban ends a controller's tokens and is lifted to what it was, and a reset does not lift it", async () => {
  const household = await aHousehold();
  const controller = await aController();
  await claim(household, controller);
  expect(await banController(env, "main", { id: controller.id, reason: "stolen" }, SYSTEM)).toBe(true);
  expect(await banController(env, "main", { id: controller.id, reason: "stolen" }, SYSTEM)).toBe(false);
  expect((await self(controller.token, controller.id)).status).toBe(401);
  const reset = await shield(`/devices/${controller.id}/reset`, { method: "POST", token: household.token });
  expect(await refusal(reset)).toEqual([403, "device_banned"]);
  expect(await unbanController(env, "main", { id: controller.id }, SYSTEM)).toBe(true);
  expect(await unbanController(env, "main", { id: controller.id }, SYSTEM)).toBe(false);
  expect(await theController(controller.serial)).toMatchObject({
    ...{ status: "claimed", domain_id: household.domain, ban_reason: null },
  });
  expect((await self(controller.token, controller.id)).status).toBe(401);
  expect((await eventsOf(controller.id)).map(({ type }) => type).slice(-2)).toEqual([
    ...["device.banned", "device.unbanned"],
  ]);
});

test("DEV-2 TOK-2 a device token opens nothing of a person, and a person's nothing of a device", async () => {
  const controller = await aController();
  const { token } = await aPerson();
  const rotate = `/devices/${controller.id}/credentials/rotate`;
  expect((await shield(rotate, { token, json: {} })).status).toBe(401);
  for (const path of ["/devices", "/domains", "/me"])
    expect((await shield(path, { token: controller.token })).status).not.toBe(200);
  expect((await shield("/devices", { token: controller.token })).status).toBe(401);
  const claimed = await claim({ token: controller.token, domain: "dom_1" }, controller);
  expect(claimed.status).toBe(401);
});
